#include "aggregator/service/query_service.h"

#include "aggregator/service/indicator_answer.h"
#include "aggregator/service/record_answers.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/records/division.h"
#include "common/records/record_key.h"
#include "common/transport/grpc_status.h"
#include "common/transport/peer.h"

namespace tongchou::aggregator {
namespace {

absl::Status FillImports(const StateSnapshot& snapshot, uint32_t city,
                         v1::CityStatus* status) {
  std::string prefix = "R";
  prefix.push_back(records::kTypeSpace);
  prefix.push_back(static_cast<char>(v1::RECORD_TYPE_IMPORT_RECEIPT));
  absl::Status failed;
  const auto& schema =
      records::Schema::Get().At(v1::RECORD_TYPE_IMPORT_RECEIPT);
  RETURN_IF_ERROR(snapshot.Scan(
      prefix, {}, [&](std::string_view key, std::string_view value) {
        const RowKey parsed = ParseRowKey(key);
        if (parsed.city != city) return true;
        const auto version = DecodeVersion(value);
        failed = version.status();
        if (!failed.ok() || version->deleted) return failed.ok();
        v1::ImportReceipt* receipt = status->add_imports();
        records::Row row(schema);
        failed = records::DecodeKey(parsed.record_key, &row);
        if (!receipt->ParseFromString(std::string(version->record))) {
          failed = base::DataLossError("a receipt cannot be read");
        }
        receipt->set_number(static_cast<uint32_t>(row.number(0)));
        return failed.ok();
      }));
  return failed;
}

}  // namespace

absl::Status CheckReady(const ProvinceParts& parts) {
  RETURN_IF_ERROR(parts.applier->status());
  if (parts.applier->caught_up()) return absl::OkStatus();
  return base::UnavailableError(
      "the unified database is being brought up to the journal: {} of {} "
      "groups; try again",
      parts.applier->position().ordinal, parts.journal->last_ordinal());
}

absl::StatusOr<v1::AnswerBasis> MakeBasis(const ProvinceParts& parts,
                                          const Position& position) {
  v1::AnswerBasis basis;
  const int64_t now = parts.clock->NowMicros();
  basis.set_answered_us(now);
  basis.set_ordinal(position.ordinal);
  for (const auto& [code, city] : position.cities) {
    if (city.size == 0) continue;
    v1::CityBasis* one = basis.add_cities();
    one->set_city(code);
    one->set_origin(ledger::CityOrigin(parts.province, code));
    one->set_size(city.size);
    ASSIGN_OR_RETURN(const ledger::Hash root,
                     parts.journal->RootAt(code, city.size));
    one->set_root(std::string(root.view()));
    one->set_commit_time_us(city.last_commit_time_us);
    one->set_state(parts.cities->StateOf(code, true, now));
  }
  return basis;
}

absl::Status QueryService::CheckCaller(
    const grpc::ServerContext& context) const {
  ASSIGN_OR_RETURN(const base::Identity peer, transport::PeerIdentity(context));
  switch (peer.role) {
    case base::Role::kOfficer:
    case base::Role::kAnalyst:
    case base::Role::kAdmin:
    case base::Role::kAuditor:
      break;
    default:
      return base::PermissionDeniedError(
          "the province's database answers its officers, analysts and admins, "
          "and auditors, not {} of {}",
          base::RoleName(peer.role), peer.division);
  }
  return CheckReady(parts_);
}

absl::Status QueryService::DoStatus(const v1::GetStatusRequest& request,
                                    v1::GetStatusResponse* response) const {
  const auto snapshot = parts_.state->Snapshot();
  ASSIGN_OR_RETURN(const Position position, snapshot->ReadPosition());
  const int64_t now = parts_.clock->NowMicros();
  response->set_journal_ordinal(parts_.journal->last_ordinal());
  response->set_applied_ordinal(position.ordinal);
  for (const uint32_t code : parts_.cities->cities()) {
    v1::CityStatus* status = response->add_cities();
    status->set_city(code);
    status->set_name_zh(records::Divisions::Get().Name(code));
    status->set_origin(ledger::CityOrigin(parts_.province, code));
    ASSIGN_OR_RETURN(const exchange::CityCopy copy, parts_.journal->City(code));
    status->set_durable_size(copy.range.size());
    status->set_root(std::string(copy.range.Root().view()));
    status->set_checkpoint(copy.checkpoint);
    const CityNews news = parts_.cities->News(code);
    status->set_committed_size(
        std::max(news.claimed_committed, copy.range.size()));
    status->set_heard_us(news.heard_us);
    status->set_problem(news.problem);
    status->set_state(parts_.cities->StateOf(code, copy.range.size() > 0, now));
    const auto applied = position.cities.find(code);
    if (applied != position.cities.end()) {
      status->set_applied_size(applied->second.size);
      status->set_applied_commit_time_us(applied->second.last_commit_time_us);
      status->set_records(applied->second.records);
      status->set_uninterpreted(applied->second.uninterpreted);
    }
    if (request.with_imports()) {
      RETURN_IF_ERROR(FillImports(*snapshot, code, status));
    }
  }
  ASSIGN_OR_RETURN(*response->mutable_basis(), MakeBasis(parts_, position));
  return absl::OkStatus();
}

absl::Status QueryService::DoIndicators(
    const v1::GetIndicatorsRequest& request,
    grpc::ServerWriter<v1::GetIndicatorsResponse>* writer) const {
  const auto snapshot = parts_.state->Snapshot();
  ASSIGN_OR_RETURN(const Position position, snapshot->ReadPosition());
  ASSIGN_OR_RETURN(
      IndicatorAnswer answer,
      AnswerIndicators(*snapshot, position, parts_.cities->cities(), request));
  ASSIGN_OR_RETURN(*answer.first.mutable_basis(), MakeBasis(parts_, position));
  writer->Write(answer.first);
  for (const v1::GetIndicatorsResponse& part : answer.parts) {
    if (!writer->Write(part)) break;
  }
  return absl::OkStatus();
}

absl::Status QueryService::DoPerson(const v1::GetPersonRequest& request,
                                    v1::GetPersonResponse* response) const {
  const auto snapshot = parts_.state->Snapshot();
  ASSIGN_OR_RETURN(const Position position, snapshot->ReadPosition());
  RETURN_IF_ERROR(AnswerPerson(*snapshot, request, response));
  ASSIGN_OR_RETURN(*response->mutable_basis(), MakeBasis(parts_, position));
  return absl::OkStatus();
}

absl::Status QueryService::DoList(const v1::ListRecordsRequest& request,
                                  v1::ListRecordsResponse* response) const {
  const auto snapshot = parts_.state->Snapshot();
  ASSIGN_OR_RETURN(const Position position, snapshot->ReadPosition());
  RETURN_IF_ERROR(AnswerList(*snapshot, request, response));
  ASSIGN_OR_RETURN(*response->mutable_basis(), MakeBasis(parts_, position));
  return absl::OkStatus();
}

absl::Status QueryService::DoHistory(
    const v1::GetRecordHistoryRequest& request,
    v1::GetRecordHistoryResponse* response) const {
  const auto snapshot = parts_.state->Snapshot();
  ASSIGN_OR_RETURN(const Position position, snapshot->ReadPosition());
  RETURN_IF_ERROR(AnswerHistory(*snapshot, *parts_.journal, request, response));
  ASSIGN_OR_RETURN(*response->mutable_basis(), MakeBasis(parts_, position));
  return absl::OkStatus();
}

grpc::Status QueryService::GetStatus(grpc::ServerContext* context,
                                     const v1::GetStatusRequest* request,
                                     v1::GetStatusResponse* response) {
  absl::Status status = CheckCaller(*context);
  if (status.ok()) status = DoStatus(*request, response);
  return transport::ToGrpc(status);
}

grpc::Status QueryService::GetIndicators(
    grpc::ServerContext* context, const v1::GetIndicatorsRequest* request,
    grpc::ServerWriter<v1::GetIndicatorsResponse>* writer) {
  absl::Status status = CheckCaller(*context);
  if (status.ok()) status = DoIndicators(*request, writer);
  return transport::ToGrpc(status);
}

grpc::Status QueryService::GetPerson(grpc::ServerContext* context,
                                     const v1::GetPersonRequest* request,
                                     v1::GetPersonResponse* response) {
  absl::Status status = CheckCaller(*context);
  if (status.ok()) status = DoPerson(*request, response);
  return transport::ToGrpc(status);
}

grpc::Status QueryService::ListRecords(grpc::ServerContext* context,
                                       const v1::ListRecordsRequest* request,
                                       v1::ListRecordsResponse* response) {
  absl::Status status = CheckCaller(*context);
  if (status.ok()) status = DoList(*request, response);
  return transport::ToGrpc(status);
}

grpc::Status QueryService::GetRecordHistory(
    grpc::ServerContext* context, const v1::GetRecordHistoryRequest* request,
    v1::GetRecordHistoryResponse* response) {
  absl::Status status = CheckCaller(*context);
  if (status.ok()) status = DoHistory(*request, response);
  return transport::ToGrpc(status);
}

}  // namespace tongchou::aggregator
