// tongchou-node: the city's server.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "common/base/descriptors.h"
#include "common/base/huge_pages.h"
#include "common/base/key_file.h"
#include "common/base/logging.h"
#include "common/base/progress_line.h"
#include "common/base/status.h"
#include "common/base/stop_signal.h"
#include "common/ledger/backup_options.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/signer.h"
#include "node/backup_commands.h"
#include "node/join.h"
#include "node/log_key.h"
#include "node/node.h"
#include "node/read_back.h"
#include "node/restore.h"
#include "node/transfer_commands.h"

namespace tongchou::node {
namespace {

// What a load that goes as fast as it can takes.
constexpr size_t kReservedBytes = 32 << 20;
constexpr auto kRestorePatience = std::chrono::seconds(10);
constexpr auto kRestoreRetry = std::chrono::milliseconds(500);

int Fail(const absl::Status& status) {
  fmt::print(stderr, "tongchou-node: {}\n", base::Message(status));
  return 1;
}

absl::Status MakeKeys(const NodeConfig& config) {
  RETURN_IF_ERROR(base::MakeKeyFile(config.signing_key));
  ASSIGN_OR_RETURN(const ledger::Signer signer, LoadSigner(config));
  fmt::print("{}\n", signer.verifier().ToText());
  if (config.witness_key.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(base::MakeKeyFile(config.witness_key));
  ASSIGN_OR_RETURN(auto witness,
                   base::ReadKeyFile(config.witness_key, "tongchou-node"));
  fmt::print("{}\n", ledger::Cosigner(config.WitnessName(), std::move(witness))
                         .verifier()
                         .ToText());
  return absl::OkStatus();
}

absl::Status RotateKey(const NodeConfig& config) {
  ASSIGN_OR_RETURN(const ledger::VerifierKey next, MakeNextKey(config));
  fmt::print("{}\n", next.ToText());
  fmt::print(stderr,
             "the node changes to it by itself while it is connected; when "
             "{}.next is gone, that is done: copy {} into the safe\n",
             config.signing_key, config.signing_key);
  return absl::OkStatus();
}

// The province gives nothing back until the node has been silent for some
// seconds.
ReadBackOpener PatientOpener(const NodeConfig& config, ReadBackStop* stop) {
  const auto until = std::chrono::steady_clock::now() + kRestorePatience;
  return [&config, stop, until](uint64_t from_size) {
    while (true) {
      auto source = OpenReadBack(config, from_size, stop);
      if (!absl::IsUnavailable(source.status()) ||
          std::chrono::steady_clock::now() > until) {
        return source;
      }
      std::this_thread::sleep_for(kRestoreRetry);
    }
  };
}

absl::Status RestoreLog(const NodeConfig& config) {
  RETURN_IF_ERROR(CheckReadBack(config));
  ReadBackStop stop;
  base::ProgressLine line("restoring", base::kEntries);
  ASSIGN_OR_RETURN(const RestoreSummary done,
                   Restore(config, PatientOpener(config, &stop),
                           [&](const RestoreProgress& progress) {
                             line.Show(progress.entries, progress.size);
                           }));
  if (done.nothing_to_do) {
    fmt::print(
        "nothing to restore: the log has all {} entries that the "
        "province holds\n",
        done.entries);
  } else {
    fmt::print(
        "restored {} entries in {:.1f} s ({:.0f} a second), every one "
        "verified\n",
        done.fetched, done.seconds,
        static_cast<double>(done.fetched) / done.seconds);
    if (done.fetched < done.entries) {
      fmt::print("the {} before them were here\n", done.entries - done.fetched);
    }
  }
  if (done.added_again > 0) {
    fmt::print("added {} entries again that only the old log had\n",
               done.added_again);
  }
  if (!done.old_log.empty()) {
    fmt::print("the old log lies in {}; remove it when nothing is missed\n",
               done.old_log);
  }
  return absl::OkStatus();
}

CLI::App* AddJoin(CLI::App* app, JoinOptions* options) {
  CLI::App* join = app->add_subcommand(
      "join", "Become a city's node with the province's token");
  join->add_option("--token", options->token,
                   "The 68 characters of tongchou city add")
      ->required();
  join->add_option("--province", options->province,
                   "HOST:PORT of the province's door for new nodes")
      ->required();
  join->add_option("--dir", options->directory,
                   "Gets node.toml, keys and certificates")
      ->required();
  join->add_option("--listen", options->listen,
                   "HOST:PORT at which the node will serve")
      ->default_val("0.0.0.0:7001");
  join->add_option("--host", options->hosts,
                   "Names and addresses by which clients reach it (default: "
                   "localhost)");
  return join;
}

int RunJoin(const JoinOptions& options) {
  const auto config = Join(options);
  if (!config.ok()) return Fail(config.status());
  fmt::print("joined; start it with\n  tongchou-node --config {}\n", *config);
  return 0;
}

ledger::BackupWords BackupWords() {
  return {.program = "tongchou-node",
          .server = "node",
          .database = "log",
          .to =
              "Directory of this node's backups, on another disk; made when it "
              "is not there",
          .line_end = "root",
          .config = "/etc/tongchou/node.toml",
          .directory = "/mnt/backup/360100"};
}

CLI::App* AddRestore(CLI::App* app, ledger::BackupOptions* options) {
  CLI::App* restore = app->add_subcommand(
      "restore",
      "Bring the log of a node that does not run back from the province, or "
      "from a backup");
  CLI::Option* from =
      restore
          ->add_option("--from", options->directory,
                       "A directory of backups; the data directory must hold "
                       "no log. Without it: from the province")
          ->type_name("DIR");
  ledger::AddBackupNumber(restore, options)->needs(from);
  restore->footer(
      "A start does the same by itself with the province's copy, after a lost "
      "disk or an old\ncopy; also behind a backup, what came later is fetched "
      "at the next start.\n"
      "Examples:\n"
      "  tongchou-node restore --config /etc/tongchou/node.toml\n"
      "  tongchou-node restore --config /etc/tongchou/node.toml \\\n"
      "      --from /mnt/backup/360100 --backup 12");
  return restore;
}

// What the commands that replace the line were given.
struct TransferOptions {
  std::string file;
  std::optional<uint64_t> from;
};

CLI::App* AddExport(CLI::App* app, TransferOptions* options) {
  CLI::App* command = app->add_subcommand(
      "export",
      "Have the running node write what the province lacks into a file");
  command->add_option("--to", options->file, "The file, on a stick")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--from", options->from,
                   "What lies behind so many entries (default: behind what the "
                   "province has acknowledged)")
      ->type_name("SIZE");
  command->footer(
      "For a city without its line. The file holds personal data: keep the "
      "stick as the data\nare kept.\n"
      "Example:\n"
      "  tongchou-node export --config /etc/tongchou/node.toml \\\n"
      "      --to /media/stick/360100.export");
  return command;
}

CLI::App* AddAccept(CLI::App* app, TransferOptions* options) {
  CLI::App* command = app->add_subcommand(
      "accept", "Give the running node the province's acknowledgement");
  command
      ->add_option("FILE", options->file,
                   "What tongchou-aggregator import wrote")
      ->required()
      ->type_name("");
  command->footer(
      "Example:\n"
      "  tongchou-node accept /media/stick/360100.export.ack \\\n"
      "      --config /etc/tongchou/node.toml");
  return command;
}

void Prepare(const NodeConfig& config) {
  base::StartLogging(config.log_level);
  base::RaiseDescriptorLimit();
}

// What the command line asks for beside serving.
struct Wanted {
  std::string config;
  bool rebuild_state = false;
  bool restore = false;
  bool make_key = false;
  bool rotate_key = false;
  JoinOptions join;
  ledger::BackupOptions backup;
  TransferOptions transfer;
};

void AddFlags(CLI::App* app, Wanted* wanted) {
  app->fallthrough();
  app->add_option("--config", wanted->config, "configuration file (TOML)");
  app->add_flag("--rebuild-state", wanted->rebuild_state,
                "forget the derived state and rebuild it from the log");
  app->add_flag("--restore", wanted->restore,
                "bring the log of a node that does not run back from the "
                "province, and end; the same as `restore`");
  app->add_flag("--make-key", wanted->make_key,
                "make the keys that are missing, print the public parts of the "
                "log's key and the witness key, and end");
  app->add_flag("--rotate-key", wanted->rotate_key,
                "make the log's next key, print its public part and end; the "
                "node, running or started later, changes to it by an entry "
                "signed by both");
  app->footer(
      "Example:\n"
      "  tongchou-node join --token TOKEN --province province.example:7002 \\\n"
      "      --dir /etc/tongchou --host node.nanchang.example\n"
      "  tongchou-node --config /etc/tongchou/node.toml");
}

int Exit(const absl::Status& status) { return status.ok() ? 0 : Fail(status); }

int Serve(const NodeConfig& config, bool rebuild_state) {
  base::StopSignal stop;
  base::ReserveMemory(kReservedBytes);
  const auto node = Node::Start(config, rebuild_state);
  if (!node.ok()) return Fail(node.status());
  stop.Wait();
  return 0;
}

int Run(int argc, char** argv) {
  CLI::App app(
      "The city's server: keeps the city's records in a verifiable "
      "log and carries it to the province.");
  Wanted wanted;
  ledger::BackupOptions& backup = wanted.backup;
  AddFlags(&app, &wanted);
  const CLI::App* join = AddJoin(&app, &wanted.join);
  const CLI::App* take = ledger::AddBackup(&app, BackupWords(), &backup);
  const CLI::App* show = ledger::AddBackups(&app, BackupWords(), &backup);
  const CLI::App* restore = AddRestore(&app, &backup);
  const CLI::App* to_stick = AddExport(&app, &wanted.transfer);
  const CLI::App* accept = AddAccept(&app, &wanted.transfer);
  CLI11_PARSE(app, argc, argv);
  if (join->parsed()) return RunJoin(wanted.join);
  if (show->parsed()) {
    return Exit(PrintLogBackups(backup.directory, backup.verify));
  }
  if (wanted.config.empty()) {
    return Fail(base::InvalidArgumentError("--config is required"));
  }
  const auto config = LoadNodeConfig(wanted.config);
  if (!config.ok()) return Fail(config.status());
  Prepare(*config);
  if (wanted.make_key) return Exit(MakeKeys(*config));
  if (wanted.rotate_key) return Exit(RotateKey(*config));
  if (take->parsed()) {
    return Exit(TakeLogBackup(*config, backup.directory, backup.keep));
  }
  if (to_stick->parsed()) {
    return Exit(ExportLog(*config, wanted.transfer.file, wanted.transfer.from));
  }
  if (accept->parsed()) {
    return Exit(AcceptAcknowledgement(*config, wanted.transfer.file));
  }
  if (!wanted.restore && !restore->parsed()) {
    return Serve(*config, wanted.rebuild_state);
  }
  return Exit(backup.directory.empty()
                  ? RestoreLog(*config)
                  : RestoreLogBackup(*config, backup.directory, backup.number));
}

}  // namespace
}  // namespace tongchou::node

int main(int argc, char** argv) {
  tongchou::base::UseHugePages();
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return tongchou::node::Run(argc, argv);
}
