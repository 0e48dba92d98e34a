#include "common/transport/revocations.h"

#include <gtest/gtest.h>

#include "common/base/status.h"

namespace tongchou::transport {
namespace {

CertificateOfPeer NodeCertificate(const std::string& city, int64_t from_us) {
  CertificateOfPeer certificate;
  certificate.fingerprint = base::Sha256(city);
  certificate.identity = {base::Role::kCityNode, "360000", city, ""};
  certificate.not_before_us = from_us;
  return certificate;
}

TEST(RevocationsTest, ThoseThatWereAddedAreRefused) {
  Revocations revocations;
  const CertificateOfPeer lost = NodeCertificate("360100", 1);
  EXPECT_FALSE(revocations.any());
  EXPECT_TRUE(revocations.Check(lost).ok());
  revocations.Add(lost.fingerprint);
  revocations.Add(lost.fingerprint);
  EXPECT_TRUE(revocations.any());
  EXPECT_EQ(revocations.all(), std::set<base::Hash>{lost.fingerprint});
  EXPECT_TRUE(absl::IsPermissionDenied(revocations.Check(lost)));
  EXPECT_TRUE(revocations.Check(NodeCertificate("360200", 1)).ok());
}

TEST(RevocationsTest, ANodesCertificatesFromBeforeATimeAreRefused) {
  Revocations revocations;
  revocations.AddBefore("360100", 1'000);
  revocations.AddBefore("360100", 500);  // the latest time counts
  EXPECT_TRUE(revocations.any());
  EXPECT_TRUE(absl::IsPermissionDenied(
      revocations.Check(NodeCertificate("360100", 999))));
  EXPECT_TRUE(revocations.Check(NodeCertificate("360100", 1'000)).ok());
  EXPECT_TRUE(revocations.Check(NodeCertificate("360200", 999)).ok());
  CertificateOfPeer person = NodeCertificate("360100", 999);
  person.identity.role = base::Role::kCityOperator;
  EXPECT_TRUE(revocations.Check(person).ok());
}

// Without revocations nobody's certificate is looked at.
TEST(RevocationsTest, AWatchReadsTheCertificateOnlyWhenAnyIsRevoked) {
  Revocations revocations;
  const grpc::ServerContext context;  // of no call
  PeerWatch watch(revocations, context);
  EXPECT_TRUE(watch.Check().ok());
}

}  // namespace
}  // namespace tongchou::transport
