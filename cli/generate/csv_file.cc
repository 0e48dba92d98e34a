#include "cli/generate/csv_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "common/base/status.h"

namespace tongchou::cli {
namespace {

constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr size_t kLongestRow = 4096;

bool IsAscii(std::string_view text) {
  unsigned char all = 0;
  for (const char c : text) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

const iconv_t kNoConverter = reinterpret_cast<iconv_t>(-1);

}  // namespace

CsvRow& CsvRow::Number(uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  text_.append(digits, static_cast<size_t>(end - digits));
  return End();
}

CsvRow& CsvRow::Money(int64_t fen) {
  if (fen < 0) text_ += '-';
  const uint64_t amount = static_cast<uint64_t>(fen < 0 ? -fen : fen);
  char digits[24];
  char* end = std::to_chars(digits, digits + 20, amount / 100).ptr;
  *end++ = '.';
  *end++ = static_cast<char>('0' + amount / 10 % 10);
  *end++ = static_cast<char>('0' + amount % 10);
  text_.append(digits, static_cast<size_t>(end - digits));
  return End();
}

CsvRow& CsvRow::Rate(uint32_t rate) {
  char digits[6] = {static_cast<char>('0' + rate / 10000), '.'};
  for (int i = 5; i > 1; --i) {
    digits[i] = static_cast<char>('0' + rate % 10);
    rate /= 10;
  }
  text_.append(digits, sizeof(digits));
  return End();
}

CsvFile::CsvFile(const std::string& path, const Dirt& dirt,
                 const std::optional<Dirt>& first_dirt)
    : path_(path),
      dirt_(dirt),
      first_dirt_(first_dirt),
      converter_(iconv_open("GB18030", "UTF-8")) {
  pending_.reserve(kPieceBytes + kLongestRow);
}

CsvFile::~CsvFile() {
  if (file_ != nullptr) std::fclose(file_);
  if (converter_ != kNoConverter) iconv_close(converter_);
}

absl::StatusOr<std::unique_ptr<CsvFile>> CsvFile::Create(
    const std::string& path, const Layout& layout, const Dirt& dirt,
    const std::optional<Dirt>& first_dirt) {
  std::unique_ptr<CsvFile> file(new CsvFile(path, dirt, first_dirt));
  if (file->converter_ == kNoConverter) {
    return base::FailedPreconditionError(
        "this system cannot convert UTF-8 to GB18030; install the gconv "
        "modules of the C library");
  }
  file->file_ = std::fopen(path.c_str(), "wb");
  if (file->file_ == nullptr) {
    return base::FailedPreconditionError("{}: cannot be written: {}", path,
                                         std::strerror(errno));
  }
  std::setvbuf(file->file_, nullptr, _IONBF, 0);
  file->Line(layout.Header());
  return file;
}

void CsvFile::Write(const CsvRow& row, bool stored) {
  ++counts_.rows;
  if (!dirt_.Strikes()) return Line(row.Line());
  const Dirt::Result result = dirt_.Spoil(row, stored);
  if (result.repaired) {
    ++counts_.repaired[std::string(result.kind)];
  } else {
    ++counts_.broken[std::string(result.kind)];
  }
  if (result.extra) {
    ++counts_.rows;
    Line(row.Line());
  }
  Line(result.line);
}

void CsvFile::Line(std::string_view line) {
  pending_.append(line).append("\r\n");
  if (pending_.size() >= kPieceBytes) Flush();
}

void CsvFile::Compare(bool exists, bool exists_later) {
  if (!exists && exists_later) ++counts_.inserted;
  if (exists && !exists_later) ++counts_.deleted;
  if (exists && exists_later && row_.Line() != later_row_.Line()) {
    ++counts_.updated;
  }
}

void CsvFile::Flush() {
  if (IsAscii(pending_)) {
    converted_.swap(pending_);
  } else {
    status_.Update(Convert());
  }
  std::replace(converted_.begin(), converted_.end(), Dirt::kBadByteMark,
               Dirt::kBadByte);
  Output(converted_);
  pending_.clear();
}

absl::Status CsvFile::Convert() {
  converted_.resize(pending_.size() * 2);
  char* from = pending_.data();
  char* to = converted_.data();
  size_t left = pending_.size();
  size_t room = converted_.size();
  if (iconv(converter_, &from, &left, &to, &room) == static_cast<size_t>(-1)) {
    return base::InternalError("{}: conversion to GB18030 failed: {}", path_,
                               std::strerror(errno));
  }
  converted_.resize(converted_.size() - room);
  return absl::OkStatus();
}

void CsvFile::Output(std::string_view bytes) {
  if (!status_.ok()) return;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
    status_ = base::ResourceExhaustedError(
        "{}: cannot be written: {}; make room and start again", path_,
        std::strerror(errno));
  }
  counts_.bytes += bytes.size();
}

absl::Status CsvFile::Close() {
  if (!pending_.empty()) Flush();
  if (std::fclose(file_) != 0 && status_.ok()) {
    status_ = base::ResourceExhaustedError(
        "{}: cannot be closed: {}; make room and start again", path_,
        std::strerror(errno));
  }
  file_ = nullptr;
  return status_;
}

}  // namespace tongchou::cli
