#include "aggregator/service/join_service.h"

#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/transport/grpc_status.h"

namespace tongchou::aggregator {
namespace {

constexpr int64_t kMinuteMicros = 60 * base::kMicrosPerSecond;

absl::Status CheckKey(const std::string& text, ledger::KeyType type,
                      const std::string& name) {
  ASSIGN_OR_RETURN(const ledger::VerifierKey key,
                   ledger::ParseVerifierKey(text));
  if (key.type == type && key.name == name) return absl::OkStatus();
  return base::InvalidArgumentError("{} is not the key of {}", key.name, name);
}

}  // namespace

absl::Status JoinService::CheckRate() {
  base::MutexLock lock(mutex_);
  const int64_t minute = parts_.clock->NowMicros() / kMinuteMicros;
  if (minute != minute_) {
    minute_ = minute;
    wrong_ = 0;
  }
  if (wrong_ < kWrongTokensPerMinute) return absl::OkStatus();
  return base::ResourceExhaustedError(
      "too many wrong tokens; try again in a minute");
}

absl::StatusOr<v1::Invitation> JoinService::InvitationOf(
    const base::Hash& token) {
  RETURN_IF_ERROR(CheckRate());
  ASSIGN_OR_RETURN(const auto invitation,
                   parts_.journal->FindInvitation(token));
  if (invitation.has_value() &&
      parts_.clock->NowMicros() < invitation->expires_us()) {
    return *invitation;
  }
  base::MutexLock lock(mutex_);
  ++wrong_;
  return base::PermissionDeniedError(
      "the token is unknown, used up or out of date; ask the province for "
      "another");
}

absl::StatusOr<v1::JoinedCity> JoinService::ReadKeys(
    const v1::Invitation& invitation, const v1::JoinRequest& request) const {
  const uint32_t city = invitation.city();
  const std::string origin = ledger::CityOrigin(parts_.province, city);
  RETURN_IF_ERROR(
      CheckKey(request.log_key(), ledger::KeyType::kEd25519, origin));
  RETURN_IF_ERROR(CheckKey(request.witness_key(), ledger::KeyType::kCosignature,
                           origin + "/witness"));
  if (static_cast<size_t>(request.hosts_size()) > kJoinHostsMax) {
    return base::InvalidArgumentError("a node has at most {} names",
                                      kJoinHostsMax);
  }
  v1::JoinedCity joined;
  joined.set_city(city);
  joined.set_log_key(request.log_key());
  joined.set_witness_key(request.witness_key());
  if (invitation.rekey()) {
    RETURN_IF_ERROR(AddReplacement(request, &joined));
    return joined;
  }
  const auto known = parts_.cities->KeysOf(city);
  if (known.ok() && known->log.newest().ToText() != request.log_key()) {
    return base::AlreadyExistsError(
        "{} has a log under another key; a node that lost its disk takes its "
        "old key and tongchou-node restore, one that lost its key a token of "
        "tongchou city rekey",
        origin);
  }
  return joined;
}

// The log keeps the key with which it began; the new one comes behind those
// that replaced it before.
absl::Status JoinService::AddReplacement(const v1::JoinRequest& request,
                                         v1::JoinedCity* joined) const {
  ASSIGN_OR_RETURN(const CityKeys known, parts_.cities->KeysOf(joined->city()));
  if (known.log.newest().ToText() == request.log_key()) {
    return base::AlreadyExistsError(
        "{} is the key that is to be replaced; remove it and let join make "
        "another",
        request.log_key());
  }
  joined->set_log_key(known.log.first().ToText());
  for (const ledger::VerifierKey& key : known.replacements) {
    joined->add_replacements(key.ToText());
  }
  joined->add_replacements(request.log_key());
  return absl::OkStatus();
}

absl::Status JoinService::MakeKnown(const v1::JoinedCity& joined) const {
  ASSIGN_OR_RETURN(const auto witness_key,
                   ledger::ParseVerifierKey(joined.witness_key()));
  if (joined.replacements().empty()) {
    ASSIGN_OR_RETURN(const auto log_key,
                     ledger::ParseVerifierKey(joined.log_key()));
    parts_.cities->Add(joined.city(), log_key);
    parts_.own_head->AddWitness(joined.city(), witness_key);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto key,
                   ledger::ParseVerifierKey(*joined.replacements().rbegin()));
  parts_.cities->Replace(joined.city(), key);
  parts_.own_head->ReplaceWitness(joined.city(), witness_key);
  parts_.revocations->AddBefore(fmt::format("{:06}", joined.city()),
                                joined.certificates_from_us());
  parts_.end_session(joined.city());
  return absl::OkStatus();
}

absl::Status JoinService::DoJoin(const v1::JoinRequest& request,
                                 v1::JoinResponse* response) {
  const base::Hash token = base::Sha256(request.secret());
  ASSIGN_OR_RETURN(const v1::Invitation invitation, InvitationOf(token));
  const uint32_t city = invitation.city();
  ASSIGN_OR_RETURN(v1::JoinedCity joined, ReadKeys(invitation, request));
  ASSIGN_OR_RETURN(const std::string certificate,
                   parts_.authority->Issue(
                       parts_.province, fmt::format("{:06}", city),
                       request.certificate_request(),
                       {request.hosts().begin(), request.hosts().end()}));
  if (invitation.rekey()) {
    ASSIGN_OR_RETURN(const CityKeys known, parts_.cities->KeysOf(city));
    response->set_replaced_log_key(known.log.newest().ToText());
    ASSIGN_OR_RETURN(const base::CertificateFacts facts,
                     base::ReadCertificate(certificate));
    joined.set_certificates_from_us(facts.not_before_micros);
  }
  RETURN_IF_ERROR(parts_.journal->Join(token, joined));
  RETURN_IF_ERROR(MakeKnown(joined));
  response->set_certificate(certificate);
  response->set_authority(parts_.authority->certificate());
  response->set_province(parts_.province);
  response->set_city(city);
  response->set_witness(parts_.witness.ToText());
  response->set_province_key(parts_.own_key.ToText());
  response->set_aggregator_port(static_cast<uint32_t>(parts_.aggregator_port));
  spdlog::info("joined: city={:06} rekeyed={}", city, invitation.rekey());
  return absl::OkStatus();
}

grpc::Status JoinService::Join(grpc::ServerContext* context,
                               const v1::JoinRequest* request,
                               v1::JoinResponse* response) {
  const absl::Status status = DoJoin(*request, response);
  if (!status.ok()) {
    response->Clear();
    spdlog::warn("join: peer={} refused: {}", context->peer(),
                 base::Describe(status));
  }
  return transport::ToGrpc(status);
}

}  // namespace tongchou::aggregator
