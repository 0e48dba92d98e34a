// What all commands share: global options, output formats, exit statuses.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tongchou/v1/common.pb.h"

namespace tongchou::cli {

enum class Format { kTable, kJson, kCsv };

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

// Options that may stand before or after the command's name.
struct Globals {
  std::string config;  // path; empty = client.toml
  Format format = Format::kTable;
  std::string node;  // host:port; these two are above the file
  std::string aggregator;
};

// The command that was chosen; set by the parser, run after it.
struct Invocation {
  Globals globals;
  // The exit status, or why it failed.
  std::function<absl::StatusOr<int>(const Globals&)> run;
};

// Adds a command with its options and makes `run(globals, options)` what is to
// be done when it is chosen. The options live as long as the command.
template <typename Options>
std::shared_ptr<Options> AddCommand(
    CLI::App* command, Invocation* invocation,
    absl::StatusOr<int> (*run)(const Globals&, const Options&)) {
  auto options = std::make_shared<Options>();
  command->callback([invocation, options, run] {
    invocation->run = [options, run](const Globals& globals) {
      return run(globals, *options);
    };
  });
  return options;
}

// A day, 2008-10-31 or 20081031.
CLI::Option* AddDay(CLI::App* command, const std::string& name, uint32_t* day,
                    const std::string& help);
// A city by code or name; `name` without dashes makes it positional. Its six
// digits; 0 = not given.
CLI::Option* AddCity(CLI::App* command, uint32_t* city, const std::string& help,
                     const std::string& name = "--city");
// Any number of --at-least CITY:ENTRIES; cities by code or name.
CLI::Option* AddAtLeast(CLI::App* command, std::vector<v1::AtLeast>* at_least);
// The positional TYPE; only types that have national field codes.
CLI::Option* AddType(CLI::App* command, std::string* type);
// The positional CODE=VALUE...
CLI::Option* AddFields(CLI::App* command, std::vector<std::string>* fields);

}  // namespace tongchou::cli
