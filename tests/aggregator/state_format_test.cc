// Whoever changes what the unified database holds raises kStateFormat, or
// provinces that are updated go on with what the release before made. A fixed
// log is applied, and every row, index entry, cell and position that comes of
// it is compared with what was recorded for this format.
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/sha256.h"
#include "tests/aggregator/test_province.h"

namespace tongchou::aggregator {
namespace {

constexpr size_t kGroupEdits = 40;
constexpr size_t kCellKinds = 28;  // of aggregator/indicators/cell.h

using Digests = std::map<std::string, std::string>;

// City: root of its log.
const Digests kLog = {
    {"360100",
     "4fdd0c070df43ca4241a1b9f8bc52fda9ae9838a9dddddb99123a10584e586ae"},
    {"360400",
     "40ecd1f411d7c37c240778ad40cc847569ab8ec296784adc8e04fb5372d6ad4a"},
    {"360700",
     "d1cbdd6cdb2580a91f59e5764c329346c702d0f992231cbad387027048f1340d"},
};

// A format: its keyspaces. Earlier ones stay for who asks what changed.
const std::map<int, Digests> kDatabase = {
    {1,
     {
         {"A",
          "ee214f336601861a346c787679b0a0f2869631eb9636500b2b68274bc0265482"},
         {"C",
          "504c8820780adc2e5f8f8ace7e2bdabf91a9b5f9ef0a8f6fab42032f3e9990ce"},
         {"R",
          "5e1b64acc7ca2f999085bd309b960dcfaec6ca00477c70982ea5c5d81291da78"},
         {"X",
          "75eb5829444f8b032f0c64a8e5262f5fc44d0295b0bce5b483d37b6b9da815ab"},
     }},
};

// A line of the file: city, time, put or delete, type, fields.
Edit ParseEdit(const std::string& line) {
  std::istringstream words(line);
  Edit edit;
  std::string what;
  std::string field;
  words >> edit.city >> edit.commit_time_us >> what >> edit.type;
  EXPECT_TRUE(words && (what == "put" || what == "delete")) << line;
  edit.deleted = what == "delete";
  while (words >> field) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(field, absl::MaxSplits('=', 1));
    edit.texts.insert(parts);
  }
  return edit;
}

class StateFormatTest : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(std::string(TONGCHOU_TEST_DATA) + "/state/history.txt");
    ASSERT_TRUE(file) << "tests/data/state/history.txt";
    size_t edits = 0;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("#")) continue;
      province_.Add(ParseEdit(line));
      if (++edits % kGroupEdits == 0) province_.SendAndApply();
    }
    province_.SendAndApply();
  }

  Digests Log() {
    Digests roots;
    for (const uint32_t city : province_.journal().cities()) {
      const auto copy = province_.journal().City(city);
      EXPECT_TRUE(copy.ok()) << copy.status();
      roots[absl::StrCat(city)] = base::HexEncode(copy->range.Root().view());
    }
    return roots;
  }
  Digests Database() {
    Digests digests;
    const auto snapshot = province_.Snapshot();
    for (const std::string space : {"A", "C", "R", "X"}) {
      base::Sha256Stream digest;
      size_t rows = 0;
      const auto status = snapshot->Scan(
          space, {}, [&](std::string_view key, std::string_view value) {
            for (const std::string_view part : {key, value}) {
              digest.Update(absl::StrCat(part.size(), ":")).Update(part);
            }
            ++rows;
            return true;
          });
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_GT(rows, 0u) << space;
      digests[space] = base::HexEncode(digest.Finish().view());
    }
    return digests;
  }
  // As it stands in this file.
  static std::string Lines(const Digests& digests) {
    return absl::StrJoin(digests, "\n", [](std::string* out, const auto& one) {
      absl::StrAppend(out, "{\"", one.first, "\", \"", one.second, "\"},");
    });
  }

  TestProvince province_;
};

TEST_F(StateFormatTest, TheSameLogGivesTheDatabaseOfThisFormat) {
  ASSERT_EQ(Log(), kLog)
      << "the log is another one, so that nothing is known of the database: "
         "the test must write what it always wrote. What it wrote now:\n"
      << Lines(Log());
  const int format = kStateFormat.version;
  const auto recorded = kDatabase.find(format);
  ASSERT_NE(recorded, kDatabase.end())
      << "kStateFormat was raised: record what format " << format
      << " is, in kDatabase above:\n"
      << Lines(Database());
  EXPECT_EQ(Database(), recorded->second)
      << "this release makes another database of the same log than format "
      << format
      << " is, so that provinces would keep what the release before made: "
         "raise kStateFormat in aggregator/state/unified_state.h, and record "
         "in kDatabase above what the next format is:\n"
      << Lines(Database());
}

// What the log does not reach could change unseen.
TEST_F(StateFormatTest, TheLogReachesEveryKindOfCell) {
  std::set<uint8_t> kinds;
  const auto status = province_.Snapshot()->Scan(
      "C", {}, [&](std::string_view key, std::string_view) {
        kinds.insert(static_cast<uint8_t>(key[1]));
        return true;
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(kinds.size(), kCellKinds) << absl::StrJoin(kinds, " ");
}

TEST_F(StateFormatTest, MadeAnewItIsTheSame) {
  const Digests recorded = Database();
  province_.Rebuild();
  province_.Apply();
  EXPECT_EQ(Database(), recorded);
}

}  // namespace
}  // namespace tongchou::aggregator
