#include "common/exchange/transfer_file.h"

#include <fcntl.h>
#include <google/protobuf/message_lite.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "common/base/big_endian.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace tongchou::exchange {
namespace {

constexpr size_t kMagicBytes = 4;
constexpr size_t kLengthBytes = 4;
constexpr size_t kHashBytes = 32;

std::string_view MagicOf(TransferKind kind) {
  return kind == TransferKind::kExport ? "TCX1" : "TCA1";
}

std::string_view CommandOf(TransferKind kind) {
  return kind == TransferKind::kExport ? "tongchou-node export"
                                       : "tongchou-aggregator import";
}

absl::Status FileError(std::string_view action, const std::string& path) {
  const int error = errno;
  if (error == ENOSPC) {
    return base::ResourceExhaustedError("{}: the disk is full", path);
  }
  return base::InternalError("cannot {} {}: {}", action, path,
                             std::strerror(error));
}

absl::Status Sync(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return FileError("open", path);
  const int failed = ::fsync(file);
  const absl::Status status =
      failed == 0 ? absl::OkStatus() : FileError("sync", path);
  ::close(file);
  return status;
}

}  // namespace

TransferWriter::TransferWriter(std::string path)
    : path_(std::move(path)),
      temporary_(path_ + ".new"),
      out_(temporary_, std::ios::binary | std::ios::trunc) {}

TransferWriter::~TransferWriter() {
  if (!out_.is_open()) return;
  out_.close();
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);
}

absl::StatusOr<std::unique_ptr<TransferWriter>> TransferWriter::Create(
    const std::string& path, TransferKind kind) {
  std::unique_ptr<TransferWriter> writer(new TransferWriter(path));
  if (!writer->out_) return FileError("create", path);
  RETURN_IF_ERROR(writer->Write(MagicOf(kind)));
  return writer;
}

absl::Status TransferWriter::Write(std::string_view bytes) {
  hash_.Update(bytes);
  bytes_ += bytes.size();
  out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return out_ ? absl::OkStatus() : FileError("write", path_);
}

absl::Status TransferWriter::Add(const google::protobuf::MessageLite& message) {
  const std::string bytes = message.SerializeAsString();
  TONGCHOU_CHECK(!bytes.empty() && bytes.size() <= kTransferMessageBytesMax);
  std::string length;
  base::AppendBigEndian<kLengthBytes>(bytes.size(), &length);
  RETURN_IF_ERROR(Write(length));
  return Write(bytes);
}

absl::StatusOr<uint64_t> TransferWriter::Finish() {
  RETURN_IF_ERROR(Write(std::string(kLengthBytes, '\0')));
  const base::Hash hash = hash_.Finish();
  RETURN_IF_ERROR(Write(hash.view()));
  out_.close();
  if (!out_) return FileError("write", path_);
  RETURN_IF_ERROR(Sync(temporary_));
  RETURN_IF_ERROR(base::Rename(temporary_, path_));
  const std::string parent =
      std::filesystem::path(path_).parent_path().string();
  RETURN_IF_ERROR(base::SyncDirectory(parent.empty() ? "." : parent));
  return bytes_;
}

TransferReader::TransferReader(std::string path)
    : path_(std::move(path)), in_(path_, std::ios::binary) {}

absl::StatusOr<std::unique_ptr<TransferReader>> TransferReader::Open(
    const std::string& path, TransferKind kind) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) {
    return base::NotFoundError("cannot read {}: {}", path, error.message());
  }
  std::unique_ptr<TransferReader> reader(new TransferReader(path));
  reader->size_ = size;
  RETURN_IF_ERROR(reader->Rewind(kind));
  RETURN_IF_ERROR(reader->Check());
  RETURN_IF_ERROR(reader->Rewind(kind));
  return reader;
}

absl::Status TransferReader::Rewind(TransferKind kind) {
  in_.clear();
  in_.seekg(0);
  position_ = 0;
  hash_ = base::Sha256Stream();
  std::string magic;
  if (!Read(kMagicBytes, &magic).ok() || magic != MagicOf(kind)) {
    return base::InvalidArgumentError("{}: is no file of {}", path_,
                                      CommandOf(kind));
  }
  hash_.Update(magic);
  return absl::OkStatus();
}

absl::Status TransferReader::Read(size_t bytes, std::string* into) {
  if (bytes > size_ - position_) {
    return base::DataLossError(
        "{}: ends at byte {} in the middle of what begins at {}: it was not "
        "copied whole; copy it again",
        path_, size_, position_);
  }
  into->resize(bytes);
  in_.read(into->data(), static_cast<std::streamsize>(bytes));
  if (!in_) return FileError("read", path_);
  position_ += bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::string> TransferReader::NextBytes() {
  std::string bytes;
  RETURN_IF_ERROR(Read(kLengthBytes, &bytes));
  hash_.Update(bytes);
  const uint64_t length = base::ReadBigEndian(bytes);
  if (length > kTransferMessageBytesMax) {
    return base::DataLossError(
        "{}: a message of {} bytes at byte {}, {} are the most: it was changed "
        "on its way; copy it again",
        path_, length, position_, kTransferMessageBytesMax);
  }
  RETURN_IF_ERROR(Read(length, &bytes));
  hash_.Update(bytes);
  return bytes;
}

absl::Status TransferReader::Check() {
  while (true) {
    ASSIGN_OR_RETURN(const std::string bytes, NextBytes());
    if (bytes.empty()) break;
  }
  const base::Hash hash = hash_.Finish();
  std::string stored;
  RETURN_IF_ERROR(Read(kHashBytes, &stored));
  if (stored == hash.view() && position_ == size_) return absl::OkStatus();
  return base::DataLossError(
      "{}: its checksum is another: it was changed on its way; copy it again",
      path_);
}

absl::StatusOr<bool> TransferReader::Next(
    google::protobuf::MessageLite* message) {
  ASSIGN_OR_RETURN(const std::string bytes, NextBytes());
  if (bytes.empty()) return false;
  if (message->ParseFromString(bytes)) return true;
  return base::DataLossError("{}: the message before byte {} cannot be read",
                             path_, position_);
}

}  // namespace tongchou::exchange
