#include "common/transport/revocations.h"

#include <gtest/gtest.h>

#include "common/base/status.h"

namespace tongchou::transport {
namespace {

TEST(RevocationsTest, ThoseThatWereAddedAreRefused) {
  Revocations revocations;
  const base::Hash lost = base::Sha256("lost");
  EXPECT_FALSE(revocations.any());
  EXPECT_TRUE(revocations.Check(lost).ok());
  revocations.Add(lost);
  revocations.Add(lost);
  EXPECT_TRUE(revocations.any());
  EXPECT_EQ(revocations.all(), std::set<base::Hash>{lost});
  EXPECT_TRUE(absl::IsPermissionDenied(revocations.Check(lost)));
  EXPECT_TRUE(revocations.Check(base::Sha256("another")).ok());
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
