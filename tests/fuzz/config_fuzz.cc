// Configurations of any bytes: what is refused is refused in one line.
#include "common/base/config.h"
#include "common/base/toml.h"
#include "tests/fuzz/fuzz.h"

using namespace tongchou;  // NOLINT(google-build-using-namespace)
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(fuzz::View(data, size));
  const auto parsed = base::ParseToml(text, "a.toml");
  auto config = base::Config::Parse(text, "a.toml");
  Require(parsed.ok() == config.ok(), "one reader of TOML");
  if (!config.ok()) {
    const std::string line(parsed.status().message());
    Require(line.find('\n') == line.npos, "one line");
    Require(line.starts_with("a.toml:"), "says where");
    return 0;
  }
  config->TextOr("data", "");
  config->Path("tls.ca");
  config->BoolOr("synthetic", false);
  config->Names("cities");
  config->Finish().IgnoreError();
  return 0;
}
