#include "common/ledger/log_keys.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/status.h"

namespace tongchou::ledger {
namespace {

// No size of a log, so that no statement is a checkpoint.
constexpr std::string_view kSecondLine = "key change";
constexpr size_t kLines = 4;

std::string StatementText(const VerifierKey& old_key,
                          const VerifierKey& new_key) {
  return fmt::format("{}\n{}\n{}\n{}\n", new_key.name, kSecondLine,
                     old_key.ToText(), new_key.ToText());
}

absl::StatusOr<std::array<std::string_view, kLines>> LinesOf(
    std::string_view text) {
  std::array<std::string_view, kLines> lines;
  for (std::string_view& line : lines) {
    if (!TakeLine(&text, &line)) {
      return base::InvalidArgumentError(
          "a statement about a change of keys has {} lines", kLines);
    }
  }
  if (text.empty() && lines[1] == kSecondLine) return lines;
  return base::InvalidArgumentError(
      "the note is no statement about a change of keys");
}

absl::StatusOr<VerifierKey> KeyOf(std::string_view text,
                                  std::string_view origin) {
  ASSIGN_OR_RETURN(VerifierKey key, ParseVerifierKey(text));
  if (key.type == KeyType::kEd25519 && key.name == origin) return key;
  return base::InvalidArgumentError("{} is no key of the log {}", text, origin);
}

}  // namespace

std::string StateKeyChange(const Signer& old_signer, const Signer& new_signer) {
  Note note;
  note.text = StatementText(old_signer.verifier(), new_signer.verifier());
  note.signatures = {old_signer.SignatureOf(note.text),
                     new_signer.SignatureOf(note.text)};
  return FormatNote(note);
}

std::string StateKeyReplacement(const VerifierKey& old_key,
                                const Signer& new_signer) {
  Note note;
  note.text = StatementText(old_key, new_signer.verifier());
  note.signatures = {new_signer.SignatureOf(note.text)};
  return FormatNote(note);
}

absl::StatusOr<StatedKeyChange> OpenKeyChange(std::string_view statement) {
  ASSIGN_OR_RETURN(const Note note, ParseNote(statement));
  ASSIGN_OR_RETURN(const auto lines, LinesOf(note.text));
  StatedKeyChange stated;
  ASSIGN_OR_RETURN(stated.old_key, KeyOf(lines[2], lines[0]));
  ASSIGN_OR_RETURN(stated.new_key, KeyOf(lines[3], lines[0]));
  if (stated.old_key == stated.new_key) {
    return base::InvalidArgumentError(
        "the statement changes a key to the same");
  }
  RETURN_IF_ERROR(VerifyNote(note, stated.new_key));
  const absl::Status old_signed = VerifyNote(note, stated.old_key);
  if (absl::IsDataLoss(old_signed)) return old_signed;
  stated.signed_by_old = old_signed.ok();
  return stated;
}

LogKeys::LogKeys(VerifierKey first) : keys_{std::move(first)} {}

absl::StatusOr<LogKeys> LogKeys::LeadingTo(const VerifierKey& newest,
                                           std::span<const KeyChange> changes) {
  if (changes.empty()) return LogKeys(newest);
  ASSIGN_OR_RETURN(const StatedKeyChange first,
                   OpenKeyChange(changes[0].statement));
  LogKeys keys(first.old_key);
  for (const KeyChange& change : changes) {
    ASSIGN_OR_RETURN(const StatedKeyChange stated,
                     OpenKeyChange(change.statement));
    RETURN_IF_ERROR(keys.Append(change, stated));
  }
  if (keys.newest() == newest) return keys;
  return base::DataLossError(
      "the changes of the log's key lead to {}, the key here is {}",
      keys.newest().ToText(), newest.ToText());
}

absl::Status LogKeys::Add(KeyChange change,
                          std::span<const VerifierKey> replacements) {
  ASSIGN_OR_RETURN(const StatedKeyChange stated,
                   OpenKeyChange(change.statement));
  if (!stated.signed_by_old &&
      std::find(replacements.begin(), replacements.end(), stated.new_key) ==
          replacements.end()) {
    return base::PermissionDeniedError(
        "entry {} replaces the log's key {} by {} without the old one's "
        "signature",
        change.sequence, stated.old_key.ToText(), stated.new_key.ToText());
  }
  return Append(std::move(change), stated);
}

absl::Status LogKeys::Append(KeyChange change, const StatedKeyChange& stated) {
  if (stated.old_key != newest()) {
    return base::DataLossError(
        "entry {} changes the key {}, but the log has {}", change.sequence,
        stated.old_key.ToText(), newest().ToText());
  }
  if (!changes_.empty() && change.sequence <= changes_.back().sequence) {
    return base::DataLossError(
        "entry {} changes the log's key, but entry {} did so before",
        change.sequence, changes_.back().sequence);
  }
  if (changes_.size() == kKeyChangesMax) {
    return base::ResourceExhaustedError(
        "a log changes its key at most {} times", kKeyChangesMax);
  }
  keys_.push_back(stated.new_key);
  changes_.push_back(std::move(change));
  return absl::OkStatus();
}

bool LogKeys::Has(const VerifierKey& key) const {
  return std::find(keys_.begin(), keys_.end(), key) != keys_.end();
}

absl::StatusOr<Checkpoint> LogKeys::Open(std::string_view note_bytes) const {
  ASSIGN_OR_RETURN(const Note note, ParseNote(note_bytes));
  const auto parsed = ParseCheckpoint(note.text);
  // The newest key says best what is wrong with a note that is none.
  const uint64_t size = parsed.ok() ? parsed->size : 0;
  absl::Status status = VerifyNote(note, newest());
  for (size_t i = changes_.size(); i > 0 && absl::IsPermissionDenied(status);
       --i) {
    if (size > changes_[i - 1].sequence) break;
    status = VerifyNote(note, keys_[i - 1]);
  }
  RETURN_IF_ERROR(status);
  RETURN_IF_ERROR(parsed.status());
  RETURN_IF_ERROR(CheckOrigin("checkpoint", parsed->origin, newest()));
  return *parsed;
}

}  // namespace tongchou::ledger
