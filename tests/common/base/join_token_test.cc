#include "common/base/join_token.h"

#include <gtest/gtest.h>

#include "common/base/certificate.h"
#include "common/base/clock.h"

namespace tongchou::base {
namespace {

TEST(JoinTokenTest, ComesBackAsItWas) {
  JoinToken token;
  token.city = 361100;
  token.secret = std::string(kJoinSecretBytes, '\xfe');
  token.province = Sha256("certificate");
  const std::string text = token.ToText();
  EXPECT_EQ(text.size(), 68u);
  EXPECT_EQ(text.find_first_of("+/="), std::string::npos);
  const auto parsed = JoinToken::Parse(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->city, token.city);
  EXPECT_EQ(parsed->secret, token.secret);
  EXPECT_EQ(parsed->province, token.province);
  for (const std::string& wrong :
       {std::string(), text.substr(1), text + "AAAA", "*" + text.substr(1)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(JoinToken::Parse(wrong).status()))
        << wrong;
  }
}

TEST(CertificateRequestTest, TheCertificateIsForTheKeyOfTheRequest) {
  const Validity validity{RealClock().NowMicros(), 90};
  const auto authority = MakeAuthority("ours", validity).value();
  const LeafRequest leaf{.identity = {Role::kCityNode, "360000", "361100", ""},
                         .validity = validity,
                         .hosts = {"node.shangrao.example", "10.1.2.3"}};
  const KeyAndRequest made = MakeCertificateRequest();
  const auto certificate = IssueRequested(authority, made.request_pem, leaf);
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_TRUE(CheckKeyMatches(*certificate, made.key_pem).ok());
  EXPECT_TRUE(CheckIssuedBy(*certificate, authority.certificate_pem).ok());
  EXPECT_EQ(CertificateIdentity(*certificate)->division, "361100");
  const CertificateFacts facts = ReadCertificate(*certificate).value();
  EXPECT_EQ(facts.dns_names, std::vector<std::string>{"node.shangrao.example"});
  EXPECT_EQ(facts.addresses, std::vector<std::string>{"10.1.2.3"});
  EXPECT_FALSE(
      CheckKeyMatches(*certificate, MakeCertificateRequest().key_pem).ok());
}

TEST(CertificateRequestTest, WhatIsNoSignedRequestIsRefused) {
  const Validity validity{RealClock().NowMicros(), 90};
  const auto authority = MakeAuthority("ours", validity).value();
  const LeafRequest leaf{.identity = {Role::kCityNode, "360000", "361100", ""},
                         .validity = validity};
  std::string request = MakeCertificateRequest().request_pem;
  // A character of the signature, far from the end's padding.
  const size_t at = request.rfind("\n-----END") - 20;
  request[at] = request[at] == 'A' ? 'B' : 'A';
  for (const std::string& wrong : {std::string("nothing"), request}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        IssueRequested(authority, wrong, leaf).status()));
  }
}

}  // namespace
}  // namespace tongchou::base
