#include "node/log_key.h"

#include <filesystem>
#include <utility>

#include "common/base/file.h"
#include "common/base/key_file.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/exchange/key_changes.h"
#include "common/records/record_key.h"
#include "common/records/schema.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::node {
namespace {

std::string NextPath(const NodeConfig& config) {
  return config.signing_key + ".next";
}
std::string ChangePath(const std::string& signing_key) {
  return signing_key + ".change";
}

absl::StatusOr<ledger::Signer> LoadFrom(const NodeConfig& config,
                                        const std::string& path) {
  ASSIGN_OR_RETURN(auto key, base::ReadKeyFile(path, "tongchou-node"));
  return ledger::Signer(config.Origin(), std::move(key));
}

std::string RecordKeyOf(size_t number) {
  records::Row row(records::Schema::Get().At(v1::RECORD_TYPE_LOG_KEY));
  row.SetNumber(0, number);
  return records::KeyOf(row);
}

// The entry of the log's so many-th change, counted from 1.
absl::StatusOr<std::optional<uint64_t>> EntryOf(RecordIndex* index,
                                                size_t number) {
  ASSIGN_OR_RETURN(const auto state, index->Find(RecordKeyOf(number)));
  if (!state.has_value()) return std::optional<uint64_t>();
  return std::optional<uint64_t>(state->sequence);
}

absl::StatusOr<std::vector<ledger::KeyChange>> ChangesIn(
    const ledger::LogStore& log, RecordIndex* index, RecordReader* reader) {
  std::vector<ledger::KeyChange> changes;
  while (true) {
    ASSIGN_OR_RETURN(const auto sequence, EntryOf(index, changes.size() + 1));
    if (!sequence.has_value() || *sequence >= log.Head().size()) return changes;
    ASSIGN_OR_RETURN(const StoredEntry entry, reader->ReadEntry(*sequence));
    ASSIGN_OR_RETURN(std::string statement,
                     exchange::KeyStatementOf(entry.body.record()));
    changes.push_back({*sequence, std::move(statement)});
  }
}

ledger::ComingKey Coming(ledger::Signer signer, std::string statement,
                         RecordIndex* index, size_t number) {
  return {std::move(signer), std::move(statement),
          [index, number] { return EntryOf(index, number); }};
}

// What the files say about a change.
struct Files {
  ledger::Signer signer;
  std::optional<ledger::Signer> next;
  std::string replacement;  // statement; empty = the key replaces none
};

absl::StatusOr<Files> ReadFiles(const NodeConfig& config) {
  ASSIGN_OR_RETURN(ledger::Signer signer, LoadSigner(config));
  Files files{std::move(signer), std::nullopt, ""};
  if (base::FileExists(NextPath(config))) {
    ASSIGN_OR_RETURN(files.next, LoadFrom(config, NextPath(config)));
  }
  const std::string change = ChangePath(config.signing_key);
  if (base::FileExists(change)) {
    ASSIGN_OR_RETURN(files.replacement, base::ReadFile(change));
  }
  return files;
}

// The newest key of a log with these changes, of those that the files name.
absl::StatusOr<ledger::VerifierKey> NewestOf(
    const Files& files, const std::vector<ledger::KeyChange>& changes) {
  const std::string last = changes.empty() ? "" : changes.back().statement;
  if (!files.replacement.empty() && last != files.replacement) {
    ASSIGN_OR_RETURN(const auto stated,
                     ledger::OpenKeyChange(files.replacement));
    return stated.old_key;
  }
  if (files.next.has_value() && !last.empty()) {
    ASSIGN_OR_RETURN(const auto stated, ledger::OpenKeyChange(last));
    if (stated.new_key == files.next->verifier()) return stated.new_key;
  }
  return files.signer.verifier();
}

}  // namespace

absl::StatusOr<ledger::Signer> LoadSigner(const NodeConfig& config) {
  return LoadFrom(config, config.signing_key);
}

absl::StatusOr<ledger::VerifierKey> MakeNextKey(const NodeConfig& config) {
  ASSIGN_OR_RETURN(const Files files, ReadFiles(config));
  if (!files.replacement.empty()) {
    return base::FailedPreconditionError(
        "{} is there: this key takes the place of a lost one; start the node "
        "and wait until the province holds that",
        ChangePath(config.signing_key));
  }
  if (files.next.has_value()) return files.next->verifier();
  RETURN_IF_ERROR(base::MakeKeyFile(NextPath(config)));
  ASSIGN_OR_RETURN(const ledger::Signer next,
                   LoadFrom(config, NextPath(config)));
  return next.verifier();
}

absl::Status KeepReplacement(const std::string& signing_key,
                             const ledger::VerifierKey& lost,
                             const ledger::Signer& signer) {
  return base::WriteFileDurably(ChangePath(signing_key),
                                ledger::StateKeyReplacement(lost, signer));
}

absl::StatusOr<ledger::SigningKeys> LoadSigningKeys(const NodeConfig& config,
                                                    const ledger::LogStore& log,
                                                    RecordIndex* index,
                                                    RecordReader* reader) {
  ASSIGN_OR_RETURN(Files files, ReadFiles(config));
  ASSIGN_OR_RETURN(std::vector<ledger::KeyChange> changes,
                   ChangesIn(log, index, reader));
  ASSIGN_OR_RETURN(const ledger::VerifierKey newest, NewestOf(files, changes));
  const size_t number = changes.size() + 1;
  if (files.next.has_value() && newest == files.next->verifier()) {
    // In the log, and the files are still to follow.
    const std::string statement = changes.back().statement;
    changes.pop_back();
    ASSIGN_OR_RETURN(auto keys, ledger::LogKeys::LeadingTo(
                                    files.signer.verifier(), changes));
    ledger::SigningKeys signing(std::move(keys), std::move(files.signer));
    signing.coming =
        Coming(*std::move(files.next), statement, index, number - 1);
    return signing;
  }
  auto leading = ledger::LogKeys::LeadingTo(newest, changes);
  if (!leading.ok()) {
    ledger::SigningKeys signing(std::move(files.signer));
    signing.problem =
        fmt::format("{}; the log is an old copy, or not this key's",
                    base::Message(leading.status()));
    return signing;
  }
  ledger::LogKeys keys = *std::move(leading);
  if (newest == files.signer.verifier()) {
    ledger::SigningKeys signing(std::move(keys), files.signer);
    if (files.next.has_value()) {
      std::string statement = ledger::StateKeyChange(files.signer, *files.next);
      signing.coming =
          Coming(*std::move(files.next), std::move(statement), index, number);
    }
    return signing;
  }
  ledger::SigningKeys signing(std::move(keys), std::nullopt);
  signing.coming =
      Coming(std::move(files.signer), files.replacement, index, number);
  return signing;
}

absl::StatusOr<ledger::LogKeys> KeysOfCopy(
    const NodeConfig& config, const std::vector<ledger::KeyChange>& changes) {
  ASSIGN_OR_RETURN(const Files files, ReadFiles(config));
  ASSIGN_OR_RETURN(const ledger::VerifierKey newest, NewestOf(files, changes));
  return ledger::LogKeys::LeadingTo(newest, changes);
}

absl::Status KeyChanger::Step(uint64_t durable_size) {
  if (base::FileExists(NextPath(config_))) return Rotate(durable_size);
  if (base::FileExists(ChangePath(config_.signing_key))) {
    return Replace(durable_size);
  }
  return absl::OkStatus();
}

absl::Status KeyChanger::Rotate(uint64_t durable_size) {
  ASSIGN_OR_RETURN(Files files, ReadFiles(config_));
  const ledger::LogKeys keys = head_signer_.keys();
  if (keys.newest() != files.next->verifier()) {
    const std::string statement =
        ledger::StateKeyChange(files.signer, *files.next);
    const absl::Status changing = head_signer_.Change(Coming(
        *std::move(files.next), statement, &index_, keys.changes().size() + 1));
    // That of the program's start, or of the last attempt, may be waiting.
    if (!changing.ok() && !absl::IsFailedPrecondition(changing)) {
      return changing;
    }
    return Write(statement);
  }
  if (durable_size <= keys.changes().back().sequence) return absl::OkStatus();
  RETURN_IF_ERROR(base::Rename(NextPath(config_), config_.signing_key));
  RETURN_IF_ERROR(base::SyncDirectory(
      std::filesystem::path(config_.signing_key).parent_path().string()));
  head_signer_.ForgetOldKey();
  spdlog::info("the log's key is changed: entry={} key={}",
               keys.changes().back().sequence, keys.newest().ToText());
  return absl::OkStatus();
}

absl::Status KeyChanger::Replace(uint64_t durable_size) {
  const std::string path = ChangePath(config_.signing_key);
  ASSIGN_OR_RETURN(const std::string statement, base::ReadFile(path));
  const std::vector<ledger::KeyChange> changes = head_signer_.keys().changes();
  if (changes.empty() || changes.back().statement != statement) {
    return Write(statement);
  }
  if (durable_size <= changes.back().sequence) return absl::OkStatus();
  RETURN_IF_ERROR(base::RemoveAll(path));
  spdlog::info("the log's lost key is replaced: entry={}",
               changes.back().sequence);
  return absl::OkStatus();
}

absl::Status KeyChanger::Write(const std::string& statement) {
  v1::LogKey record;
  record.set_statement(statement);
  PendingChange change;
  change.type = v1::RECORD_TYPE_LOG_KEY;
  change.key = RecordKeyOf(head_signer_.keys().changes().size() + 1);
  change.record = record.SerializeAsString();
  change.fingerprint = Fingerprint(change.record);
  WriteGroup group;
  group.changes.push_back(std::move(change));
  group.reason = v1::REASON_LOG_KEY;
  return sequencer_.Commit(std::move(group)).status();
}

}  // namespace tongchou::node
