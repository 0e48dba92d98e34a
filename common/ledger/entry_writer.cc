#include "common/ledger/entry_writer.h"

#include "common/base/varint.h"

namespace tongchou::ledger {
namespace {

constexpr int kTypeBits = 3;
constexpr int kVarint = 0;
constexpr int kFixed64 = 1;
constexpr int kLengthDelimited = 2;

char Tag(int number, int wire_type) {
  return static_cast<char>(number << kTypeBits | wire_type);
}

void AppendNumber(int number, uint64_t value, std::string* out) {
  if (value == 0) return;
  out->push_back(Tag(number, kVarint));
  base::AppendVarint(value, out);
}

void AppendFixed(int number, uint64_t value, std::string* out) {
  if (value == 0) return;
  out->push_back(Tag(number, kFixed64));
  for (int shift = 0; shift < 64; shift += 8) {
    out->push_back(static_cast<char>(value >> shift & 0xff));
  }
}

void AppendBytes(int number, std::string_view bytes, std::string* out) {
  if (bytes.empty()) return;
  out->push_back(Tag(number, kLengthDelimited));
  base::AppendVarint(bytes.size(), out);
  out->append(bytes);
}

}  // namespace

void AppendHeader(const HeaderFields& header, std::string* out) {
  AppendNumber(1, header.sequence, out);
  AppendNumber(2, static_cast<uint64_t>(header.commit_time_us), out);
  AppendNumber(3, header.type, out);
  AppendNumber(4, header.operation, out);
  AppendFixed(5, header.actor, out);
  AppendNumber(6, header.receipt, out);
  AppendNumber(7, header.line, out);
  AppendNumber(8, header.reason, out);
  AppendNumber(9, header.previous, out);
  AppendNumber(10, header.last_of_transaction ? 1 : 0, out);
  AppendNumber(11, header.audience, out);
}

void AppendBody(const BodyFields& body, std::string* out) {
  AppendBytes(1, body.salt, out);
  AppendBytes(2, body.key, out);
  AppendBytes(3, body.record, out);
  AppendBytes(4, body.staff, out);
  AppendBytes(5, body.reason_text, out);
  AppendBytes(6, body.document_number, out);
  AppendBytes(7, body.transaction_id, out);
}

}  // namespace tongchou::ledger
