// Rejected rows as a file that opens in a spreadsheet: UTF-8 with byte order
// mark, CSV with CR LF.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/records/text_encoding.h"
#include "tongchou/v1/node.pb.h"

namespace tongchou::cli {

// The file comes into being with the first row, under a temporary name beside
// `path`; Finish renames it. Without Finish it goes away. Not thread-safe.
class RejectsFile {
 public:
  explicit RejectsFile(std::string path);
  ~RejectsFile();
  RejectsFile(const RejectsFile&) = delete;
  RejectsFile& operator=(const RejectsFile&) = delete;

  // The first error is kept and comes back from Finish. `encoding` is that of
  // the imported file.
  void Add(const std::string& file_name, records::Encoding encoding,
           const v1::RejectedRow& row);
  absl::Status Finish();
  // Removes the file of an earlier import at `path`; false when there is none.
  // A file that no import wrote stays.
  absl::StatusOr<bool> RemoveOld() const;

  uint64_t rows() const { return rows_; }
  const std::string& path() const { return path_; }

 private:
  void Write(const std::string& text);
  void Open();

  const std::string path_;
  const std::string temporary_;
  std::FILE* file_ = nullptr;
  uint64_t rows_ = 0;
  absl::Status status_;
};

}  // namespace tongchou::cli
