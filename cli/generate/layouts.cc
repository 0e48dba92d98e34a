#include "cli/generate/layouts.h"

#include <algorithm>
#include <array>

namespace tongchou::cli {
namespace {

struct Source {
  std::string_view name;
  std::string_view columns;
  std::string_view order_start;
  std::string_view order_end;
  std::string_view long_text;
};

constexpr std::array<Source, kFileTypes> kSources = {{
    {"unit",
     "AAB001! AAB004! BAB010 AAB301! AAB019 AAB022 AAB083 AAB065 AAE030 "
     "AAE031",
     "AAE030", "AAE031", "AAB004"},
    {"person",
     "AAC002! AAC001 AAC003! AAC004! AAC006! AAC009 AAB301! AAF013 AAC060 "
     "AAE138 AIC162 AAE005",
     "AAC006", "AAE138", "AAC003"},
    {"enrolment",
     "AAC002! AAE140! AAC001 AAB001 AAB301! AAC008! AAC031 AAC084 AAC028 "
     "AAC030 AAC049 AAE031",
     "AAC030", "AAE031", "AAC001"},
    {"contribution",
     "AAC002! AAE140! AAE003! AAE002! AAA115! AAB001 EAZ058 AAB301! AAC040 "
     "AAE180 AAA041 AAA042 AAE020 AAE022 AAE080 AAE082 AAE079",
     "", "", "EAZ058"},
    {"benefit", "AAC002! AAE140! AAE002! AAA036! AAB301! AAE019! AAE145", "",
     "", "AAA036"},
    {"filing", "ACC030! AAC002! AAB001 AAB301! ACC031! ACC032 AAE031", "ACC031",
     "AAE031", "ACC030"},
    {"unemployment",
     "ACC020! AAC002! AAB301! AJC090 AJC093 AJC094! AAE031 AAE160", "", "",
     "ACC020"},
    {"hardship", "AAC002! ADC310! AAB301! ACC361 AAE031 AAE160", "", "",
     "AAC002"},
    {"family", "BCCS01! BCCS02 BCCS03 AAB301! BCCS10! BCCS04 BCCS06! AAE031",
     "", "", "BCCS01"},
    {"family_member", "BCCS01! AAC002! BCCS21 BCCS23 AAE030", "", "", "BCCS01"},
    {"rural_worker", "AAC002! AAE030! AAB301! BCCB10 BCCB22! AAE031", "AAE030",
     "AAE031", "AAC002"},
    {"loan", "ACC140! AAC002! AAB301! ACC141! BCC13X! AAE031 BCC3Y6 BCC13U",
     "BCC13X", "AAE031", "ACC140"},
    {"repayment", "ACC140! BCC142! BCC144!", "", "", "ACC140"},
    {"vacancy", "ACB210! AAB001 AAB301! ACA111 ACB21D ACB21H AAE030 AAE031",
     "AAE030", "AAE031", "ACB210"},
    {"seeker", "ACC200! AAC002! AAB301! ACA111 AAE030 AAE031", "AAE030",
     "AAE031", "ACC200"},
    {"referral", "ACC220! ACC200! ACB210! AAE030 ACC223", "", "", "ACC220"},
}};

Layout Parse(const Source& source) {
  Layout layout;
  layout.name = source.name;
  std::string_view rest = source.columns;
  while (!rest.empty()) {
    std::string_view column = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), column.size() + 1));
    if (column.ends_with('!')) {
      layout.required.push_back(layout.columns.size());
      column.remove_suffix(1);
    }
    layout.columns.emplace_back(column);
  }
  layout.order_start = layout.Find(source.order_start);
  layout.order_end = layout.Find(source.order_end);
  layout.long_text = layout.Find(source.long_text);
  return layout;
}

std::vector<Layout> ParseAll() {
  std::vector<Layout> layouts;
  for (const Source& source : kSources) layouts.push_back(Parse(source));
  return layouts;
}

}  // namespace

size_t Layout::Find(std::string_view code) const {
  const auto found = std::find(columns.begin(), columns.end(), code);
  if (found == columns.end()) return kNone;
  return static_cast<size_t>(found - columns.begin());
}

std::string Layout::Header() const {
  std::string header;
  for (const std::string& column : columns) {
    if (!header.empty()) header += ',';
    header += column;
  }
  return header;
}

const Layout& LayoutOf(FileType type) {
  static const std::vector<Layout>& layouts =
      *new std::vector<Layout>(ParseAll());
  return layouts[static_cast<size_t>(type)];
}

}  // namespace tongchou::cli
