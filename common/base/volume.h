// Whether what lies in a directory is encrypted on its disk.
#pragma once

#include <string>

namespace tongchou::base {

enum class VolumeEncryption {
  kEncrypted,     // on a dm-crypt volume (LUKS)
  kNotEncrypted,  // on a block device that is none
  kUnknown,       // not on a block device that the system shows
};

// Of the volume on which the directory lies, following what it is made of
// (LVM, RAID). `sys` is where the system shows its devices; tests put a
// directory of their own there.
VolumeEncryption EncryptionOf(const std::string& directory,
                              const std::string& sys = "/sys");
// The same for a device number.
VolumeEncryption EncryptionOfDevice(unsigned major, unsigned minor,
                                    const std::string& sys);

// A sentence for operators; empty when the volume is encrypted.
std::string EncryptionWarning(const std::string& directory);

}  // namespace tongchou::base
