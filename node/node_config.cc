#include "node/node_config.h"

#include "common/base/clock.h"
#include "common/base/config.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/records/division.h"

namespace tongchou::node {
namespace {

absl::Status CheckNode(const std::string& path, const NodeConfig& config) {
  if (config.province != std::to_string(records::kProvinceDivision)) {
    return base::InvalidArgumentError(
        "{}: province: this program knows the divisions of 360000 only", path);
  }
  if (!config.synthetic && !config.synthetic_seed.empty()) {
    return base::InvalidArgumentError(
        "{}: synthetic_seed: salts that can be guessed are for synthetic nodes "
        "only; leave it out",
        path);
  }
  if (!config.synthetic && config.clock_day != 0) {
    return base::InvalidArgumentError(
        "{}: clock: only a node with synthetic = true has a business clock",
        path);
  }
  return base::CheckOutsideData(
      path, config.data, config.sign_guard,
      {config.signing_key, config.witness_key, config.tls.key});
}

}  // namespace

std::string NodeConfig::Origin() const {
  return ledger::CityOrigin(province, city);
}

std::string NodeConfig::WitnessName() const { return Origin() + "/witness"; }

absl::StatusOr<NodeConfig> LoadNodeConfig(const std::string& path) {
  ASSIGN_OR_RETURN(base::Config file, base::Config::Load(path));
  NodeConfig config;
  config.province = file.TextOr("province", "360000");
  const std::string city = file.Text("city");
  config.data = file.Path("data");
  config.signing_key = file.Path("signing_key");
  config.sign_guard = file.Path("sign_guard");
  config.listen = file.Text("listen");
  config.ops_listen = file.TextOr("ops_listen", "");
  config.aggregator = file.TextOr("aggregator", "");
  config.witness = file.TextOr("witness", "");
  if (!config.aggregator.empty()) {
    config.province_key = file.Text("province_key");
    config.witness_key = file.Path("witness_key");
  } else {
    config.province_key = file.TextOr("province_key", "");
    config.witness_key = file.PathOr("witness_key");
  }
  config.log_level = file.TextOr("log_level", "info");
  config.tls = {file.Path("tls.ca"), file.Path("tls.certificate"),
                file.Path("tls.key")};
  config.synthetic = file.BoolOr("synthetic", false);
  const std::string clock = file.TextOr("clock", "");
  config.synthetic_seed = file.TextOr("synthetic_seed", "");
  RETURN_IF_ERROR(file.Finish());
  auto code = records::Divisions::Get().ParseCity(city);
  if (!code.ok()) return base::Annotate(code.status(), path + ": city");
  config.city = *code;
  if (!clock.empty()) {
    const auto day = base::ParseDay(clock);
    if (!day.ok()) return base::Annotate(day.status(), path + ": clock");
    config.clock_day = *day;
  }
  RETURN_IF_ERROR(CheckNode(path, config));
  return config;
}

}  // namespace tongchou::node
