// The texts of signed notes that state something about a log: a first line that
// says what, the log's origin, numbers in decimal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace tongchou::ledger {

// Reads one from its beginning. Errors are INVALID_ARGUMENT.
class StatementReader {
 public:
  // For errors: `name` is what the text should be, `numbers` what it counts.
  // All views outlive the reader.
  StatementReader(std::string_view name, std::string_view numbers,
                  std::string_view text)
      : name_(name), numbers_(numbers), rest_(text) {}

  absl::Status Begin(std::string_view first_line, std::string* origin);
  absl::Status Number(uint64_t* number);
  absl::Status End() const;

  absl::Status Malformed(std::string_view what) const;

 private:
  const std::string_view name_;
  const std::string_view numbers_;
  std::string_view rest_;
};

}  // namespace tongchou::ledger
