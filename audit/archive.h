// An auditor's own copy of the logs and of what the province claims:
//
//   DIR/FORMAT               common/base/store_format.h
//   DIR/360100/bundles       bundles as received, each behind its length
//   DIR/360100/checkpoints   signed notes as received, likewise
//   DIR/360100/keys          changes of the log's key, where there were any
//   DIR/province/...         the same of the province's own log
//   DIR/claims/records       the unified database's records
//   DIR/claims/figures       its figures
//   DIR/verified/360100      what an earlier verify proved (verified_log.h)
//
// Every file is a sequence of pieces: length (u32 big-endian), bytes. A piece
// that was cut off while it was written is dropped when the copy is continued.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/store_format.h"

namespace tongchou::audit {

inline constexpr base::StoreFormat kCopyFormat{"audit-copy", 1};

// Longest piece: a bundle of the largest transaction, or a page of claims.
inline constexpr uint32_t kPieceBytesMax = 64u << 20;

// Stands where a city's code does, for the province's own log.
inline constexpr uint32_t kProvinceLog = 0;
// "360100", or "province".
std::string LogName(uint32_t city);

// One writer at a time.
class PieceWriter {
 public:
  // Opens for appending; what is behind `keep_bytes` is cut off.
  static absl::StatusOr<PieceWriter> Open(const std::string& path,
                                          uint64_t keep_bytes);
  PieceWriter(PieceWriter&& other) noexcept;
  PieceWriter& operator=(PieceWriter&& other) noexcept;
  ~PieceWriter();

  absl::Status Write(std::string_view piece);
  // Hands everything written so far to the operating system.
  absl::Status Flush();
  // Everything written so far survives power loss after OK.
  absl::Status Sync();

 private:
  PieceWriter(std::string path, int descriptor);

  std::string path_;
  int descriptor_ = -1;
  std::string buffer_;
};

// Calls `visit` with every whole piece until it fails; its error is returned.
// The number of bytes in whole pieces comes back: what follows is a torn tail.
// A file that does not exist has none. DATA_LOSS for an impossible length.
// Bytes before `from`, where a piece begins, are passed over and counted.
absl::StatusOr<uint64_t> ReadPieces(
    const std::string& path,
    const std::function<absl::Status(std::string_view)>& visit,
    uint64_t from = 0);
// What a piece takes in a file.
inline uint64_t PieceBytes(std::string_view piece) { return 4 + piece.size(); }

// Paths inside the copy.
class Archive {
 public:
  explicit Archive(std::string directory) : directory_(std::move(directory)) {}

  // Before it is read, or written to: CheckStoreFormat and OpenStoreFormat.
  absl::Status Check() const {
    return base::CheckStoreFormat(directory_, kCopyFormat);
  }
  absl::Status Begin() const {
    return base::OpenStoreFormat(directory_, kCopyFormat);
  }

  std::string bundles(uint32_t city) const;
  std::string checkpoints(uint32_t city) const;
  std::string keys(uint32_t city) const;
  std::string city_directory(uint32_t city) const;
  std::string verified(uint32_t city) const;
  std::string claimed_records() const;
  std::string claimed_figures() const;
  std::string claims_directory() const;
  bool HasProvinceLog() const;
  // Cities of which there is a copy, by code.
  absl::StatusOr<std::vector<uint32_t>> Cities() const;

 private:
  std::string directory_;
};

}  // namespace tongchou::audit
