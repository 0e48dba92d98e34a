// Where a server listens, as configurations write it.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace tongchou::transport {

struct ListenAddress {
  std::string host;  // without the brackets of IPv6
  int port = 0;      // 0: any free one
};

// IPv6 addresses need their brackets:
// "127.0.0.1:7443", "localhost:0", "[::1]:7443". INVALID_ARGUMENT otherwise.
absl::StatusOr<ListenAddress> ParseListenAddress(const std::string& text);

// Where a program on the same machine reaches a server that listens there.
std::string LocalAddress(const ListenAddress& listens);

// FAILED_PRECONDITION: the port is taken.
absl::Status CannotListenError(const std::string& text, int port);

}  // namespace tongchou::transport
