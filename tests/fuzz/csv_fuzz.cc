// Files of any bytes, in pieces of any size, in both encodings: rows that are
// accepted can be written, and texts are UTF-8.
#include <algorithm>
#include <optional>

#include "common/base/utf8.h"
#include "common/records/csv_reader.h"
#include "common/records/file_reader.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/text_encoding.h"
#include "tests/fuzz/fuzz.h"

using namespace tongchou;  // NOLINT(google-build-using-namespace)
using fuzz::Require;

namespace {

constexpr size_t kPieces = 7;

void ReadRow(records::FileReader* reader, const records::CsvRecord& record,
             records::Row* row) {
  const records::RowIssue issue = reader->ReadRow(record, row);
  if (!issue.code.empty()) {
    if (issue.field >= 0) reader->ValueAsRead(record, issue.field);
    return;
  }
  const std::string key = records::KeyOf(*row);
  std::string bytes;
  records::AppendRecord(*row, &bytes);
  records::Row again(row->schema());
  Require(records::DecodeRow(key, bytes, &again).ok(), "a row decodes");
  Require(records::KeyOf(again) == key, "to its key");
}

void ReadFile(std::string_view bytes, records::Encoding encoding,
              uint32_t type) {
  const records::RecordSchema& schema =
      records::Schema::Get().At(static_cast<records::RecordType>(type));
  const records::TypeProfile profile;
  records::FileReader reader(
      schema, {{360'100, 20'081'031, true}, encoding, true}, profile);
  std::optional<bool> header;
  records::Row row(schema);
  records::CsvReader csv([&](const records::CsvRecord& record) {
    if (!header.has_value()) {
      header = !reader.ReadHeader(record).has_value();
    } else if (*header) {
      ReadRow(&reader, record, &row);
    }
  });
  const size_t step = bytes.size() / kPieces + 1;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, step);
    csv.Feed(piece);
    bytes.remove_prefix(piece.size());
  }
  csv.Finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input = fuzz::View(data + 1, size - 1);
  const auto& types = records::Schema::Get().types();
  const uint32_t type = types[data[0] % types.size()].type;
  for (const auto encoding :
       {records::Encoding::kGb18030, records::Encoding::kUtf8}) {
    std::string text;
    if (records::ToUtf8(input, encoding, &text)) {
      Require(base::IsValidUtf8(text), "decoded text is UTF-8");
      Require(encoding != records::Encoding::kUtf8 || text == input,
              "UTF-8 stays as it is");
    }
    records::ToUtf8Lossy(input, encoding);
    ReadFile(input, encoding, type);
  }
  return 0;
}
