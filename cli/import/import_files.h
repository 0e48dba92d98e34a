// Which files an import command sends, and in which order.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/sha256.h"
#include "common/records/profile.h"
#include "common/records/text_encoding.h"

namespace tongchou::cli {

struct ImportSource {
  std::string path;
  std::string name;  // without folder
  std::string type;
  // Found by DigestFiles.
  uint64_t bytes = 0;
  base::Hash sha256;
  records::Encoding encoding = records::Encoding::kGb18030;
};

struct ImportPlan {
  // By type in the order of the schema, then by name.
  std::vector<ImportSource> files;
  std::vector<std::string> unclaimed;  // paths that no record type claims
};

// A directory stands for its files, without folders and without `leave_out`
// (the rejects of an earlier import). NOT_FOUND names a path that is not there.
absl::StatusOr<ImportPlan> PlanImport(const std::vector<std::string>& paths,
                                      const records::Profile& profile,
                                      const std::string& leave_out);

// Reads every file for size, SHA-256 and encoding: `encoding` unless it starts
// with a byte order mark. `progress` is called with the bytes read so far.
absl::Status DigestFiles(records::Encoding encoding,
                         const std::function<void(uint64_t bytes)>& progress,
                         std::vector<ImportSource>* files);

// Visits the file's bytes in pieces of at most kPieceBytes, until false comes
// back.
inline constexpr size_t kPieceBytes = size_t{1} << 20;
absl::Status ReadPieces(const std::string& path,
                        const std::function<bool(std::string_view)>& visit);

}  // namespace tongchou::cli
