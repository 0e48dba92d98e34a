// Becoming a city's node: keys made here, the rest from the province.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace tongchou::node {

// Bytes of the disk that must be free for a node to begin: the log's reserve
// and as much as it and its state take at first.
inline constexpr uint64_t kJoinFreeBytesMin = uint64_t{256} << 20;

struct JoinOptions {
  std::string token;               // as tongchou city add printed it
  std::string province;            // HOST:PORT of the province's door
  std::string listen;              // HOST:PORT at which the node will serve
  std::vector<std::string> hosts;  // names by which it is reached
  std::string directory;           // gets node.toml, keys and certificates
};

// The path of node.toml; with it the node starts. Keys that are in the
// directory already are taken, so that it can be done again after an error of
// the network. The token is spent only when the directory can be written and
// its disk has kJoinFreeBytesMin; an error after that says what to do without
// it. ALREADY_EXISTS when there is a node.toml. PERMISSION_DENIED when the
// token is not good, or the other end is not the province that gave it.
absl::StatusOr<std::string> Join(const JoinOptions& options);

}  // namespace tongchou::node
