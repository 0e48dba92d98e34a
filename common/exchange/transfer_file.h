// Messages of the exchange in a file, for a stick:
//
//   "TCX1" (an export) or "TCA1" (an acknowledgement)
//   per message  length (u32 big-endian, not 0), message
//   0 (u32), SHA-256 over everything before it
//
// The checksum tells a file that was not copied whole; it proves nothing. What
// a file says is believed as far as the signatures in it go.
#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/sha256.h"

namespace google::protobuf {
class MessageLite;
}

namespace tongchou::exchange {

enum class TransferKind { kExport, kAcknowledgement };

// Of one message: a batch of one bundle with the largest transaction fits.
inline constexpr uint32_t kTransferMessageBytesMax = 64 << 20;

// Writes beside the file and puts it in place at the end, durably. Errors name
// the file: RESOURCE_EXHAUSTED when the disk is full.
class TransferWriter {
 public:
  static absl::StatusOr<std::unique_ptr<TransferWriter>> Create(
      const std::string& path, TransferKind kind);
  ~TransferWriter();
  TransferWriter(const TransferWriter&) = delete;
  TransferWriter& operator=(const TransferWriter&) = delete;

  absl::Status Add(const google::protobuf::MessageLite& message);
  // The file's bytes.
  absl::StatusOr<uint64_t> Finish();

 private:
  explicit TransferWriter(std::string path);
  absl::Status Write(std::string_view bytes);

  const std::string path_;
  const std::string temporary_;
  std::ofstream out_;
  base::Sha256Stream hash_;
  uint64_t bytes_ = 0;
};

class TransferReader {
 public:
  // Reads the whole file once. NOT_FOUND; INVALID_ARGUMENT when it is none of
  // this kind; DATA_LOSS when it is cut or was changed.
  static absl::StatusOr<std::unique_ptr<TransferReader>> Open(
      const std::string& path, TransferKind kind);

  // The next message; false behind the last.
  absl::StatusOr<bool> Next(google::protobuf::MessageLite* message);
  uint64_t size() const { return size_; }  // bytes
  uint64_t position() const { return position_; }

 private:
  explicit TransferReader(std::string path);
  absl::Status Check();
  absl::Status Read(size_t bytes, std::string* into);
  // Empty at the end of the messages.
  absl::StatusOr<std::string> NextBytes();
  absl::Status Rewind(TransferKind kind);

  const std::string path_;
  std::ifstream in_;
  base::Sha256Stream hash_;
  uint64_t size_ = 0;
  uint64_t position_ = 0;
};

}  // namespace tongchou::exchange
