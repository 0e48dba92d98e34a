// One import over the wire: files up, rejected rows and receipts down.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/connection.h"
#include "cli/import/import_files.h"
#include "tongchou/v1/node.pb.h"

namespace tongchou::cli {

// Called from one thread, in the order of arrival.
struct ImportEvents {
  std::function<void(size_t file, const v1::RejectedRow&)> rejected;
  std::function<void(const v1::ImportProgress&)> progress;
  std::function<void(const v1::ImportFileDone&)> file_done;
};

// Sends the command and its files. The size of the log when all is in it.
// FAILED_PRECONDITION when a file is no longer what it was; UNAVAILABLE when
// the node went away: the same command again goes on.
absl::StatusOr<uint64_t> StreamImport(const Connection& node,
                                      const v1::ImportBegin& begin,
                                      const std::vector<ImportSource>& files,
                                      const ImportEvents& events);

}  // namespace tongchou::cli
