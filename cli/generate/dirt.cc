#include "cli/generate/dirt.h"

#include <algorithm>
#include <cmath>

#include "cli/generate/csv_file.h"
#include "cli/generate/person_maker.h"

namespace tongchou::cli {
namespace {

using Fields = std::vector<std::string>;

constexpr std::string_view kDates[] = {"AAC006", "AAC030", "AAE030", "AAE031",
                                       "AAE079", "AAE138", "ACC031", "AIC162",
                                       "AJC090", "AJC094", "BCC13X", "BCCS10"};
constexpr std::string_view kMonths[] = {"AAC049", "AAE002", "AAE003"};
constexpr std::string_view kAmounts[] = {"AAC040", "AAE019", "AAE020",
                                         "AAE022", "AAE080", "AAE082",
                                         "AAE180", "ACC141", "BCC144"};
constexpr std::string_view kClosedLists[] = {
    "AAA115", "AAB019", "AAC004", "AAC008", "AAC009", "AAC028",
    "AAC031", "AAC060", "AAC084", "AAE140", "ACC032", "ADC310",
    "BCC13U", "BCCB22", "BCCS04", "BCCS06", "BCCS23"};
constexpr std::string_view kAddressed[] = {"AAB301", "AAC002"};

struct Spoiler {
  const Layout& layout;
  const City& city;
  Random& random;
  bool stored;
  Fields& fields;

  bool Has(std::string_view code) const {
    return layout.Find(code) != Layout::kNone;
  }
  std::string& At(std::string_view code) const {
    return fields[layout.Find(code)];
  }
  template <typename List>
  std::string_view OneOf(const List& list) const {
    return list[random.Below(static_cast<uint32_t>(std::size(list)))];
  }
  bool IsNationalId() const {
    return Has("AAC002") && At("AAC002").size() == 18;
  }
  bool IsCredit() const { return Has("BAB010") && At("BAB010").size() == 18; }
};

template <typename List>
bool Contains(const List& list, std::string_view code) {
  return std::find(std::begin(list), std::end(list), code) != std::end(list);
}

template <typename Wanted>
size_t PickColumn(const Spoiler& s, const Wanted& wanted) {
  std::vector<size_t> columns;
  for (size_t i = 0; i < s.fields.size(); ++i) {
    if (wanted(i)) columns.push_back(i);
  }
  if (columns.empty()) return Layout::kNone;
  return columns[s.random.Below(static_cast<uint32_t>(columns.size()))];
}

bool BadByte(Spoiler& s) {
  s.fields[s.random.Below(static_cast<uint32_t>(s.fields.size()))] +=
      Dirt::kBadByteMark;
  return true;
}

bool WrongColumns(Spoiler& s) {
  if (s.random.Below(2) == 0) {
    s.fields.emplace_back("1");
  } else {
    s.fields.pop_back();
  }
  return true;
}

bool Missing(Spoiler& s) {
  s.fields[s.layout.required[s.random.Below(
      static_cast<uint32_t>(s.layout.required.size()))]] = "";
  return true;
}

bool TooLong(Spoiler& s) {
  if (s.layout.long_text == Layout::kNone) return false;
  s.fields[s.layout.long_text] = std::string(300, 'Z');
  return true;
}

bool BadFormat(Spoiler& s) {
  constexpr std::string_view kBadDates[] = {"20230229", "20081301", "2008-1-1"};
  constexpr std::string_view kBadMonths[] = {"202313", "200800", "2008.1"};
  constexpr std::string_view kBadAmounts[] = {"12.345", "+5", "1e3"};
  const std::vector<std::string>& columns = s.layout.columns;
  const size_t column = PickColumn(s, [&](size_t i) {
    return Contains(kDates, columns[i]) || Contains(kMonths, columns[i]) ||
           Contains(kAmounts, columns[i]);
  });
  if (column == Layout::kNone) return false;
  if (Contains(kDates, columns[column])) {
    s.fields[column] = s.OneOf(kBadDates);
  } else if (Contains(kMonths, columns[column])) {
    s.fields[column] = s.OneOf(kBadMonths);
  } else {
    s.fields[column] = s.OneOf(kBadAmounts);
  }
  return true;
}

bool UnknownCode(Spoiler& s) {
  const size_t column = PickColumn(
      s, [&](size_t i) { return Contains(kClosedLists, s.layout.columns[i]); });
  if (column == Layout::kNone) return false;
  s.fields[column] = "ZZ";
  return true;
}

void SetIdPart(Spoiler& s, size_t at, std::string_view part) {
  std::string& id = s.At("AAC002");
  id.replace(at, part.size(), part);
  id[17] = IdCheck(std::string_view(id).substr(0, 17));
}

bool IdLength(Spoiler& s) {
  if (!s.IsNationalId()) return false;
  s.At("AAC002").pop_back();
  return true;
}

bool IdCharacter(Spoiler& s) {
  if (!s.IsNationalId()) return false;
  s.At("AAC002")[5 + s.random.Below(10)] = 'Q';
  return true;
}

bool IdDate(Spoiler& s) {
  constexpr std::string_view kDatesOfNobody[] = {"19800230", "19791301",
                                                 "19750431", "19830229"};
  if (!s.IsNationalId()) return false;
  SetIdPart(s, 6, s.OneOf(kDatesOfNobody));
  return true;
}

bool IdFuture(Spoiler& s) {
  if (!s.IsNationalId()) return false;
  SetIdPart(s, 6, "20990101");
  return true;
}

bool IdTooOld(Spoiler& s) {
  if (!s.IsNationalId()) return false;
  SetIdPart(s, 6, "18491231");
  return true;
}

bool IdDivision(Spoiler& s) {
  constexpr std::string_view kNowhere[] = {"369801", "001234"};
  if (!s.IsNationalId()) return false;
  SetIdPart(s, 0, s.OneOf(kNowhere));
  return true;
}

bool IdSequence(Spoiler& s) {
  if (!s.IsNationalId()) return false;
  SetIdPart(s, 14, "000");
  return true;
}

bool IdWrongCheck(Spoiler& s) {
  if (!s.IsNationalId()) return false;
  char& check = s.At("AAC002")[17];
  check = check == '1' ? '2' : '1';
  return true;
}

bool CreditLength(Spoiler& s) {
  if (!s.IsCredit()) return false;
  s.At("BAB010").pop_back();
  return true;
}

bool CreditCharacter(Spoiler& s) {
  constexpr std::string_view kUnused = "IOSVZ";
  if (!s.IsCredit()) return false;
  s.At("BAB010")[9 + s.random.Below(7)] =
      kUnused[s.random.Below(kUnused.size())];
  return true;
}

bool CreditDivision(Spoiler& s) {
  if (!s.IsCredit()) return false;
  std::string& code = s.At("BAB010");
  code.replace(2, 6, "000000");
  code[17] = CreditCheck(code);
  return true;
}

bool CreditOrganisation(Spoiler& s) {
  if (!s.IsCredit()) return false;
  std::string& code = s.At("BAB010");
  code[16] = code[16] == '1' ? '2' : '1';
  code[17] = CreditCheck(code);
  return true;
}

bool CreditWrongCheck(Spoiler& s) {
  if (!s.IsCredit()) return false;
  char& check = s.At("BAB010")[17];
  check = check == '1' ? '2' : '1';
  return true;
}

bool BadDivision(Spoiler& s) {
  constexpr std::string_view kElsewhere[] = {"362100", "110101", "369801"};
  if (!s.Has("AAB301")) return false;
  s.At("AAB301") = s.OneOf(kElsewhere);
  return true;
}

bool WrongOrder(Spoiler& s) {
  if (s.layout.order_end == Layout::kNone) return false;
  std::string& start = s.fields[s.layout.order_start];
  if (start.empty()) start = "20080601";
  s.fields[s.layout.order_end] = "19200101";
  return true;
}

bool WrongAmount(Spoiler& s) {
  if (!s.Has("AAE080")) return false;
  s.At("AAE020") = s.At("AAE080") = "100.00";
  s.At("AAE022") = s.At("AAE082") = "";
  if (s.random.Below(2) == 0) {
    s.At("AAE080") = "200.00";
    s.At("AAE180") = "1000.00";
  } else {
    s.At("AAE140") = "110";
    s.At("AAE180") = s.random.Below(2) == 0 ? "" : "0";
  }
  return true;
}

bool Duplicate(Spoiler& s) {
  if (s.Has("AAB301")) {
    std::string& division = s.At("AAB301");
    const std::string city = std::to_string(s.city.code);
    division =
        division == city ? std::to_string(s.city.counties.front()) : city;
  } else if (s.Has("BCCS23")) {
    s.At("BCCS23") = s.At("BCCS23") == "1" ? "2" : "1";
  } else if (s.Has("BCC144")) {
    s.At("BCC144") = s.At("BCC144") == "0.01" ? "0.02" : "0.01";
  } else if (s.Has("AAE030")) {
    s.At("AAE030") = s.At("AAE030") == "20080602" ? "20080603" : "20080602";
  } else {
    return false;
  }
  return true;
}

// Another person under the number of a stored one.
bool OtherIdentity(Spoiler& s) {
  if (!s.stored || !s.Has("AAC003") || !s.Has("AAC006")) return false;
  s.At("AAC003") += "某";
  std::string& birth = s.At("AAC006");
  birth = birth == "19010101" ? "19020202" : "19010101";
  return true;
}

bool Blanks(Spoiler& s) {
  constexpr std::string_view kBlanks[] = {" ", "  ", "　"};
  const size_t column =
      PickColumn(s, [&](size_t i) { return !s.fields[i].empty(); });
  std::string& field = s.fields[column];
  const std::string blanks(s.OneOf(kBlanks));
  field = s.random.Below(2) == 0 ? blanks + field : field + blanks;
  return true;
}

void AppendFullWidth(char c, std::string& to) {
  const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
  if (!alphanumeric) {
    to += c;
    return;
  }
  const unsigned point = 0xff00u + static_cast<unsigned>(c) - 0x20;
  to += static_cast<char>(0xe0 | point >> 12);
  to += static_cast<char>(0x80 | (point >> 6 & 0x3f));
  to += static_cast<char>(0x80 | (point & 0x3f));
}

bool FullWidth(Spoiler& s) {
  const std::vector<std::string>& columns = s.layout.columns;
  const size_t column = PickColumn(s, [&](size_t i) {
    return !s.fields[i].empty() &&
           (Contains(kDates, columns[i]) || Contains(kMonths, columns[i]) ||
            Contains(kAmounts, columns[i]) ||
            Contains(kClosedLists, columns[i]) ||
            Contains(kAddressed, columns[i]));
  });
  if (column == Layout::kNone) return false;
  std::string wide;
  for (const char c : s.fields[column]) AppendFullWidth(c, wide);
  s.fields[column] = std::move(wide);
  return true;
}

bool LowerX(Spoiler& s) {
  if (!s.IsNationalId() || s.At("AAC002")[17] != 'X') return false;
  s.At("AAC002")[17] = 'x';
  return true;
}

bool OldId(Spoiler& s) {
  if (!s.IsNationalId()) return false;
  std::string& id = s.At("AAC002");
  if (id.substr(6, 2) != "19" || id.substr(14, 3) >= "996") return false;
  id = id.substr(0, 6) + id.substr(8, 9);
  return true;
}

struct Way {
  std::string_view kind;
  bool repaired;
  bool extra;
  bool (*apply)(Spoiler&);
};

constexpr Way kWays[] = {
    {"ENCODING", false, false, BadByte},
    {"COLUMNS", false, false, WrongColumns},
    {"MISSING", false, false, Missing},
    {"TOO_LONG", false, false, TooLong},
    {"FORMAT", false, false, BadFormat},
    {"CODE", false, false, UnknownCode},
    {"ID_LEN", false, false, IdLength},
    {"ID_CHAR", false, false, IdCharacter},
    {"ID_DATE", false, false, IdDate},
    {"ID_FUTURE", false, false, IdFuture},
    {"ID_TOO_OLD", false, false, IdTooOld},
    {"ID_DIVISION", false, false, IdDivision},
    {"ID_SEQ", false, false, IdSequence},
    {"ID_CHECK", false, false, IdWrongCheck},
    {"USCC_LEN", false, false, CreditLength},
    {"USCC_CHAR", false, false, CreditCharacter},
    {"USCC_DIVISION", false, false, CreditDivision},
    {"USCC_ORG", false, false, CreditOrganisation},
    {"USCC_CHECK", false, false, CreditWrongCheck},
    {"DIVISION", false, false, BadDivision},
    {"ORDER", false, false, WrongOrder},
    {"AMOUNT", false, false, WrongAmount},
    {"IDENTITY", false, false, OtherIdentity},
    {"DUPLICATE", false, true, Duplicate},
    {"trim", true, false, Blanks},
    {"fullwidth", true, false, FullWidth},
    {"lower_x", true, false, LowerX},
    {"id15", true, false, OldId},
};

std::string Join(const Fields& fields) {
  std::string line;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i != 0) line += ',';
    line += fields[i];
  }
  return line;
}

}  // namespace

Dirt::Dirt(const Layout& layout, const City& city, double percent,
           Random random)
    : layout_(&layout),
      city_(&city),
      share_(static_cast<uint32_t>(std::lround(percent / 100 * kWhole))),
      random_(random) {}

bool Dirt::LetsPass(const CsvRow& row) {
  if (!Strikes()) return true;
  const Result result = Spoil(row, /*stored=*/false);
  return result.repaired || result.extra;
}

Dirt::Result Dirt::Spoil(const CsvRow& row, bool stored) {
  Fields fields;
  for (size_t i = 0; i < row.size(); ++i) fields.emplace_back(row.Field(i));
  Spoiler spoiler{*layout_, *city_, random_, stored, fields};
  while (true) {
    const Way& way = kWays[random_.Below(std::size(kWays))];
    if (!way.apply(spoiler)) continue;
    return {Join(fields), way.kind, way.repaired, way.extra};
  }
}

}  // namespace tongchou::cli
