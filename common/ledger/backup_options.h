// What both servers' command lines say about backups.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "common/ledger/backup.h"

namespace tongchou::ledger {

struct BackupOptions {
  std::string directory;
  uint32_t keep = kBackupsKept;
  uint32_t number = 0;  // 0 = the newest
  bool verify = false;
};

// What differs between the servers.
struct BackupWords {
  std::string program;    // tongchou-node
  std::string server;     // node
  std::string database;   // log
  std::string to;         // what --to is
  std::string line_end;   // what ends a line of `backups`
  std::string config;     // of the example
  std::string directory;  // likewise
};

// `backup --to DIR [--keep N]`.
CLI::App* AddBackup(CLI::App* app, const BackupWords& words,
                    BackupOptions* options);
// `backups DIR [--verify]`.
CLI::App* AddBackups(CLI::App* app, const BackupWords& words,
                     BackupOptions* options);
// `--backup NUMBER` of `restore`.
CLI::Option* AddBackupNumber(CLI::App* restore, BackupOptions* options);

}  // namespace tongchou::ledger
