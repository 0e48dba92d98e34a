#include "common/base/status.h"

#include <cstdio>
#include <cstdlib>

namespace tongchou::base {

std::string Describe(const absl::Status& status) {
  return fmt::format("{}: {}", absl::StatusCodeToString(status.code()),
                     Message(status));
}

absl::Status Annotate(const absl::Status& status, std::string_view where) {
  if (status.ok()) return status;
  return MakeStatus(status.code(),
                    fmt::format("{}: {}", where, Message(status)));
}

void Panic(std::string_view file, int line, std::string_view what) {
  fmt::print(stderr, "{}:{}: invariant broken: {}\n", file, line, what);
  std::abort();
}

}  // namespace tongchou::base
