#include "common/base/logging.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <memory>
#include <string>

namespace tongchou::base {

void StartLogging(std::string_view level) {
  auto logger = std::make_shared<spdlog::logger>(
      "", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %-5l %v");
  spdlog::level::level_enum chosen =
      spdlog::level::from_str(std::string(level));
  if (chosen == spdlog::level::off) chosen = spdlog::level::info;
  logger->set_level(chosen);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace tongchou::base
