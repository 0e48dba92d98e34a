#include "cli/generate_command.h"

#include <iostream>

#include "cli/answer_json.h"
#include "cli/generate/generate.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/base/progress_line.h"
#include "common/base/status.h"

namespace tongchou::cli {
namespace {

constexpr uint32_t kFirstDay = 20081031;
constexpr uint32_t kSecondDay = 20081130;
constexpr char kFooter[] =
    "Nobody in the files exists. Day 2 is the same province a month on.\n"
    "Example:\n"
    "  tongchou generate --out demo --persons 110000 --seed 1 --dirty 2";

struct Options {
  GenerateOptions generate;
  uint32_t clock = 0;
};

std::string Report(const GenerateOptions& options,
                   const GenerateSummary& summary, Format format) {
  if (format == Format::kJson) {
    return JsonText({{"out", options.out},
                     {"rows", summary.rows},
                     {"bytes", summary.bytes}});
  }
  Table table({{"out"},
               {"rows", Table::Align::kRight},
               {"bytes", Table::Align::kRight}});
  if (format == Format::kCsv) {
    return table
        .Add({options.out, std::to_string(summary.rows),
              std::to_string(summary.bytes)})
        .Csv();
  }
  return table
      .Add({options.out, WithCommas(static_cast<int64_t>(summary.rows)),
            WithCommas(static_cast<int64_t>(summary.bytes))})
      .Text();
}

absl::StatusOr<int> RunGenerate(const Globals& globals,
                                const Options& options) {
  GenerateOptions generate = options.generate;
  generate.clock = options.clock;
  if (generate.clock == 0) {
    generate.clock = generate.day == 2 ? kSecondDay : kFirstDay;
  }
  base::ProgressLine line("writing", {"files"});
  const auto progress = [&line](uint64_t done, uint64_t total) {
    line.Show(done, total);
  };
  ASSIGN_OR_RETURN(const GenerateSummary summary, Generate(generate, progress));
  std::cout << Report(generate, summary, globals.format);
  return kExitDone;
}

}  // namespace

void AddGenerate(CLI::App* app, Invocation* invocation) {
  CLI::App* command = app->add_subcommand(
      "generate", "Write the synthetic data of a whole province");
  command->footer(kFooter);
  const auto o = AddCommand<Options>(command, invocation, RunGenerate);
  GenerateOptions& generate = o->generate;
  command->add_option("--out", generate.out, "Directory to write to")
      ->required();
  command->add_option("--persons", generate.persons, "People of the province")
      ->capture_default_str();
  command->add_option("--seed", generate.seed, "Another seed, other people")
      ->capture_default_str();
  command
      ->add_option("--dirty", generate.dirty_percent,
                   "Percent of rows that are broken or untidy")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 100.0));
  command->add_option("--months", generate.months, "Months of contributions")
      ->capture_default_str();
  command->add_option("--day", generate.day, "1: first delivery; 2: the next")
      ->capture_default_str()
      ->check(CLI::IsMember({1, 2}));
  AddDay(command, "--clock", &o->clock,
         "Day of the files (default 2008-10-31; day 2: 2008-11-30)");
}

}  // namespace tongchou::cli
