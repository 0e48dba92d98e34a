#include "audit/verified_log.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "common/base/file.h"
#include "common/base/status.h"

namespace tongchou::audit {
namespace {

constexpr std::string_view kFormat = "tongchou-audit verified 1";
constexpr std::string_view kUnfinished = ".new";

absl::Status Unusable(const std::string& path, std::string_view why) {
  return base::FailedPreconditionError(
      "{}: {}; verify without --resume, which leaves a new one", path, why);
}

// SHA-256 over the last bytes before `end`; of what is there.
base::Hash TailOf(const std::string& path, uint64_t end) {
  const uint64_t bytes = std::min(end, kReadTailBytes);
  std::string tail(bytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(end - bytes));
  file.read(tail.data(), static_cast<std::streamsize>(bytes));
  tail.resize(static_cast<size_t>(file.gcount()));
  return base::Sha256(tail);
}

bool IsSame(const v1::ReadPart& read, const std::string& path) {
  return TailOf(path, read.bytes()).view() == read.tail();
}

// Pieces: facts, the changes, SHA-256 over all of these.
absl::Status ReadParts(const std::string& path, VerifiedPart* part) {
  base::Sha256Stream digest;
  std::string held;  // the digest is the last piece
  size_t pieces = 0;
  const auto take = [&](std::string_view piece) -> absl::Status {
    if (pieces == 1 && !part->facts.ParseFromString(held)) {
      return Unusable(path, "it is damaged");
    }
    if (pieces > 1) RETURN_IF_ERROR(part->changes.Decode(held));
    if (pieces > 0) digest.Update(held);
    held = piece;
    ++pieces;
    return absl::OkStatus();
  };
  const auto read = ReadPieces(path, take);
  if (!read.ok() || pieces < 2 || digest.Finish().view() != held) {
    return Unusable(path, "it is damaged");
  }
  return absl::OkStatus();
}

}  // namespace

base::Hash VerifiedTerms(const Policy& policy, Bodies bodies) {
  std::string text = fmt::format(
      "{}\n{}\n{}\n{}\n{} {} {} {}\n", kFormat, policy.province,
      policy.witness.ToText(), policy.own.key.ToText(), policy.quorum,
      policy.city_quorum, policy.synthetic_clock, bodies == Bodies::kRedacted);
  for (const ledger::VerifierKey& key : policy.witnesses) {
    text += key.ToText() + "\n";
  }
  for (const auto& [city, log] : policy.cities) {
    text += fmt::format("{} {}\n", city, log.key.ToText());
    for (const ledger::VerifierKey& later : log.later_keys) {
      text += later.ToText() + "\n";
    }
  }
  return base::Sha256(text);
}

absl::Status SaveVerified(const Archive& archive, uint32_t city,
                          v1::VerifiedLog facts, const LastChanges& changes) {
  const std::string path = archive.verified(city);
  const auto mark = [](const std::string& file, v1::ReadPart* part) {
    part->set_tail(std::string(TailOf(file, part->bytes()).view()));
  };
  mark(archive.bundles(city), facts.mutable_bundles());
  mark(archive.checkpoints(city), facts.mutable_checkpoints());
  const std::string folder = std::filesystem::path(path).parent_path().string();
  RETURN_IF_ERROR(base::MakeDirectories(folder));
  const std::string unfinished = path + std::string(kUnfinished);
  ASSIGN_OR_RETURN(PieceWriter file, PieceWriter::Open(unfinished, 0));
  base::Sha256Stream digest;
  const auto write = [&](std::string_view piece) {
    digest.Update(piece);
    return file.Write(piece);
  };
  RETURN_IF_ERROR(write(facts.SerializeAsString()));
  RETURN_IF_ERROR(changes.Encode(write));
  RETURN_IF_ERROR(file.Write(digest.Finish().view()));
  RETURN_IF_ERROR(file.Sync());
  RETURN_IF_ERROR(base::Rename(unfinished, path));
  return base::SyncDirectory(folder);
}

absl::StatusOr<std::optional<VerifiedPart>> LoadVerified(
    const Archive& archive, uint32_t city, const base::Hash& terms) {
  const std::string path = archive.verified(city);
  if (!base::FileExists(path)) return std::nullopt;
  VerifiedPart part;
  RETURN_IF_ERROR(ReadParts(path, &part));
  if (part.facts.terms() != terms.view()) {
    return Unusable(path,
                    "it was made under another policy or for another "
                    "kind of copy");
  }
  if (!IsSame(part.facts.bundles(), archive.bundles(city)) ||
      !IsSame(part.facts.checkpoints(), archive.checkpoints(city))) {
    return Unusable(path, "the copy is not the one that it is about");
  }
  return part;
}

absl::Status ForgetVerified(const Archive& archive, uint32_t city) {
  return base::RemoveAll(archive.verified(city));
}

}  // namespace tongchou::audit
