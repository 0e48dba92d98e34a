#include "common/base/random.h"

#include <openssl/rand.h>

#include "common/base/big_endian.h"
#include "common/base/status.h"

namespace tongchou::base {

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  TONGCHOU_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()),
                            static_cast<int>(count)) == 1);
  return bytes;
}

uint64_t RandomNumber() { return ReadBigEndian(RandomBytes(8)); }

}  // namespace tongchou::base
