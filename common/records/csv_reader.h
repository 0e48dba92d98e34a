// CSV (RFC 4180, LF or CR LF) as a push parser over bytes: works on GB 18030 as
// on UTF-8, because no separator can be the second byte of a character.
//
// A field is quoted when it begins with a quote. A quote elsewhere, or text
// behind a closing quote, makes the record malformed. A quote that is not
// closed before the end of the file, or within kCsvRecordBytesMax, makes only
// the line on which its record starts malformed; reading goes on with the next.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tongchou::records {

inline constexpr size_t kCsvRecordBytesMax = 1 << 20;

struct CsvRecord {
  uint64_t line = 0;     // physical line on which it starts, from 1
  std::string_view raw;  // without the line end
  std::vector<std::string_view> fields;  // unquoted; views live for the call
  bool malformed = false;
};

// Not thread-safe.
class CsvReader {
 public:
  using Visitor = std::function<void(const CsvRecord&)>;
  explicit CsvReader(Visitor visit) : visit_(std::move(visit)) {}

  // Visits every record that is complete; the rest waits for more bytes. Wholly
  // empty lines are passed over.
  void Feed(std::string_view bytes);
  void Finish();

 private:
  enum class Found { kRecord, kNeedMore };
  // Parses the record at the front of `rest`; on kRecord its bytes are taken.
  Found Take(std::string_view* rest, bool at_end);
  void TakeLine(std::string_view* rest, size_t end, bool malformed);
  void Emit(std::string_view raw, bool malformed);
  bool SplitQuoted(std::string_view raw);

  Visitor visit_;
  std::string pending_;
  std::string unquoted_;
  CsvRecord record_;
  uint64_t line_ = 1;
};

}  // namespace tongchou::records
