#include "node/import_session.h"

#include "tests/node/test_node.h"

namespace tongchou::node {
namespace {

constexpr char kUnits[] =
    "AAB001,AAB004,AAB301\n"
    "u1,one,360102\n"
    "u2,two,360103\n"
    "u3,three,360102\n";
constexpr char kPersonHeader[] = "AAC002,AAC003,AAC004,AAC006,AAB301\n";

class Importing : public NodeTest {
 protected:
  v1::ImportReceipt ImportUnits(const std::string& text,
                                v1::ImportMode mode = v1::IMPORT_MODE_UPSERT) {
    const absl::Status done = Import({{"unit.csv", "unit", text}}, mode);
    EXPECT_TRUE(done.ok()) << done;
    return Receipts().at(0);
  }
};

TEST_F(Importing, EveryRowIsAccountedFor) {
  const v1::ImportReceipt first = ImportUnits(
      std::string(kUnits) + "u4,four,999999\nu1,one,360102\nu1,other,360102\n");
  EXPECT_EQ(first.number(), 1u);
  EXPECT_EQ(first.rows_read(), 6u);
  EXPECT_EQ(first.rows_inserted(), 3u);
  EXPECT_EQ(first.rows_unchanged(), 1u);
  EXPECT_EQ(RejectCodes(),
            (std::vector<std::string>{"5 DIVISION", "7 DUPLICATE"}));
  const uint64_t before = size();
  const v1::ImportReceipt again = ImportUnits(kUnits);
  EXPECT_EQ(again.rows_unchanged(), 3u);
  EXPECT_EQ(size(), before + 1);  // the receipt
  EXPECT_EQ(again.number(), 2u);
}

TEST_F(Importing, AWrongHeaderRefusesTheFileAndTheOthersGoOn) {
  ASSERT_TRUE(Import({{"unit-a.csv", "unit", "AAB001,AAB004\nu1,one\n"},
                      {"unit-b.csv", "unit", kUnits},
                      {"unit-c.csv", "unit", ""}})
                  .ok());
  ASSERT_EQ(Receipts().size(), 3u);
  EXPECT_EQ(Receipts()[0].outcome(), v1::IMPORT_OUTCOME_REFUSED);
  EXPECT_EQ(Receipts()[0].refused_code(), "MISSING_COLUMN");
  EXPECT_EQ(Receipts()[1].rows_inserted(), 3u);
  EXPECT_EQ(Receipts()[2].refused_code(), "EMPTY");
}

TEST_F(Importing, ASnapshotDeletesWhatIsAbsentInItsCounties) {
  ImportUnits(kUnits);
  // u2 lies in another county; u3's row is broken but its key can be read.
  const v1::ImportReceipt receipt =
      ImportUnits("AAB001,AAB004,AAB301\nu9,nine,360102\nu3,,360102\n",
                  v1::IMPORT_MODE_SNAPSHOT);
  EXPECT_EQ(receipt.rows_inserted(), 1u);
  EXPECT_EQ(receipt.rows_deleted(), 1u);  // u1
  EXPECT_TRUE((*index_->Find(UnitKey("u1")))->deleted);
  EXPECT_FALSE((*index_->Find(UnitKey("u2")))->deleted);
  EXPECT_FALSE((*index_->Find(UnitKey("u3")))->deleted);
}

TEST_F(Importing, ARefusedFileOfATypeDeletesNothing) {
  ImportUnits(kUnits);
  ASSERT_TRUE(
      Import({{"unit-a.csv", "unit", "AAB001,AAB004,AAB301\nu9,nine,360102\n"},
              {"unit-b.csv", "unit", "nonsense\n"}},
             v1::IMPORT_MODE_SNAPSHOT)
          .ok());
  EXPECT_FALSE((*index_->Find(UnitKey("u1")))->deleted);
}

TEST_F(Importing, AnotherPersonUnderTheSameNumberIsRejected) {
  const std::string id = "11010519491231002X";
  const std::string header = kPersonHeader;
  const auto import = [&](const std::string& row) {
    ASSERT_TRUE(Import({{"person.csv", "person", header + row}}).ok());
  };
  import(id + ",Zhang,1,19491231,360102\n");
  import(id + ",Li,1,19491230,360102\n");
  EXPECT_EQ(RejectCodes(), std::vector<std::string>{"2 IDENTITY"});
  import(id + ",Li,1,19491231,360102\n");  // a new name alone
  EXPECT_EQ(Receipts()[0].rows_updated(), 1u);
}

TEST_F(Importing, BytesMustBeThoseAnnounced) {
  const File file{"unit.csv", "unit", kUnits};
  auto session = Begin(Command({file}));
  std::string other = kUnits;
  other[other.size() - 2] = '3';
  EXPECT_TRUE(absl::IsDataLoss((*session)->Data(other)));
}

std::string ManyUnits(int count) {
  std::string text = "AAB001,AAB004,AAB301\n";
  for (int i = 0; i < count; ++i) {
    text += "u" + std::to_string(i) + ",name,360102\n";
  }
  return text;
}

TEST_F(Importing, ACutImportGoesOnAsIfNothingHadHappened) {
  const File units{"unit.csv", "unit", ManyUnits(5'000)};
  const File again{"unit-b.csv", "unit", ManyUnits(5'100)};
  ASSERT_TRUE(Import({units, again}).ok());
  const base::Hash expected = log_->Head().range.Root();
  const auto receipts = Receipts();
  const uint64_t expected_size = size();
  UseFreshDirectory();
  for (const size_t cut : {size_t{100}, units.text.size() / 2,
                           units.text.size(), units.text.size() + 90'000}) {
    auto session = Begin(Command({units, again}));
    ASSERT_TRUE(session.ok()) << session.status();
    const std::string all = units.text + again.text;
    ASSERT_TRUE((*session)->Data(all.substr(0, cut)).ok());
    session->reset();
    Open();
  }
  ASSERT_TRUE(Import({units, again}).ok());
  EXPECT_EQ(size(), expected_size);
  EXPECT_EQ(log_->Head().range.Root(), expected);
  ASSERT_EQ(Receipts().size(), receipts.size());
  for (size_t i = 0; i < receipts.size(); ++i) {
    EXPECT_EQ(Receipts()[i].SerializeAsString(),
              receipts[i].SerializeAsString());
  }
}

TEST_F(Importing, AnotherCommandEndsACutOne) {
  const File units{"unit.csv", "unit", ManyUnits(5'000)};
  auto session = Begin(Command({units}));
  ASSERT_TRUE((*session)->Data(units.text.substr(0, 60'000)).ok());
  session->reset();
  Open();
  ASSERT_TRUE(Import({{"unit-x.csv", "unit", kUnits}}).ok());
  EXPECT_EQ(Receipts()[0].number(), 2u);
  bool found = false;
  for (uint64_t i = 0; i < size(); ++i) {
    const auto entry = reader_->ReadEntry(i);
    ASSERT_TRUE(entry.ok());
    if (entry->header.type() != v1::RECORD_TYPE_IMPORT_RECEIPT) continue;
    v1::ImportReceipt receipt;
    ASSERT_TRUE(receipt.ParseFromString(entry->body.record()));
    if (receipt.outcome() != v1::IMPORT_OUTCOME_INTERRUPTED) continue;
    found = true;
    EXPECT_EQ(receipt.file_name(), "unit.csv");
    EXPECT_EQ(receipt.type(), v1::RECORD_TYPE_UNIT);
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace tongchou::node
