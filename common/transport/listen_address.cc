#include "common/transport/listen_address.h"

#include <charconv>

#include "common/base/status.h"

namespace tongchou::transport {
namespace {

constexpr int kPortMax = 65535;

bool SplitHost(const std::string& text, std::string& host) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    host = text.substr(1, text.size() - 2);
    return true;
  }
  host = text;
  return !host.empty() && host.find_first_of("[]:/") == std::string::npos;
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text) {
  ListenAddress address;
  const size_t colon = text.rfind(':');
  bool valid = colon != std::string::npos &&
               SplitHost(text.substr(0, colon), address.host);
  if (valid) {
    const char* const end = text.data() + text.size();
    const auto [rest, error] =
        std::from_chars(text.data() + colon + 1, end, address.port);
    valid = error == std::errc() && rest == end && address.port >= 0 &&
            address.port <= kPortMax;
  }
  if (valid) return address;
  return base::InvalidArgumentError(
      "{}: not an address to listen on; write HOST:PORT, e.g. 0.0.0.0:7443",
      text);
}

std::string LocalAddress(const ListenAddress& listens) {
  std::string host = listens.host;
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  const bool brackets = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", host,
                     brackets ? "]" : "", listens.port);
}

absl::Status CannotListenError(const std::string& text, int port) {
  return base::FailedPreconditionError(
      "{}: port {} is taken, or the address is not one of this machine; free "
      "the port or listen elsewhere",
      text, port);
}

}  // namespace tongchou::transport
