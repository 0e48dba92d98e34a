// A fresh directory that goes away with its object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace tongchou {

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
