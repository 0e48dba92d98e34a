// tongchou-faults [--store NAME] [--fault NAME] [--each N] [--every K] [--at I]
//   [--table]
//
// Plays the fixed work of every store once for each fault at each of its
// operations; with --each at N operations of each kind on each sort of file,
// with --every at each K-th of these, with --at at one.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <charconv>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <string_view>

#include "common/base/status.h"
#include "tests/faults/journal_scenario.h"
#include "tests/faults/node_scenario.h"
#include "tests/faults/restore_scenario.h"
#include "tests/faults/state_scenario.h"

namespace tongchou::faults {
namespace {

struct Store {
  std::string_view name;
  std::string_view where;  // for the table
  std::unique_ptr<Scenario> (*make)(const std::string&);
};

constexpr Store kStores[] = {
    {"node", "node: log, state, guard, keys", MakeNodeScenario},
    {"restore", "node: bringing its log back", MakeRestoreScenario},
    {"journal", "aggregator: journal, guard", MakeJournalScenario},
    {"state", "aggregator: unified database", MakeStateScenario},
};

struct Arguments {
  std::string_view store;
  std::string_view fault;
  std::optional<uint64_t> each;
  std::optional<uint64_t> every;
  std::optional<uint64_t> at;
  bool table = false;
};

bool ReadNumber(std::string_view text, std::optional<uint64_t>* number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] =
      std::from_chars(text.data(), end, number->emplace());
  return error == std::errc() && rest == end;
}

bool Read(int argc, char** argv, Arguments* arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--table") {
      arguments->table = true;
      continue;
    }
    if (++i == argc) return false;
    const std::string_view value = argv[i];
    if (name == "--store") {
      arguments->store = value;
    } else if (name == "--fault") {
      arguments->fault = value;
    } else {
      std::optional<uint64_t>* const number =
          name == "--each"    ? &arguments->each
          : name == "--every" ? &arguments->every
          : name == "--at"    ? &arguments->at
                              : nullptr;
      if (number == nullptr || !ReadNumber(value, number)) return false;
    }
  }
  return arguments->every != 0;
}

std::vector<uint64_t> NumbersOf(const Arguments& arguments,
                                const Reference& reference) {
  if (arguments.at.has_value()) return {*arguments.at};
  std::vector<uint64_t> numbers(reference.operations.size());
  std::iota(numbers.begin(), numbers.end(), 0);
  if (arguments.each.has_value()) {
    numbers = SomeOfEach(reference, *arguments.each);
  }
  std::vector<uint64_t> chosen;
  for (size_t i = 0; i < numbers.size(); i += arguments.every.value_or(1)) {
    chosen.push_back(numbers[i]);
  }
  return chosen;
}

std::string ResultOf(Fault fault, const Tally& tally) {
  if (fault != Fault::kDropped) {
    return fmt::format("nothing lost, nothing twice; reopened {}",
                       tally.reopened);
  }
  return fmt::format("an error says so {}, shorter and known {}, not known {}",
                     tally.noticed, tally.shorter, tally.unnoticed);
}

void PrintKinds(const Store& store, const Reference& reference) {
  std::map<std::string_view, int> kinds;
  for (const std::string& operation : reference.operations) {
    ++kinds[std::string_view(operation).substr(0, operation.find(" /"))];
  }
  fmt::print("{}: {} operations:", store.name, reference.operations.size());
  for (const auto& [kind, count] : kinds) fmt::print(" {} {},", kind, count);
  fmt::print("\n");
}

absl::Status PlayStore(const Store& store, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const Reference reference, PlayWithoutFault(store.make));
  if (!arguments.table) PrintKinds(store, reference);
  const std::vector<uint64_t> numbers = NumbersOf(arguments, reference);
  size_t violations = 0;
  for (const Fault fault : kFaults) {
    if (!arguments.fault.empty() && arguments.fault != NameOf(fault)) continue;
    const Tally tally = Play({store.make, fault, numbers}, reference);
    for (const std::string& violation : tally.violations) {
      fmt::print(stderr, "{}: {}\n", store.name, violation);
    }
    violations += tally.violations.size();
    if (tally.injected == 0) {
      return base::InternalError("{}: {} never struck", store.name,
                                 NameOf(fault));
    }
    fmt::print("| {} | {} | {} | {} |\n", NameOf(fault), store.where,
               tally.injected, ResultOf(fault, tally));
    std::fflush(stdout);
  }
  if (violations == 0) return absl::OkStatus();
  return base::InternalError("{}: {} violations", store.name, violations);
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (!Read(argc, argv, &arguments)) {
    fmt::print(stderr,
               "tongchou-faults [--store NAME] [--fault NAME] [--each N] "
               "[--every K] [--at I] [--table]\n");
    return 2;
  }
  spdlog::set_level(spdlog::level::off);  // what goes wrong is meant to
  for (const Store& store : kStores) {
    if (!arguments.store.empty() && arguments.store != store.name) continue;
    const absl::Status status = PlayStore(store, arguments);
    if (status.ok()) continue;
    fmt::print(stderr, "{}\n", base::Describe(status));
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace tongchou::faults

int main(int argc, char** argv) { return tongchou::faults::Main(argc, argv); }
