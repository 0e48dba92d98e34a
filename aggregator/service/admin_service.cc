#include "aggregator/service/admin_service.h"

#include <algorithm>

#include "common/base/certificate.h"
#include "common/base/file.h"
#include "common/base/join_token.h"
#include "common/base/logging.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/records/division.h"
#include "common/records/text_encoding.h"
#include "common/transport/backup_call.h"
#include "common/transport/grpc_status.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::aggregator {
namespace {

constexpr size_t kHashBytes = 32;
constexpr int kRecordsPerMessage = 500;

absl::Status CheckReason(const std::string& reason) {
  if (reason.empty()) {
    return base::InvalidArgumentError("an act needs a reason in words");
  }
  if (records::CountCharacters(reason) <= kActReasonCharactersMax) {
    return absl::OkStatus();
  }
  return base::InvalidArgumentError("the reason has at most {} characters",
                                    kActReasonCharactersMax);
}

absl::Status CheckOffice(std::string_view what, const std::string& text) {
  if (!text.empty() && records::CountCharacters(text) <= kOfficeCharactersMax) {
    return absl::OkStatus();
  }
  return base::InvalidArgumentError("the {} has 1 to {} characters", what,
                                    kOfficeCharactersMax);
}

bool Is(const v1::EntryHeader& header, v1::ProvinceRecordType type) {
  return static_cast<int>(header.type()) == static_cast<int>(type);
}

// False for those that were not asked for.
bool Wanted(const v1::EntryHeader& header, const v1::EntryBody& body,
            const v1::ListAccessRequest& request, v1::AccessRecord* record) {
  const int64_t time = header.commit_time_us();
  if (time < request.from_us() ||
      (request.to_us() != 0 && time >= request.to_us())) {
    return false;
  }
  record->set_sequence(header.sequence());
  record->set_commit_time_us(time);
  if (Is(header, v1::PROVINCE_RECORD_TYPE_REFUSALS)) {
    return record->mutable_refusals()->ParseFromString(body.record()) &&
           request.person().empty() &&
           record->refusals().caller().find(request.reader()) !=
               std::string::npos;
  }
  v1::Access* access = record->mutable_access();
  if (!access->ParseFromString(body.record())) return false;
  const auto& persons = access->persons();
  return access->reader().find(request.reader()) != std::string::npos &&
         (request.person().empty() ||
          std::find(persons.begin(), persons.end(), request.person()) !=
              persons.end());
}

absl::Status AddWanted(const ledger::Bundle& bundle,
                       const v1::ListAccessRequest& request,
                       v1::ListAccessResponse* response) {
  v1::EntryHeader header;
  v1::EntryBody body;
  for (size_t i = 0; i < bundle.count(); ++i) {
    if (!header.ParseFromString(std::string(bundle.header(i)))) {
      return base::DataLossError("an entry's header cannot be read");
    }
    if (!Is(header, v1::PROVINCE_RECORD_TYPE_ACCESS) &&
        !Is(header, v1::PROVINCE_RECORD_TYPE_REFUSALS)) {
      continue;
    }
    const auto bytes = bundle.body(i);
    if (!bytes.has_value() || !body.ParseFromString(std::string(*bytes))) {
      return base::DataLossError("entry {} cannot be read", header.sequence());
    }
    v1::AccessRecord record;
    if (Wanted(header, body, request, &record)) {
      *response->add_records() = std::move(record);
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> AdminService::Invite(
    const transport::Caller& caller, uint32_t hours, std::string_view reason,
    v1::Invitation* invitation) const {
  if (parts_.authority == nullptr) {
    return base::FailedPreconditionError(
        "the province has no door for new nodes; set [join] in the "
        "aggregator's configuration");
  }
  if (hours == 0) hours = kTokenHoursDefault;
  if (hours > kTokenHoursMax) {
    return base::InvalidArgumentError("a token is good for 1 to {} hours",
                                      kTokenHoursMax);
  }
  base::JoinToken token;
  token.city = invitation->city();
  token.secret = base::RandomBytes(base::kJoinSecretBytes);
  ASSIGN_OR_RETURN(const std::string pem, base::ReadFile(parts_.certificate));
  ASSIGN_OR_RETURN(token.province, base::CertificateFingerprint(pem));
  invitation->set_expires_us(parts_.clock->NowMicros() +
                             int64_t{hours} * 3'600 * base::kMicrosPerSecond);
  RETURN_IF_ERROR(parts_.journal->Invite(base::Sha256(token.secret),
                                         *invitation, caller.uri, reason));
  return token.ToText();
}

absl::Status AdminService::DoAddCity(const transport::Caller& caller,
                                     const v1::AddCityRequest& request,
                                     v1::AddCityResponse* response) const {
  RETURN_IF_ERROR(CheckOffice("name", request.name()));
  RETURN_IF_ERROR(CheckOffice("contact", request.contact()));
  RETURN_IF_ERROR(records::Divisions::Get()
                      .ParseCity(fmt::format("{:06}", request.city()))
                      .status());
  if (parts_.cities->KeysOf(request.city()).ok()) {
    return base::AlreadyExistsError("{:06} is a city of the province already",
                                    request.city());
  }
  v1::Invitation invitation;
  invitation.set_city(request.city());
  ASSIGN_OR_RETURN(
      *response->mutable_token(),
      Invite(caller, request.hours(),
             fmt::format("{}; {}", request.name(), request.contact()),
             &invitation));
  response->set_expires_us(invitation.expires_us());
  return absl::OkStatus();
}

absl::Status AdminService::DoRekey(const transport::Caller& caller,
                                   const v1::RekeyCityRequest& request,
                                   v1::RekeyCityResponse* response) const {
  RETURN_IF_ERROR(CheckReason(request.reason()));
  if (!parts_.cities->KeysOf(request.city()).ok()) {
    return base::NotFoundError(
        "{:06} is no city of the province; let it join: tongchou city add",
        request.city());
  }
  v1::Invitation invitation;
  invitation.set_city(request.city());
  invitation.set_rekey(true);
  ASSIGN_OR_RETURN(
      *response->mutable_token(),
      Invite(caller, request.hours(), request.reason(), &invitation));
  response->set_expires_us(invitation.expires_us());
  spdlog::info("city may have new keys: city={:06} by={}", request.city(),
               caller.uri);
  return absl::OkStatus();
}

absl::Status AdminService::DoRelease(const transport::Caller& caller,
                                     const v1::ReleaseCityRequest& request,
                                     v1::ReleaseCityResponse* response) const {
  RETURN_IF_ERROR(CheckReason(request.reason()));
  RETURN_IF_ERROR(parts_.cities->KeysOf(request.city()).status());
  RETURN_IF_ERROR(
      parts_.journal->Release(request.city(), caller.uri, request.reason()));
  parts_.cities->Released(request.city());
  ASSIGN_OR_RETURN(const exchange::CityCopy copy,
                   parts_.journal->City(request.city()));
  response->set_size(copy.range.size());
  spdlog::info("city released: city={:06} by={}", request.city(), caller.uri);
  return absl::OkStatus();
}

absl::Status AdminService::DoRevoke(
    const transport::Caller& caller,
    const v1::RevokeCertificateRequest& request) const {
  RETURN_IF_ERROR(CheckReason(request.reason()));
  if (request.certificate().size() != kHashBytes) {
    return base::InvalidArgumentError(
        "a certificate is named by its SHA-256, {} bytes", kHashBytes);
  }
  const base::Hash certificate = base::Hash::FromView(request.certificate());
  RETURN_IF_ERROR(parts_.journal->Revoke(certificate, request.city(),
                                         caller.uri, request.reason()));
  parts_.guard->revocations().Add(certificate);
  spdlog::info("certificate revoked: sha256={} by={}",
               base::HexEncode(certificate.view()), caller.uri);
  return absl::OkStatus();
}

absl::Status AdminService::DoListAccess(
    const v1::ListAccessRequest& request,
    const transport::Answers<v1::ListAccessResponse>& answers) const {
  parts_.guard->WriteRefusals(/*all=*/true);
  ledger::Bundle bundle;
  v1::ListAccessResponse response;
  absl::Status status;
  RETURN_IF_ERROR(parts_.journal->own_log().ReadBundles(
      0, [&](ledger::StoredBundle&& stored) {
        status = bundle.Decode(stored.bytes);
        if (status.ok()) status = AddWanted(bundle, request, &response);
        if (!status.ok()) return false;
        if (response.records_size() < kRecordsPerMessage) return true;
        const bool sent = answers.Write(response);
        response.Clear();
        return sent;
      }));
  RETURN_IF_ERROR(status);
  answers.Write(response);
  return absl::OkStatus();
}

grpc::Status AdminService::AddCity(grpc::ServerContext* context,
                                   const v1::AddCityRequest* request,
                                   v1::AddCityResponse* response) {
  const auto caller = parts_.guard->Admit(*context, "Admin.AddCity");
  if (!caller.ok()) return transport::ToGrpc(caller.status());
  return transport::ToGrpc(DoAddCity(*caller, *request, response));
}

grpc::Status AdminService::RekeyCity(grpc::ServerContext* context,
                                     const v1::RekeyCityRequest* request,
                                     v1::RekeyCityResponse* response) {
  const auto caller = parts_.guard->Admit(*context, "Admin.RekeyCity");
  if (!caller.ok()) return transport::ToGrpc(caller.status());
  return transport::ToGrpc(DoRekey(*caller, *request, response));
}

grpc::Status AdminService::ReleaseCity(grpc::ServerContext* context,
                                       const v1::ReleaseCityRequest* request,
                                       v1::ReleaseCityResponse* response) {
  const auto caller = parts_.guard->Admit(*context, "Admin.ReleaseCity");
  if (!caller.ok()) return transport::ToGrpc(caller.status());
  return transport::ToGrpc(DoRelease(*caller, *request, response));
}

grpc::Status AdminService::RevokeCertificate(
    grpc::ServerContext* context, const v1::RevokeCertificateRequest* request,
    v1::RevokeCertificateResponse*) {
  const auto caller = parts_.guard->Admit(*context, "Admin.RevokeCertificate");
  if (!caller.ok()) return transport::ToGrpc(caller.status());
  return transport::ToGrpc(DoRevoke(*caller, *request));
}

grpc::Status AdminService::ListAccess(
    grpc::ServerContext* context, const v1::ListAccessRequest* request,
    grpc::ServerWriter<v1::ListAccessResponse>* writer) {
  const auto caller = parts_.guard->Admit(*context, "Admin.ListAccess");
  absl::Status status = caller.status();
  if (status.ok()) {
    status =
        DoListAccess(*request, {&parts_.guard->answers(), context, writer});
  }
  return transport::ToGrpc(status);
}

grpc::Status AdminService::Backup(
    grpc::ServerContext* context, const v1::BackupRequest* request,
    grpc::ServerWriter<v1::BackupResponse>* writer) {
  const auto run = [&]() -> absl::Status {
    RETURN_IF_ERROR(parts_.guard->Admit(*context, "Admin.Backup").status());
    return transport::ServeBackup({&parts_.guard->answers(), context, writer},
                                  [&](const transport::ShowBytes& show) {
                                    return parts_.journal->WriteBackup(
                                        request->directory(),
                                        "tongchou/" + parts_.province, show);
                                  });
  };
  const absl::Status status = run();
  spdlog::info("backup: directory={} status=\"{}\"", request->directory(),
               status.ok() ? "written" : base::Describe(status));
  return transport::ToGrpc(status);
}

}  // namespace tongchou::aggregator
