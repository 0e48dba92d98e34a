#include "cli/import/rejects_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "cli/table.h"
#include "common/base/status.h"

namespace tongchou::cli {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeader = "file,line,column,value,code,text,row\r\n";

std::string Start() {
  return std::string(records::kUtf8ByteOrderMark).append(kHeader);
}

bool HasHeader(const std::string& path) {
  const std::string start = Start();
  std::string found(start.size(), '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(found.data(), static_cast<std::streamsize>(found.size()));
  return file.good() && found == start;
}

}  // namespace

RejectsFile::RejectsFile(std::string path)
    : path_(std::move(path)), temporary_(path_ + ".part") {}

RejectsFile::~RejectsFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::remove(temporary_.c_str());
}

void RejectsFile::Open() {
  file_ = std::fopen(temporary_.c_str(), "wb");
  if (file_ == nullptr) {
    status_ = base::FailedPreconditionError(
        "{}: cannot be written: {}; name another place with --rejects",
        temporary_, std::strerror(errno));
    return;
  }
  Write(Start());
}

void RejectsFile::Write(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), file_) == text.size()) return;
  status_.Update(base::ResourceExhaustedError(
      "{}: cannot be written: {}; make room and run the command again",
      temporary_, std::strerror(errno)));
}

void RejectsFile::Add(const std::string& file_name, records::Encoding encoding,
                      const v1::RejectedRow& row) {
  ++rows_;
  if (!status_.ok()) return;
  if (file_ == nullptr) Open();
  if (!status_.ok()) return;
  std::string line;
  AppendCsvLine(
      {file_name, std::to_string(row.line()), row.column(), row.value(),
       row.code(), row.text(), records::ToUtf8Lossy(row.raw(), encoding)},
      kLineEnd, &line);
  Write(line);
}

absl::StatusOr<bool> RejectsFile::RemoveOld() const {
  if (!HasHeader(path_)) return false;
  if (std::remove(path_.c_str()) == 0) return true;
  return base::FailedPreconditionError(
      "{}: is of an earlier import and cannot be removed: {}; remove it", path_,
      std::strerror(errno));
}

absl::Status RejectsFile::Finish() {
  if (file_ == nullptr) return status_;
  if (std::fclose(std::exchange(file_, nullptr)) != 0) {
    status_.Update(base::ResourceExhaustedError(
        "{}: cannot be written: {}; make room and run the command again",
        temporary_, std::strerror(errno)));
  }
  if (status_.ok() && std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    status_ = base::FailedPreconditionError(
        "{}: cannot be replaced: {}; name another place with --rejects", path_,
        std::strerror(errno));
  }
  if (!status_.ok()) std::remove(temporary_.c_str());
  return status_;
}

}  // namespace tongchou::cli
