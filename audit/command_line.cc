#include "audit/command_line.h"

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <thread>

#include "audit/archive.h"
#include "audit/claims.h"
#include "audit/export_entries.h"
#include "audit/export_tiles.h"
#include "audit/fetch.h"
#include "audit/findings.h"
#include "audit/mirror.h"
#include "audit/policy.h"
#include "audit/progress.h"
#include "audit/redact.h"
#include "audit/replay.h"
#include "audit/report.h"
#include "audit/report_page.h"
#include "audit/trace.h"
#include "audit/witness_http.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/key_file.h"
#include "common/base/progress_line.h"
#include "common/base/status.h"
#include "common/base/stop_signal.h"
#include "common/base/volume.h"
#include "common/transport/channel.h"

namespace tongchou::audit {
namespace {

// How soon the end of the mirror is noticed.
constexpr auto kMirrorLook = std::chrono::milliseconds(200);

constexpr int kExitCouldNotCheck = static_cast<int>(Verdict::kCouldNotCheck);

struct Options {
  std::string directory;
  std::string policy;
  std::string format = "table";
  std::string aggregator;
  transport::TlsFiles tls;
  uint32_t city = 0;
  bool logs_only = false;
  std::string answer;
  uint64_t from = 0;
  uint64_t to = UINT64_MAX;
  std::string tiles;
  std::string redacted_copy;
  Redaction redaction;
  std::vector<std::string> kept_persons;
  bool redacted = false;
  bool resume = false;
  std::string as_of;
  uint64_t size = 0;
  FigureName figure;
  std::string proofs;
  std::string witness_key;
  std::string witness_name;
  std::string witness_vkey;
  std::string listen = "127.0.0.1:7200";
  bool make_key = false;
  std::string html;
  std::string json;
};

void AddCopy(CLI::App* command, Options* options) {
  command
      ->add_option("--dir", options->directory,
                   "The auditor's copy (written by fetch)")
      ->required();
}

void AddPolicy(CLI::App* command, Options* options) {
  command
      ->add_option("--policy", options->policy,
                   "Pinned keys of the cities and the province (TOML)")
      ->required()
      ->check(CLI::ExistingFile);
}

void AddFormat(CLI::App* command, Options* options) {
  command->add_option("--format", options->format, "table or json")
      ->check(CLI::IsMember({"table", "json"}));
}

int Fail(const absl::Status& status) {
  std::cerr << "tongchou-audit: " << base::Message(status) << "\n";
  return status.code() == absl::StatusCode::kDataLoss
             ? static_cast<int>(Verdict::kDiscrepancy)
             : kExitCouldNotCheck;
}

int Report(const absl::StatusOr<AuditSummary>& summary,
           const std::string& format) {
  if (!summary.ok()) return Fail(summary.status());
  std::cout << (format == "json" ? FormatJson(*summary) : FormatText(*summary));
  return static_cast<int>(summary->verdict());
}

int RunFetch(const Options& options) {
  const auto policy = LoadPolicy(options.policy);
  if (!policy.ok()) return Fail(policy.status());
  const auto channel = transport::MakeChannel(options.aggregator, options.tls,
                                              {base::Role::kAggregator, {}});
  if (!channel.ok()) return Fail(channel.status());
  const Archive archive(options.directory);
  if (const absl::Status begun = archive.Begin(); !begun.ok()) {
    return Fail(begun);
  }
  FetchOptions fetch;
  fetch.with_claims = !options.logs_only;
  fetch.city = options.city;
  std::optional<base::ProgressLine> line;
  std::optional<uint32_t> shown;
  fetch.progress = [&](const FetchProgress& progress) {
    if (shown != progress.city) {
      line.emplace(LogName(progress.city), base::kEntries);
      shown = progress.city;
    }
    line->Show(progress.entries, progress.size);
  };
  const absl::Status status = Fetch(*channel, *policy, archive, fetch);
  return status.ok() ? 0 : Fail(status);
}

// What a check of the whole copy reads.
uint64_t BundleBytes(const Archive& archive) {
  uint64_t bytes = 0;
  std::vector<uint32_t> logs =
      archive.Cities().value_or(std::vector<uint32_t>());
  logs.push_back(kProvinceLog);
  for (const uint32_t city : logs) {
    std::error_code error;
    const uint64_t size =
        std::filesystem::file_size(archive.bundles(city), error);
    if (!error) bytes += size;
  }
  return bytes;
}

absl::StatusOr<Archive> OpenCopy(const Options& options) {
  Archive archive(options.directory);
  RETURN_IF_ERROR(archive.Check());
  return archive;
}

template <typename Check>
int RunCheck(const Options& options, const Check& check) {
  const auto policy = LoadPolicy(options.policy);
  if (!policy.ok()) return Fail(policy.status());
  const auto archive = OpenCopy(options);
  if (!archive.ok()) return Fail(archive.status());
  return Report(check(*archive, *policy), options.format);
}

// The page is written whatever was found.
int RunReport(const Options& options) {
  const auto policy = LoadPolicy(options.policy);
  if (!policy.ok()) return Fail(policy.status());
  const auto archive = OpenCopy(options);
  if (!archive.ok()) return Fail(archive.status());
  const auto summary = Replay(*archive, *policy);
  if (!summary.ok()) return Fail(summary.status());
  base::RealClock clock;
  const std::pair<const std::string&, std::string> files[] = {
      {options.html, FormatPage(*summary, *policy, clock.NowMicros())},
      {options.json, FormatJson(*summary)}};
  for (const auto& [path, text] : files) {
    if (path.empty()) continue;
    const absl::Status written = base::WriteFileDurably(path, text);
    if (!written.ok()) return Fail(written);
  }
  return Report(summary, "table");
}

int RunCheckAnswer(const Options& options) {
  const auto answer = ReadJsonAnswer(options.answer);
  if (!answer.ok()) return Fail(answer.status());
  return RunCheck(options, [&](const Archive& archive, const Policy& policy) {
    return CheckAnswer(archive, policy, *answer);
  });
}

absl::StatusOr<AuditSummary> VerifyCopy(const Options& options,
                                        const Archive& archive,
                                        const Policy& policy) {
  base::RealClock clock;
  RunOptions run;
  run.bodies = options.redacted ? Bodies::kRedacted : Bodies::kComplete;
  run.resume = options.resume;
  run.leave_us = clock.NowMicros();
  base::ProgressLine line("verifying", base::kEntries);
  Progress progress(BundleBytes(archive), [&](uint64_t entries, double part) {
    line.Show({.done = entries, .part = part});
  });
  run.progress = &progress;
  auto summary = Verify(archive, policy, run);
  line.Clear();
  if (!summary.ok()) return summary;
  summary->made_us = run.leave_us;
  if (!summary->left.ok()) {
    std::cerr << "tongchou-audit: verify --resume will not know of this: "
              << base::Message(summary->left) << "\n";
  }
  return summary;
}

int RunVerify(const Options& options) {
  return RunCheck(options, [&](const Archive& archive, const Policy& policy) {
    return VerifyCopy(options, archive, policy);
  });
}

int RunReplay(const Options& options) {
  if (options.as_of.empty()) return RunCheck(options, Replay);
  const auto day = base::ParseDay(options.as_of);
  if (!day.ok()) return Fail(base::Annotate(day.status(), "--as-of"));
  const ReplayPoint point{*day, options.city, options.size};
  return RunCheck(options, [&](const Archive& archive, const Policy& policy) {
    return ReplayAsOf(archive, policy, point);
  });
}

int RunTrace(const Options& options) {
  const auto policy = LoadPolicy(options.policy);
  if (!policy.ok()) return Fail(policy.status());
  FigureName figure = options.figure;
  figure.city = options.city;
  const auto archive = OpenCopy(options);
  if (!archive.ok()) return Fail(archive.status());
  const auto trace = TraceFigure(*archive, *policy, figure, options.proofs);
  if (!trace.ok()) return Fail(trace.status());
  std::cout << (options.format == "json" ? FormatJson(*trace)
                                         : FormatText(*trace));
  return static_cast<int>(trace->findings.empty() ? Verdict::kClean
                                                  : Verdict::kDiscrepancy);
}

int RunExport(const Options& options) {
  const auto archive = OpenCopy(options);
  if (!archive.ok()) return Fail(archive.status());
  const absl::Status status = ExportEntries(
      *archive, options.city, options.from, options.to, &std::cout);
  return status.ok() ? 0 : Fail(status);
}

// Every log of the copy, the province's own last, or the one that was named.
int ForEachLog(const Options& options,
               const std::function<absl::Status(uint32_t city)>& run) {
  const auto archive = OpenCopy(options);
  if (!archive.ok()) return Fail(archive.status());
  const auto copied = archive->Cities();
  if (!copied.ok()) return Fail(copied.status());
  std::vector<uint32_t> copies = *copied;
  if (archive->HasProvinceLog()) copies.push_back(kProvinceLog);
  size_t logs = 0;
  for (const uint32_t city : copies) {
    if (options.city != 0 && options.city != city) continue;
    if (absl::Status status = run(city); !status.ok()) return Fail(status);
    ++logs;
  }
  if (logs > 0) return 0;
  return Fail(base::NotFoundError("{} holds no such log; fetch it first",
                                  options.directory));
}

int RunRedact(const Options& options) {
  const Archive archive(options.directory);
  const Archive redacted(options.redacted_copy);
  Redaction redaction = options.redaction;
  redaction.keep_persons = !options.kept_persons.empty();
  if (redaction.keep_persons) redaction.persons = options.kept_persons;
  for (const std::string& person : redaction.persons) {
    if (!person.empty()) continue;
    return Fail(base::InvalidArgumentError("a person is named by ID number"));
  }
  return ForEachLog(options, [&](uint32_t city) -> absl::Status {
    RETURN_IF_ERROR(redacted.Begin());
    ASSIGN_OR_RETURN(const uint64_t withheld,
                     RedactLog(archive, city, redaction, redacted));
    std::cout << fmt::format("{}: {} bodies withheld\n", LogName(city),
                             withheld);
    return absl::OkStatus();
  });
}

// Each log into a folder of its own.
int RunExportTiles(const Options& options) {
  const auto policy = LoadPolicy(options.policy);
  if (!policy.ok()) return Fail(policy.status());
  const Archive archive(options.directory);
  return ForEachLog(options, [&](uint32_t city) -> absl::Status {
    const auto known = policy->cities.find(city);
    if (city != kProvinceLog && known == policy->cities.end()) {
      return base::FailedPreconditionError(
          "the policy names no key of city {}: add it", city);
    }
    const LogPolicy& log = city == kProvinceLog ? policy->own : known->second;
    const std::string directory = options.tiles + "/" + LogName(city);
    ASSIGN_OR_RETURN(const uint64_t entries,
                     ExportTiles(archive, log, directory));
    std::cout << directory << ": " << entries << " entries\n";
    return absl::OkStatus();
  });
}

absl::StatusOr<ledger::Cosigner> LoadWitness(const Options& options) {
  if (options.make_key) RETURN_IF_ERROR(base::MakeKeyFile(options.witness_key));
  ASSIGN_OR_RETURN(auto key, base::ReadKeyFile(options.witness_key,
                                               "tongchou-audit witness"));
  return ledger::Cosigner(options.witness_name, std::move(key));
}

// Serves until a signal comes.
absl::Status ServeWitness(const Options& options) {
  if (!ledger::IsKeyName(options.witness_name)) {
    return base::InvalidArgumentError("--name: neither blanks nor '+'");
  }
  ASSIGN_OR_RETURN(const ledger::Cosigner cosigner, LoadWitness(options));
  std::cout << cosigner.verifier().ToText() << "\n";
  if (options.make_key) return absl::OkStatus();
  base::StopSignal stop;
  ASSIGN_OR_RETURN(const Policy policy, LoadPolicy(options.policy));
  std::vector<ledger::VerifierKey> logs = {policy.own.key};
  for (const auto& [city, log] : policy.cities) {
    logs.push_back(log.key);
    logs.insert(logs.end(), log.later_keys.begin(), log.later_keys.end());
  }
  base::RealClock clock;
  ASSIGN_OR_RETURN(const auto witness,
                   Witness::Open(options.directory, cosigner, logs, &clock));
  ASSIGN_OR_RETURN(
      const auto server,
      WitnessServer::Start(options.listen, options.tls, witness.get()));
  std::cout << "serving on port " << server->port() << std::endl;
  stop.Wait();
  return absl::OkStatus();
}

int RunWitness(const Options& options) {
  const absl::Status status = ServeWitness(options);
  return status.ok() ? 0 : Fail(status);
}

int RunFeed(const Options& options) {
  const auto policy = LoadPolicy(options.policy);
  if (!policy.ok()) return Fail(policy.status());
  const auto key = ledger::ParseVerifierKey(options.witness_vkey);
  if (!key.ok()) return Fail(base::Annotate(key.status(), "--witness"));
  const auto archive = OpenCopy(options);
  if (!archive.ok()) return Fail(archive.status());
  const auto fed =
      FeedWitness(options.listen, options.tls, *key, *archive, *policy);
  if (!fed.ok()) return Fail(fed.status());
  for (const FedLog& log : *fed) {
    std::cout << fmt::format("{}: {} entries cosigned, {} before\n",
                             LogName(log.city), log.size, log.old_size);
  }
  return 0;
}

// Follows until a signal comes, or something that no further try mends.
absl::Status FollowAsMirror(const Options& options) {
  base::StopSignal stop;
  ASSIGN_OR_RETURN(const Policy policy, LoadPolicy(options.policy));
  ASSIGN_OR_RETURN(const auto store,
                   MirrorStore::Open(options.directory, policy.own.key));
  const std::string warning = base::EncryptionWarning(options.directory);
  if (!warning.empty()) std::cerr << "tongchou-audit: " << warning << "\n";
  std::cout << fmt::format("{}: {} entries are kept", policy.own.origin,
                           store->size())
            << std::endl;
  const auto say = [](const std::string& line) {
    std::cout << line << std::endl;
  };
  MirrorRun run({options.aggregator, options.tls, say}, store.get(),
                policy.own.origin);
  absl::Status status;
  std::atomic<bool> ended = false;
  std::thread follower([&] {
    status = run.Run();
    ended = true;
  });
  while (!ended && !stop.WaitFor(kMirrorLook)) {
  }
  run.Stop();
  follower.join();
  return status;
}

int RunMirror(const Options& options) {
  const absl::Status status = FollowAsMirror(options);
  return status.ok() ? 0 : Fail(status);
}

// A command over the copy with the auditor's keys.
CLI::App* AddCopyCommand(CLI::App* app, const char* name, const char* what,
                         Options* options) {
  CLI::App* command = app->add_subcommand(name, what);
  AddCopy(command, options);
  AddPolicy(command, options);
  return command;
}

void AddOnlyCity(CLI::App* command, Options* options) {
  command->add_option("--city", options->city, "Only this city's log");
}

void AddTls(CLI::App* command, Options* options) {
  command->add_option("--ca", options->tls.ca, "CA certificate (PEM)")
      ->required();
  command
      ->add_option("--cert", options->tls.certificate, "Own certificate (PEM)")
      ->required();
  command->add_option("--key", options->tls.key, "Own key (PEM)")->required();
}

CLI::App* AddWitness(CLI::App* app, Options* options) {
  CLI::App* command = app->add_subcommand(
      "witness",
      "Cosign heads that extend what was cosigned before (C2SP tlog-witness)");
  command
      ->add_option("--dir", options->directory,
                   "Where the newest cosigned head of each log is kept")
      ->required();
  AddPolicy(command, options);
  command->add_option("--name", options->witness_name, "The witness's name")
      ->required();
  command
      ->add_option("--witness-key", options->witness_key,
                   "The key that cosigns (PEM), outside --dir")
      ->required();
  command->add_flag("--make-key", options->make_key,
                    "Make the key unless it is there, print its public part, "
                    "and end");
  command->add_option("--listen", options->listen,
                      "HOST:PORT of its HTTPS (default 127.0.0.1:7200)");
  AddTls(command, options);
  return command;
}

CLI::App* AddMirror(CLI::App* app, Options* options) {
  CLI::App* command = app->add_subcommand(
      "mirror",
      "Keep the province's own log a second time, bodies and all, before its "
      "heads are shown; the province gets back from here what it loses");
  command
      ->add_option("--dir", options->directory,
                   "Where the log is kept; on an encrypted volume")
      ->required();
  AddPolicy(command, options);
  command->add_option("--aggregator", options->aggregator, "HOST:PORT")
      ->required();
  AddTls(command, options);
  return command;
}

CLI::App* AddFeed(CLI::App* app, Options* options) {
  CLI::App* command = AddCopyCommand(
      app, "feed", "Have a witness cosign the newest copied heads", options);
  command->add_option("--to", options->listen, "The witness, HOST:PORT")
      ->required();
  command
      ->add_option("--witness", options->witness_vkey,
                   "The witness's public key, as witness --make-key prints it")
      ->required();
  AddTls(command, options);
  return command;
}

CLI::App* AddFetch(CLI::App* app, Options* options) {
  CLI::App* fetch = AddCopyCommand(
      app, "fetch",
      "Copy the logs and what the province claims; continues a copy", options);
  fetch->add_option("--aggregator", options->aggregator, "HOST:PORT")
      ->required();
  AddTls(fetch, options);
  AddOnlyCity(fetch, options);
  fetch->add_flag("--logs-only", options->logs_only, "No records, no figures");
  return fetch;
}

CLI::App* AddCheckCommand(CLI::App* app, const char* name, const char* what,
                          Options* options) {
  CLI::App* command = AddCopyCommand(app, name, what, options);
  AddFormat(command, options);
  return command;
}

CLI::App* AddReport(CLI::App* app, Options* options) {
  CLI::App* command = AddCopyCommand(
      app, "report", "Replay, and write what came out as a page for people",
      options);
  command
      ->add_option("--html", options->html, "The page; it needs no other file")
      ->required();
  command->add_option("--json", options->json, "The same for programs");
  return command;
}

CLI::App* AddExportTiles(CLI::App* app, Options* options) {
  CLI::App* command = AddCopyCommand(
      app, "export",
      "Copied logs as files for other tools, without personal data", options);
  command
      ->add_option("--tiles", options->tiles,
                   "Where a folder for each log is made: checkpoint, tiles and "
                   "entry bundles (C2SP tlog-tiles)")
      ->required();
  AddOnlyCity(command, options);
  return command;
}

CLI::App* AddTrace(CLI::App* app, Options* options) {
  CLI::App* command = AddCheckCommand(
      app, "trace",
      "Follow a figure to records, entries and proofs (C2SP tlog-proof)",
      options);
  command
      ->add_option("FIGURE", options->figure.id,
                   "Its id, as tongchou indicators shows it")
      ->required();
  command->add_option("--city", options->city, "Of this city (default: all)");
  command->add_option("--county", options->figure.county, "Of this county");
  command->add_option("--insurance", options->figure.insurance,
                      "Of this insurance");
  command->add_option("--period", options->figure.period,
                      "YYYYMM or YYYY (default: the day of the claims)");
  command->add_option("--out", options->proofs, "Where the proofs are written")
      ->required();
  return command;
}

CLI::App* AddExport(CLI::App* app, Options* options) {
  CLI::App* command = app->add_subcommand(
      "export-entries", "Entries of a copied log as JSON lines");
  AddCopy(command, options);
  command->add_option("--city", options->city, "Whose log")->required();
  command->add_option("--from", options->from, "First entry");
  command->add_option("--to", options->to, "Behind the last entry");
  return command;
}

CLI::App* AddRedact(CLI::App* app, Options* options) {
  CLI::App* command = app->add_subcommand(
      "redact",
      "Write a copy to give away: bodies are replaced by their hashes; check "
      "it with verify --redacted");
  AddCopy(command, options);
  command
      ->add_option("--out", options->redacted_copy,
                   "Where the new copy is made")
      ->required();
  AddOnlyCity(command, options);
  command->add_option("--from", options->redaction.first,
                      "First entry whose body is withheld (default: all)");
  command->add_option("--to", options->redaction.end,
                      "Behind the last such entry");
  CLI::Option* without =
      command
          ->add_option("--person", options->redaction.persons,
                       "Withhold only bodies that name one of these persons")
          ->type_name("ID...");
  command
      ->add_option("--keep-person", options->kept_persons,
                   "Withhold all bodies but those that name one of these")
      ->type_name("ID...")
      ->excludes(without);
  return command;
}

CLI::App* AddVerify(CLI::App* app, Options* options) {
  CLI::App* command = AddCheckCommand(
      app, "verify", "Check every hash, head, link and time", options);
  command->add_flag("--redacted", options->redacted,
                    "The copy was made by redact: bodies may be missing");
  command->add_flag("--resume", options->resume,
                    "Read only what an earlier verify of this copy has not "
                    "read, and take its word for the rest");
  return command;
}

CLI::App* AddReplay(CLI::App* app, Options* options) {
  CLI::App* command = AddCheckCommand(
      app, "replay",
      "Verify, then compute records and figures again and compare", options);
  CLI::Option* as_of =
      command
          ->add_option("--as-of", options->as_of,
                       "Instead: every figure as of this day, out of the "
                       "logs alone")
          ->type_name("DAY");
  CLI::Option* city =
      command->add_option("--city", options->city, "With --size: whose log")
          ->needs(as_of);
  command->add_option("--size", options->size, "Only so many entries of it")
      ->needs(city);
  return command;
}

CLI::App* AddCheckAnswer(CLI::App* app, Options* options) {
  CLI::App* command = AddCheckCommand(
      app, "check-answer", "Derive a saved JSON answer again", options);
  command->add_option("FILE", options->answer, "The answer")
      ->required()
      ->check(CLI::ExistingFile);
  return command;
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Replays the cities' logs and finds out whether the province's figures\n"
      "are true. Exit status: 0 clean, 1 discrepancy, 2 could not check.");
  app.name("tongchou-audit");
  app.require_subcommand(1);
  app.footer(
      "Example:\n"
      "  tongchou-audit fetch --dir copy --policy policy.toml \\\n"
      "      --aggregator 127.0.0.1:7000 --ca ca.pem --cert a.pem --key a.key\n"
      "  tongchou-audit replay --dir copy --policy policy.toml");
  // In the order in which --help lists them.
  const std::pair<CLI::App*, int (*)(const Options&)> commands[] = {
      {AddFetch(&app, &options), RunFetch},
      {AddVerify(&app, &options), RunVerify},
      {AddReplay(&app, &options), RunReplay},
      {AddTrace(&app, &options), RunTrace},
      {AddReport(&app, &options), RunReport},
      {AddCheckAnswer(&app, &options), RunCheckAnswer},
      {AddExportTiles(&app, &options), RunExportTiles},
      {AddExport(&app, &options), RunExport},
      {AddRedact(&app, &options), RunRedact},
      {AddWitness(&app, &options), RunWitness},
      {AddFeed(&app, &options), RunFeed},
      {AddMirror(&app, &options), RunMirror}};
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitCouldNotCheck;
  }
  for (const auto& [command, run] : commands) {
    if (command->parsed()) return run(options);
  }
  return kExitCouldNotCheck;
}

}  // namespace tongchou::audit
