#include "cli/text.h"

#include <fmt/format.h>

#include <cctype>

#include "cli/table.h"
#include "common/base/clock.h"

namespace tongchou::cli {
namespace {

constexpr int64_t kFenPerYuan = 100;
constexpr std::string_view kIndent = "  ";

uint64_t Magnitude(int64_t number) {
  return number < 0 ? uint64_t{0} - static_cast<uint64_t>(number)
                    : static_cast<uint64_t>(number);
}

}  // namespace

std::string FormatYuan(int64_t fen) {
  const uint64_t amount = Magnitude(fen);
  return fmt::format("{}{}.{:02}", fen < 0 ? "-" : "",
                     WithCommas(static_cast<int64_t>(amount / kFenPerYuan)),
                     amount % kFenPerYuan);
}

std::string ShortTime(int64_t micros) {
  if (micros == 0) return std::string(kUnknown);
  std::string text = base::FormatChinaTime(micros).substr(0, 19);
  text[10] = ' ';
  return text;
}

std::string FormatChange(std::optional<int64_t> now,
                         std::optional<int64_t> before) {
  if (!now.has_value() || !before.has_value() || *before == 0) {
    return std::string(kUnknown);
  }
  const double old = static_cast<double>(*before);
  const double change =
      (static_cast<double>(*now) - old) / (old < 0 ? -old : old);
  return fmt::format("{:+.1f}%", change * 100);
}

std::string EnumName(std::string_view full_name, std::string_view prefix) {
  if (full_name.starts_with(prefix)) full_name.remove_prefix(prefix.size());
  std::string name(full_name);
  for (char& c : name) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string DivisionText(uint32_t code) {
  return code == 0 ? std::string() : fmt::format("{:06}", code);
}

std::string Wrap(const std::vector<std::string>& words, size_t width) {
  std::string text;
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty() && DisplayWidth(line) + 1 + DisplayWidth(word) > width) {
      text += line + '\n';
      line = kIndent;
      line += word;
    } else {
      line += (line.empty() ? "" : " ") + word;
    }
  }
  return text + line + '\n';
}

}  // namespace tongchou::cli
