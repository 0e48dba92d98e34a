// tongchou-simulation --seed S | --seeds N [--from S] | --forever
//   [--mutation NAME] [--audits-alone] [--trace] [--table]
// tongchou-simulation --bugs [--seeds N]: in how many seeds each is found
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>

#include "tests/simulation/simulation.h"

namespace tongchou::simulation {
namespace {

struct Arguments {
  Options options;
  uint64_t from = 1;
  uint64_t seeds = 1;
  bool table = false;
  bool bugs = false;
};

bool ReadNumber(std::string_view text, uint64_t* number) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && rest == end;
}

bool ReadMutation(std::string_view name, Mutation* mutation) {
  for (int i = 0; i <= kMutations; ++i) {
    *mutation = static_cast<Mutation>(i);
    if (NameOf(*mutation) == name) return true;
  }
  return false;
}

bool Read(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--trace") {
      arguments->options.trace = true;
    } else if (name == "--table") {
      arguments->table = true;
    } else if (name == "--bugs") {
      arguments->bugs = true;
    } else if (name == "--audits-alone") {
      arguments->options.audits_alone = true;
    } else if (name == "--forever") {
      arguments->seeds = std::numeric_limits<uint64_t>::max();
    } else if (i + 1 == argc) {
      return false;
    } else if (name == "--mutation") {
      if (!ReadMutation(argv[++i], &arguments->options.mutation)) return false;
    } else {
      uint64_t* number = name == "--seeds" ? &arguments->seeds
                         : name == "--seed" || name == "--from"
                             ? &arguments->from
                             : nullptr;
      if (number == nullptr || !ReadNumber(argv[++i], number)) return false;
    }
  }
  return true;
}

int Fail(const Options& options, const Outcome& outcome) {
  fmt::print("seed {} (mutation {}): {}\n", options.seed,
             NameOf(options.mutation), outcome.failure);
  Options shrunk = options;
  shrunk.steps = Shrink(options);
  shrunk.trace = true;
  fmt::print("the shortest history that fails, {} steps:\n", shrunk.steps);
  Simulate(shrunk);
  return EXIT_FAILURE;
}

uint64_t CountFound(Options options, const Arguments& arguments) {
  uint64_t found = 0;
  for (uint64_t n = 0; n < arguments.seeds; ++n) {
    options.seed = arguments.from + n;
    found += Simulate(options).failure.empty() ? 0 : 1;
  }
  return found;
}

int CountBugs(const Arguments& arguments) {
  for (int i = 1; i <= kMutations; ++i) {
    Options options;
    options.mutation = static_cast<Mutation>(i);
    const uint64_t found = CountFound(options, arguments);
    options.audits_alone = true;
    fmt::print("| {} | {} | {} |\n", NameOf(options.mutation), found,
               IsForgery(options.mutation)
                   ? std::to_string(CountFound(options, arguments))
                   : "");
  }
  return EXIT_SUCCESS;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (!Read(argc, argv, &arguments)) {
    fmt::print(stderr,
               "tongchou-simulation --seed S | --seeds N [--from S] | "
               "--forever | --bugs [--mutation NAME] [--audits-alone] "
               "[--trace] [--table]\n");
    return 2;
  }
  if (arguments.bugs) return CountBugs(arguments);
  std::map<std::string, uint64_t> faults;
  uint64_t committed = 0;
  uint64_t audits = 0;
  uint64_t hash = 0;
  for (uint64_t n = 0; n < arguments.seeds; ++n) {
    arguments.options.seed = arguments.from + n;
    const Outcome outcome = Simulate(arguments.options);
    if (!outcome.failure.empty()) return Fail(arguments.options, outcome);
    for (const auto& [name, count] : outcome.faults) faults[name] += count;
    committed += outcome.committed;
    audits += outcome.audits;
    hash = outcome.trace_hash;
  }
  fmt::print(
      "{} seeds from {}: {} entries, {} audits, nothing violated; last trace "
      "{:016x}\n",
      arguments.seeds, arguments.from, committed, audits, hash);
  if (!arguments.table) return EXIT_SUCCESS;
  for (const auto& [name, count] : faults) {
    fmt::print("| {} | {} | nothing violated |\n", name, count);
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace tongchou::simulation

int main(int argc, char** argv) {
  return tongchou::simulation::Main(argc, argv);
}
