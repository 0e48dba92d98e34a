#include "common/base/toml.h"

#include <algorithm>
#include <sstream>
#include <string_view>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace tongchou::base {
namespace {

// What a key does not go on behind.
constexpr std::string_view kBehindKeys = "=,[]{}\n";

size_t LineAt(std::string_view text, size_t at) {
  const std::string_view before = text.substr(0, at);
  return 1 +
         static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
}

// The text behind the string that begins here, or the comment.
size_t SkipQuoted(std::string_view text, size_t at) {
  const char quote = text[at];
  if (quote == '#') return std::min(text.find('\n', at), text.size());
  const std::string triple(3, quote);
  if (text.substr(at).starts_with(triple)) {
    const size_t end = text.find(triple, at + triple.size());
    return end == text.npos ? text.size() : end + triple.size();
  }
  for (++at; at < text.size() && text[at] != '\n'; ++at) {
    if (text[at] == quote) return at + 1;
    if (text[at] == '\\' && quote == '"') ++at;
  }
  return std::min(at, text.size());
}

// Where the text nests too deep; npos when it does not.
size_t FindTooDeep(std::string_view text) {
  int depth = 0;
  int dots = 0;  // of one key
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"' || c == '\'' || c == '#') {
      at = SkipQuoted(text, at);
      continue;
    }
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    dots = c == '.' ? dots + 1
                    : (kBehindKeys.find(c) != kBehindKeys.npos ? 0 : dots);
    if (depth > kTomlDepthMax || dots > kTomlDepthMax) return at;
    ++at;
  }
  return text.npos;
}

// "[error] toml::parse_table: invalid line format\n --> ..." in a few words.
std::string_view ReasonOf(std::string_view what) {
  what = what.substr(0, what.find('\n'));
  if (what.starts_with("[error] ")) what.remove_prefix(8);
  if (!what.starts_with("toml::")) return what;
  const size_t colon = what.find(": ");
  return colon == what.npos ? what : what.substr(colon + 2);
}

}  // namespace

absl::StatusOr<toml::value> ParseToml(const std::string& text,
                                      const std::string& name) {
  if (text.size() > kTomlBytesMax) {
    return InvalidArgumentError("{}: it has {} bytes, {} are read at most",
                                name, text.size(), kTomlBytesMax);
  }
  if (const size_t bad = FindInvalidUtf8(text); bad != text.npos) {
    return InvalidArgumentError("{}:{}: this is not UTF-8; save it as UTF-8",
                                name, LineAt(text, bad));
  }
  if (const size_t deep = FindTooDeep(text); deep != text.npos) {
    return InvalidArgumentError(
        "{}:{}: tables or lists lie more than {} deep in each other; mend this "
        "line",
        name, LineAt(text, deep), kTomlDepthMax);
  }
  std::istringstream stream(text);
  try {
    return toml::parse(stream, name);
  } catch (const toml::exception& error) {
    return InvalidArgumentError(
        "{}:{}: {}; mend this line: NAME = VALUE, texts in double quotes", name,
        error.location().line(), ReasonOf(error.what()));
  } catch (const std::exception& error) {
    return InvalidArgumentError("{}: {}; mend it", name,
                                ReasonOf(error.what()));
  }
}

}  // namespace tongchou::base
