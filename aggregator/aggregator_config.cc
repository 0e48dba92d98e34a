#include "aggregator/aggregator_config.h"

#include <functional>

#include "common/base/config.h"
#include "common/base/status.h"
#include "common/ledger/checkpoint.h"
#include "common/records/division.h"

namespace tongchou::aggregator {

namespace {

using Keys = std::map<uint32_t, ledger::VerifierKey>;

// City to key; the key's name must be that of the city.
absl::StatusOr<Keys> ParseKeys(
    const std::string& where, const std::map<std::string, std::string>& texts,
    const std::function<std::string(uint32_t)>& name_of) {
  Keys keys;
  for (const auto& [city, text] : texts) {
    const auto code = records::Divisions::Get().ParseCity(city);
    if (!code.ok()) return base::Annotate(code.status(), where + city);
    const auto key = ledger::ParseVerifierKey(text);
    if (!key.ok()) return base::Annotate(key.status(), where + city);
    if (key->name != name_of(*code)) {
      return base::InvalidArgumentError("{}{}: this is the key of {}", where,
                                        city, key->name);
    }
    keys[*code] = *key;
  }
  return keys;
}

}  // namespace

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
  config.join_listen = file.TextOr("join.listen", "");
  config.authority = file.PathOr("join.authority");
  config.authority_key = file.PathOr("join.authority_key");
  config.mirror_required = file.BoolOr("mirror.required", false);
  const auto read_keys = [&file](const std::string& table) {
    std::map<std::string, std::string> keys;
    for (const std::string& city : file.Names(table)) {
      keys[city] = file.Text(table + "." + city);
    }
    return keys;
  };
  const auto keys = read_keys("cities");
  const auto witnesses = read_keys("witnesses");
  RETURN_IF_ERROR(file.Finish());
  if (config.authority.empty() != config.authority_key.empty() ||
      (config.authority.empty() && !config.join_listen.empty())) {
    return base::InvalidArgumentError(
        "{}: join: authority and authority_key belong together, and listen "
        "needs them",
        path);
  }
  RETURN_IF_ERROR(
      base::CheckOutsideData(path, config.data, config.sign_guard,
                             {config.signing_key, config.witness_key,
                              config.pseudonym_key, config.tls.key}));
  ASSIGN_OR_RETURN(config.cities,
                   ParseKeys(path + ": cities.", keys, [&](uint32_t city) {
                     return ledger::CityOrigin(config.province, city);
                   }));
  ASSIGN_OR_RETURN(
      config.witnesses,
      ParseKeys(path + ": witnesses.", witnesses, [&](uint32_t city) {
        return ledger::CityOrigin(config.province, city) + "/witness";
      }));
  return config;
}

}  // namespace tongchou::aggregator
