// Configuration files in TOML. Keys are dotted paths ("tls.ca"); a key that
// nobody asked for is an error.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace tongchou::base {

// Ask for every key, then Finish: the first error of all calls comes back
// there, with file and key. Not thread-safe.
class Config {
 public:
  // NOT_FOUND or INVALID_ARGUMENT (with the line) when it cannot be read.
  static absl::StatusOr<Config> Load(const std::string& path);
  static absl::StatusOr<Config> Parse(const std::string& text,
                                      const std::string& name);
  Config(Config&&) noexcept;
  Config& operator=(Config&&) noexcept;
  ~Config();

  // A key that must be there.
  std::string Text(const std::string& key);
  // Likewise a path, taken from the file's folder when relative.
  std::string Path(const std::string& key);
  // The same, or empty when there is no such key.
  std::string PathOr(const std::string& key);
  std::string TextOr(const std::string& key, std::string fallback);
  bool BoolOr(const std::string& key, bool fallback);
  // Names in the table `key`, sorted; none when it is absent.
  std::vector<std::string> Names(const std::string& key);

  absl::Status Finish();

 private:
  struct State;
  explicit Config(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What a backup must not bring back or give away lies outside the data
// directory: the guard of what was signed, and private keys. INVALID_ARGUMENT
// names the configuration file and what lies inside. Paths as Config gives
// them; empty ones are none.
absl::Status CheckOutsideData(const std::string& file, const std::string& data,
                              const std::string& sign_guard,
                              std::initializer_list<std::string> keys);

}  // namespace tongchou::base
