// tongchou-aggregator: the province's server.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/synchronization/mutex.h"
#include "aggregator/aggregator.h"
#include "aggregator/backup_commands.h"
#include "aggregator/transfer_commands.h"
#include "common/base/descriptors.h"
#include "common/base/file.h"
#include "common/base/huge_pages.h"
#include "common/base/key_file.h"
#include "common/base/logging.h"
#include "common/base/sealer.h"
#include "common/base/status.h"
#include "common/base/stop_signal.h"
#include "common/ledger/backup_options.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/signer.h"

namespace tongchou::aggregator {
namespace {

int Fail(const absl::Status& status) {
  fmt::print(stderr, "tongchou-aggregator: {}\n", base::Message(status));
  return 1;
}

constexpr std::string_view kProgram = "tongchou-aggregator";
// What the load of a million records takes.
constexpr size_t kReservedBytes = 320 << 20;

absl::Status MakeKeys(const AggregatorConfig& config) {
  RETURN_IF_ERROR(base::MakeKeyFile(config.witness_key));
  RETURN_IF_ERROR(base::MakeKeyFile(config.signing_key));
  if (!base::FileExists(config.pseudonym_key)) {
    RETURN_IF_ERROR(base::MakeSealerKey(config.pseudonym_key));
  }
  ASSIGN_OR_RETURN(auto witness,
                   base::ReadKeyFile(config.witness_key, kProgram));
  ASSIGN_OR_RETURN(auto own, base::ReadKeyFile(config.signing_key, kProgram));
  fmt::print(
      "{}\n{}\n",
      ledger::Cosigner(config.WitnessName(), std::move(witness))
          .verifier()
          .ToText(),
      ledger::Signer(config.Origin(), std::move(own)).verifier().ToText());
  return absl::OkStatus();
}

// What the command line asks for beside serving.
struct Wanted {
  std::string config;
  bool rebuild_state = false;
  bool make_key = false;
  bool without_mirror = false;
  ledger::BackupOptions backup;
  // Of the import.
  std::string file;
  std::string acknowledgement;
};

void AddFlags(CLI::App* app, Wanted* wanted) {
  app->fallthrough();
  app->add_option("--config", wanted->config, "configuration file (TOML)");
  app->add_flag("--rebuild-state", wanted->rebuild_state,
                "forget the unified database and rebuild it from the journal");
  app->add_flag("--without-mirror", wanted->without_mirror,
                "for this start, do without the required mirror: a log that "
                "was lost here is not brought back, and heads are shown that "
                "nobody keeps a second time");
  app->add_flag("--make-key", wanted->make_key,
                "make the keys that are missing, print the public parts of the "
                "cosigning and the signing key, and end");
  app->footer(
      "Example:\n"
      "  tongchou-aggregator --config /etc/tongchou/aggregator.toml");
}

ledger::BackupWords BackupWords() {
  return {.program = "tongchou-aggregator",
          .server = "aggregator",
          .database = "journal",
          .to =
              "Directory of the backups, on another disk; made when it is not "
              "there",
          .line_end = "the own log",
          .config = "/etc/tongchou/aggregator.toml",
          .directory = "/mnt/backup/province"};
}

CLI::App* AddRestore(CLI::App* app, ledger::BackupOptions* options) {
  CLI::App* restore = app->add_subcommand(
      "restore",
      "Put a backup in place of the journal of an aggregator that does not "
      "run");
  restore
      ->add_option("--from", options->directory,
                   "A directory of backups; the data directory must hold no "
                   "journal")
      ->required()
      ->type_name("DIR");
  ledger::AddBackupNumber(restore, options);
  restore->footer(
      "At the next start the mirror gives back what the own log lacks, the "
      "cities send their\nentries, and the unified database is made anew.\n"
      "Example:\n"
      "  tongchou-aggregator restore --config /etc/tongchou/aggregator.toml "
      "\\\n"
      "      --from /mnt/backup/province");
  return restore;
}

CLI::App* AddImport(CLI::App* app, Wanted* wanted) {
  CLI::App* import = app->add_subcommand(
      "import",
      "Have the running aggregator take what tongchou-node export wrote");
  import->add_option("FILE", wanted->file, "The export")
      ->required()
      ->type_name("");
  import
      ->add_option("--acknowledgement", wanted->acknowledgement,
                   "Where the answer for the node goes (default: FILE.ack)")
      ->type_name("FILE");
  import->footer(
      "The checks are those of a live connection. What the province holds "
      "already is passed over.\n"
      "Example:\n"
      "  tongchou-aggregator import /media/stick/360100.export \\\n"
      "      --config /etc/tongchou/aggregator.toml");
  return import;
}

int Exit(const absl::Status& status) { return status.ok() ? 0 : Fail(status); }

int Serve(const AggregatorConfig& config, bool rebuild_state) {
  base::StopSignal stop;
  base::ReserveMemory(kReservedBytes);
  const auto aggregator = Aggregator::Start(config, rebuild_state);
  if (!aggregator.ok()) return Fail(aggregator.status());
  stop.Wait();
  return 0;
}

int Run(int argc, char** argv) {
  CLI::App app(
      "The province's server: verifies what the cities send and makes "
      "one database of it.");
  Wanted wanted;
  ledger::BackupOptions& backup = wanted.backup;
  AddFlags(&app, &wanted);
  const CLI::App* take = ledger::AddBackup(&app, BackupWords(), &backup);
  const CLI::App* show = ledger::AddBackups(&app, BackupWords(), &backup);
  const CLI::App* restore = AddRestore(&app, &backup);
  const CLI::App* import = AddImport(&app, &wanted);
  CLI11_PARSE(app, argc, argv);
  if (show->parsed()) {
    return Exit(PrintJournalBackups(backup.directory, backup.verify));
  }
  if (wanted.config.empty()) {
    return Fail(base::InvalidArgumentError("--config is required"));
  }
  auto config = LoadAggregatorConfig(wanted.config);
  if (!config.ok()) return Fail(config.status());
  if (wanted.without_mirror) config->mirror_required = false;
  base::StartLogging(config->log_level);
  base::RaiseDescriptorLimit();
  if (wanted.make_key) return Exit(MakeKeys(*config));
  if (take->parsed()) {
    return Exit(TakeJournalBackup(*config, backup.directory, backup.keep));
  }
  if (import->parsed()) {
    return Exit(ImportExport(*config, wanted.file,
                             wanted.acknowledgement.empty()
                                 ? wanted.file + ".ack"
                                 : wanted.acknowledgement));
  }
  if (restore->parsed()) {
    return Exit(RestoreJournalBackup(*config, backup.directory, backup.number));
  }
  return Serve(*config, wanted.rebuild_state);
}

}  // namespace
}  // namespace tongchou::aggregator

int main(int argc, char** argv) {
  tongchou::base::UseHugePages();
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return tongchou::aggregator::Run(argc, argv);
}
