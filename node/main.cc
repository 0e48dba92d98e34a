// tongchou-node: the city's server.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/synchronization/mutex.h"
#include "common/base/file.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/base/stop_signal.h"
#include "common/ledger/signer.h"
#include "node/node.h"

namespace tongchou::node {
namespace {

int Fail(const absl::Status& status) {
  fmt::print(stderr, "tongchou-node: {}\n", base::Message(status));
  return 1;
}

absl::Status MakeKey(const NodeConfig& config) {
  if (base::FileExists(config.signing_key)) {
    return base::AlreadyExistsError(
        "{} exists; a log keeps its key, so it is left as it is",
        config.signing_key);
  }
  const auto key = base::Ed25519PrivateKey::Generate();
  RETURN_IF_ERROR(
      base::WritePrivateFileDurably(config.signing_key, key.ToPem()));
  fmt::print("{}\n", ledger::Signer(config.Origin(), key).verifier().ToText());
  return absl::OkStatus();
}

int Run(int argc, char** argv) {
  CLI::App app(
      "The city's server: keeps the city's records in a verifiable "
      "log and carries it to the province.");
  std::string path;
  bool rebuild_state = false;
  bool make_key = false;
  app.add_option("--config", path, "configuration file (TOML)")->required();
  app.add_flag("--rebuild-state", rebuild_state,
               "forget the derived state and rebuild it from the log");
  app.add_flag("--make-key", make_key,
               "make the log's signing key, print its public part, and end");
  CLI11_PARSE(app, argc, argv);
  base::StopSignal stop;
  const auto config = LoadNodeConfig(path);
  if (!config.ok()) return Fail(config.status());
  base::StartLogging(config->log_level);
  if (make_key) {
    const absl::Status made = MakeKey(*config);
    return made.ok() ? 0 : Fail(made);
  }
  const auto node = Node::Start(*config, rebuild_state);
  if (!node.ok()) return Fail(node.status());
  stop.Wait();
  return 0;
}

}  // namespace
}  // namespace tongchou::node

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return tongchou::node::Run(argc, argv);
}
