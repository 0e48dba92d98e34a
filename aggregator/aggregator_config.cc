#include "aggregator/aggregator_config.h"

#include "common/base/config.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/records/division.h"

namespace tongchou::aggregator {

std::string AggregatorConfig::WitnessName() const {
  return "tongchou/" + province + "/witness";
}

std::string AggregatorConfig::Origin() const { return "tongchou/" + province; }

absl::StatusOr<AggregatorConfig> LoadAggregatorConfig(const std::string& path) {
  ASSIGN_OR_RETURN(base::Config file, base::Config::Load(path));
  AggregatorConfig config;
  config.province = file.TextOr("province", "360000");
  config.data = file.Path("data");
  config.witness_key = file.Path("witness_key");
  config.signing_key = file.Path("signing_key");
  config.sign_guard = file.Path("sign_guard");
  config.pseudonym_key = file.Path("pseudonym_key");
  config.listen = file.Text("listen");
  config.ops_listen = file.TextOr("ops_listen", "");
  config.log_level = file.TextOr("log_level", "info");
  config.tls = {file.Path("tls.ca"), file.Path("tls.certificate"),
                file.Path("tls.key")};
  std::map<std::string, std::string> keys;
  for (const std::string& city : file.Names("cities")) {
    keys[city] = file.Text("cities." + city);
  }
  RETURN_IF_ERROR(file.Finish());
  if (config.sign_guard.starts_with(config.data + "/")) {
    return base::InvalidArgumentError(
        "{}: sign_guard: must lie outside the data directory, or a restored "
        "backup brings an old guard with it",
        path);
  }
  for (const auto& [city, text] : keys) {
    const std::string where = path + ": cities." + city;
    const auto code = records::Divisions::Get().ParseCity(city);
    if (!code.ok()) return base::Annotate(code.status(), where);
    const auto key = ledger::ParseVerifierKey(text);
    if (!key.ok()) return base::Annotate(key.status(), where);
    if (key->name != ledger::CityOrigin(config.province, *code)) {
      return base::InvalidArgumentError("{}: this is the key of {}", where,
                                        key->name);
    }
    config.cities[*code] = *key;
  }
  return config;
}

}  // namespace tongchou::aggregator
