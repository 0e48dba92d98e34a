#include "common/records/csv_reader.h"

#include <algorithm>
#include <cstring>

namespace tongchou::records {
namespace {

// Index of the line feed that ends the record which has quotes, npos when it is
// not there yet. A quote counts as opening only at the start of a field.
size_t FindRecordEnd(std::string_view rest) {
  bool quoted = false;
  bool field_start = true;
  for (size_t i = 0; i < rest.size(); ++i) {
    const char c = rest[i];
    if (quoted) {
      if (c != '"') continue;
      if (i + 1 < rest.size() && rest[i + 1] == '"') {
        ++i;
      } else {
        quoted = false;
      }
    } else if (c == '\n') {
      return i;
    } else if (c == '"' && field_start) {
      quoted = true;
    }
    field_start = !quoted && c == ',';
  }
  return std::string_view::npos;
}

bool EndsInsideQuotes(std::string_view rest) {
  return FindRecordEnd(std::string(rest) + "\n") == std::string_view::npos;
}

std::string_view WithoutCr(std::string_view raw) {
  if (raw.ends_with('\r')) raw.remove_suffix(1);
  return raw;
}

}  // namespace

void CsvReader::Feed(std::string_view bytes) {
  if (!pending_.empty()) {
    pending_ += bytes;
    std::string_view rest = pending_;
    while (Take(&rest, false) == Found::kRecord) {
    }
    pending_.erase(0, pending_.size() - rest.size());
    return;
  }
  while (Take(&bytes, false) == Found::kRecord) {
  }
  pending_ = bytes;
}

void CsvReader::Finish() {
  std::string_view rest = pending_;
  while (Take(&rest, true) == Found::kRecord) {
  }
  pending_.clear();
}

CsvReader::Found CsvReader::Take(std::string_view* rest, bool at_end) {
  if (rest->empty()) return Found::kNeedMore;
  const size_t line_end = rest->find('\n');
  const std::string_view line = rest->substr(0, line_end);
  const bool has_quote = line.find('"') != line.npos;
  if (!has_quote && line_end != rest->npos) {
    TakeLine(rest, line_end, false);
    return Found::kRecord;
  }
  const size_t end = has_quote ? FindRecordEnd(*rest) : rest->npos;
  if (end != rest->npos && end <= kCsvRecordBytesMax) {
    TakeLine(rest, end, false);
    return Found::kRecord;
  }
  if (!at_end && rest->size() <= kCsvRecordBytesMax) return Found::kNeedMore;
  const bool unclosed =
      has_quote && (end != rest->npos || !at_end || EndsInsideQuotes(*rest));
  const size_t cut = unclosed ? line_end : rest->npos;
  const size_t bound = std::min(cut, rest->size());
  TakeLine(rest, bound, unclosed || bound > kCsvRecordBytesMax);
  return Found::kRecord;
}

void CsvReader::TakeLine(std::string_view* rest, size_t end, bool malformed) {
  const std::string_view raw = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  Emit(WithoutCr(raw), malformed);
  line_ += 1 + static_cast<uint64_t>(std::count(raw.begin(), raw.end(), '\n'));
}

void CsvReader::Emit(std::string_view raw, bool malformed) {
  if (raw.empty()) return;
  record_.line = line_;
  record_.raw = raw;
  record_.malformed = malformed;
  record_.fields.clear();
  if (malformed || std::memchr(raw.data(), '"', raw.size()) != nullptr) {
    record_.malformed = malformed || !SplitQuoted(raw);
  } else {
    while (true) {
      const size_t comma = raw.find(',');
      record_.fields.push_back(raw.substr(0, comma));
      if (comma == raw.npos) break;
      raw.remove_prefix(comma + 1);
    }
  }
  visit_(record_);
}

bool CsvReader::SplitQuoted(std::string_view raw) {
  unquoted_.clear();
  unquoted_.reserve(raw.size());
  bool sound = true;
  size_t i = 0;
  while (true) {
    const size_t start = unquoted_.size();
    if (i < raw.size() && raw[i] == '"') {
      for (++i; i < raw.size(); ++i) {
        if (raw[i] != '"') {
          unquoted_.push_back(raw[i]);
        } else if (i + 1 < raw.size() && raw[i + 1] == '"') {
          unquoted_.push_back('"');
          ++i;
        } else {
          break;
        }
      }
      sound = sound && i < raw.size();
      ++i;
      if (i < raw.size() && raw[i] != ',') sound = false;
    }
    for (; i < raw.size() && raw[i] != ','; ++i) {
      if (raw[i] == '"') sound = false;
      unquoted_.push_back(raw[i]);
    }
    record_.fields.emplace_back(unquoted_.data() + start,
                                unquoted_.size() - start);
    if (i >= raw.size()) return sound;
    ++i;
  }
}

}  // namespace tongchou::records
