#include "common/base/volume.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>

#include "common/base/status.h"

namespace tongchou::base {
namespace {

namespace fs = std::filesystem;

constexpr int kDepthMax = 8;  // a volume on a volume on ...

// Encrypted when the device is, or everything that it is made of.
VolumeEncryption Look(const fs::path& device, int depth) {
  std::error_code error;
  std::ifstream uuid(device / "dm" / "uuid");
  std::string text;
  if (uuid >> text && text.starts_with("CRYPT-")) {
    return VolumeEncryption::kEncrypted;
  }
  size_t parts = 0;
  size_t encrypted = 0;
  if (depth < kDepthMax) {
    for (const auto& slave : fs::directory_iterator(device / "slaves", error)) {
      ++parts;
      if (Look(slave.path(), depth + 1) == VolumeEncryption::kEncrypted) {
        ++encrypted;
      }
    }
  }
  return parts > 0 && parts == encrypted ? VolumeEncryption::kEncrypted
                                         : VolumeEncryption::kNotEncrypted;
}

}  // namespace

VolumeEncryption EncryptionOfDevice(unsigned major, unsigned minor,
                                    const std::string& sys) {
  const fs::path device =
      fs::path(sys) / "dev" / "block" / fmt::format("{}:{}", major, minor);
  std::error_code error;
  if (!fs::exists(device, error)) return VolumeEncryption::kUnknown;
  return Look(device, 0);
}

VolumeEncryption EncryptionOf(const std::string& directory,
                              const std::string& sys) {
  struct stat facts;
  if (::stat(directory.c_str(), &facts) != 0) {
    return VolumeEncryption::kUnknown;
  }
  return EncryptionOfDevice(major(facts.st_dev), minor(facts.st_dev), sys);
}

std::string EncryptionWarning(const std::string& directory) {
  switch (EncryptionOf(directory)) {
    case VolumeEncryption::kEncrypted:
      return {};
    case VolumeEncryption::kNotEncrypted:
      return fmt::format(
          "{} is not on an encrypted volume: who takes the disk reads "
          "everything; see deploy/encrypted-volume",
          directory);
    case VolumeEncryption::kUnknown:
      break;
  }
  return fmt::format(
      "whether {} is on an encrypted volume cannot be seen here; make sure of "
      "it",
      directory);
}

}  // namespace tongchou::base
