#include "aggregator/backup_commands.h"

#include <algorithm>
#include <memory>

#include "aggregator/journal/journal.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/ledger/backup_command.h"
#include "common/transport/backup_call.h"
#include "tongchou/v1/admin.grpc.pb.h"

namespace tongchou::aggregator {
namespace {

absl::StatusOr<std::string> Describe(const Journal& journal) {
  uint64_t entries = 0;
  int64_t newest_us = 0;
  for (const uint32_t city : journal.cities()) {
    ASSIGN_OR_RETURN(const exchange::CityCopy copy, journal.City(city));
    entries += copy.range.size();
    newest_us = std::max(newest_us, copy.last_commit_time_us);
  }
  std::string text =
      fmt::format("{} entries of {} cities", entries, journal.cities().size());
  if (entries > 0) text += " until " + base::FormatChinaTime(newest_us);
  const ledger::LogHead own = journal.own_log().Head();
  return fmt::format("{}, own log {} entries, root {}", text, own.size(),
                     base::HexEncode(own.range.Root().view()));
}

absl::StatusOr<std::string> DescribeAsItLies(const ledger::Backup& backup) {
  JournalOptions options;
  options.directory = backup.database_name;
  options.file_system = backup.file_system;
  options.read_only = true;
  ASSIGN_OR_RETURN(const auto journal, Journal::Open(options));
  return Describe(*journal);
}

ledger::BackedUp Kind() { return {kJournalFormat, DescribeAsItLies}; }

}  // namespace

absl::Status TakeJournalBackup(const AggregatorConfig& config,
                               const std::string& directory, uint32_t keep) {
  ledger::BackupCommand command;
  command.directory = ledger::MakeAbsolute(directory);
  command.data = config.data;
  command.keep = keep;
  const auto write = [&](const ledger::BackupProgress& progress) {
    return transport::AskForBackup<v1::Admin>(
        config.listen, config.tls, {base::Role::kAggregator, config.province},
        command.directory, progress);
  };
  return ledger::TakeBackup(command, write, Kind());
}

absl::Status PrintJournalBackups(const std::string& directory, bool verify) {
  return ledger::PrintBackups(ledger::MakeAbsolute(directory), verify, Kind());
}

absl::Status RestoreJournalBackup(const AggregatorConfig& config,
                                  const std::string& directory,
                                  uint32_t number) {
  RETURN_IF_ERROR(base::MakeDirectories(config.data));
  ledger::RestoreCommand command;
  command.directory = ledger::MakeAbsolute(directory);
  command.number = number;
  command.origin = config.Origin();
  command.database = config.data + "/journal";
  command.format = kJournalFormat;
  return ledger::PutBackupInPlace(
      command, [&](const std::string& path) -> absl::StatusOr<std::string> {
        JournalOptions options;
        options.directory = path;
        ASSIGN_OR_RETURN(const auto journal, Journal::Open(options));
        // What is derived is made anew.
        RETURN_IF_ERROR(base::RemoveAll(config.data + "/state"));
        return Describe(*journal);
      });
}

}  // namespace tongchou::aggregator
