#include "common/base/volume.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_directory.h"

namespace tongchou::base {
namespace {

namespace fs = std::filesystem;

class VolumeTest : public testing::Test {
 protected:
  fs::path Device(const std::string& name, const std::string& uuid) {
    const fs::path device = fs::path(sys_.path()) / "devices" / name;
    fs::create_directories(device / "slaves");
    if (!uuid.empty()) {
      fs::create_directories(device / "dm");
      std::ofstream(device / "dm" / "uuid") << uuid << "\n";
    }
    return device;
  }
  void Number(const std::string& number, const fs::path& device) {
    const fs::path block = fs::path(sys_.path()) / "dev" / "block";
    fs::create_directories(block);
    fs::create_directory_symlink(device, block / number);
  }

  TemporaryDirectory sys_;
};

TEST_F(VolumeTest, ALuksVolumeIsEncryptedAndADiskIsNot) {
  Number("253:0", Device("dm-0", "CRYPT-LUKS2-00aa-tongchou"));
  Number("259:1", Device("nvme0n1p1", ""));
  EXPECT_EQ(EncryptionOfDevice(253, 0, sys_.path()),
            VolumeEncryption::kEncrypted);
  EXPECT_EQ(EncryptionOfDevice(259, 1, sys_.path()),
            VolumeEncryption::kNotEncrypted);
  EXPECT_EQ(EncryptionOfDevice(9, 9, sys_.path()), VolumeEncryption::kUnknown);
}

TEST_F(VolumeTest, AVolumeIsAsEncryptedAsAllItsParts) {
  const fs::path crypt = Device("dm-1", "CRYPT-LUKS2-00bb-a");
  const fs::path plain = Device("sda", "");
  const fs::path lvm = Device("dm-2", "LVM-abc");
  Number("253:2", lvm);
  fs::create_directory_symlink(crypt, lvm / "slaves" / "dm-1");
  EXPECT_EQ(EncryptionOfDevice(253, 2, sys_.path()),
            VolumeEncryption::kEncrypted);
  fs::create_directory_symlink(plain, lvm / "slaves" / "sda");
  EXPECT_EQ(EncryptionOfDevice(253, 2, sys_.path()),
            VolumeEncryption::kNotEncrypted);
}

TEST_F(VolumeTest, ACircleEnds) {
  const fs::path loop = Device("dm-3", "");
  fs::create_directory_symlink(loop, loop / "slaves" / "dm-3");
  Number("253:3", loop);
  EXPECT_EQ(EncryptionOfDevice(253, 3, sys_.path()),
            VolumeEncryption::kNotEncrypted);
}

TEST_F(VolumeTest, TheWarningNamesTheDirectory) {
  EXPECT_NE(EncryptionWarning("/nowhere").find("/nowhere"), std::string::npos);
}

}  // namespace
}  // namespace tongchou::base
