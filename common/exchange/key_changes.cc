#include "common/exchange/key_changes.h"

#include "common/base/status.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::exchange {

std::vector<ledger::KeyChange> ReadKeyChanges(
    const KeyChangeMessages& messages) {
  std::vector<ledger::KeyChange> changes;
  changes.reserve(messages.size());
  for (const v1::KeyChange& message : messages) {
    changes.push_back({message.sequence(), message.statement()});
  }
  return changes;
}

KeyChangeMessages MakeKeyChanges(std::span<const ledger::KeyChange> changes) {
  KeyChangeMessages messages;
  for (const ledger::KeyChange& change : changes) {
    v1::KeyChange& message = *messages.Add();
    message.set_sequence(change.sequence);
    message.set_statement(change.statement);
  }
  return messages;
}

absl::StatusOr<std::string> KeyStatementOf(std::string_view record) {
  v1::LogKey key;
  if (!key.ParseFromArray(record.data(), static_cast<int>(record.size()))) {
    return base::DataLossError("its record is no change of the log's key");
  }
  return key.statement();
}

}  // namespace tongchou::exchange
