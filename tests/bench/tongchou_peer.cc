#include <map>

#include "common/base/status.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/transport/channel.h"
#include "common/transport/grpc_status.h"
#include "tests/bench/peer.h"
#include "tests/bench/tongchou_clients.h"
#include "tongchou/v1/audit.grpc.pb.h"
#include "tongchou/v1/node.grpc.pb.h"
#include "tongchou/v1/query.grpc.pb.h"

namespace tongchou::bench {
namespace {

constexpr auto kConnectTimeout = std::chrono::seconds(30);

struct WriteTransaction final : Transaction {
  v1::WriteRequest request;
};

class StreamSession final : public Session {
 public:
  explicit StreamSession(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::Node::NewStub(channel)),
        stream_(stub_->WriteStream(&context_)) {}
  ~StreamSession() override {
    stream_->WritesDone();
    stream_->Finish().IgnoreError();
  }

  std::unique_ptr<Transaction> Make(const std::vector<Row>& rows) override {
    auto transaction = std::make_unique<WriteTransaction>();
    maker_.Make(rows, &transaction->request);
    return transaction;
  }

  using Session::Commit;
  absl::Status Commit(const Transaction& one) override {
    const auto& transaction = static_cast<const WriteTransaction&>(one);
    if (!stream_->Write(transaction.request) || !stream_->Read(&response_)) {
      return transport::FromGrpc(stream_->Finish());
    }
    return Refused(response_);
  }

  uint64_t log_size() const override { return response_.committed_size(); }

 private:
  RequestMaker maker_;
  v1::WriteResponse response_;  // to the last
  grpc::ClientContext context_;
  const std::unique_ptr<v1::Node::Stub> stub_;
  const std::unique_ptr<
      grpc::ClientReaderWriter<v1::WriteRequest, v1::WriteResponse>>
      stream_;
};

class CenterReader final : public Reader {
 public:
  CenterReader(const std::shared_ptr<grpc::Channel>& query,
               const std::shared_ptr<grpc::Channel>& audit,
               std::map<uint32_t, std::unique_ptr<v1::Node::Stub>> nodes)
      : query_(v1::Query::NewStub(query)),
        audit_(v1::Audit::NewStub(audit)),
        nodes_(std::move(nodes)) {}

  absl::StatusOr<bool> Sees(const Row& row, uint64_t log_size) override;
  absl::StatusOr<std::vector<Progress>> Positions() override;
  absl::StatusOr<std::vector<Progress>> Arrived() override;
  absl::Status Dump(const std::function<void(std::string_view)>& line) override;

 private:
  const std::unique_ptr<v1::Query::Stub> query_;
  const std::unique_ptr<v1::Audit::Stub> audit_;
  const std::map<uint32_t, std::unique_ptr<v1::Node::Stub>> nodes_;
};

absl::StatusOr<bool> CenterReader::Sees(const Row& row, uint64_t log_size) {
  grpc::ClientContext context;
  v1::GetPersonRequest request;
  if (log_size > 0) {
    v1::AtLeast* at_least = request.add_at_least();
    at_least->set_city(row.city);
    at_least->set_size(log_size);
  }
  request.set_id_number(row.id_number);
  request.mutable_reason()->set_purpose(v1::PURPOSE_CASEWORK);
  request.mutable_reason()->set_document("bench");
  v1::GetPersonResponse response;
  const absl::Status status =
      transport::FromGrpc(query_->GetPerson(&context, request, &response));
  if (absl::IsNotFound(status)) return false;
  RETURN_IF_ERROR(status);
  return response.records_size() > 0;
}

absl::StatusOr<std::vector<Progress>> CenterReader::Positions() {
  ASSIGN_OR_RETURN(std::vector<Progress> progress, Arrived());
  // Both are by city.
  size_t i = 0;
  for (const auto& [city, node] : nodes_) {
    grpc::ClientContext context;
    v1::GetNodeStatusResponse response;
    RETURN_IF_ERROR(
        transport::FromGrpc(node->GetNodeStatus(&context, {}, &response)));
    progress[i++].committed = response.committed_size();
  }
  return progress;
}

absl::StatusOr<std::vector<Progress>> CenterReader::Arrived() {
  std::map<uint32_t, Progress> cities;
  for (const auto& [city, node] : nodes_) cities[city] = {};
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  RETURN_IF_ERROR(
      transport::FromGrpc(query_->GetStatus(&context, {}, &response)));
  for (const v1::CityStatus& city : response.cities()) {
    cities[city.city()].durable = city.durable_size();
  }
  // What the answer's own snapshot of the database reflects.
  for (const v1::CityBasis& city : response.basis().cities()) {
    cities[city.city()].applied = city.size();
  }
  std::vector<Progress> progress;
  for (const auto& [city, one] : cities) progress.push_back(one);
  return progress;
}

absl::Status CenterReader::Dump(
    const std::function<void(std::string_view)>& line) {
  grpc::ClientContext context;
  const auto stream = audit_->ReadRecords(&context, {});
  v1::ReadRecordsResponse response;
  const records::RecordSchema& schema =
      records::Schema::Get().At(v1::RECORD_TYPE_ENROLMENT);
  records::Row row;
  std::string text;
  while (stream->Read(&response)) {
    for (const v1::StoredRecord& record : response.records()) {
      if (records::TypeOfKey(record.key()) != v1::RECORD_TYPE_ENROLMENT) {
        continue;
      }
      row.Reset(schema);
      RETURN_IF_ERROR(records::DecodeRow(record.key(), record.record(), &row));
      text = std::to_string(record.city());
      for (const records::FieldSchema& field : schema.fields) {
        text += '\t';
        text += records::FormatValue(row, field.index);
      }
      line(text);
    }
  }
  return transport::FromGrpc(stream->Finish());
}

class TongchouPeer final : public Peer {
 public:
  TongchouPeer(nlohmann::json config, TongchouOptions options)
      : config_(std::move(config)), options_(options) {}

  absl::StatusOr<std::unique_ptr<Session>> Connect(uint32_t city,
                                                   WriteMode) override {
    ASSIGN_OR_RETURN(const auto channel, NodeChannel(city));
    return std::make_unique<StreamSession>(channel);
  }

  absl::StatusOr<std::unique_ptr<Clients>> ConnectClients(
      const std::vector<uint32_t>& cities, WriteMode) override {
    std::map<uint32_t, std::shared_ptr<grpc::Channel>> shared;
    std::vector<std::shared_ptr<grpc::Channel>> channels;
    for (const uint32_t city : cities) {
      std::shared_ptr<grpc::Channel> channel = shared[city];
      if (channel == nullptr) {
        ASSIGN_OR_RETURN(channel, NodeChannel(city));
        if (options_.one_connection) shared[city] = channel;
      }
      channels.push_back(std::move(channel));
    }
    return options_.unary ? MakeUnaryClients(channels)
                          : MakeStreamClients(channels);
  }

  absl::StatusOr<std::unique_ptr<Reader>> ConnectCenter() override {
    std::map<uint32_t, std::unique_ptr<v1::Node::Stub>> nodes;
    for (const uint32_t city : kCities) {
      ASSIGN_OR_RETURN(auto channel, NodeChannel(city));
      nodes[city] = v1::Node::NewStub(channel);
    }
    ASSIGN_OR_RETURN(auto query, CenterChannel("officer"));
    ASSIGN_OR_RETURN(auto audit, CenterChannel("auditor"));
    return std::make_unique<CenterReader>(query, audit, std::move(nodes));
  }

 private:
  transport::TlsFiles Tls(const std::string& name) const {
    const std::string pki = config_.at("pki");
    return {pki + "/ca.pem", pki + "/" + name + ".pem",
            pki + "/" + name + "-key.pem"};
  }
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Open(
      const std::string& address, const std::string& name,
      const base::ExpectedPeer& server) const {
    ASSIGN_OR_RETURN(auto channel,
                     transport::MakeChannel(address, Tls(name), server));
    RETURN_IF_ERROR(transport::WaitConnected(*channel, kConnectTimeout));
    return channel;
  }
  absl::StatusOr<std::shared_ptr<grpc::Channel>> NodeChannel(uint32_t city) {
    const std::string code = std::to_string(city);
    return Open(config_.at("nodes").at(code), "operator-" + code,
                {base::Role::kCityNode, code});
  }
  absl::StatusOr<std::shared_ptr<grpc::Channel>> CenterChannel(
      const std::string& name) const {
    return Open(config_.at("aggregator"), name,
                {base::Role::kAggregator, "360000"});
  }

  const nlohmann::json config_;
  const TongchouOptions options_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Peer>> MakeTongchou(const nlohmann::json& config,
                                                   TongchouOptions options) {
  return std::make_unique<TongchouPeer>(config, options);
}

}  // namespace tongchou::bench
