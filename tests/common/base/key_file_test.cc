#include "common/base/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/config.h"
#include "common/base/status.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::base {
namespace {

TEST(KeyFileTest, AKeyThatIsThereStays) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/key.pem";
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadKeyFile(path, "p").status()));
  ASSERT_TRUE(MakeKeyFile(path).ok());
  const auto made = ReadKeyFile(path, "p");
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_TRUE(MakeKeyFile(path).ok());
  EXPECT_EQ(ReadKeyFile(path, "p")->ToPem(), made->ToPem());
}

TEST(KeyFileTest, OthersMayNotReadIt) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/key.pem";
  ASSERT_TRUE(MakeKeyFile(path).ok());
  chmod(path.c_str(), 0640);
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadKeyFile(path, "p").status()));
}

TEST(CheckOutsideDataTest, NamesWhatABackupWouldHold) {
  const auto check = [](const std::string& guard, const std::string& key) {
    return std::string(
        Message(CheckOutsideData("node.toml", "/var/data", guard, {"", key})));
  };
  EXPECT_EQ(check("/var/guard.json", "/var/database/key.pem"), "");
  EXPECT_EQ(check("/var/data/guard.json", "/etc/key.pem"),
            "node.toml: sign_guard: must lie outside the data directory, or a "
            "restored backup brings an old guard with it");
  EXPECT_EQ(check("/etc/guard.json", "/var/data/keys/key.pem"),
            "node.toml: /var/data/keys/key.pem: a key must lie outside the "
            "data directory, or it goes into every backup");
}

}  // namespace
}  // namespace tongchou::base
