#include "common/base/sealer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/file.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::base {
namespace {

const std::string kKey(kSealerKeyBytes, 'k');

TEST(SealerTest, TheSameTextIsTheSameAndComesBack) {
  const Sealer sealer(kKey, "pseudonym");
  const std::string sealed = sealer.Seal("12345678");
  EXPECT_EQ(sealed.size(), 24u);
  EXPECT_EQ(sealer.Seal("12345678"), sealed);
  EXPECT_NE(sealer.Seal("12345679"), sealed);
  EXPECT_EQ(sealer.Open(sealed).value(), "12345678");
}

TEST(SealerTest, NeitherAnotherKeyNorAnotherUseNorAChangedByteOpensIt) {
  const Sealer sealer(kKey, "pseudonym");
  const std::string sealed = sealer.Seal("12345678");
  EXPECT_FALSE(Sealer(kKey, "page token").Open(sealed).ok());
  EXPECT_FALSE(
      Sealer(std::string(kSealerKeyBytes, 'l'), "pseudonym").Open(sealed).ok());
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(sealer.Open(changed).ok()) << i;
  }
  EXPECT_FALSE(sealer.Open("").ok());
  EXPECT_FALSE(sealer.Open(sealed.substr(0, 16)).ok());
}

TEST(SealerTest, KeysComeFromFilesThatNobodyElseReads) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/key";
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadSealerKey(path, "p").status()));
  ASSERT_TRUE(MakeSealerKey(path).ok());
  EXPECT_EQ(ReadSealerKey(path, "p").value().size(), kSealerKeyBytes);
  chmod(path.c_str(), 0640);
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadSealerKey(path, "p").status()));
  ASSERT_TRUE(WritePrivateFileDurably(path, "short\n").ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ReadSealerKey(path, "p").status()));
}

}  // namespace
}  // namespace tongchou::base
