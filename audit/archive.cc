#include "audit/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/base/status.h"

namespace tongchou::audit {
namespace {

constexpr size_t kWriteBufferBytes = 1 << 20;
constexpr size_t kReadBufferBytes = 1 << 20;
constexpr size_t kLengthBytes = 4;

absl::Status FileError(std::string_view what, const std::string& path) {
  const int error = errno;
  if (error == ENOENT) {
    return base::NotFoundError("{}: no such file; fetch first", path);
  }
  if (error == ENOSPC) {
    return base::ResourceExhaustedError(
        "{}: the disk is full; free space and run fetch again", path);
  }
  return base::UnavailableError("{} {}: {}", what, path, std::strerror(error));
}

uint32_t DecodeLength(const char* bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return value;
}

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

PieceWriter::PieceWriter(std::string path, int descriptor)
    : path_(std::move(path)), descriptor_(descriptor) {}

PieceWriter::PieceWriter(PieceWriter&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      buffer_(std::move(other.buffer_)) {}

PieceWriter& PieceWriter::operator=(PieceWriter&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

PieceWriter::~PieceWriter() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<PieceWriter> PieceWriter::Open(const std::string& path,
                                              uint64_t keep_bytes) {
  const int descriptor =
      open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return FileError("cannot open", path);
  PieceWriter writer(path, descriptor);
  if (ftruncate(descriptor, static_cast<off_t>(keep_bytes)) != 0 ||
      lseek(descriptor, 0, SEEK_END) < 0) {
    return FileError("cannot continue", path);
  }
  return writer;
}

absl::Status PieceWriter::Write(std::string_view piece) {
  if (piece.size() > kPieceBytesMax) {
    return base::ResourceExhaustedError("{}: a piece of {} bytes is too long",
                                        path_, piece.size());
  }
  for (int shift = 24; shift >= 0; shift -= 8) {
    buffer_.push_back(static_cast<char>(piece.size() >> shift & 0xff));
  }
  buffer_.append(piece);
  return buffer_.size() < kWriteBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status PieceWriter::Flush() {
  size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t n =
        write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError("cannot write", path_);
    done += static_cast<size_t>(n);
  }
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status PieceWriter::Sync() {
  RETURN_IF_ERROR(Flush());
  if (fsync(descriptor_) != 0) return FileError("cannot sync", path_);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ReadPieces(
    const std::string& path,
    const std::function<absl::Status(std::string_view)>& visit, uint64_t from) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT) return 0;
    return FileError("cannot open", path);
  }
  if (lseek(file.get(), static_cast<off_t>(from), SEEK_SET) < 0) {
    return FileError("cannot read", path);
  }
  std::string buffer;
  size_t begin = 0;
  uint64_t whole = from;
  while (true) {
    while (buffer.size() - begin >= kLengthBytes) {
      const uint32_t length = DecodeLength(buffer.data() + begin);
      if (length > kPieceBytesMax) {
        return base::DataLossError(
            "{}: impossible length {} at byte {}; delete the file and fetch "
            "again",
            path, length, whole);
      }
      if (buffer.size() - begin - kLengthBytes < length) break;
      RETURN_IF_ERROR(
          visit(std::string_view(buffer).substr(begin + kLengthBytes, length)));
      begin += kLengthBytes + length;
      whole += kLengthBytes + length;
    }
    buffer.erase(0, begin);
    begin = 0;
    const size_t old_size = buffer.size();
    buffer.resize(old_size + kReadBufferBytes);
    const ssize_t n =
        read(file.get(), buffer.data() + old_size, kReadBufferBytes);
    if (n < 0 && errno != EINTR) return FileError("cannot read", path);
    buffer.resize(old_size + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n == 0) return whole;
  }
}

std::string LogName(uint32_t city) {
  return city == kProvinceLog ? "province" : fmt::format("{:06}", city);
}

bool Archive::HasProvinceLog() const {
  return std::filesystem::exists(bundles(kProvinceLog));
}

std::string Archive::city_directory(uint32_t city) const {
  return directory_ + "/" + LogName(city);
}

std::string Archive::bundles(uint32_t city) const {
  return city_directory(city) + "/bundles";
}

std::string Archive::checkpoints(uint32_t city) const {
  return city_directory(city) + "/checkpoints";
}

std::string Archive::keys(uint32_t city) const {
  return city_directory(city) + "/keys";
}

std::string Archive::verified(uint32_t city) const {
  return directory_ + "/verified/" + LogName(city);
}

std::string Archive::claims_directory() const { return directory_ + "/claims"; }

std::string Archive::claimed_records() const {
  return claims_directory() + "/records";
}

std::string Archive::claimed_figures() const {
  return claims_directory() + "/figures";
}

absl::StatusOr<std::vector<uint32_t>> Archive::Cities() const {
  std::error_code error;
  std::filesystem::directory_iterator entries(directory_, error);
  if (error) {
    return base::NotFoundError(
        "{}: {}; name the directory that fetch wrote with --dir", directory_,
        error.message());
  }
  std::vector<uint32_t> cities;
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    uint32_t city = 0;
    const auto [end, failed] =
        std::from_chars(name.data(), name.data() + name.size(), city);
    if (failed == std::errc() && end == name.data() + name.size() &&
        name.size() == 6) {
      cities.push_back(city);
    }
  }
  std::sort(cities.begin(), cities.end());
  return cities;
}

}  // namespace tongchou::audit
