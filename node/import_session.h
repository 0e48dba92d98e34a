// One import command: files one after another, rows to the sequencer, a receipt
// per file. A command that was cut off is taken up again by sending it once
// more: what it had written is recognised by its receipt numbers, finished
// files answer with their receipt, and log and receipts become what they would
// have been.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/ledger/log_store.h"
#include "node/commit_clock.h"
#include "node/record_index.h"
#include "node/record_reader.h"
#include "node/sequencer.h"
#include "tongchou/v1/node.pb.h"

namespace tongchou::node {

// Rows that go to the sequencer together.
inline constexpr size_t kImportGroupRows = 2'048;
// Groups under way.
inline constexpr size_t kImportGroupsMax = 4;
// Rejected rows of one response.
inline constexpr int kRejectedPerResponse = 200;
inline constexpr int kImportFilesMax = 1'000;
inline constexpr size_t kFileNameCharactersMax = 255;

struct ImportContext {
  uint32_t city = 0;
  bool synthetic = false;
  ledger::LogStore* log = nullptr;
  RecordIndex* index = nullptr;
  RecordReader* reader = nullptr;
  Sequencer* sequencer = nullptr;
  const CommitClock* clock = nullptr;
};

struct ImportCaller {
  uint64_t actor = 0;
  std::string name;  // as the certificate says
};

// Thread-confined. One object at a time: the caller holds the import lock.
class ImportSession {
 public:
  using Send = std::function<void(const v1::ImportResponse&)>;

  // Checks the command, ends one that was interrupted, or takes this one up
  // again. INVALID_ARGUMENT for an unknown type, profile or encoding.
  static absl::StatusOr<std::unique_ptr<ImportSession>> Begin(
      const ImportContext& context, const ImportCaller& caller,
      const v1::ImportBegin& begin, Send send);
  virtual ~ImportSession() = default;

  // The next bytes of the current file. DATA_LOSS when a file's bytes are not
  // those of the manifest.
  virtual absl::Status Data(std::string_view bytes) = 0;
  // After the last file. INVALID_ARGUMENT when bytes are missing.
  virtual absl::Status Finish() = 0;
};

}  // namespace tongchou::node
