#include "aggregator/service/authority.h"

#include <gtest/gtest.h>

#include "common/base/file.h"
#include "common/base/status.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::aggregator {
namespace {

constexpr int64_t kNow = 1'800'000'000'000'000;

class AuthorityTest : public testing::Test {
 protected:
  void SetUp() override {
    ca_ = base::MakeAuthority("test", {kNow}).value();
    ASSERT_TRUE(
        base::WriteFileDurably(PathOf("ca.pem"), ca_.certificate_pem).ok());
    ASSERT_TRUE(
        base::WritePrivateFileDurably(PathOf("ca-key.pem"), ca_.key_pem).ok());
    authority_ =
        Authority::Open(PathOf("ca.pem"), PathOf("ca-key.pem"), &clock_)
            .value();
    base::LeafRequest leaf;
    leaf.identity = {base::Role::kAggregator, "360000", "360000", ""};
    leaf.validity = {kNow, 825};
    leaf.hosts = {"hrss.jiangxi.example", "10.0.0.7"};
    const auto own = base::IssueCertificate(ca_, leaf).value();
    ASSERT_TRUE(
        base::WriteFileDurably(files_.certificate, own.certificate_pem).ok());
    ASSERT_TRUE(base::WritePrivateFileDurably(files_.key, own.key_pem).ok());
  }
  std::string PathOf(const std::string& name) const {
    return directory_.path() + "/" + name;
  }

  TemporaryDirectory directory_;
  base::ManualClock clock_{kNow};
  base::KeyAndCertificate ca_;
  std::unique_ptr<Authority> authority_;
  const transport::TlsFiles files_ = {PathOf("ca.pem"), PathOf("own.pem"),
                                      PathOf("own-key.pem")};
};

TEST_F(AuthorityTest, TheAggregatorsCertificateIsRenewedAMonthBeforeItEnds) {
  const base::ExpectedPeer self = {base::Role::kAggregator, "360000"};
  clock_.Advance((825 - base::kRenewalDays) * base::kMicrosPerDay);
  const std::string old = base::ReadFile(files_.certificate).value();
  EXPECT_FALSE(authority_->RenewOwn(files_).value());
  EXPECT_EQ(base::ReadFile(files_.certificate).value(), old);

  clock_.Advance(base::kMicrosPerSecond);
  EXPECT_TRUE(authority_->RenewOwn(files_).value());
  const std::string pem = base::ReadFile(files_.certificate).value();
  EXPECT_NE(pem, old);
  EXPECT_TRUE(
      base::CheckKeyMatches(pem, base::ReadFile(files_.key).value()).ok());
  EXPECT_TRUE(base::CheckPrivate(files_.key).ok());
  EXPECT_TRUE(base::CheckIssuedBy(pem, ca_.certificate_pem).ok());
  EXPECT_EQ(base::CertificateIdentity(pem).value(),
            base::CertificateIdentity(old).value());
  const auto facts = base::ReadCertificate(pem).value();
  EXPECT_EQ(facts.dns_names, std::vector<std::string>{"hrss.jiangxi.example"});
  EXPECT_EQ(facts.addresses, std::vector<std::string>{"10.0.0.7"});
  EXPECT_EQ(
      base::CertificateDaysLeft(files_.certificate, clock_.NowMicros()).value(),
      kServerCertificateDays);
  EXPECT_FALSE(authority_->RenewOwn(files_).value());
}

TEST_F(AuthorityTest, WhatCannotBeReadIsSaidAndLeft) {
  ASSERT_TRUE(base::WriteFileDurably(files_.certificate, "no PEM").ok());
  EXPECT_FALSE(authority_->RenewOwn(files_).ok());
  EXPECT_EQ(base::ReadFile(files_.certificate).value(), "no PEM");
}

}  // namespace
}  // namespace tongchou::aggregator
