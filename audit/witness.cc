#include "audit/witness.h"

#include <charconv>
#include <utility>

#include "common/base/base64.h"
#include "common/base/file.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/ledger/proof.h"

namespace tongchou::audit {
namespace {

constexpr std::string_view kOld = "old ";
constexpr size_t kHashBytes = 32;
constexpr int kBadRequest = 400;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;
constexpr int kConflict = 409;
constexpr int kUnprocessable = 422;
constexpr int kInternal = 500;

WitnessAnswer Refuse(int status, std::string text) {
  return {status, "text/plain; charset=utf-8", std::move(text) + "\n"};
}

// The line without its end, which is cut off from `rest`.
bool TakeLine(std::string_view* rest, std::string_view* line) {
  const size_t end = rest->find('\n');
  if (end == std::string_view::npos) return false;
  *line = rest->substr(0, end);
  rest->remove_prefix(end + 1);
  return true;
}

bool ParseSize(std::string_view text, uint64_t* size) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), *size);
  return error == std::errc() && end == text.data() + text.size();
}

// The newest of the log's keys that signed the note; null when none did.
const ledger::VerifierKey* SignerOf(
    const ledger::Note& note, const std::vector<ledger::VerifierKey>& keys) {
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
    if (ledger::VerifyNote(note, *key).ok()) return &*key;
  }
  return nullptr;
}

absl::StatusOr<ledger::Checkpoint> OpenWithAny(
    const std::string& bytes, const std::vector<ledger::VerifierKey>& keys) {
  ASSIGN_OR_RETURN(const ledger::Note note, ledger::ParseNote(bytes));
  const ledger::VerifierKey* const key = SignerOf(note, keys);
  return ledger::OpenCheckpoint(bytes, key == nullptr ? keys.front() : *key);
}

}  // namespace

struct Witness::Request {
  uint64_t old_size = 0;
  ledger::Proof proof;
  ledger::Note note;
  ledger::Checkpoint checkpoint;

  // INVALID_ARGUMENT says what is malformed.
  static absl::StatusOr<Request> Parse(std::string_view body);
};

absl::StatusOr<Witness::Request> Witness::Request::Parse(
    std::string_view body) {
  Request request;
  std::string_view line;
  if (!TakeLine(&body, &line) || !line.starts_with(kOld) ||
      !ParseSize(line.substr(kOld.size()), &request.old_size)) {
    return base::InvalidArgumentError("the first line is not 'old SIZE'");
  }
  while (TakeLine(&body, &line) && !line.empty()) {
    const auto hash = base::Base64Decode(line);
    if (!hash.has_value() || hash->size() != kHashBytes ||
        request.proof.size() == kWitnessProofHashesMax) {
      return base::InvalidArgumentError(
          "the proof is not up to {} hashes in base64", kWitnessProofHashesMax);
    }
    request.proof.push_back(ledger::Hash::FromView(*hash));
  }
  ASSIGN_OR_RETURN(request.note, ledger::ParseNote(body));
  ASSIGN_OR_RETURN(request.checkpoint,
                   ledger::ParseCheckpoint(request.note.text));
  return request;
}

absl::StatusOr<std::unique_ptr<Witness>> Witness::Open(
    std::string directory, ledger::Cosigner cosigner,
    const std::vector<ledger::VerifierKey>& logs, base::Clock* clock) {
  RETURN_IF_ERROR(base::MakeDirectories(directory));
  std::unique_ptr<Witness> witness(
      new Witness(std::move(directory), std::move(cosigner), clock));
  std::map<std::string, Log> known;
  for (const ledger::VerifierKey& key : logs) {
    known[key.name].keys.push_back(key);
  }
  for (auto& [origin, log] : known) {
    RETURN_IF_ERROR(witness->Load(origin, std::move(log)));
  }
  return witness;
}

std::string Witness::FileOf(std::string_view origin) const {
  return directory_ + "/" + base::HexEncode(base::Sha256(origin).view());
}

absl::Status Witness::Load(const std::string& origin, Log log) {
  log.known.origin = origin;
  const std::string path = FileOf(origin);
  if (base::FileExists(path)) {
    ASSIGN_OR_RETURN(log.note, base::ReadFile(path));
    const auto known = OpenWithAny(log.note, log.keys);
    const auto own = ledger::VerifyCosignature(log.note, cosigner_.verifier());
    if (!known.ok() || !own.ok()) {
      return base::DataLossError(
          "{}: this is no checkpoint that this witness cosigned; bring the "
          "file back, or the witness might sign two histories",
          path);
    }
    log.known = *known;
  }
  base::MutexLock lock(mutex_);
  logs_[origin] = std::move(log);
  return absl::OkStatus();
}

WitnessAnswer Witness::AddCheckpoint(std::string_view body) {
  if (body.size() > kWitnessBodyBytesMax) {
    return Refuse(kBadRequest, "the request is too long");
  }
  const auto request = Request::Parse(body);
  if (!request.ok()) {
    return Refuse(kBadRequest, std::string(base::Message(request.status())));
  }
  base::MutexLock lock(mutex_);
  const auto log = logs_.find(request->checkpoint.origin);
  if (log == logs_.end())
    return Refuse(kNotFound, "this log is not known here");
  return Consider(*request, &log->second);
}

WitnessAnswer Witness::Consider(const Request& request, Log* log) {
  const ledger::Checkpoint& offered = request.checkpoint;
  const ledger::VerifierKey* const signer = SignerOf(request.note, log->keys);
  if (signer == nullptr) {
    return Refuse(kForbidden, "the log's signature is missing or wrong");
  }
  if (request.old_size > offered.size) {
    return Refuse(kBadRequest, "the old size is above the checkpoint's");
  }
  if (request.old_size != log->known.size) {
    return {kConflict, "text/x.tlog.size",
            std::to_string(log->known.size) + "\n"};
  }
  if (offered.size == 0 && offered.root != ledger::EmptyRoot()) {
    return Refuse(kUnprocessable, "this is not the root of an empty log");
  }
  if (request.old_size == 0 || request.old_size == offered.size) {
    if (!request.proof.empty()) {
      return Refuse(kUnprocessable, "there is nothing to prove");
    }
    if (request.old_size > 0 && offered.root != log->known.root) {
      spdlog::error("witness: {} signed two roots at size {}", offered.origin,
                    offered.size);
      return Refuse(kUnprocessable, "another root was signed at this size");
    }
    return Cosign(request, *signer, log);
  }
  if (!ledger::VerifyConsistency(request.old_size, offered.size,
                                 log->known.root, offered.root, request.proof)
           .ok()) {
    spdlog::error("witness: no proof that {} at size {} extends size {}",
                  offered.origin, offered.size, request.old_size);
    return Refuse(kUnprocessable, "the proof does not hold");
  }
  return Cosign(request, *signer, log);
}

// What is signed is written anew from what was parsed, with the log's verified
// signature alone.
WitnessAnswer Witness::Cosign(const Request& request,
                              const ledger::VerifierKey& signer, Log* log) {
  ledger::Note note;
  note.text = ledger::FormatCheckpoint(request.checkpoint);
  for (const ledger::NoteSignature& one : request.note.signatures) {
    if (one.name == signer.name && one.key_id == signer.id()) {
      note.signatures.push_back(one);
    }
  }
  const auto seconds =
      static_cast<uint64_t>(clock_.NowMicros() / base::kMicrosPerSecond);
  auto cosigned = cosigner_.Cosign(ledger::FormatNote(note), seconds);
  if (!cosigned.ok()) return Refuse(kInternal, "could not sign");
  const absl::Status kept =
      base::WriteFileDurably(FileOf(request.checkpoint.origin), *cosigned);
  if (!kept.ok()) {
    spdlog::error("witness: {}", base::Describe(kept));
    return Refuse(kInternal, "could not keep the checkpoint");
  }
  log->known = request.checkpoint;
  log->note = *cosigned;
  // The last line is the new one.
  const size_t last = cosigned->rfind('\n', cosigned->size() - 2);
  return {200, "text/plain; charset=utf-8", cosigned->substr(last + 1)};
}

WitnessAnswer Witness::GetCheckpoint(std::string_view origin_hash) const {
  base::MutexLock lock(mutex_);
  for (const auto& [origin, log] : logs_) {
    if (base::HexEncode(base::Sha256(origin).view()) != origin_hash) continue;
    if (log.note.empty()) break;
    return {200, "text/plain; charset=utf-8", log.note};
  }
  return Refuse(kNotFound, "no checkpoint of such a log");
}

}  // namespace tongchou::audit
