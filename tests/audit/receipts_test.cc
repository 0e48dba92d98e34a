#include "audit/receipts.h"

#include <gtest/gtest.h>

namespace tongchou::audit {
namespace {

constexpr uint32_t kCity = 360100;

base::Hash RootOf(uint64_t size) { return base::Sha256(std::to_string(size)); }

class ReceiptsTest : public testing::Test {
 protected:
  static v1::CityRange Range(uint64_t from, uint64_t to) {
    v1::CityRange range;
    range.set_city(kCity);
    range.set_from(from);
    range.set_to(to);
    range.set_root(std::string(RootOf(to).view()));
    return range;
  }
  // The next group's receipt.
  void Take(const std::vector<v1::CityRange>& ranges,
            const std::vector<v1::CityRange>& again = {}) {
    v1::GroupReceipt receipt;
    receipt.set_ordinal(++ordinal_);
    for (const auto& range : ranges) *receipt.add_ranges() = range;
    for (const auto& range : again) *receipt.add_again() = range;
    v1::EntryHeader header;
    header.set_sequence(ordinal_ - 1);
    header.set_type(
        static_cast<v1::RecordType>(v1::PROVINCE_RECORD_TYPE_GROUP_RECEIPT));
    v1::EntryBody body;
    body.set_record(receipt.SerializeAsString());
    receipts_.Take({header, body, "", ""});
  }
  // The city's log of that size, with its true roots.
  void Compare(uint64_t size) {
    WantedSizes wanted;
    receipts_.Want(kCity, &wanted);
    LogOutcome outcome;
    outcome.size = size;
    for (const auto& [one, is] : wanted) {
      if (one <= size) outcome.roots[one] = RootOf(one);
    }
    ASSERT_TRUE(receipts_.Compare(kCity, outcome, &findings_).ok());
  }
  std::string Found() const {
    std::string text;
    for (const Finding& one : findings_.kept()) {
      text += one.place + ": " + one.text + "\n";
    }
    return text;
  }

  Findings findings_;
  Receipts receipts_{&findings_};
  uint64_t ordinal_ = 0;
};

TEST_F(ReceiptsTest, WhatWasLostAndTakenAgainIsClean) {
  Take({Range(0, 5)});
  Take({Range(5, 8)});
  Take({}, {Range(0, 3)});
  Take({Range(8, 12)}, {Range(3, 12)});
  Take({Range(12, 13)});
  Compare(13);
  EXPECT_EQ(Found(), "");
}

TEST_F(ReceiptsTest, TakingAgainCoversNothingNew) {
  Take({Range(0, 5)});
  Take({}, {Range(3, 9)});
  Compare(9);
  EXPECT_NE(Found().find("360100 entries 5 to 8: are in no receipt"),
            std::string::npos)
      << Found();
}

TEST_F(ReceiptsTest, WhatWasNeverTakenIsNotTakenAgain) {
  Take({Range(0, 5)});
  Take({}, {Range(5, 9)});
  EXPECT_NE(Found().find("there were receipts for 5"), std::string::npos)
      << Found();
}

TEST_F(ReceiptsTest, ARangeThatIsTakenAgainHasTheLogsRoot) {
  Take({Range(0, 5)});
  v1::CityRange other = Range(0, 3);
  other.set_root(std::string(RootOf(99).view()));
  Take({}, {other});
  Compare(5);
  EXPECT_NE(Found().find("names another root at size 3"), std::string::npos)
      << Found();
}

// A check that goes on later knows of them as before.
TEST_F(ReceiptsTest, WhatIsTakenAgainIsSavedAsSuch) {
  Take({Range(0, 5)});
  v1::CityRange other = Range(0, 3);
  other.set_root(std::string(RootOf(99).view()));
  Take({}, {other});
  v1::VerifiedLog facts;
  receipts_.SaveTo(&facts);
  Receipts later(&findings_);
  ASSERT_TRUE(later.Restore(facts).ok());
  v1::VerifiedLog again;
  later.SaveTo(&again);
  EXPECT_EQ(again.SerializeAsString(), facts.SerializeAsString());
  WantedSizes wanted;
  later.Want(kCity, &wanted);
  EXPECT_TRUE(wanted.contains(3) && wanted.contains(5));
  ASSERT_EQ(facts.receipts_size(), 2);
  EXPECT_FALSE(facts.receipts(0).again());
  EXPECT_TRUE(facts.receipts(1).again());
}

}  // namespace
}  // namespace tongchou::audit
