// What an interrupted import command has left behind: its fact in the log and
// the entries that carry its receipt numbers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/ledger/log_store.h"
#include "node/record_reader.h"
#include "tongchou/v1/node.pb.h"

namespace tongchou::node {

// Durable from the first row to the last receipt of a command.
struct ImportFact {
  std::string command_sha256;
  uint64_t start_size = 0;
  uint32_t first_receipt = 0;
  uint32_t files = 0;
  std::string begin;  // the command, serialised

  std::string Encode() const;
  static absl::StatusOr<ImportFact> Decode(const std::string& bytes);
};

// The command as one hash: files, mode and options.
std::string CommandSha256(const v1::ImportBegin& begin);

struct WrittenRow {
  uint64_t fingerprint = 0;
  v1::ChangeResult result = v1::CHANGE_RESULT_UNSPECIFIED;
};

// Everything that the command has written so far.
struct ImportPast {
  // By receipt number; rows by record key.
  struct OneFile {
    absl::flat_hash_map<std::string, WrittenRow> rows;
    uint64_t inserted = 0;
    uint64_t updated = 0;
    uint64_t deleted = 0;
    std::optional<v1::ImportReceipt> receipt;
    uint64_t receipt_sequence = 0;
  };
  std::map<uint32_t, OneFile> files;
};

absl::StatusOr<ImportPast> ReadImportPast(const ImportFact& fact,
                                          const ledger::LogStore& log,
                                          RecordReader* reader);

// The number that the next receipt gets.
absl::StatusOr<uint32_t> NextReceipt(const ledger::LogStore& log);

}  // namespace tongchou::node
