#include "common/ledger/statement.h"

#include "common/base/status.h"
#include "common/ledger/note.h"

namespace tongchou::ledger {

absl::Status StatementReader::Malformed(std::string_view what) const {
  return base::InvalidArgumentError("{}: {}", name_, what);
}

absl::Status StatementReader::Begin(std::string_view first_line,
                                    std::string* origin) {
  std::string_view line;
  if (!TakeLine(&rest_, &line) || line != first_line) {
    return Malformed("another first line");
  }
  if (!TakeLine(&rest_, &line)) return Malformed("no origin");
  *origin = line;
  return absl::OkStatus();
}

absl::Status StatementReader::Number(uint64_t* number) {
  std::string_view line;
  if (TakeLine(&rest_, &line) && ParseDecimal(line, number)) {
    return absl::OkStatus();
  }
  return base::InvalidArgumentError("{}: {} is missing, or no decimal number",
                                    name_, numbers_);
}

absl::Status StatementReader::End() const {
  return rest_.empty() ? absl::OkStatus() : Malformed("more lines than it has");
}

}  // namespace tongchou::ledger
