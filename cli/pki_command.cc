#include "cli/pki_command.h"

#include <filesystem>
#include <iostream>

#include "common/base/certificate.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace tongchou::cli {
namespace {

constexpr char kInitFooter[] =
    "Writes DIR/ca.pem and DIR/ca-key.pem; keep the key secret.\n"
    "Example:\n"
    "  tongchou pki init --dir pki";
constexpr char kIssueFooter[] =
    "Writes PREFIX.pem and PREFIX-key.pem.\n"
    "Example:\n"
    "  tongchou pki issue --dir pki --out pki/node-360100 \\\n"
    "      --identity spiffe://tongchou/360000/city/360100/node \\\n"
    "      --host node.nanchang.example";

struct InitOptions {
  std::string directory;
  std::string name = "tongchou development";
};

struct IssueOptions {
  std::string directory;
  std::string out;
  std::string identity;
  std::vector<std::string> hosts;
  int days = base::Validity().days;
};

base::Validity ValidFor(int days) {
  return {base::RealClock().NowMicros(), days};
}

absl::Status Write(const base::KeyAndCertificate& pair,
                   const std::string& certificate, const std::string& key) {
  RETURN_IF_ERROR(base::WritePrivateFileDurably(key, pair.key_pem));
  RETURN_IF_ERROR(base::WriteFileDurably(certificate, pair.certificate_pem));
  std::cout << certificate << "\n" << key << "\n";
  return absl::OkStatus();
}

std::string AuthorityFile(const std::string& directory) {
  return directory + "/ca.pem";
}
std::string AuthorityKeyFile(const std::string& directory) {
  return directory + "/ca-key.pem";
}

absl::StatusOr<int> RunInit(const Globals&, const InitOptions& options) {
  RETURN_IF_ERROR(base::MakeDirectories(options.directory));
  const std::string key = AuthorityKeyFile(options.directory);
  if (base::FileExists(key)) {
    return base::AlreadyExistsError(
        "{}: there is an authority already; name another directory", key);
  }
  ASSIGN_OR_RETURN(
      const base::KeyAndCertificate authority,
      base::MakeAuthority(options.name, ValidFor(base::kValidityDaysMax)));
  RETURN_IF_ERROR(Write(authority, AuthorityFile(options.directory), key));
  return kExitDone;
}

absl::StatusOr<int> RunIssue(const Globals&, const IssueOptions& options) {
  base::KeyAndCertificate authority;
  ASSIGN_OR_RETURN(authority.certificate_pem,
                   base::ReadFile(AuthorityFile(options.directory)));
  ASSIGN_OR_RETURN(authority.key_pem,
                   base::ReadFile(AuthorityKeyFile(options.directory)));
  base::LeafRequest request;
  ASSIGN_OR_RETURN(request.identity, base::ParseIdentity(options.identity));
  request.validity = ValidFor(options.days);
  if (!options.hosts.empty()) request.hosts = options.hosts;
  ASSIGN_OR_RETURN(const base::KeyAndCertificate leaf,
                   base::IssueCertificate(authority, request));
  const std::string folder =
      std::filesystem::path(options.out).parent_path().string();
  if (!folder.empty()) RETURN_IF_ERROR(base::MakeDirectories(folder));
  RETURN_IF_ERROR(Write(leaf, options.out + ".pem", options.out + "-key.pem"));
  return kExitDone;
}

void AddInit(CLI::App* pki, Invocation* invocation) {
  CLI::App* command = pki->add_subcommand("init", "Make an authority");
  command->footer(kInitFooter);
  const auto o = AddCommand<InitOptions>(command, invocation, RunInit);
  command->add_option("--dir", o->directory, "Where it is kept")->required();
  command->add_option("--name", o->name, "Its name")->capture_default_str();
}

void AddIssue(CLI::App* pki, Invocation* invocation) {
  CLI::App* command = pki->add_subcommand("issue", "Issue a certificate");
  command->footer(kIssueFooter);
  const auto o = AddCommand<IssueOptions>(command, invocation, RunIssue);
  command->add_option("--dir", o->directory, "The authority's directory")
      ->required();
  command->add_option("--out", o->out, "Path without .pem")
      ->required()
      ->type_name("PREFIX");
  command->add_option("--identity", o->identity, "Who the owner is")
      ->required()
      ->type_name("URI");
  command->add_option("--host", o->hosts,
                      "Names and addresses of a server (default: localhost)");
  command->add_option("--days", o->days, "How long it is valid")
      ->capture_default_str()
      ->check(CLI::Range(1, base::kValidityDaysMax));
}

}  // namespace

void AddPki(CLI::App* app, Invocation* invocation) {
  CLI::App* pki = app->add_subcommand(
      "pki", "Certificates for trials: an authority and what it issues");
  pki->require_subcommand(1);
  pki->footer(
      "Example:\n"
      "  tongchou pki init --dir pki\n"
      "  tongchou pki issue --dir pki --out pki/officer \\\n"
      "      --identity spiffe://tongchou/360000/province/officer/zhang");
  AddInit(pki, invocation);
  AddIssue(pki, invocation);
}

}  // namespace tongchou::cli
