// Import profiles, as an administrator may write them.
#include "common/records/profile.h"
#include "tests/fuzz/fuzz.h"

using namespace tongchou;  // NOLINT(google-build-using-namespace)

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto profile =
      records::ParseProfile(std::string(fuzz::View(data, size)));
  if (!profile.ok()) return 0;
  for (const char* const name : {"enrolment.csv", "unit-1.csv", "x.csv", ""}) {
    records::TypeOfFile(name, *profile);
  }
  return 0;
}
