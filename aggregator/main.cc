// tongchou-aggregator: the province's server.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/synchronization/mutex.h"
#include "aggregator/aggregator.h"
#include "common/base/descriptors.h"
#include "common/base/file.h"
#include "common/base/huge_pages.h"
#include "common/base/key_file.h"
#include "common/base/logging.h"
#include "common/base/sealer.h"
#include "common/base/status.h"
#include "common/base/stop_signal.h"
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

// Keys that are there stay: nodes and auditors know them.
absl::Status MakeKeys(const AggregatorConfig& config) {
  for (const std::string& path : {config.witness_key, config.signing_key}) {
    if (base::FileExists(path)) continue;
    RETURN_IF_ERROR(base::WritePrivateFileDurably(
        path, base::Ed25519PrivateKey::Generate().ToPem()));
  }
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

int Run(int argc, char** argv) {
  CLI::App app(
      "The province's server: verifies what the cities send and makes "
      "one database of it.");
  std::string path;
  bool rebuild_state = false;
  bool make_key = false;
  bool without_mirror = false;
  app.add_option("--config", path, "configuration file (TOML)")->required();
  app.add_flag("--rebuild-state", rebuild_state,
               "forget the unified database and rebuild it from the journal");
  app.add_flag("--without-mirror", without_mirror,
               "for this start, do without the required mirror: a log that was "
               "lost here is not brought back, and heads are shown that nobody "
               "keeps a second time");
  app.add_flag("--make-key", make_key,
               "make the keys that are missing, print the public parts of the "
               "cosigning and the signing key, and end");
  CLI11_PARSE(app, argc, argv);
  base::StopSignal stop;
  auto config = LoadAggregatorConfig(path);
  if (!config.ok()) return Fail(config.status());
  if (without_mirror) config->mirror_required = false;
  base::StartLogging(config->log_level);
  if (const absl::Status raised = base::RaiseDescriptorLimit(); !raised.ok()) {
    spdlog::warn("{}", base::Message(raised));
  }
  if (make_key) {
    const absl::Status made = MakeKeys(*config);
    return made.ok() ? 0 : Fail(made);
  }
  base::ReserveMemory(kReservedBytes);
  const auto aggregator = Aggregator::Start(*config, rebuild_state);
  if (!aggregator.ok()) return Fail(aggregator.status());
  stop.Wait();
  return 0;
}

}  // namespace
}  // namespace tongchou::aggregator

int main(int argc, char** argv) {
  tongchou::base::UseHugePages();
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return tongchou::aggregator::Run(argc, argv);
}
