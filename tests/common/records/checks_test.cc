#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "common/records/code_list.h"
#include "common/records/division.h"
#include "common/records/id_number.h"
#include "common/records/text_encoding.h"

namespace tongchou::records {
namespace {

std::vector<std::vector<std::string>> ReadTable(const std::string& name) {
  std::ifstream file(std::string(TONGCHOU_TEST_DATA) + "/domain/" + name);
  std::vector<std::vector<std::string>> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    if (line.ends_with('\r')) line.pop_back();
    std::vector<std::string> fields;
    std::istringstream parts(line);
    for (std::string part; std::getline(parts, part, ',');) {
      fields.push_back(part);
    }
    rows.push_back(fields);
  }
  EXPECT_GT(rows.size(), 10u);
  return rows;
}

std::string CodeOf(const std::string& type, const std::string& reason) {
  if (reason == "SEQ000") return "ID_SEQ";
  if (reason == "ORGCHECK") return "USCC_ORG";
  return (type == "uscc" ? "USCC_" : "ID_") + reason;
}

TEST(IdNumber, AllVectors) {
  for (const auto& row : ReadTable("id_vectors.csv")) {
    const std::string& type = row[0];
    const std::string& value = row[1];
    const bool valid = row[2] == "1";
    const std::string_view code = type == "uscc"
                                      ? CheckCreditCode(value)
                                      : CheckIdNumber(value, {20'261'124});
    // Repairs come before the check; as they stand both are characters that
    // do not belong.
    if (row[3] == "LOWERX" || row[3] == "FULLWIDTH") {
      EXPECT_EQ(code, "ID_CHAR") << value;
    } else {
      EXPECT_EQ(code, valid ? "" : CodeOf(type, row[3])) << value;
    }
    if (type == "id15" && valid) {
      EXPECT_TRUE(value.size() == 15) << value;
    }
  }
}

TEST(IdNumber, FifteenDigitsGetACenturyAndACheckCharacter) {
  EXPECT_EQ(ConvertId15("362101020304005"), "36210119020304005X");
  EXPECT_EQ(ConvertId15("360702950101997"), "360702189501019979");
}

TEST(IdNumber, OtherDocuments) {
  EXPECT_EQ(CheckIdNumber("P123", {}), "");
  EXPECT_EQ(CheckIdNumber("P12", {}), "ID_LEN");
  EXPECT_EQ(CheckIdNumber("P" + std::string(31, '1'), {}), "");
  EXPECT_EQ(CheckIdNumber("P" + std::string(32, '1'), {}), "ID_LEN");
  EXPECT_EQ(CheckIdNumber("P12-4", {}), "ID_CHAR");
}

TEST(IdNumber, GeneratedDivisionsNeedASyntheticNode) {
  std::string id = "36990119700101001";
  id.push_back(IdCheckCharacter(id));
  EXPECT_EQ(CheckIdNumber(id, {20'081'031, false}), "ID_DIVISION");
  EXPECT_EQ(CheckIdNumber(id, {20'081'031, true}), "");
}

TEST(Gb18030, AllVectorsBothWays) {
  for (const auto& row : ReadTable("gb18030_vectors.csv")) {
    std::string bytes;
    for (size_t i = 0; i < row[3].size(); i += 2) {
      bytes.push_back(
          static_cast<char>(std::stoi(row[3].substr(i, 2), nullptr, 16)));
    }
    std::string utf8;
    EXPECT_TRUE(ToUtf8(bytes, Encoding::kGb18030, &utf8)) << row[1];
    EXPECT_EQ(utf8, row[0]) << row[1];
    EXPECT_EQ(ToGb18030(row[0]), bytes) << row[1];
  }
}

TEST(Encoding, MalformedBytesAreFoundAndReplaced) {
  std::string out;
  for (const char* bad : {"\x81", "\x81\x20", "a\xff", "\x81\x30\x81"}) {
    EXPECT_FALSE(ToUtf8(bad, Encoding::kGb18030, &out)) << bad;
  }
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe6\xb1"}) {
    EXPECT_FALSE(ToUtf8(bad, Encoding::kUtf8, &out)) << bad;
  }
  EXPECT_EQ(out, "");
  EXPECT_EQ(ToUtf8Lossy("a\xff\xbd\xad", Encoding::kGb18030), "a\uFFFD江");
}

TEST(Divisions, RetiredCodesFollowTheirSuccessor) {
  const Divisions& divisions = Divisions::Get();
  EXPECT_TRUE(divisions.WasEverIssued(362'101));
  EXPECT_FALSE(divisions.WasEverIssued(362'502));
  EXPECT_EQ(divisions.CurrentCode(360'427), 360'483u);
  EXPECT_EQ(divisions.CurrentCode(362'302), 361'181u);
  EXPECT_TRUE(divisions.BelongsTo(360'427, 360'400));
  EXPECT_TRUE(divisions.BelongsTo(360'400, 360'400));
  EXPECT_FALSE(divisions.BelongsTo(360'102, 360'400));
  // A retired prefecture names a city, not a county.
  EXPECT_FALSE(divisions.BelongsTo(362'100, 360'700));
  EXPECT_TRUE(divisions.BelongsTo(360'102, kProvinceDivision));
  EXPECT_TRUE(divisions.BelongsTo(kProvinceDivision, kProvinceDivision));
  EXPECT_FALSE(divisions.BelongsTo(360'100, kProvinceDivision));
}

TEST(Divisions, CitiesByCodeAndName) {
  for (const char* text : {"360100", "3601", "南昌", "南昌市"}) {
    EXPECT_EQ(*Divisions::Get().ParseCity(text), 360'100u) << text;
  }
  EXPECT_EQ(*Divisions::Get().ParseCity("省本级"), kProvinceDivision);
  EXPECT_TRUE(
      absl::IsInvalidArgument(Divisions::Get().ParseCity("360102").status()));
}

TEST(CodeLists, ClosedListsOfTheProfileExist) {
  for (const char* list : {"AAC004", "AAC009", "AAC060", "AAC084", "AAC008",
                           "AAC031", "AAE140", "AAA115", "AAB019", "ACC032",
                           "HARD", "YESNO", "PLACE", "OUTWORK", "REVIEW"}) {
    EXPECT_FALSE(CodeLists::Get().Contains(list, "nothing")) << list;
  }
  EXPECT_TRUE(CodeLists::Get().Contains("AAE140", "110"));
  EXPECT_FALSE(CodeLists::Get().Contains("AAC008", "3"));
}

}  // namespace
}  // namespace tongchou::records
