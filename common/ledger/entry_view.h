// Headers and bodies of entries read in place: the fields of
// proto/tongchou/v1/ledger.proto as views into the stored bytes, without
// messages in between. What it does not know it passes over, as protobuf does;
// of a field that comes twice the last one counts.
#pragma once

#include <cstdint>
#include <string_view>

namespace tongchou::ledger {

struct HeaderView {
  uint64_t sequence = 0;
  int64_t commit_time_us = 0;
  uint32_t type = 0;       // RecordType
  uint32_t operation = 0;  // Operation
  uint64_t receipt = 0;    // 0 = none
  uint64_t previous = 0;   // sequence plus one; 0 = none
  bool last_of_transaction = false;
};

struct BodyView {
  std::string_view key;
  std::string_view record;
  std::string_view transaction_id;
};

// False when the bytes are no protobuf message, or a known field has another
// wire type.
bool ReadHeader(std::string_view bytes, HeaderView* header);
bool ReadBody(std::string_view bytes, BodyView* body);

}  // namespace tongchou::ledger
