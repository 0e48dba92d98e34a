#include "node/backup_commands.h"

#include <memory>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/ledger/backup_command.h"
#include "common/ledger/log_store.h"
#include "common/transport/backup_call.h"
#include "tongchou/v1/node.grpc.pb.h"

namespace tongchou::node {
namespace {

std::string Describe(const ledger::LogStore& log) {
  const ledger::LogHead head = log.Head();
  if (head.size() == 0) return "0 entries";
  return fmt::format("{} entries until {}, root {}", head.size(),
                     base::FormatChinaTime(head.last_commit_time_us),
                     base::HexEncode(head.range.Root().view()));
}

absl::StatusOr<std::string> DescribeAsItLies(const ledger::Backup& backup) {
  ledger::LogStoreOptions options;
  options.directory = backup.database_name;
  options.file_system = backup.file_system;
  options.read_only = true;
  ASSIGN_OR_RETURN(const auto log, ledger::LogStore::Open(options));
  return Describe(*log);
}

ledger::BackedUp Kind() { return {ledger::kLogFormat, DescribeAsItLies}; }

}  // namespace

absl::Status TakeLogBackup(const NodeConfig& config,
                           const std::string& directory, uint32_t keep) {
  ledger::BackupCommand command;
  command.directory = ledger::MakeAbsolute(directory);
  command.data = config.data;
  command.keep = keep;
  const auto write = [&](const ledger::BackupProgress& progress) {
    return transport::AskForBackup<v1::Node>(
        config.listen, config.tls,
        {base::Role::kCityNode, fmt::format("{:06}", config.city)},
        command.directory, progress);
  };
  return ledger::TakeBackup(command, write, Kind());
}

absl::Status PrintLogBackups(const std::string& directory, bool verify) {
  return ledger::PrintBackups(ledger::MakeAbsolute(directory), verify, Kind());
}

absl::Status RestoreLogBackup(const NodeConfig& config,
                              const std::string& directory, uint32_t number) {
  RETURN_IF_ERROR(base::MakeDirectories(config.data));
  ledger::RestoreCommand command;
  command.directory = ledger::MakeAbsolute(directory);
  command.number = number;
  command.origin = config.Origin();
  command.database = config.data + "/log";
  command.format = ledger::kLogFormat;
  return ledger::PutBackupInPlace(
      command, [&](const std::string& path) -> absl::StatusOr<std::string> {
        ledger::LogStoreOptions options;
        options.directory = path;
        ASSIGN_OR_RETURN(const auto log, ledger::LogStore::Open(options));
        // What is derived is made anew.
        RETURN_IF_ERROR(base::RemoveAll(config.data + "/state"));
        return Describe(*log);
      });
}

}  // namespace tongchou::node
