// Runs a target over the files of a directory, and over each of them cut and
// with single bytes changed: what libFuzzer found once stays found, without it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

// Of each file so many cuts and so many changed bytes, evenly spread.
constexpr size_t kVariants = 64;

void Run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()),
                         bytes.size());
}

void RunVariants(const std::string& bytes) {
  Run(bytes);
  const size_t step = std::max<size_t>(bytes.size() / kVariants, 1);
  std::string changed = bytes;
  for (size_t at = 0; at < bytes.size(); at += step) {
    Run(bytes.substr(0, at));
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      changed[at] = static_cast<char>(bytes[at] ^ flip);
      Run(changed);
    }
    changed[at] = bytes[at];
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::fprintf(stderr, "%s: there is no input\n", argv[1]);
    return 1;
  }
  Run("");
  for (const std::filesystem::path& path : files) {
    std::ifstream file(path, std::ios::binary);
    RunVariants({std::istreambuf_iterator<char>(file), {}});
  }
  std::printf("%zu inputs\n", files.size());
  return 0;
}
