#include "audit/log_keys.h"

#include "common/base/file.h"
#include "common/base/status.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::audit {

absl::StatusOr<std::vector<ledger::KeyChange>> ReadKeyChanges(
    const Archive& archive, uint32_t city) {
  std::vector<ledger::KeyChange> changes;
  const std::string path = archive.keys(city);
  const auto take = [&](std::string_view piece) -> absl::Status {
    v1::KeyChange change;
    if (!change.ParseFromArray(piece.data(), static_cast<int>(piece.size()))) {
      return base::DataLossError("{}: this is no change of a key", path);
    }
    changes.push_back({change.sequence(), change.statement()});
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(ReadPieces(path, take).status());
  return changes;
}

absl::Status WriteKeyChanges(const Archive& archive, uint32_t city,
                             const std::vector<ledger::KeyChange>& changes) {
  const std::string path = archive.keys(city);
  if (changes.empty() && !base::FileExists(path)) return absl::OkStatus();
  const std::string unfinished = path + ".new";
  ASSIGN_OR_RETURN(PieceWriter file, PieceWriter::Open(unfinished, 0));
  for (const ledger::KeyChange& change : changes) {
    v1::KeyChange piece;
    piece.set_sequence(change.sequence);
    piece.set_statement(change.statement);
    RETURN_IF_ERROR(file.Write(piece.SerializeAsString()));
  }
  RETURN_IF_ERROR(file.Sync());
  return base::Rename(unfinished, path);
}

absl::StatusOr<CopiedKeys> ReadLogKeys(const Archive& archive,
                                       const LogPolicy& log) {
  CopiedKeys copied{log.key, ""};
  if (log.city == kProvinceLog) return copied;
  ASSIGN_OR_RETURN(const auto changes, ReadKeyChanges(archive, log.city));
  for (const ledger::KeyChange& change : changes) {
    const absl::Status added = copied.keys.Add(change, log.later_keys);
    if (added.ok()) continue;
    copied.problem = base::Message(added);
    if (absl::IsPermissionDenied(added)) {
      copied.problem +=
          "; if the province's act is known to you, name the new key in the "
          "policy (later_keys)";
    }
    break;
  }
  return copied;
}

absl::StatusOr<std::optional<CopiedHead>> NewestHead(const Archive& archive,
                                                     const LogPolicy& log) {
  std::optional<CopiedHead> newest;
  ASSIGN_OR_RETURN(const CopiedKeys copied, ReadLogKeys(archive, log));
  const auto take = [&](std::string_view note) -> absl::Status {
    ASSIGN_OR_RETURN(ledger::Checkpoint head, copied.keys.Open(note));
    if (!newest.has_value() || head.size >= newest->checkpoint.size) {
      newest = {std::move(head), std::string(note)};
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(ReadPieces(archive.checkpoints(log.city), take).status());
  return newest;
}

}  // namespace tongchou::audit
