#include "common/transport/grpc_status.h"

#include <string>
#include <string_view>

#include "common/base/status.h"

namespace tongchou::transport {
namespace {

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

std::string Shortened(std::string_view text) {
  if (text.size() <= kStatusMessageBytesMax) return std::string(text);
  size_t size = kStatusMessageBytesMax;
  while (size > 0 && IsContinuation(text[size])) --size;
  return std::string(text.substr(0, size));
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      Shortened(base::Message(status)));
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const int code = status.error_code();
  const bool known = code > 0 && code <= grpc::StatusCode::UNAUTHENTICATED;
  return base::MakeStatus(
      known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown,
      status.error_message());
}

}  // namespace tongchou::transport
