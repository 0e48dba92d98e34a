#include "common/ledger/backup_options.h"

#include <fmt/format.h>

namespace tongchou::ledger {

CLI::App* AddBackup(CLI::App* app, const BackupWords& words,
                    BackupOptions* options) {
  CLI::App* backup = app->add_subcommand(
      "backup",
      fmt::format(
          "Have the running {} write a backup of its {}, and read it back",
          words.server, words.database));
  backup->add_option("--to", options->directory, words.to)
      ->required()
      ->type_name("DIR");
  backup
      ->add_option("--keep", options->keep,
                   "How many stay; the oldest go once the new one holds")
      ->check(CLI::Range(1u, kBackupsKeptMax))
      ->capture_default_str();
  backup->footer(fmt::format(
      "Files that an earlier backup has are not copied again. Keys and the "
      "sign guard are in none.\n"
      "Example:\n"
      "  {} backup --config {} \\\n"
      "      --to {} --keep 14",
      words.program, words.config, words.directory));
  return backup;
}

CLI::App* AddBackups(CLI::App* app, const BackupWords& words,
                     BackupOptions* options) {
  CLI::App* backups = app->add_subcommand(
      "backups", "Show what each backup in a directory holds");
  backups->add_option("DIR", options->directory, "The directory of --to")
      ->required()
      ->type_name("");
  backups->add_flag("--verify", options->verify,
                    "Read every file and compare the checksums");
  backups->footer(fmt::format(
      "A line each: number, time, size, whose, entries, the last one's time, "
      "{}.\n"
      "Example:\n"
      "  {} backups {} --verify",
      words.line_end, words.program, words.directory));
  return backups;
}

CLI::Option* AddBackupNumber(CLI::App* restore, BackupOptions* options) {
  return restore
      ->add_option("--backup", options->number,
                   "Which one (default: the newest)")
      ->check(CLI::PositiveNumber)
      ->type_name("NUMBER");
}

}  // namespace tongchou::ledger
