#include "node/renewal.h"

#include <grpcpp/grpcpp.h>

#include "common/base/certificate.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/transport/channel.h"
#include "common/transport/grpc_status.h"
#include "tongchou/v1/exchange.grpc.pb.h"

namespace tongchou::node {
namespace {

constexpr auto kTimeout = std::chrono::seconds(5);

}  // namespace

absl::Status RenewCertificate(const NodeConfig& config) {
  ASSIGN_OR_RETURN(
      const auto channel,
      transport::MakeChannel(config.aggregator, config.tls,
                             {base::Role::kAggregator, config.province}));
  RETURN_IF_ERROR(transport::WaitConnected(*channel, kTimeout));
  const base::KeyAndRequest tls = base::MakeCertificateRequest();
  ASSIGN_OR_RETURN(const std::string pem,
                   base::ReadFile(config.tls.certificate));
  ASSIGN_OR_RETURN(const base::CertificateFacts facts,
                   base::ReadCertificate(pem));
  v1::RenewCertificateRequest request;
  request.set_certificate_request(tls.request_pem);
  for (const std::string& host : facts.dns_names) request.add_hosts(host);
  for (const std::string& host : facts.addresses) request.add_hosts(host);
  const auto stub = v1::Exchange::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kTimeout);
  v1::RenewCertificateResponse response;
  RETURN_IF_ERROR(transport::FromGrpc(
      stub->RenewCertificate(&context, request, &response)));
  // The key first: who reads in between finds a pair that does not fit and
  // keeps the old one.
  RETURN_IF_ERROR(base::WritePrivateFileDurably(config.tls.key, tls.key_pem));
  return base::WriteFileDurably(config.tls.certificate, response.certificate());
}

}  // namespace tongchou::node
