#include "aggregator/service/query_service.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "aggregator/service/indicator_answer.h"
#include "aggregator/service/record_answers.h"
#include "common/alarms/alarm_message.h"
#include "common/base/certificate.h"
#include "common/base/status.h"
#include "common/base/volume.h"
#include "common/ledger/checkpoint.h"
#include "common/records/division.h"
#include "common/records/record_key.h"
#include "common/transport/grpc_status.h"

namespace tongchou::aggregator {
namespace {

constexpr std::string_view kGetStatus = "Query.GetStatus";
constexpr std::string_view kGetIndicators = "Query.GetIndicators";
constexpr std::string_view kGetPerson = "Query.GetPerson";
constexpr std::string_view kListRecords = "Query.ListRecords";
constexpr std::string_view kGetRecordHistory = "Query.GetRecordHistory";

// So often a waiting call looks whether its caller is still there.
constexpr std::chrono::microseconds kCallerLook =
    std::chrono::milliseconds(100);

const v1::RecordView& ViewOf(const v1::RecordView& view) { return view; }
const v1::RecordView& ViewOf(const v1::RecordVersion& version) {
  return version.record();
}

template <typename Request>
v1::Access DescribeAccess(const transport::Caller& caller,
                          std::string_view call, const Request& request) {
  v1::Access access;
  access.set_reader(caller.uri);
  access.set_call(std::string(call));
  access.set_masked(caller.permit == transport::Permit::kMasked);
  if (request.reason().purpose() != v1::PURPOSE_UNSPECIFIED) {
    access.set_purpose(v1::Purpose_Name(request.reason().purpose()));
  }
  access.set_document(request.reason().document());
  Request asked = request;
  asked.clear_reason();
  asked.clear_at_least();
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  TONGCHOU_CHECK(google::protobuf::util::MessageToJsonString(
                     asked, access.mutable_predicate(), options)
                     .ok());
  return access;
}

void AddPerson(const v1::RecordView& view, v1::Access* access) {
  const std::string person = PersonOf(view);
  if (person.empty()) return;
  const auto& known = access->persons();
  if (std::find(known.begin(), known.end(), person) != known.end()) return;
  if (known.size() < kAccessPersonsMax) {
    access->add_persons(person);
  } else {
    access->set_more_persons(true);
  }
}

// Nothing of an answer leaves with an error.
template <typename Response>
grpc::Status Answer(const absl::Status& status, Response* response) {
  if (!status.ok()) response->Clear();
  return transport::ToGrpc(status);
}

absl::Status WaitForOne(const ProvinceParts& parts,
                        const grpc::ServerContext& context,
                        const v1::AtLeast& wanted,
                        std::chrono::steady_clock::time_point end) {
  while (!context.IsCancelled()) {
    const uint64_t applied =
        parts.applier->WaitFor(wanted.city(), wanted.size(), kCallerLook);
    if (applied >= wanted.size()) return absl::OkStatus();
    RETURN_IF_ERROR(parts.applier->status());
    if (std::chrono::steady_clock::now() < end) continue;
    return base::UnavailableError(
        "the unified database reflects {} of the {} entries of {:06} that are "
        "to be seen; try again",
        applied, wanted.size(), wanted.city());
  }
  return absl::CancelledError("the caller has gone");
}

// Until the unified database reflects what the request wants to see.
template <typename Request>
absl::Status WaitForAtLeast(const ProvinceParts& parts,
                            const grpc::ServerContext& context,
                            const Request& request) {
  if (request.at_least().empty()) return absl::OkStatus();
  if (request.at_least_size() > kAtLeastMax) {
    return base::InvalidArgumentError("at_least: {} cities, at most {}",
                                      request.at_least_size(), kAtLeastMax);
  }
  const auto known = parts.cities->cities();
  for (const v1::AtLeast& wanted : request.at_least()) {
    if (std::find(known.begin(), known.end(), wanted.city()) == known.end()) {
      return base::InvalidArgumentError(
          "at_least: {:06} is no city of this province", wanted.city());
    }
  }
  const auto end = std::chrono::steady_clock::now() + kAtLeastWait;
  for (const v1::AtLeast& wanted : request.at_least()) {
    RETURN_IF_ERROR(WaitForOne(parts, context, wanted, end));
  }
  return absl::OkStatus();
}

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

void QueryService::FillOwnLog(v1::ProvinceLogStatus* status) const {
  status->set_size(parts_.journal->own_log().Head().size());
  status->set_signed_size(parts_.own_head->signed_size());
  status->set_problem(parts_.own_head->problem());
  const MirrorNews news = parts_.own_head->mirror();
  v1::MirrorStatus* mirror = status->mutable_mirror();
  mirror->set_required(news.required);
  mirror->set_connected(news.connected);
  mirror->set_size(news.size);
  mirror->set_heard_us(news.heard_us);
  for (const auto& [city, news] : parts_.own_head->witnesses()) {
    v1::WitnessStatus* witness = status->add_witnesses();
    witness->set_city(city);
    witness->set_size(news.size);
    witness->set_cosigned_us(news.cosigned_seconds * base::kMicrosPerSecond);
  }
}

absl::Status QueryService::DoStatus(const v1::GetStatusRequest& request,
                                    v1::GetStatusResponse* response) const {
  // Not what the database has by now: after a start that is a moment ahead of
  // what may be asked for.
  const Position position = parts_.applier->position();
  const auto snapshot = parts_.state->Snapshot();
  const int64_t now = parts_.clock->NowMicros();
  response->set_journal_ordinal(parts_.journal->last_ordinal());
  response->set_applied_ordinal(position.ordinal);
  response->set_certificate_days(
      base::CertificateDaysLeft(parts_.certificate, now).value_or(0));
  *response->mutable_alarms() = alarms::ToMessages(*parts_.alarms, now);
  response->set_volume_warning(parts_.volume_warning);
  FillOwnLog(response->mutable_province_log());
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
    const transport::Answers<v1::GetIndicatorsResponse>& answers) const {
  const auto snapshot = parts_.state->Snapshot();
  ASSIGN_OR_RETURN(const Position position, snapshot->ReadPosition());
  ASSIGN_OR_RETURN(
      IndicatorAnswer answer,
      AnswerIndicators(*snapshot, position, parts_.cities->cities(), request));
  ASSIGN_OR_RETURN(*answer.first.mutable_basis(), MakeBasis(parts_, position));
  answers.Write(answer.first);
  for (const v1::GetIndicatorsResponse& part : answer.parts) {
    if (!answers.Write(part)) break;
  }
  return absl::OkStatus();
}

template <typename Request, typename Rows>
absl::Status QueryService::Disclose(const transport::Caller& caller,
                                    std::string_view call,
                                    const Request& request, Rows* rows) const {
  v1::Access access = DescribeAccess(caller, call, request);
  access.set_records(static_cast<uint64_t>(rows->size()));
  for (const auto& row : *rows) AddPerson(ViewOf(row), &access);
  RETURN_IF_ERROR(parts_.guard->Record(access));
  if (!access.masked()) return absl::OkStatus();
  for (auto& row : *rows) parts_.masker->Mask(&row);
  return absl::OkStatus();
}

absl::Status QueryService::DoPerson(const transport::Caller& caller,
                                    v1::GetPersonRequest request,
                                    v1::GetPersonResponse* response) const {
  if (caller.permit == transport::Permit::kMasked &&
      !request.id_number().empty()) {
    return base::PermissionDeniedError(
        "analysts name a person by the pseudonym of an earlier answer");
  }
  if (request.id_number().empty() == request.pseudonym().empty()) {
    return base::InvalidArgumentError(
        "a person is named by an ID number or by a pseudonym");
  }
  if (!request.pseudonym().empty()) {
    ASSIGN_OR_RETURN(*request.mutable_id_number(),
                     parts_.masker->Name(request.pseudonym()));
  }
  const auto snapshot = parts_.state->Snapshot();
  ASSIGN_OR_RETURN(const Position position, snapshot->ReadPosition());
  const absl::Status found = AnswerPerson(*snapshot, request, response);
  if (!found.ok() && !absl::IsNotFound(found)) return found;
  // That nothing is known of somebody is an answer too.
  RETURN_IF_ERROR(
      Disclose(caller, kGetPerson, request, response->mutable_records()));
  RETURN_IF_ERROR(found);
  ASSIGN_OR_RETURN(*response->mutable_basis(), MakeBasis(parts_, position));
  return absl::OkStatus();
}

absl::Status QueryService::DoList(const transport::Caller& caller,
                                  v1::ListRecordsRequest request,
                                  v1::ListRecordsResponse* response) const {
  if (caller.permit == transport::Permit::kMasked) {
    RETURN_IF_ERROR(CheckMaskedFilters(request));
  }
  ASSIGN_OR_RETURN(*request.mutable_page_token(),
                   parts_.masker->OpenToken(request.page_token()));
  const auto snapshot = parts_.state->Snapshot();
  ASSIGN_OR_RETURN(const Position position, snapshot->ReadPosition());
  RETURN_IF_ERROR(AnswerList(*snapshot, request, response));
  request.clear_page_token();
  RETURN_IF_ERROR(
      Disclose(caller, kListRecords, request, response->mutable_records()));
  response->set_next_page_token(
      parts_.masker->SealToken(response->next_page_token()));
  ASSIGN_OR_RETURN(*response->mutable_basis(), MakeBasis(parts_, position));
  return absl::OkStatus();
}

absl::Status QueryService::DoHistory(
    const transport::Caller& caller, const v1::GetRecordHistoryRequest& request,
    v1::GetRecordHistoryResponse* response) const {
  if (caller.permit == transport::Permit::kMasked && request.has_record()) {
    return base::PermissionDeniedError(
        "analysts name a record by the city and the entry of an earlier "
        "answer");
  }
  const auto snapshot = parts_.state->Snapshot();
  ASSIGN_OR_RETURN(const Position position, snapshot->ReadPosition());
  RETURN_IF_ERROR(AnswerHistory(*snapshot, *parts_.journal, request, response));
  RETURN_IF_ERROR(Disclose(caller, kGetRecordHistory, request,
                           response->mutable_versions()));
  ASSIGN_OR_RETURN(*response->mutable_basis(), MakeBasis(parts_, position));
  return absl::OkStatus();
}

grpc::Status QueryService::GetStatus(grpc::ServerContext* context,
                                     const v1::GetStatusRequest* request,
                                     v1::GetStatusResponse* response) {
  const auto run = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const transport::Caller caller,
                     parts_.guard->Admit(*context, kGetStatus));
    RETURN_IF_ERROR(DoStatus(*request, response));
    // Who imported a file is a person too.
    if (caller.identity.role != base::Role::kAnalyst) return absl::OkStatus();
    for (v1::CityStatus& city : *response->mutable_cities()) {
      for (v1::ImportReceipt& receipt : *city.mutable_imports()) {
        receipt.clear_operator_();
      }
    }
    return absl::OkStatus();
  };
  return transport::ToGrpc(run());
}

grpc::Status QueryService::GetIndicators(
    grpc::ServerContext* context, const v1::GetIndicatorsRequest* request,
    grpc::ServerWriter<v1::GetIndicatorsResponse>* writer) {
  const auto run = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const transport::Caller caller,
                     parts_.guard->Admit(*context, kGetIndicators));
    RETURN_IF_ERROR(CheckReady(parts_));
    RETURN_IF_ERROR(WaitForAtLeast(parts_, *context, *request));
    return DoIndicators(*request, {&parts_.guard->answers(), context, writer});
  };
  return transport::ToGrpc(run());
}

grpc::Status QueryService::GetPerson(grpc::ServerContext* context,
                                     const v1::GetPersonRequest* request,
                                     v1::GetPersonResponse* response) {
  const auto run = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(
        const transport::Caller caller,
        parts_.guard->AdmitReader(*context, kGetPerson, request->reason()));
    RETURN_IF_ERROR(CheckReady(parts_));
    RETURN_IF_ERROR(WaitForAtLeast(parts_, *context, *request));
    return DoPerson(caller, *request, response);
  };
  return Answer(run(), response);
}

grpc::Status QueryService::ListRecords(grpc::ServerContext* context,
                                       const v1::ListRecordsRequest* request,
                                       v1::ListRecordsResponse* response) {
  const auto run = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(
        const transport::Caller caller,
        parts_.guard->AdmitReader(*context, kListRecords, request->reason()));
    RETURN_IF_ERROR(CheckReady(parts_));
    RETURN_IF_ERROR(WaitForAtLeast(parts_, *context, *request));
    return DoList(caller, *request, response);
  };
  return Answer(run(), response);
}

grpc::Status QueryService::GetRecordHistory(
    grpc::ServerContext* context, const v1::GetRecordHistoryRequest* request,
    v1::GetRecordHistoryResponse* response) {
  const auto run = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const transport::Caller caller,
                     parts_.guard->AdmitReader(*context, kGetRecordHistory,
                                               request->reason()));
    RETURN_IF_ERROR(CheckReady(parts_));
    RETURN_IF_ERROR(WaitForAtLeast(parts_, *context, *request));
    return DoHistory(caller, *request, response);
  };
  return Answer(run(), response);
}

}  // namespace tongchou::aggregator
