#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/method_handler.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "common/base/certificate.h"
#include "common/base/descriptors.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/transport/channel.h"
#include "common/transport/credentials.h"
#include "common/transport/grpc_status.h"
#include "common/transport/listen_address.h"
#include "common/transport/ops_server.h"
#include "common/transport/peer.h"
#include "common/transport/server.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::transport {
namespace {

using base::ExpectedPeer;
using base::Identity;
using base::Role;
using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr char kHealth[] = "/grpc.health.v1.Health/Check";
constexpr char kWho[] = "/tongchou.test.Who/AmI";
constexpr milliseconds kPatience{10'000};
constexpr milliseconds kImpatience{700};

const Identity kNode{Role::kCityNode, "360000", "360100", ""};
const Identity kAggregator{Role::kAggregator, "360000", "360000", ""};
const ExpectedPeer kTheAggregator{Role::kAggregator, "360000"};

int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

grpc::ByteBuffer ToBuffer(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToText(const grpc::ByteBuffer& buffer) {
  grpc::Slice slice;
  if (!buffer.DumpToSingleSlice(&slice).ok()) return "";
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

// One method that answers the caller's URI.
class WhoService : public grpc::Service {
 public:
  WhoService() {
    using grpc::ByteBuffer;
    AddMethod(new grpc::internal::RpcServiceMethod(
        kWho, grpc::internal::RpcMethod::NORMAL_RPC,
        new grpc::internal::RpcMethodHandler<WhoService, ByteBuffer, ByteBuffer,
                                             ByteBuffer, ByteBuffer>(
            [](WhoService*, grpc::ServerContext* context, const ByteBuffer*,
               ByteBuffer* response) { return AmI(*context, *response); },
            this)));
  }

 private:
  static grpc::Status AmI(const grpc::ServerContext& context,
                          grpc::ByteBuffer& response) {
    const auto peer = PeerIdentity(context);
    if (!peer.ok()) return ToGrpc(peer.status());
    response = ToBuffer(base::FormatIdentity(*peer).value());
    return grpc::Status::OK;
  }
};

absl::StatusOr<std::string> Call(std::shared_ptr<grpc::Channel> channel,
                                 const std::string& method,
                                 const std::string& text = "") {
  grpc::GenericStub stub(std::move(channel));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const grpc::ByteBuffer request = ToBuffer(text);
  grpc::ByteBuffer response;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, method, {}, &request, &response,
                 [&done](grpc::Status status) { done.set_value(status); });
  RETURN_IF_ERROR(FromGrpc(done.get_future().get()));
  return ToText(response);
}

class TransportTest : public testing::Test {
 protected:
  TransportTest() {
    authority_ = MakeAuthority("ours");
    aggregator_ = Issue(authority_, "aggregator", kAggregator);
    node_ = Issue(authority_, "node", kNode);
  }

  base::KeyAndCertificate MakeAuthority(const std::string& name) {
    auto authority =
        base::MakeAuthority(name, {.now_micros = NowMicros()}).value();
    Write(name + ".ca.pem", authority.certificate_pem);
    last_ca_ = Path(name + ".ca.pem");
    return authority;
  }

  TlsFiles Issue(const base::KeyAndCertificate& authority,
                 const std::string& name, const Identity& identity,
                 int64_t now_micros = NowMicros()) {
    const base::LeafRequest request{.identity = identity,
                                    .validity = {.now_micros = now_micros}};
    const auto leaf = base::IssueCertificate(authority, request).value();
    Write(name + ".pem", leaf.certificate_pem);
    Write(name + ".key", leaf.key_pem);
    return {last_ca_, Path(name + ".pem"), Path(name + ".key")};
  }

  std::unique_ptr<Server> StartServer(const TlsFiles& files) {
    auto server = Server::Start(
        {.listen = "127.0.0.1:0", .tls = files, .services = {&who_}});
    EXPECT_TRUE(server.ok()) << server.status().message();
    return *std::move(server);
  }

  static std::string Address(int port) {
    return "127.0.0.1:" + std::to_string(port);
  }

  std::string Path(const std::string& name) const {
    return directory_.path() + "/" + name;
  }

  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(base::WritePrivateFileDurably(Path(name), text).ok());
  }

  TemporaryDirectory directory_;
  std::string last_ca_;
  base::KeyAndCertificate authority_;
  TlsFiles aggregator_;
  TlsFiles node_;
  WhoService who_;
};

// All certificates here are for another host name, which must not matter.
TEST_F(TransportTest, RightClientConnectsAndHealthAnswers) {
  const auto server = StartServer(aggregator_);
  const auto channel =
      MakeChannel(Address(server->port()), node_, kTheAggregator).value();
  const absl::Status connected = WaitConnected(*channel, kPatience);
  ASSERT_TRUE(connected.ok()) << connected.message();
  EXPECT_EQ(Call(channel, kHealth).value(), "\x08\x01");
  server->SetServing(false);
  EXPECT_EQ(Call(channel, kHealth).value(), "\x08\x02");
  server->SetServing(true);
  EXPECT_EQ(Call(channel, kHealth).value(), "\x08\x01");
}

TEST_F(TransportTest, ServerKnowsWhoCalls) {
  const auto server = StartServer(aggregator_);
  const auto channel =
      MakeChannel(Address(server->port()), node_, kTheAggregator).value();
  EXPECT_EQ(Call(channel, kWho).value(),
            "spiffe://tongchou/360000/city/360100/node");
}

TEST_F(TransportTest, PeopleConnectToo) {
  const Identity analyst{Role::kAnalyst, "360000", "360000", "li.si"};
  const auto files = Issue(authority_, "analyst", analyst);
  const auto server = StartServer(aggregator_);
  const auto channel =
      MakeChannel(Address(server->port()), files, kTheAggregator).value();
  EXPECT_EQ(Call(channel, kWho).value(),
            "spiffe://tongchou/360000/province/analyst/li.si");
}

TEST_F(TransportTest, LargeMessagesPass) {
  const auto server = StartServer(aggregator_);
  const auto channel =
      MakeChannel(Address(server->port()), node_, kTheAggregator).value();
  EXPECT_TRUE(Call(channel, kWho, std::string(32 << 20, 'x')).ok());
}

// A socket that says nothing.
class SilentConnection {
 public:
  explicit SilentConnection(int port) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_, reinterpret_cast<const sockaddr*>(&to),
                         sizeof(to)) == 0;
    const timeval patience{10, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  ~SilentConnection() { close(socket_); }
  SilentConnection(const SilentConnection&) = delete;
  SilentConnection& operator=(const SilentConnection&) = delete;

  bool connected() const { return connected_; }
  // Waits until the other end has hung up.
  bool Ended() const {
    char byte;
    const ssize_t got = recv(socket_, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
  }

 private:
  const int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool connected_ = false;
};

TEST_F(TransportTest, WhoShowsNoCertificateIsCutOffAndOthersAreServed) {
  auto server = Server::Start({.listen = "127.0.0.1:0",
                               .tls = aggregator_,
                               .services = {&who_},
                               .handshake_time = milliseconds(500)});
  ASSERT_TRUE(server.ok()) << server.status();
  const int port = (*server)->port();
  std::vector<std::unique_ptr<SilentConnection>> silent;
  for (int i = 0; i < 300; ++i) {
    silent.push_back(std::make_unique<SilentConnection>(port));
    ASSERT_TRUE(silent.back()->connected()) << i;
  }
  const auto channel =
      MakeChannel(Address(port), node_, kTheAggregator).value();
  EXPECT_TRUE(Call(channel, kWho).ok());
  for (const auto& one : silent) EXPECT_TRUE(one->Ended());
  EXPECT_TRUE(Call(channel, kWho).ok());
}

// Of one connection each, as so many clients have them.
TEST_F(TransportTest, AThousandIdleConnectionsHinderNobody) {
  base::RaiseDescriptorLimit();
  const auto server = StartServer(aggregator_);
  constexpr int kConnections = 1'000;
  std::vector<std::shared_ptr<grpc::Channel>> idle;
  for (int i = 0; i < kConnections; ++i) {
    idle.push_back(
        MakeChannel(Address(server->port()), node_, kTheAggregator).value());
    idle.back()->GetState(/*try_to_connect=*/true);
  }
  for (const auto& channel : idle) {
    ASSERT_TRUE(WaitConnected(*channel, kPatience).ok());
  }
  const auto channel =
      MakeChannel(Address(server->port()), node_, kTheAggregator).value();
  ASSERT_TRUE(Call(channel, kWho).ok());
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(Call(channel, kWho).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, kPatience / 10);
}

TEST_F(TransportTest, ClientWithoutCertificateIsRefused) {
  const auto server = StartServer(aggregator_);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = authority_.certificate_pem;
  const auto channel = grpc::CreateChannel(Address(server->port()),
                                           grpc::SslCredentials(options));
  const absl::Status status = Call(channel, kWho).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status.message();
}

TEST_F(TransportTest, ClientWithoutTlsIsRefused) {
  const auto server = StartServer(aggregator_);
  const auto channel = grpc::CreateChannel(Address(server->port()),
                                           grpc::InsecureChannelCredentials());
  const absl::Status status = Call(channel, kWho).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status.message();
}

TEST_F(TransportTest, ClientOfAnotherAuthorityIsRefused) {
  const auto server = StartServer(aggregator_);
  TlsFiles stranger = Issue(MakeAuthority("theirs"), "stranger", kNode);
  Write("both.pem", authority_.certificate_pem + "\n" +
                        base::ReadFile(stranger.ca).value());
  stranger.ca = Path("both.pem");
  const auto channel =
      MakeChannel(Address(server->port()), stranger, kTheAggregator).value();
  const absl::Status status = Call(channel, kWho).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status.message();
}

TEST_F(TransportTest, ServerOfAnotherAuthorityIsRefused) {
  const auto theirs = Issue(MakeAuthority("theirs"), "their", kAggregator);
  const auto server = StartServer(theirs);
  const std::string address = Address(server->port());
  const auto channel = MakeChannel(address, node_, kTheAggregator).value();
  const absl::Status status = WaitConnected(*channel, kImpatience);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(base::Message(status), HasSubstr(address));
}

TEST_F(TransportTest, ServerThatIsAnotherPeerIsRefused) {
  const auto server = StartServer(aggregator_);
  const std::string address = Address(server->port());
  for (const ExpectedPeer& expected :
       {ExpectedPeer{Role::kCityNode, std::nullopt},
        ExpectedPeer{Role::kAggregator, "350000"}}) {
    const auto channel = MakeChannel(address, node_, expected).value();
    const absl::Status status = WaitConnected(*channel, kImpatience);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(base::Message(status), HasSubstr(address));
    EXPECT_THAT(base::Message(status), HasSubstr("360000"));
    EXPECT_FALSE(Call(channel, kWho).ok());
  }
}

TEST_F(TransportTest, WaitConnectedNamesAddressAndReason) {
  auto server = StartServer(aggregator_);
  const std::string address = Address(server->port());
  server.reset();
  const auto channel = MakeChannel(address, node_, kTheAggregator).value();
  const absl::Status status = WaitConnected(*channel, kImpatience);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(base::Message(status), HasSubstr(address));
  EXPECT_THAT(base::Message(status), HasSubstr("refused"));
}

TEST_F(TransportTest, ChannelConnectsAgainAfterRestart) {
  auto server = StartServer(aggregator_);
  const std::string address = Address(server->port());
  const auto channel = MakeChannel(address, node_, kTheAggregator).value();
  ASSERT_TRUE(Call(channel, kWho).ok());
  server->Stop(milliseconds(100));
  server->Stop(milliseconds(100));
  EXPECT_FALSE(WaitConnected(*channel, kImpatience).ok());
  const auto again = Server::Start(
      {.listen = address, .tls = aggregator_, .services = {&who_}});
  ASSERT_TRUE(again.ok()) << again.status().message();
  EXPECT_TRUE(WaitConnected(*channel, kPatience).ok());
  EXPECT_TRUE(Call(channel, kWho).ok());
}

TEST_F(TransportTest, TakenPortIsRefused) {
  const auto server = StartServer(aggregator_);
  const std::string address = Address(server->port());
  const auto second = Server::Start({.listen = address, .tls = aggregator_});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      base::Message(second.status()),
      HasSubstr("port " + std::to_string(server->port()) + " is taken"));
}

TEST_F(TransportTest, FoolishServerOptionsAreRefused) {
  const auto code = [&](const ServerOptions& options) {
    return Server::Start(options).status().code();
  };
  EXPECT_EQ(code({.listen = "127.0.0.1", .tls = aggregator_}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.listen = "127.0.0.1:0",
                  .tls = aggregator_,
                  .services = {},
                  .threads_max = 1}),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(TransportTest, GoodFilesPass) {
  EXPECT_TRUE(CheckTlsFiles(aggregator_, kTheAggregator).ok());
  EXPECT_TRUE(CheckTlsFiles(node_, {Role::kCityNode, "360100"}).ok());
}

TEST_F(TransportTest, BadFilesAreNamed) {
  const auto text = [](const TlsFiles& files) {
    const absl::Status status = CheckTlsFiles(files, kTheAggregator);
    EXPECT_FALSE(MakeServerCredentials(files).ok());
    EXPECT_FALSE(MakeChannelCredentials(files, kTheAggregator).ok());
    EXPECT_EQ(base::Message(status).find('\n'), std::string_view::npos);
    return base::Describe(status);
  };
  TlsFiles files = aggregator_;
  files.ca = "";
  EXPECT_THAT(text(files), HasSubstr("no file is configured as ca"));
  files.ca = Path("missing.pem");
  EXPECT_THAT(text(files), HasSubstr("missing.pem"));
  files.ca = aggregator_.key;
  EXPECT_THAT(text(files), HasSubstr("aggregator.key"));
  files = aggregator_;
  files.key = node_.key;
  EXPECT_THAT(text(files), HasSubstr("node.key"));
  files = Issue(authority_, "old", kAggregator, 1'000'000);
  EXPECT_THAT(text(files), HasSubstr("old.pem: the certificate has expired"));
  files = Issue(authority_, "new", kAggregator,
                NowMicros() + int64_t{86'400'000'000});
  EXPECT_THAT(text(files), HasSubstr("new.pem: the certificate is not valid"));
  files = Issue(MakeAuthority("theirs"), "stranger", kAggregator);
  files.ca = aggregator_.ca;
  EXPECT_THAT(text(files), HasSubstr("stranger.pem"));
}

TEST_F(TransportTest, OwnIdentityIsChecked) {
  const absl::Status status = CheckTlsFiles(node_, kTheAggregator);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(base::Message(status), HasSubstr("node.pem"));
}

TEST(GrpcStatus, GoesThereAndBack) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
  for (int code = 1; code <= 16; ++code) {
    const auto status =
        base::MakeStatus(static_cast<absl::StatusCode>(code), "why");
    EXPECT_EQ(ToGrpc(status).error_code(), code);
    EXPECT_EQ(FromGrpc(ToGrpc(status)), status);
  }
  EXPECT_EQ(FromGrpc({grpc::StatusCode::DO_NOT_USE, "x"}).code(),
            absl::StatusCode::kUnknown);
}

TEST(GrpcStatus, LongMessagesAreCutBetweenCharacters) {
  std::string text = "x";
  while (text.size() < 2 * kStatusMessageBytesMax) text += "筹";
  const std::string cut =
      ToGrpc(base::InternalError("{}", text)).error_message();
  EXPECT_LE(cut.size(), kStatusMessageBytesMax);
  EXPECT_EQ(cut.size() % 3, 1u);
}

TEST(PeerIdentity, NeedsACertificate) {
  grpc::ServerContext context;
  EXPECT_EQ(PeerIdentity(context).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST(ListenAddress, HasHostAndPort) {
  EXPECT_EQ(ParseListenAddress("[::1]:7443")->host, "::1");
  EXPECT_EQ(ParseListenAddress("localhost:65535")->port, 65535);
  for (const char* bad : {"", "localhost", ":1", "::1:1", "a:", "a:65536",
                          "a:-1", "a:1 ", "[]:1", "http://a:1"}) {
    EXPECT_FALSE(ParseListenAddress(bad).ok()) << bad;
  }
}

class OpsServerTest : public testing::Test {
 protected:
  OpsServerTest() : registry_(std::make_shared<prometheus::Registry>()) {
    prometheus::BuildCounter()
        .Name("rows_total")
        .Register(*registry_)
        .Add({})
        .Increment(3);
    server_ = OpsServer::Start("127.0.0.1:0", registry_,
                               {[this] { return healthy_.load(); },
                                [this] { return ready_.load(); }})
                  .value();
  }

  int Code(const std::string& path) {
    httplib::Client client("127.0.0.1", server_->port());
    const auto result = client.Get(path);
    return result ? result->status : 0;
  }

  static OpsChecks Always() {
    return {[] { return true; }, [] { return true; }};
  }

  std::atomic<bool> healthy_ = true;
  std::atomic<bool> ready_ = false;
  std::shared_ptr<prometheus::Registry> registry_;
  std::unique_ptr<OpsServer> server_;
};

TEST_F(OpsServerTest, AnswersMetrics) {
  httplib::Client client("127.0.0.1", server_->port());
  const auto result = client.Get("/metrics");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  EXPECT_THAT(result->body, HasSubstr("rows_total 3"));
  EXPECT_THAT(result->get_header_value("Content-Type"),
              HasSubstr("text/plain; version=0.0.4"));
}

TEST_F(OpsServerTest, AnswersHealthAndReadiness) {
  EXPECT_EQ(Code("/healthz"), 200);
  EXPECT_EQ(Code("/readyz"), 503);
  ready_ = true;
  EXPECT_EQ(Code("/readyz"), 200);
  healthy_ = false;
  EXPECT_EQ(Code("/healthz"), 503);
  EXPECT_EQ(Code("/readyz"), 503) << "what is stalled is not ready";
  EXPECT_EQ(Code("/else"), 404);
}

TEST_F(OpsServerTest, RefusesOtherMethods) {
  httplib::Client client("127.0.0.1", server_->port());
  EXPECT_EQ(client.Post("/metrics", "x", "text/plain")->status, 405);
  EXPECT_EQ(client.Delete("/healthz")->status, 405);
}

TEST_F(OpsServerTest, TakenPortIsRefused) {
  const std::string address = "127.0.0.1:" + std::to_string(server_->port());
  const auto second = OpsServer::Start(address, registry_, Always());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(base::Message(second.status()), HasSubstr("is taken"));
}

TEST_F(OpsServerTest, StopsAtOnce) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(OpsServer::Start("127.0.0.1:0", registry_, Always()).ok());
  }
}

}  // namespace
}  // namespace tongchou::transport
