#include <grpcpp/client_context.h>

#include <iostream>

#include "cli/admin/admin_commands.h"
#include "cli/answer_json.h"
#include "cli/connection.h"
#include "cli/text.h"
#include "common/base/certificate.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/records/division.h"
#include "tongchou/v1/admin.grpc.pb.h"

namespace tongchou::cli {
namespace {

constexpr char kFooter[] =
    "Needs an administrator's certificate of the province; every act is an\n"
    "entry of the province's log.\n"
    "Example:\n"
    "  tongchou city add 361100 --name 上饶市人社局 --contact "
    "李明,13800000000\n"
    "  tongchou city rekey 360100 --reason '服务器硬盘损坏，密钥丢失'\n"
    "  tongchou city release 360100 --reason '日志已由市局核对恢复'\n"
    "  tongchou city revoke node-360100.pem --reason '设备被盗'";

struct AddOptions {
  uint32_t city = 0;
  std::string name;
  std::string contact;
  uint32_t hours = 0;
};

struct ReleaseOptions {
  uint32_t city = 0;
  std::string reason;
};

struct RevokeOptions {
  std::string certificate;
  std::string reason;
};

struct RekeyOptions {
  uint32_t city = 0;
  std::string reason;
  uint32_t hours = 0;
};

void ShowToken(const Globals& globals, uint32_t city, const std::string& token,
               int64_t expires_us) {
  if (globals.format == Format::kJson) {
    std::cout << JsonText({{"city", DivisionText(city)},
                           {"token", token},
                           {"expires", expires_us}});
    return;
  }
  std::cout << token << "\n";
  std::cerr << fmt::format(
      "good once, until {}; at the city's office:\n"
      "  tongchou-node join --token TOKEN --province HOST:PORT --dir DIR\n",
      ShortTime(expires_us));
}

// One call of the province's Admin service.
template <typename Request, typename Response>
absl::StatusOr<Response> Call(
    const Globals& globals, const Request& request,
    grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*,
                                            const Request&, Response*)) {
  ASSIGN_OR_RETURN(const Connection aggregator, ConnectAggregator(globals));
  const auto stub = v1::Admin::NewStub(aggregator.channel);
  grpc::ClientContext context;
  Response response;
  RETURN_IF_ERROR(CallStatus(
      aggregator, (stub.get()->*method)(&context, request, &response)));
  return response;
}

absl::StatusOr<int> RunAdd(const Globals& globals, const AddOptions& options) {
  v1::AddCityRequest request;
  request.set_city(options.city);
  request.set_name(options.name);
  request.set_contact(options.contact);
  request.set_hours(options.hours);
  ASSIGN_OR_RETURN(const auto response,
                   Call(globals, request, &v1::Admin::Stub::AddCity));
  ShowToken(globals, options.city, response.token(), response.expires_us());
  return kExitDone;
}

absl::StatusOr<int> RunRekey(const Globals& globals,
                             const RekeyOptions& options) {
  v1::RekeyCityRequest request;
  request.set_city(options.city);
  request.set_reason(options.reason);
  request.set_hours(options.hours);
  ASSIGN_OR_RETURN(const auto response,
                   Call(globals, request, &v1::Admin::Stub::RekeyCity));
  ShowToken(globals, options.city, response.token(), response.expires_us());
  return kExitDone;
}

absl::StatusOr<int> RunRelease(const Globals& globals,
                               const ReleaseOptions& options) {
  v1::ReleaseCityRequest request;
  request.set_city(options.city);
  request.set_reason(options.reason);
  ASSIGN_OR_RETURN(const auto response,
                   Call(globals, request, &v1::Admin::Stub::ReleaseCity));
  std::cout << fmt::format(
      "{} is released; its log is taken again from entry {} on\n",
      DivisionText(options.city), response.size());
  return kExitDone;
}

// The city of the certificate's owner; 0 = of no city.
uint32_t CityOf(const base::Identity& owner) {
  const auto city = records::Divisions::Get().ParseCity(owner.division);
  const bool of_city = owner.role == base::Role::kCityNode ||
                       owner.role == base::Role::kCityOperator ||
                       owner.role == base::Role::kCityAdmin;
  return of_city ? city.value_or(0) : 0;
}

absl::StatusOr<int> RunRevoke(const Globals& globals,
                              const RevokeOptions& options) {
  ASSIGN_OR_RETURN(const std::string pem, base::ReadFile(options.certificate));
  const auto fingerprint = base::CertificateFingerprint(pem);
  if (!fingerprint.ok()) {
    return base::Annotate(fingerprint.status(), options.certificate);
  }
  const auto owner = base::CertificateIdentity(pem);
  if (!owner.ok()) return base::Annotate(owner.status(), options.certificate);
  ASSIGN_OR_RETURN(const std::string uri, base::FormatIdentity(*owner));
  v1::RevokeCertificateRequest request;
  request.set_certificate(std::string(fingerprint->view()));
  request.set_reason(options.reason);
  request.set_city(CityOf(*owner));
  RETURN_IF_ERROR(
      Call(globals, request, &v1::Admin::Stub::RevokeCertificate).status());
  std::cout << fmt::format("revoked: {} ({})\n",
                           base::HexEncode(fingerprint->view()), uri);
  return kExitDone;
}

}  // namespace

void AddCityCommands(CLI::App* app, Invocation* invocation) {
  CLI::App* city =
      app->add_subcommand("city", "Acts of the province about a city");
  city->footer(kFooter);
  city->require_subcommand(1);
  CLI::App* add =
      city->add_subcommand("add", "Let a city join: prints a token");
  const auto a = AddCommand<AddOptions>(add, invocation, RunAdd);
  AddCity(add, &a->city, "Its code or name", "CITY")->required();
  add->add_option("--name", a->name, "The office's name")->required();
  add->add_option("--contact", a->contact, "Whom to call: NAME,PHONE")
      ->required();
  add->add_option("--hours", a->hours, "How long the token is good")
      ->check(CLI::Range(1, 168));
  CLI::App* rekey = city->add_subcommand(
      "rekey",
      "Let a city whose keys are lost or stolen have new ones: prints "
      "a token");
  const auto k = AddCommand<RekeyOptions>(rekey, invocation, RunRekey);
  AddCity(rekey, &k->city, "Its code or name", "CITY")->required();
  rekey->add_option("--reason", k->reason, "Why, in words")->required();
  rekey->add_option("--hours", k->hours, "How long the token is good")
      ->check(CLI::Range(1, 168));
  CLI::App* release =
      city->add_subcommand("release", "End the quarantine of a city");
  const auto r = AddCommand<ReleaseOptions>(release, invocation, RunRelease);
  AddCity(release, &r->city, "Its code or name", "CITY")->required();
  release->add_option("--reason", r->reason, "Why, in words")->required();
  CLI::App* revoke = city->add_subcommand(
      "revoke", "Do not accept a certificate any more, at once");
  const auto v = AddCommand<RevokeOptions>(revoke, invocation, RunRevoke);
  revoke->add_option("FILE", v->certificate, "The certificate (PEM)")
      ->required()
      ->type_name("");
  revoke->add_option("--reason", v->reason, "Why, in words")->required();
}

}  // namespace tongchou::cli
