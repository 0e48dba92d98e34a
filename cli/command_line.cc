#include "cli/command_line.h"

#include <algorithm>
#include <iostream>
#include <map>

#include "cli/admin/admin_commands.h"
#include "cli/command.h"
#include "cli/generate_command.h"
#include "cli/import/import_command.h"
#include "cli/pki_command.h"
#include "cli/query/query_commands.h"
#include "cli/records/record_commands.h"
#include "common/base/status.h"

namespace tongchou::cli {
namespace {

constexpr char kFooter[] =
    "client.toml has node, aggregator, city and tls.ca, tls.certificate,\n"
    "tls.key. Exit status: 0 done, 1 failed, 2 wrong usage.\n"
    "Example:\n"
    "  tongchou generate --out demo --persons 11000\n"
    "  tongchou import demo/360100南昌市 --node 127.0.0.1:7001\n"
    "  tongchou indicators --aggregator 127.0.0.1:7000";

constexpr char kGlobalsFooter[] =
    "Also --config, --format, --node and --aggregator; see tongchou --help.\n";

const std::map<std::string, Format> kFormats = {
    {"table", Format::kTable}, {"json", Format::kJson}, {"csv", Format::kCsv}};

void AddGlobals(CLI::App* app, Globals* globals) {
  app->add_option("--config", globals->config,
                  "Configuration (default client.toml)")
      ->envname("TONGCHOU_CONFIG")
      ->type_name("FILE");
  app->add_option_function<std::string>(
         "--format",
         [globals](const std::string& name) {
           globals->format = kFormats.at(name);
         },
         "table (default), json or csv")
      ->check(CLI::IsMember({"table", "json", "csv"}))
      ->type_name("");
  app->add_option("--node", globals->node, "A city's node")
      ->type_name("HOST:PORT");
  app->add_option("--aggregator", globals->aggregator,
                  "The province's aggregator")
      ->type_name("HOST:PORT");
}

void MentionGlobals(CLI::App* app) {
  for (CLI::App* command : app->get_subcommands(nullptr)) {
    command->footer(kGlobalsFooter + command->get_footer());
    MentionGlobals(command);
  }
}

void Complain(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  std::cerr << "tongchou: " << text << "\n";
}

int Usage(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) {
    app.exit(error);
    return kExitDone;
  }
  std::string command = "tongchou";
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  Complain(std::string(error.what()) + "; see " + command + " --help");
  return kExitUsage;
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv) {
  Invocation invocation;
  CLI::App app("The operator's command of tongchou.", "tongchou");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(kFooter);
  AddGlobals(&app, &invocation.globals);
  AddGenerate(&app, &invocation);
  AddImport(&app, &invocation);
  AddPut(&app, &invocation);
  AddGet(&app, &invocation);
  AddHistory(&app, &invocation);
  AddPerson(&app, &invocation);
  AddList(&app, &invocation);
  AddStatus(&app, &invocation);
  AddIndicators(&app, &invocation);
  AddCityCommands(&app, &invocation);
  AddAccess(&app, &invocation);
  AddPki(&app, &invocation);
  MentionGlobals(&app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return Usage(app, error);
  }
  const absl::StatusOr<int> done = invocation.run(invocation.globals);
  if (done.ok()) return *done;
  Complain(std::string(base::Message(done.status())));
  return kExitFailed;
}

}  // namespace tongchou::cli
