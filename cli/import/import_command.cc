#include "cli/import/import_command.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "cli/connection.h"
#include "cli/import/import_files.h"
#include "cli/import/import_report.h"
#include "cli/import/import_stream.h"
#include "cli/import/rejects_file.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/base/file.h"
#include "common/base/progress_line.h"
#include "common/base/status.h"

namespace tongchou::cli {
namespace {

constexpr char kFooter[] =
    "A directory stands for its files that a record type claims, such as\n"
    "person.csv or person-2008.csv. An import that was cut off goes on when\n"
    "the same command is run again.\n"
    "Example:\n"
    "  tongchou import 360100南昌市 --mode snapshot --staff 张三";

struct Options {
  std::vector<std::string> paths;
  std::string profile;
  std::string mode = "upsert";
  std::string rejects;
  std::string encoding;
  bool ignore_unknown = false;
  bool atomic = false;
  bool confirm_identity = false;
  std::vector<uint32_t> scope;
  std::string staff;
  uint32_t city = 0;
};

struct Prepared {
  ImportPlan plan;
  v1::ImportBegin begin;
};

absl::StatusOr<Prepared> Prepare(const Options& options,
                                 const std::string& rejects) {
  Prepared prepared;
  v1::ImportBegin& begin = prepared.begin;
  if (!options.profile.empty()) {
    ASSIGN_OR_RETURN(*begin.mutable_profile(), base::ReadFile(options.profile));
  }
  const auto profile = records::ParseProfile(begin.profile());
  if (!profile.ok()) return base::Annotate(profile.status(), options.profile);
  begin.set_encoding(options.encoding.empty() ? profile->encoding
                                              : options.encoding);
  ASSIGN_OR_RETURN(const records::Encoding encoding,
                   records::ParseEncoding(begin.encoding()));
  ASSIGN_OR_RETURN(prepared.plan, PlanImport(options.paths, *profile, rejects));
  for (const std::string& path : prepared.plan.unclaimed) {
    std::cerr << "tongchou: " << Printable(path)
              << ": no record type claims this file; left alone\n";
  }
  if (prepared.plan.files.empty()) {
    return base::InvalidArgumentError(
        "{}: nothing to import; name files TYPE.csv or give --profile",
        options.paths.front());
  }
  base::ProgressLine line("reading", base::kMebibytes);
  const auto progress = [&line](uint64_t bytes) { line.Show({.done = bytes}); };
  RETURN_IF_ERROR(DigestFiles(encoding, progress, &prepared.plan.files));
  return prepared;
}

void FillBegin(const Options& options, const std::vector<ImportSource>& files,
               v1::ImportBegin* begin) {
  for (const ImportSource& source : files) {
    v1::ImportFile* file = begin->add_files();
    file->set_name(source.name);
    file->set_bytes(source.bytes);
    file->set_sha256(std::string(source.sha256.view()));
    file->set_type(source.type);
  }
  begin->set_mode(options.mode == "snapshot" ? v1::IMPORT_MODE_SNAPSHOT
                                             : v1::IMPORT_MODE_UPSERT);
  begin->set_ignore_unknown(options.ignore_unknown);
  begin->set_atomic(options.atomic);
  begin->set_confirm_identity(options.confirm_identity);
  begin->mutable_scope()->Add(options.scope.begin(), options.scope.end());
  begin->set_staff(options.staff);
}

class Watch {
 public:
  Watch(const std::vector<ImportSource>& files, RejectsFile* rejects)
      : files_(files), rejects_(rejects) {
    for (const ImportSource& file : files) {
      starts_.push_back(all_);
      all_ += file.bytes;
    }
  }

  ImportEvents Events() {
    return {[this](size_t file, const v1::RejectedRow& row) {
              const ImportSource& source = files_[Known(file)];
              rejects_->Add(source.name, source.encoding, row);
            },
            [this](const v1::ImportProgress& progress) {
              Show(Known(progress.file()), rows_ + progress.rows_read(),
                   progress.bytes_read());
            },
            [this](const v1::ImportFileDone& done) {
              rows_ += done.receipt().rows_read();
              receipts_.push_back(done.receipt());
              const size_t file = Known(done.file());
              Show(file, rows_, files_[file].bytes);
            }};
  }
  void EndLine() { line_.Clear(); }
  const std::vector<v1::ImportReceipt>& receipts() const { return receipts_; }

 private:
  size_t Known(size_t file) const { return std::min(file, files_.size() - 1); }

  // `rows` of all files, `bytes` of this one.
  void Show(size_t file, uint64_t rows, uint64_t bytes) {
    if (all_ == 0) return;
    line_.SetWhat(files_[file].name);
    line_.Show({.done = rows,
                .part = static_cast<double>(starts_[file] + bytes) /
                        static_cast<double>(all_)});
  }

  const std::vector<ImportSource>& files_;
  RejectsFile* rejects_;
  std::vector<uint64_t> starts_;
  uint64_t all_ = 0;
  uint64_t rows_ = 0;
  base::ProgressLine line_{"", {"rows"}};
  std::vector<v1::ImportReceipt> receipts_;
};

absl::Status Explain(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return status;
  return base::UnavailableError("{}; run the same command again, it continues",
                                base::Message(status));
}

bool AllTaken(const std::vector<v1::ImportReceipt>& receipts) {
  return std::all_of(receipts.begin(), receipts.end(),
                     [](const v1::ImportReceipt& receipt) {
                       return receipt.outcome() == v1::IMPORT_OUTCOME_COMPLETE;
                     });
}

bool NoneRejected(const std::vector<v1::ImportReceipt>& receipts) {
  return std::all_of(receipts.begin(), receipts.end(),
                     [](const v1::ImportReceipt& receipt) {
                       return CountAll(receipt.rejected()) == 0;
                     });
}

absl::Status FinishRejects(const std::vector<v1::ImportReceipt>& receipts,
                           RejectsFile* rejects) {
  RETURN_IF_ERROR(rejects->Finish());
  if (rejects->rows() > 0) {
    std::cerr << "tongchou: " << rejects->rows() << " rejected rows are in "
              << rejects->path() << "\n";
    return absl::OkStatus();
  }
  if (!NoneRejected(receipts)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool removed, rejects->RemoveOld());
  if (removed) {
    std::cerr << "tongchou: no rejected rows; removed " << rejects->path()
              << " of an earlier import\n";
  }
  return absl::OkStatus();
}

absl::StatusOr<int> RunImport(const Globals& globals, const Options& options) {
  ASSIGN_OR_RETURN(const Connection node, ConnectNode(globals, options.city));
  RejectsFile rejects(options.rejects.empty()
                          ? "rejects-" + DivisionText(node.city) + ".csv"
                          : options.rejects);
  ASSIGN_OR_RETURN(Prepared prepared, Prepare(options, rejects.path()));
  const std::vector<ImportSource>& files = prepared.plan.files;
  FillBegin(options, files, &prepared.begin);
  Watch watch(files, &rejects);
  const auto committed =
      StreamImport(node, prepared.begin, files, watch.Events());
  watch.EndLine();
  if (!committed.ok()) return Explain(committed.status());
  std::cout << ImportReport(watch.receipts(), *committed, globals.format)
            << std::flush;
  RETURN_IF_ERROR(FinishRejects(watch.receipts(), &rejects));
  return prepared.plan.unclaimed.empty() && AllTaken(watch.receipts())
             ? kExitDone
             : kExitFailed;
}

}  // namespace

void AddImport(CLI::App* app, Invocation* invocation) {
  CLI::App* command =
      app->add_subcommand("import", "Import files at a city's node");
  command->footer(kFooter);
  const auto o = AddCommand<Options>(command, invocation, RunImport);
  command->add_option("FILE", o->paths, "Files and directories")
      ->required()
      ->type_name("");
  command->add_option("--profile", o->profile, "Import profile (TOML)");
  command
      ->add_option("--mode", o->mode,
                   "upsert: insert or replace; snapshot: the files are full "
                   "dumps, absent records are deleted")
      ->check(CLI::IsMember({"upsert", "snapshot"}))
      ->capture_default_str();
  command->add_option("--rejects", o->rejects,
                      "Where rejected rows go (default rejects-CITY.csv)");
  command->add_option("--encoding", o->encoding,
                      "gb18030 (default) or utf-8; a byte order mark wins");
  command->add_flag("--ignore-unknown", o->ignore_unknown,
                    "Skip unknown columns instead of refusing the file");
  command->add_flag("--atomic", o->atomic, "Each file is one transaction");
  command->add_flag("--confirm-identity", o->confirm_identity,
                    "Accept persons whose name and birth date both change");
  command->add_option("--scope", o->scope,
                      "Counties that a snapshot covers; behind the files");
  command->add_option("--staff", o->staff, "Member of staff, for the history");
  AddCity(command, &o->city, "Whose node it is (default: client.toml)");
}

}  // namespace tongchou::cli
