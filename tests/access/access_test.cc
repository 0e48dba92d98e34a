// Every RPC of both programs against every role: what the table of
// common/transport/access.h does not name is refused, by real servers with real
// certificates.
#include "common/transport/access.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "aggregator/aggregator.h"
#include "aggregator/service/admin_service.h"
#include "aggregator/service/exchange_service.h"
#include "aggregator/service/query_service.h"
#include "common/base/certificate.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/sealer.h"
#include "common/ledger/bundle.h"
#include "common/ledger/compact_range.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/entry_writer.h"
#include "common/ledger/heartbeat.h"
#include "common/ledger/signer.h"
#include "common/ledger/start.h"
#include "common/transport/channel.h"
#include "node/node.h"
#include "node/write_calls.h"
#include "tests/common/ledger/add_with_leaf.h"
#include "tests/support/temporary_directory.h"
#include "tongchou/v1/admin.grpc.pb.h"
#include "tongchou/v1/audit.pb.h"
#include "tongchou/v1/exchange.grpc.pb.h"
#include "tongchou/v1/mirror.grpc.pb.h"
#include "tongchou/v1/node.grpc.pb.h"
#include "tongchou/v1/query.grpc.pb.h"
#include "tongchou/v1/transfer.grpc.pb.h"

namespace tongchou {
namespace {

using base::Identity;
using base::Role;

constexpr uint32_t kCity = 360100;
constexpr auto kPatience = std::chrono::seconds(20);

const std::vector<Identity> kCallers = {
    {Role::kCityNode, "360000", "360100", ""},
    {Role::kCityOperator, "360000", "360100", "o"},
    {Role::kCityAdmin, "360000", "360100", "a"},
    {Role::kAggregator, "360000", "360000", ""},
    {Role::kOfficer, "360000", "360000", "f"},
    {Role::kAnalyst, "360000", "360000", "n"},
    {Role::kAdmin, "360000", "360000", "m"},
    {Role::kAuditor, "360000", "360000", "u"},
    {Role::kWitness, "360000", "360000", ""},
    {Role::kMirror, "360000", "360000", ""}};

struct Call {
  std::string name;    // Query.GetPerson
  std::string method;  // /tongchou.v1.Query/GetPerson
  bool at_node = false;
};

// Of all services of the protocol, so that none is forgotten.
std::vector<Call> Calls() {
  std::vector<Call> calls;
  for (const auto* file :
       {v1::Hello::descriptor()->file(), v1::WriteRequest::descriptor()->file(),
        v1::GetStatusRequest::descriptor()->file(),
        v1::LogSummary::descriptor()->file(),
        v1::MirrorHello::descriptor()->file(),
        v1::Acknowledgement::descriptor()->file(),
        v1::AccessRecord::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      const auto* service = file->service(i);
      for (int j = 0; j < service->method_count(); ++j) {
        const std::string& method = service->method(j)->name();
        calls.push_back(
            {service->name() + "." + method,
             "/" + service->full_name() + "/" + method,
             service->name() == "Node" || service->name() == "CityTransfer"});
      }
    }
  }
  return calls;
}

class AccessTest : public testing::Test {
 protected:
  void SetUp() override {
    authority_ =
        base::MakeAuthority("ours", {.now_micros = clock_.NowMicros()}).value();
    Write("ca.pem", authority_.certificate_pem);
    Write("ca.key", authority_.key_pem);
    for (const Identity& caller : kCallers) Issue(caller);
    MakeKey("witness.pem");
    MakeKey("own.pem");
    MakeKey("city.pem");
    MakeKey("city-witness.pem");
    ASSERT_TRUE(base::MakeSealerKey(Path("pseudonym")).ok());
    StartAggregator();
    StartNode();
  }
  void TearDown() override {
    node_.reset();
    aggregator_.reset();
  }

  std::string Path(const std::string& name) const {
    return directory_.path() + "/" + name;
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(base::WritePrivateFileDurably(Path(name), text).ok());
  }
  void MakeKey(const std::string& name) {
    const auto key = base::Ed25519PrivateKey::Generate();
    Write(name, key.ToPem());
    keys_.emplace(name, key);
  }
  static std::string NameOf(const Identity& identity) {
    return std::to_string(static_cast<int>(identity.role));
  }
  void Issue(const Identity& identity) {
    const base::LeafRequest request{
        .identity = identity, .validity = {.now_micros = clock_.NowMicros()}};
    const auto leaf = base::IssueCertificate(authority_, request).value();
    Write(NameOf(identity) + ".pem", leaf.certificate_pem);
    Write(NameOf(identity) + ".key", leaf.key_pem);
  }
  transport::TlsFiles FilesOf(const Identity& identity) const {
    const std::string name = NameOf(identity);
    return {Path("ca.pem"), Path(name + ".pem"), Path(name + ".key")};
  }

  void StartAggregator() {
    aggregator::AggregatorConfig config;
    config.province = "360000";
    config.data = Path("province");
    config.witness_key = Path("witness.pem");
    config.signing_key = Path("own.pem");
    config.sign_guard = Path("guard.json");
    config.pseudonym_key = Path("pseudonym");
    config.listen = "127.0.0.1:0";
    config.authority = Path("ca.pem");
    config.authority_key = Path("ca.key");
    config.mirror_required = mirror_required_;
    config.tls = FilesOf(kCallers[3]);
    config.cities[kCity] =
        ledger::Signer("tongchou/360000/360100", keys_.at("city.pem"))
            .verifier();
    auto started = aggregator::Aggregator::Start(config, false);
    ASSERT_TRUE(started.ok()) << started.status();
    aggregator_ = *std::move(started);
  }
  void StartNode() {
    node::NodeConfig config;
    config.province = "360000";
    config.city = kCity;
    config.data = Path("city");
    config.signing_key = Path("city.pem");
    config.sign_guard = Path("city-guard.json");
    config.listen = "127.0.0.1:0";
    config.tls = FilesOf(kCallers[0]);
    auto started = node::Node::Start(config, false);
    ASSERT_TRUE(started.ok()) << started.status();
    node_ = *std::move(started);
  }

  std::shared_ptr<grpc::Channel> ChannelOf(const Identity& caller,
                                           bool at_node) {
    const int port = at_node ? node_->port() : aggregator_->port();
    auto channel = transport::MakeChannel(
        "127.0.0.1:" + std::to_string(port), FilesOf(caller),
        at_node ? base::ExpectedPeer{Role::kCityNode, "360100"}
                : base::ExpectedPeer{Role::kAggregator, "360000"});
    EXPECT_TRUE(channel.ok()) << channel.status();
    return *channel;
  }
  // An empty request is enough: who may not call is refused before it is read.
  static grpc::Status Ask(const std::shared_ptr<grpc::Channel>& channel,
                          const std::string& method) {
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const grpc::Slice slice("");
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    std::promise<grpc::Status> done;
    stub.UnaryCall(&context, method, {}, &request, &response,
                   [&done](grpc::Status status) { done.set_value(status); });
    return done.get_future().get();
  }

  base::RealClock clock_;
  TemporaryDirectory directory_;
  base::KeyAndCertificate authority_;
  std::map<std::string, base::Ed25519PrivateKey> keys_;
  bool mirror_required_ = false;
  std::unique_ptr<aggregator::Aggregator> aggregator_;
  std::unique_ptr<node::Node> node_;
};

TEST(AccessTable, NamesCallsThatExistAndEachPairOnce) {
  std::set<std::string> names;
  for (const Call& call : Calls()) names.insert(call.name);
  std::set<std::pair<std::string, Role>> pairs;
  std::set<std::string> ruled;
  for (const transport::AccessRule& rule : transport::AccessRules()) {
    EXPECT_TRUE(names.contains(std::string(rule.call))) << rule.call;
    EXPECT_TRUE(pairs.emplace(rule.call, rule.role).second) << rule.call;
    ruled.emplace(rule.call);
  }
  EXPECT_EQ(ruled, names) << "a call that nobody may make";
}

TEST(AccessTable, OnlyReadersOfRecordsNeedAReasonOrAreMasked) {
  for (const transport::AccessRule& rule : transport::AccessRules()) {
    const bool rows = rule.call == "Query.GetPerson" ||
                      rule.call == "Query.ListRecords" ||
                      rule.call == "Query.GetRecordHistory";
    const auto expected = !rows ? transport::Permit::kYes
                          : rule.role == Role::kAnalyst
                              ? transport::Permit::kMasked
                              : transport::Permit::kWithPurpose;
    EXPECT_EQ(rule.permit, expected) << rule.call;
  }
}

TEST_F(AccessTest, EveryCallAgainstEveryRole) {
  const auto rules = transport::AccessRules();
  int admitted = 0;
  int refused = 0;
  for (const Identity& caller : kCallers) {
    const std::map<bool, std::shared_ptr<grpc::Channel>> channels = {
        {false, ChannelOf(caller, false)}, {true, ChannelOf(caller, true)}};
    for (const Call& call : Calls()) {
      const bool may = std::any_of(
          rules.begin(), rules.end(), [&](const transport::AccessRule& rule) {
            return rule.call == call.name && rule.role == caller.role;
          });
      const grpc::Status status = Ask(channels.at(call.at_node), call.method);
      const std::string what = std::string(base::RoleName(caller.role)) + " " +
                               call.name + ": " + status.error_message();
      EXPECT_EQ(status.error_code() == grpc::StatusCode::PERMISSION_DENIED,
                !may)
          << what;
      EXPECT_NE(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << what;
      EXPECT_NE(status.error_code(), grpc::StatusCode::UNAVAILABLE) << what;
      ++(may ? admitted : refused);
    }
  }
  EXPECT_EQ(admitted, static_cast<int>(rules.size()));
  EXPECT_EQ(admitted + refused,
            static_cast<int>(kCallers.size() * Calls().size()));
}

// The node of one city serves that city's people alone.
TEST_F(AccessTest, AnotherCitysOperatorIsRefused) {
  const Identity other{Role::kCityOperator, "360000", "360200", "o"};
  Issue(other);
  const auto channel = ChannelOf(other, true);
  for (const Call& call : Calls()) {
    if (!call.at_node) continue;
    EXPECT_EQ(Ask(channel, call.method).error_code(),
              grpc::StatusCode::PERMISSION_DENIED)
        << call.name;
  }
}

TEST_F(AccessTest, AnotherCitysNodeIsRefused) {
  const Identity other{Role::kCityNode, "360000", "360200", ""};
  Issue(other);
  const auto channel = ChannelOf(other, true);
  for (const char* call :
       {"Node/Backup", "CityTransfer/Export", "CityTransfer/Accept"}) {
    EXPECT_EQ(Ask(channel, std::string("/tongchou.v1.") + call).error_code(),
              grpc::StatusCode::PERMISSION_DENIED)
        << call;
  }
}

std::string Characters(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += "字";
  return text;
}

TEST_F(AccessTest, TheBoundsOfADocumentsNumber) {
  const auto query = v1::Query::NewStub(ChannelOf(kCallers[4], false));
  for (const size_t more : {0, 1}) {
    v1::ListRecordsRequest request;
    request.set_type(v1::RECORD_TYPE_UNIT);
    request.mutable_reason()->set_purpose(v1::PURPOSE_INSPECTION);
    request.mutable_reason()->set_document(
        Characters(aggregator::kDocumentCharactersMax + more));
    grpc::ClientContext context;
    v1::ListRecordsResponse response;
    EXPECT_EQ(
        query->ListRecords(&context, request, &response).error_code(),
        more == 0 ? grpc::StatusCode::OK : grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(AccessTest, TheBoundsOfActs) {
  const auto admin = v1::Admin::NewStub(ChannelOf(kCallers[6], false));
  const auto release = [&](size_t characters) {
    v1::ReleaseCityRequest request;
    request.set_city(kCity);
    request.set_reason(Characters(characters));
    grpc::ClientContext context;
    v1::ReleaseCityResponse response;
    return admin->ReleaseCity(&context, request, &response).error_code();
  };
  EXPECT_EQ(release(aggregator::kActReasonCharactersMax),
            grpc::StatusCode::FAILED_PRECONDITION)
      << "it is not quarantined";
  EXPECT_EQ(release(aggregator::kActReasonCharactersMax + 1),
            grpc::StatusCode::INVALID_ARGUMENT);
  const auto add = [&](size_t name, size_t contact, uint32_t hours) {
    v1::AddCityRequest request;
    request.set_city(361100);
    request.set_name(Characters(name));
    request.set_contact(Characters(contact));
    request.set_hours(hours);
    grpc::ClientContext context;
    v1::AddCityResponse response;
    return admin->AddCity(&context, request, &response).error_code();
  };
  constexpr size_t kMost = aggregator::kOfficeCharactersMax;
  constexpr uint32_t kHours = aggregator::kTokenHoursMax;
  EXPECT_EQ(add(kMost, kMost, kHours), grpc::StatusCode::OK);
  EXPECT_EQ(add(kMost + 1, 1, 1), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(add(1, kMost + 1, 1), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(add(1, 0, 1), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(add(1, 1, kHours + 1), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AccessTest, ANodeRenewsItsOwnCertificate) {
  const auto exchange = v1::Exchange::NewStub(ChannelOf(kCallers[0], false));
  const base::KeyAndRequest made = base::MakeCertificateRequest();
  for (const size_t more : {0, 1}) {
    v1::RenewCertificateRequest request;
    request.set_certificate_request(made.request_pem);
    for (size_t i = 0; i < aggregator::kJoinHostsMax + more; ++i) {
      request.add_hosts("node" + std::to_string(i) + ".example");
    }
    grpc::ClientContext context;
    v1::RenewCertificateResponse response;
    const grpc::Status status =
        exchange->RenewCertificate(&context, request, &response);
    EXPECT_EQ(status.error_code(), more == 0
                                       ? grpc::StatusCode::OK
                                       : grpc::StatusCode::INVALID_ARGUMENT);
    if (!status.ok()) continue;
    EXPECT_EQ(base::CertificateIdentity(response.certificate()).value(),
              kCallers[0]);
    EXPECT_TRUE(
        base::CheckKeyMatches(response.certificate(), made.key_pem).ok());
  }
}

// A city's log as its node would send it, an entry a batch.
class TestSender {
 public:
  explicit TestSender(ledger::Signer signer,
                      std::string salt = "0123456789abcdef")
      : signer_(std::move(signer)), salt_(std::move(salt)) {}

  v1::NodeMessage Hello(uint64_t start = 1) const {
    v1::NodeMessage message;
    v1::Hello& hello = *message.mutable_hello();
    hello.set_protocol_version(1);
    hello.set_origin(signer_.origin());
    hello.set_committed_size(range_.size());
    if (range_.size() > 0) {
      hello.set_checkpoint(signer_.Sign(range_.size(), range_.Root()));
    }
    hello.mutable_incarnation()->set_counter(start);
    hello.set_start(ledger::SignStart(
        {.origin = signer_.origin(), .counter = start}, {&signer_, 1}));
    hello.set_batch_bytes_max(1 << 20);
    return message;
  }
  v1::NodeMessage Batch() {
    const uint64_t sequence = range_.size();
    std::string header;
    ledger::AppendHeader({.sequence = sequence,
                          .commit_time_us = static_cast<int64_t>(sequence),
                          .type = v1::RECORD_TYPE_UNIT,
                          .operation = v1::OPERATION_UPSERT,
                          .last_of_transaction = true},
                         &header);
    std::string body;
    const std::string key = std::to_string(sequence);
    ledger::AppendBody({.salt = salt_, .key = key}, &body);
    range_.Append(ledger::AddWithLeaf(&writer_, header, body));
    v1::NodeMessage message;
    message.mutable_batch()->add_bundles(writer_.Finish(sequence));
    message.mutable_batch()->set_checkpoint(
        signer_.Sign(range_.size(), range_.Root()));
    return message;
  }
  // For the stream that was welcomed at this time.
  v1::NodeMessage Heartbeat(int64_t stream_us, int64_t now_us) const {
    v1::NodeMessage message;
    message.mutable_heartbeat()->set_note(
        ledger::SignHeartbeat({.origin = signer_.origin(),
                               .stream_us = stream_us,
                               .committed_size = range_.size(),
                               .time_us = now_us},
                              signer_));
    return message;
  }

 private:
  const ledger::Signer signer_;
  const std::string salt_;
  ledger::CompactRange range_;
  ledger::BundleWriter writer_;
};

// Two signed histories: the city is quarantined, served as stale, and let in
// again by an administrator, who leaves an entry.
TEST_F(AccessTest, AQuarantineIsEndedByAnAdministrator) {
  const ledger::Signer signer("tongchou/360000/360100", keys_.at("city.pem"));
  const auto exchange = v1::Exchange::NewStub(ChannelOf(kCallers[0], false));
  // Greets, and sends a batch that makes the log `until` entries long (0 =
  // none); how the stream ended.
  const auto run = [&](TestSender* sender, uint64_t start, uint64_t until) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto stream = exchange->Replicate(&context);
    stream->Write(sender->Hello(start));
    if (until > 0) stream->Write(sender->Batch());
    v1::ProvinceMessage message;
    while (stream->Read(&message)) {
      if (until > 0 && message.ack().durable_size() == until) {
        context.TryCancel();
      }
    }
    return stream->Finish();
  };
  TestSender honest(signer);
  run(&honest, 1, 1);
  TestSender other(signer, "another histories");
  other.Batch();
  EXPECT_EQ(run(&other, 2, 0).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  const auto state = [&] {
    const auto query = v1::Query::NewStub(ChannelOf(kCallers[4], false));
    grpc::ClientContext context;
    v1::GetStatusResponse answer;
    EXPECT_TRUE(query->GetStatus(&context, {}, &answer).ok());
    return answer.cities(0).state();
  };
  EXPECT_EQ(state(), v1::CITY_STATE_QUARANTINED);
  EXPECT_EQ(run(&honest, 3, 0).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);

  const auto admin = v1::Admin::NewStub(ChannelOf(kCallers[6], false));
  v1::ReleaseCityRequest request;
  request.set_city(kCity);
  v1::ReleaseCityResponse response;
  grpc::ClientContext without_reason;
  EXPECT_EQ(
      admin->ReleaseCity(&without_reason, request, &response).error_code(),
      grpc::StatusCode::INVALID_ARGUMENT);
  request.set_reason("the copy was found and removed");
  grpc::ClientContext context;
  ASSERT_TRUE(admin->ReleaseCity(&context, request, &response).ok());
  EXPECT_EQ(response.size(), 1u);
  EXPECT_NE(state(), v1::CITY_STATE_QUARANTINED);
  run(&honest, 4, 2);
  EXPECT_NE(state(), v1::CITY_STATE_QUARANTINED);
  grpc::ClientContext again;
  EXPECT_EQ(admin->ReleaseCity(&again, request, &response).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

// Who has written at a city sees it at the province, without asking again.
TEST_F(AccessTest, AnAnswerWaitsForWhatItShallReflect) {
  const auto query = v1::Query::NewStub(ChannelOf(kCallers[4], false));
  const auto ask = [&](uint32_t city, uint64_t size, int times = 1) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    v1::GetPersonRequest request;
    request.set_id_number("369901198001010019");
    request.mutable_reason()->set_purpose(v1::PURPOSE_CASEWORK);
    request.mutable_reason()->set_document("1");
    for (int i = 0; i < times; ++i) {
      request.add_at_least()->set_city(city);
      request.mutable_at_least(i)->set_size(size);
    }
    v1::GetPersonResponse response;
    return query->GetPerson(&context, request, &response);
  };
  const auto exchange = v1::Exchange::NewStub(ChannelOf(kCallers[0], false));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto stream = exchange->Replicate(&context);
  TestSender sender(
      ledger::Signer("tongchou/360000/360100", keys_.at("city.pem")));
  stream->Write(sender.Hello());
  v1::ProvinceMessage message;
  ASSERT_TRUE(stream->Read(&message));

  auto answer = std::async(std::launch::async, [&] { return ask(kCity, 1); });
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(300)),
            std::future_status::timeout);
  stream->Write(sender.Batch());
  // It knows nobody, and says so once it knows what the city knows.
  EXPECT_EQ(answer.get().error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ask(kCity, 1, aggregator::kAtLeastMax).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ask(kCity, 1, aggregator::kAtLeastMax + 1).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ask(360'200, 1).error_code(), grpc::StatusCode::INVALID_ARGUMENT);

  const auto before = std::chrono::steady_clock::now();
  const grpc::Status late = ask(kCity, 2);
  EXPECT_GE(std::chrono::steady_clock::now() - before,
            aggregator::kAtLeastWait);
  EXPECT_EQ(late.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(late.error_message(), testing::HasSubstr("1 of the 2 entries"));
  context.TryCancel();
  stream->Finish().IgnoreError();
}

// Nobody's certificate vouches for a file: it must not shut the true node out
// by a greater start, nor say how much the city has. Two signed histories are
// proof in a file, too.
TEST_F(AccessTest, WhatNoSignatureCoversInAFileChangesNothing) {
  const ledger::Signer signer("tongchou/360000/360100", keys_.at("city.pem"));
  const auto transfer =
      v1::ProvinceTransfer::NewStub(ChannelOf(kCallers[3], false));
  const auto exchange = v1::Exchange::NewStub(ChannelOf(kCallers[0], false));
  const auto import = [&](const std::vector<v1::NodeMessage>& messages) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto stream = transfer->Import(&context);
    for (const v1::NodeMessage& message : messages) stream->Write(message);
    stream->WritesDone();
    v1::ProvinceMessage message;
    uint64_t durable = 0;
    while (stream->Read(&message)) {
      if (message.has_ack()) durable = message.ack().durable_size();
    }
    return std::pair(stream->Finish().error_code(), durable);
  };
  const auto status = [&] {
    const auto query = v1::Query::NewStub(ChannelOf(kCallers[4], false));
    grpc::ClientContext context;
    v1::GetStatusResponse answer;
    EXPECT_TRUE(query->GetStatus(&context, {}, &answer).ok());
    return answer.cities(0);
  };
  TestSender honest(signer);
  v1::NodeMessage hello = honest.Hello(UINT64_MAX);
  hello.mutable_hello()->set_committed_size(1'000);
  const auto taken = import({hello, honest.Batch(), honest.Batch()});
  EXPECT_EQ(taken.first, grpc::StatusCode::OK);
  EXPECT_EQ(taken.second, 2u);
  EXPECT_EQ(status().durable_size(), 2u);
  EXPECT_LE(status().committed_size(), 2u);
  EXPECT_EQ(status().state(), v1::CITY_STATE_STALE) << "it was not heard of";

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto stream = exchange->Replicate(&context);
  stream->Write(honest.Hello(1));
  v1::ProvinceMessage welcome;
  EXPECT_TRUE(stream->Read(&welcome));
  EXPECT_EQ(welcome.welcome().durable_size(), 2u);
  context.TryCancel();

  TestSender other(signer, "another histories");
  other.Batch();
  EXPECT_EQ(import({other.Hello()}).first,
            grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status().state(), v1::CITY_STATE_QUARANTINED);
}

// Who has a node's certificate and not its log's key ends no stream of the true
// node, and does not shut it out by a greater start. Neither does an older
// note.
TEST_F(AccessTest, AStartThatTheLogsKeyDidNotSignChangesNothing) {
  TestSender city(
      ledger::Signer("tongchou/360000/360100", keys_.at("city.pem")));
  const TestSender thief(
      ledger::Signer("tongchou/360000/360100", keys_.at("own.pem")));
  const auto exchange = v1::Exchange::NewStub(ChannelOf(kCallers[0], false));
  const v1::NodeMessage older = city.Hello(1);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 2 * kPatience);
  const auto stream = exchange->Replicate(&context);
  stream->Write(city.Hello(2));
  v1::ProvinceMessage message;
  ASSERT_TRUE(stream->Read(&message) && message.has_welcome());
  const auto refusal = [&](const v1::NodeMessage& hello) {
    grpc::ClientContext other;
    other.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto opened = exchange->Replicate(&other);
    opened->Write(hello);
    v1::ProvinceMessage answer;
    EXPECT_FALSE(opened->Read(&answer)) << answer.ShortDebugString();
    return opened->Finish();
  };
  v1::NodeMessage bare = thief.Hello(1'000);
  bare.mutable_hello()->clear_start();
  const grpc::Status unsigned_start = refusal(bare);
  EXPECT_EQ(unsigned_start.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_NE(unsigned_start.error_message().find("signs no start"),
            std::string::npos)
      << unsigned_start.error_message();
  const grpc::Status forged = refusal(thief.Hello(1'000));
  EXPECT_EQ(forged.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_NE(forged.error_message().find("there is no signature of "
                                        "tongchou/360000/360100+"),
            std::string::npos)
      << forged.error_message();
  const grpc::Status repeated = refusal(older);
  EXPECT_EQ(repeated.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(repeated.error_message().find("a clone: start 1"),
            std::string::npos)
      << repeated.error_message();

  stream->Write(city.Batch());
  while (message.ack().durable_size() == 0) {
    ASSERT_TRUE(stream->Read(&message)) << "the true node's stream goes on";
  }
  // The next start of the true node has its place.
  grpc::ClientContext next;
  next.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto later = exchange->Replicate(&next);
  later->Write(city.Hello(3));
  EXPECT_TRUE(later->Read(&message) && message.has_welcome());
  while (stream->Read(&message)) continue;
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  next.TryCancel();
}

TEST_F(AccessTest, StreamsThatDoNotGreetTakeNobodysPlace) {
  const TestSender city(
      ledger::Signer("tongchou/360000/360100", keys_.at("city.pem")));
  const auto exchange = v1::Exchange::NewStub(ChannelOf(kCallers[0], false));
  struct Open {
    grpc::ClientContext context;
    std::unique_ptr<
        grpc::ClientReaderWriter<v1::NodeMessage, v1::ProvinceMessage>>
        stream;
  };
  std::vector<std::unique_ptr<Open>> silent;
  for (int i = 0; i < 40; ++i) {
    silent.push_back(std::make_unique<Open>());
    silent.back()->stream = exchange->Replicate(&silent.back()->context);
  }
  bool welcome = false;
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!welcome && std::chrono::steady_clock::now() < give_up) {
    Open node;
    node.stream = exchange->Replicate(&node.context);
    node.stream->Write(city.Hello());
    v1::ProvinceMessage message;
    welcome = node.stream->Read(&message) && message.has_welcome();
    node.context.TryCancel();
  }
  EXPECT_TRUE(welcome);
  for (const auto& one : silent) one->context.TryCancel();
}

// A stream that is open is none, and neither is what another key has signed.
TEST_F(AccessTest, OnlyWhatTheCitySignedIsASignOfLife) {
  const TestSender city(
      ledger::Signer("tongchou/360000/360100", keys_.at("city.pem")));
  const TestSender thief(
      ledger::Signer("tongchou/360000/360100", keys_.at("own.pem")));
  const auto exchange = v1::Exchange::NewStub(ChannelOf(kCallers[0], false));
  const auto query = v1::Query::NewStub(ChannelOf(kCallers[4], false));
  const auto status = [&] {
    grpc::ClientContext context;
    v1::GetStatusResponse answer;
    EXPECT_TRUE(query->GetStatus(&context, {}, &answer).ok());
    return answer.cities(0);
  };
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 2 * kPatience);
  const auto stream = exchange->Replicate(&context);
  stream->Write(city.Hello());
  v1::ProvinceMessage message;
  ASSERT_TRUE(stream->Read(&message));
  const int64_t stream_us = message.welcome().province_time_us();
  EXPECT_EQ(status().state(), v1::CITY_STATE_NEVER_SEEN) << "a Hello is none";
  EXPECT_EQ(status().heard_us(), 0);
  // But somebody is there: the log goes to nobody beside him.
  grpc::ClientContext back;
  const auto reader = exchange->ReadBack(&back, {});
  v1::ReadBackResponse piece;
  EXPECT_FALSE(reader->Read(&piece));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);

  stream->Write(city.Heartbeat(stream_us, clock_.NowMicros()));
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  v1::CityStatus seen = status();
  while (seen.heard_us() == 0 && std::chrono::steady_clock::now() < give_up) {
    seen = status();
  }
  EXPECT_EQ(seen.state(), v1::CITY_STATE_LIVE);
  EXPECT_GT(seen.heard_us(), 0);

  stream->Write(thief.Heartbeat(stream_us, clock_.NowMicros()));
  while (stream->Read(&message)) continue;
  const grpc::Status end = stream->Finish();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_NE(end.error_message().find("a heartbeat: there is no signature of "
                                     "tongchou/360000/360100+"),
            std::string::npos)
      << end.error_message();
  EXPECT_EQ(status().heard_us(), seen.heard_us());
}

// What waits for a city that sends and never reads is bounded; nobody else
// notices.
TEST_F(AccessTest, ACityThatDoesNotReadIsCutOff) {
  const auto channel = ChannelOf(kCallers[0], false);
  const auto stub = v1::Exchange::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 2 * kPatience);
  const auto stream = stub->Replicate(&context);
  TestSender sender(
      ledger::Signer("tongchou/360000/360100", keys_.at("city.pem")));
  ASSERT_TRUE(stream->Write(sender.Hello()));
  while (stream->Write(sender.Batch())) continue;
  v1::ProvinceMessage message;
  while (stream->Read(&message)) continue;
  EXPECT_FALSE(stream->Finish().ok());
  const auto query =
      v1::Query::NewStub(ChannelOf(kCallers[4], /*at_node=*/false));
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  std::string problem;
  while (problem.empty() && std::chrono::steady_clock::now() < give_up) {
    grpc::ClientContext query_context;
    v1::GetStatusResponse answer;
    ASSERT_TRUE(query->GetStatus(&query_context, {}, &answer).ok());
    problem = answer.cities(0).problem();
  }
  EXPECT_NE(problem.find("does not read: 1000 messages"), std::string::npos)
      << problem;
}

// The province's disk is lost; what comes back is another log than was signed.
TEST_F(AccessTest, AMirrorThatSendsOtherEntriesIsRefused) {
  aggregator_.reset();
  std::filesystem::remove_all(Path("province"));
  mirror_required_ = true;
  StartAggregator();
  const ledger::Signer signer("tongchou/360000", keys_.at("own.pem"));
  ledger::BundleWriter writer;
  ledger::CompactRange range;
  const auto piece = [&](uint64_t sequence, const std::string& record) {
    v1::EntryHeader header;
    header.set_sequence(sequence);
    v1::EntryBody body;
    body.set_record(record);
    range.Append(ledger::AddWithLeaf(&writer, header.SerializeAsString(),
                                     body.SerializeAsString()));
    v1::ProvinceLog made;
    made.add_bundles(writer.Finish(sequence));
    made.set_checkpoint(signer.Sign(range.size(), range.Root()));
    return made;
  };
  const v1::ProvinceLog first = piece(0, "true");
  const v1::ProvinceLog second = piece(1, "true as well");
  v1::ProvinceLog other = first;
  other.set_bundles(0, piece(0, "another").bundles(0));

  const auto stub = v1::Mirror::NewStub(ChannelOf(kCallers[9], false));
  // How the stream ended in which the mirror showed both, was asked for what is
  // behind `from`, and sent these.
  const auto give_back = [&](uint64_t from,
                             const std::vector<v1::ProvinceLog>& pieces) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const auto stream = stub->Follow(&context);
    v1::MirrorMessage message;
    message.mutable_hello()->set_origin("tongchou/360000");
    message.mutable_hello()->set_checkpoint(second.checkpoint());
    stream->Write(message);
    v1::MirrorRequest request;
    EXPECT_TRUE(stream->Read(&request));
    EXPECT_EQ(request.wanted().from_size(), from);
    for (const v1::ProvinceLog& one : pieces) {
      *message.mutable_back() = one;
      stream->Write(message);
    }
    if (stream->Read(&request)) context.TryCancel();
    return stream->Finish().error_code();
  };
  const auto problem = [&] {
    const auto query = v1::Query::NewStub(ChannelOf(kCallers[4], false));
    grpc::ClientContext context;
    v1::GetStatusResponse answer;
    EXPECT_TRUE(query->GetStatus(&context, {}, &answer).ok());
    EXPECT_TRUE(answer.province_log().mirror().required());
    return answer.province_log().problem();
  };
  EXPECT_EQ(give_back(0, {other, second}), grpc::StatusCode::DATA_LOSS);
  EXPECT_NE(problem().find("does not continue the log"), std::string::npos);
  EXPECT_EQ(give_back(0, {first, {}}), grpc::StatusCode::DATA_LOSS)
      << "it sends less than it shows";
  EXPECT_EQ(give_back(1, {second}), grpc::StatusCode::CANCELLED)
      << "what came back before the stream ended is here";
  EXPECT_EQ(problem().find("does not continue"), std::string::npos)
      << problem();
}

// One caller's write streams are bounded; others have theirs.
TEST_F(AccessTest, OnePersonDoesNotTakeAllWriteStreams) {
  struct Open {
    grpc::ClientContext context;
    std::unique_ptr<
        grpc::ClientReaderWriter<v1::WriteRequest, v1::WriteResponse>>
        stream;
    // Answered, also when the answer is that the request is none.
    bool Start(v1::Node::Stub* stub) {
      stream = stub->WriteStream(&context);
      v1::WriteResponse response;
      return stream->Write({}) && stream->Read(&response);
    }
  };
  const auto person = v1::Node::NewStub(ChannelOf(kCallers[1], true));
  std::vector<std::unique_ptr<Open>> open;
  for (int i = 0; i < node::kWriteStreamsPerPeerMax; ++i) {
    open.push_back(std::make_unique<Open>());
    ASSERT_TRUE(open.back()->Start(person.get())) << i;
  }
  Open refused;
  EXPECT_FALSE(refused.Start(person.get()));
  const grpc::Status status = refused.stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(status.error_message().find("256 calls of"), std::string::npos)
      << status.error_message();
  const auto other = v1::Node::NewStub(ChannelOf(kCallers[2], true));
  Open of_other;
  EXPECT_TRUE(of_other.Start(other.get()));
  open.front()->stream->WritesDone();
  EXPECT_TRUE(open.front()->stream->Finish().ok());
  bool again = false;
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!again && std::chrono::steady_clock::now() < give_up) {
    auto one = std::make_unique<Open>();
    again = one->Start(person.get());
    open.push_back(std::move(one));
  }
  EXPECT_TRUE(again);
  for (const auto& one : open) one->context.TryCancel();
  of_other.context.TryCancel();
}

}  // namespace
}  // namespace tongchou
