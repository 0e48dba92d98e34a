// A fresh directory that goes away with its object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace tongchou {

// In memory where there is such a place: for what is synced very often.
inline std::filesystem::path DirectoryInMemory() {
  const std::filesystem::path memory = "/dev/shm";
  return std::filesystem::is_directory(memory)
             ? memory
             : std::filesystem::temp_directory_path();
}

class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::filesystem::path& parent =
                                  std::filesystem::temp_directory_path()) {
    std::string pattern = (parent / "tongchou-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  void Remove(const std::string& name) {
    std::filesystem::remove_all(path_ + "/" + name);
  }

 private:
  std::string path_;
};

}  // namespace tongchou
