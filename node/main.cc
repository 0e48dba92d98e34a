// tongchou-node: the city's server.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "common/base/descriptors.h"
#include "common/base/file.h"
#include "common/base/huge_pages.h"
#include "common/base/key_file.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/base/stop_signal.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/signer.h"
#include "node/join.h"
#include "node/log_key.h"
#include "node/node.h"
#include "node/read_back.h"
#include "node/restore.h"

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

// Keys that are there stay: a log keeps its key.
absl::Status MakeKeys(const NodeConfig& config) {
  for (const std::string& path : {config.signing_key, config.witness_key}) {
    if (path.empty() || base::FileExists(path)) continue;
    RETURN_IF_ERROR(base::WritePrivateFileDurably(
        path, base::Ed25519PrivateKey::Generate().ToPem()));
  }
  ASSIGN_OR_RETURN(const ledger::Signer signer, LoadSigner(config));
  fmt::print("{}\n", signer.verifier().ToText());
  if (config.witness_key.empty()) return absl::OkStatus();
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

// One line that counts on a terminal, some lines in a log file.
class ProgressLine {
 public:
  void Show(const RestoreProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    const bool last = progress.entries == progress.size;
    if (!last && now - shown_ < (terminal_ ? kTerminalEvery : kFileEvery)) {
      return;
    }
    shown_ = now;
    fmt::print(stderr, "{}restoring: {} of {} entries{}", terminal_ ? "\r" : "",
               progress.entries, progress.size, terminal_ && !last ? "" : "\n");
  }

 private:
  static constexpr std::chrono::milliseconds kTerminalEvery{100};
  static constexpr std::chrono::milliseconds kFileEvery{10'000};
  const bool terminal_ = isatty(STDERR_FILENO) != 0;
  std::chrono::steady_clock::time_point shown_;
};

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
  ProgressLine line;
  ASSIGN_OR_RETURN(
      const RestoreSummary done,
      Restore(config, PatientOpener(config, &stop),
              [&](const RestoreProgress& progress) { line.Show(progress); }));
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

void Prepare(const NodeConfig& config) {
  base::StartLogging(config.log_level);
  const absl::Status raised = base::RaiseDescriptorLimit();
  if (!raised.ok()) spdlog::warn("{}", base::Message(raised));
}

int Run(int argc, char** argv) {
  CLI::App app(
      "The city's server: keeps the city's records in a verifiable "
      "log and carries it to the province.");
  std::string path;
  bool rebuild_state = false;
  bool make_key = false;
  bool rotate_key = false;
  bool restore = false;
  app.add_option("--config", path, "configuration file (TOML)");
  app.add_flag("--rebuild-state", rebuild_state,
               "forget the derived state and rebuild it from the log");
  app.add_flag("--make-key", make_key,
               "make the keys that are missing, print the public parts of the "
               "log's key and the witness key, and end");
  app.add_flag("--rotate-key", rotate_key,
               "make the log's next key, print its public part and end; the "
               "node, running or started later, changes to it by an entry "
               "signed by both");
  app.add_flag("--restore", restore,
               "bring the log back from the province and end, as a start does "
               "by itself after a lost disk or an old copy; the node must not "
               "run");
  JoinOptions join_options;
  const CLI::App* join = AddJoin(&app, &join_options);
  app.footer(
      "Example:\n"
      "  tongchou-node join --token TOKEN --province province.example:7002 \\\n"
      "      --dir /etc/tongchou --host node.nanchang.example\n"
      "  tongchou-node --config /etc/tongchou/node.toml");
  CLI11_PARSE(app, argc, argv);
  if (join->parsed()) return RunJoin(join_options);
  if (path.empty()) {
    return Fail(base::InvalidArgumentError("--config is required"));
  }
  base::StopSignal stop;
  const auto config = LoadNodeConfig(path);
  if (!config.ok()) return Fail(config.status());
  Prepare(*config);
  if (make_key) {
    const absl::Status made = MakeKeys(*config);
    return made.ok() ? 0 : Fail(made);
  }
  if (rotate_key) {
    const absl::Status made = RotateKey(*config);
    return made.ok() ? 0 : Fail(made);
  }
  if (restore) {
    const absl::Status restored = RestoreLog(*config);
    return restored.ok() ? 0 : Fail(restored);
  }
  base::ReserveMemory(kReservedBytes);
  const auto node = Node::Start(*config, rebuild_state);
  if (!node.ok()) return Fail(node.status());
  stop.Wait();
  return 0;
}

}  // namespace
}  // namespace tongchou::node

int main(int argc, char** argv) {
  tongchou::base::UseHugePages();
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return tongchou::node::Run(argc, argv);
}
