// tongchou-aggregator: the province's server.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/synchronization/mutex.h"
#include "aggregator/aggregator.h"
#include "common/base/file.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/base/stop_signal.h"
#include "common/ledger/cosignature.h"

namespace tongchou::aggregator {
namespace {

int Fail(const absl::Status& status) {
  fmt::print(stderr, "tongchou-aggregator: {}\n", base::Message(status));
  return 1;
}

absl::Status MakeKey(const AggregatorConfig& config) {
  if (base::FileExists(config.witness_key)) {
    return base::AlreadyExistsError(
        "{} exists; the nodes know it, so it is left as it is",
        config.witness_key);
  }
  const auto key = base::Ed25519PrivateKey::Generate();
  RETURN_IF_ERROR(
      base::WritePrivateFileDurably(config.witness_key, key.ToPem()));
  fmt::print("{}\n",
             ledger::Cosigner(config.WitnessName(), key).verifier().ToText());
  return absl::OkStatus();
}

int Run(int argc, char** argv) {
  CLI::App app(
      "The province's server: verifies what the cities send and makes "
      "one database of it.");
  std::string path;
  bool rebuild_state = false;
  bool make_key = false;
  app.add_option("--config", path, "configuration file (TOML)")->required();
  app.add_flag("--rebuild-state", rebuild_state,
               "forget the unified database and rebuild it from the journal");
  app.add_flag("--make-key", make_key,
               "make the cosigning key, print its public part, and end");
  CLI11_PARSE(app, argc, argv);
  base::StopSignal stop;
  const auto config = LoadAggregatorConfig(path);
  if (!config.ok()) return Fail(config.status());
  base::StartLogging(config->log_level);
  if (make_key) {
    const absl::Status made = MakeKey(*config);
    return made.ok() ? 0 : Fail(made);
  }
  const auto aggregator = Aggregator::Start(*config, rebuild_state);
  if (!aggregator.ok()) return Fail(aggregator.status());
  stop.Wait();
  return 0;
}

}  // namespace
}  // namespace tongchou::aggregator

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return tongchou::aggregator::Run(argc, argv);
}
