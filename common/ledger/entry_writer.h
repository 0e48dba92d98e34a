// Entries as their author serialises them, once: the bytes of EntryHeader and
// EntryBody of proto/tongchou/v1/ledger.proto, fields in the order of their
// numbers, what is empty or zero left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tongchou::ledger {

struct HeaderFields {
  uint64_t sequence = 0;
  int64_t commit_time_us = 0;
  uint32_t type = 0;       // RecordType
  uint32_t operation = 0;  // Operation
  uint64_t actor = 0;
  uint64_t receipt = 0;
  uint64_t line = 0;
  uint32_t reason = 0;    // Reason
  uint64_t previous = 0;  // sequence plus one; 0 = none
  bool last_of_transaction = false;
  uint32_t audience = 0;
};

struct BodyFields {
  std::string_view salt;
  std::string_view key;
  std::string_view record;
  std::string_view staff;
  std::string_view reason_text;
  std::string_view document_number;
  std::string_view transaction_id;
};

void AppendHeader(const HeaderFields& header, std::string* out);
void AppendBody(const BodyFields& body, std::string* out);

}  // namespace tongchou::ledger
