#include "common/ledger/entry_view.h"

#include "common/base/varint.h"

namespace tongchou::ledger {
namespace {

constexpr uint64_t kVarint = 0;
constexpr uint64_t kFixed64 = 1;
constexpr uint64_t kLengthDelimited = 2;
constexpr uint64_t kFixed32 = 5;

// Field numbers of EntryHeader and EntryBody; a test compares them with the
// descriptors.
constexpr uint64_t kSequence = 1;
constexpr uint64_t kCommitTime = 2;
constexpr uint64_t kType = 3;
constexpr uint64_t kOperation = 4;
constexpr uint64_t kReceipt = 6;
constexpr uint64_t kPrevious = 9;
constexpr uint64_t kLastOfTransaction = 10;
constexpr uint64_t kKey = 2;
constexpr uint64_t kRecord = 3;
constexpr uint64_t kTransactionId = 7;

struct Field {
  uint64_t number = 0;
  uint64_t wire_type = 0;
  uint64_t value = 0;      // of a varint
  std::string_view bytes;  // of a length-delimited field
};

bool Skip(std::string_view* in, size_t bytes) {
  if (in->size() < bytes) return false;
  in->remove_prefix(bytes);
  return true;
}

bool TakeField(std::string_view* in, Field* field) {
  uint64_t tag;
  if (!base::TakeVarint(in, &tag) || tag > UINT32_MAX) return false;
  field->number = tag >> 3;
  field->wire_type = tag & 7;
  switch (field->wire_type) {
    case kVarint:
      return base::TakeVarint(in, &field->value);
    case kLengthDelimited: {
      uint64_t length;
      if (!base::TakeVarint(in, &length) || length > in->size()) return false;
      field->bytes = in->substr(0, length);
      return Skip(in, length);
    }
    case kFixed64:
      return Skip(in, sizeof(uint64_t));
    case kFixed32:
      return Skip(in, sizeof(uint32_t));
    default:
      return false;
  }
}

}  // namespace

bool ReadHeader(std::string_view bytes, HeaderView* header) {
  *header = {};
  Field field;
  while (!bytes.empty()) {
    if (!TakeField(&bytes, &field) || field.number == 0) return false;
    const bool known =
        field.number <= kOperation || field.number == kReceipt ||
        (field.number >= kPrevious && field.number <= kLastOfTransaction);
    if (known && field.wire_type != kVarint) return false;
    switch (field.number) {
      case kSequence:
        header->sequence = field.value;
        break;
      case kCommitTime:
        header->commit_time_us = static_cast<int64_t>(field.value);
        break;
      case kType:
        header->type = static_cast<uint32_t>(field.value);
        break;
      case kOperation:
        header->operation = static_cast<uint32_t>(field.value);
        break;
      case kReceipt:
        header->receipt = field.value;
        break;
      case kPrevious:
        header->previous = field.value;
        break;
      case kLastOfTransaction:
        header->last_of_transaction = field.value != 0;
        break;
      default:
        break;
    }
  }
  return true;
}

bool ReadBody(std::string_view bytes, BodyView* body) {
  *body = {};
  Field field;
  while (!bytes.empty()) {
    if (!TakeField(&bytes, &field) || field.number == 0) return false;
    std::string_view* to = nullptr;
    if (field.number == kKey) to = &body->key;
    if (field.number == kRecord) to = &body->record;
    if (field.number == kTransactionId) to = &body->transaction_id;
    if (to == nullptr) continue;
    if (field.wire_type != kLengthDelimited) return false;
    *to = field.bytes;
  }
  return true;
}

}  // namespace tongchou::ledger
