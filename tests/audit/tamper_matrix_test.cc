// Who can do what to the logs and to the database, and which command finds it:
// every row is played, and docs/tamper-matrix.md holds exactly these rows.
#include <gmock/gmock.h>

#include <functional>

#include "absl/strings/str_split.h"
#include "audit/verified_log.h"
#include "tests/audit/answer_json.h"
#include "tests/audit/run_program.h"
#include "tests/audit/test_archive.h"

namespace tongchou::audit {
namespace {

using testing::HasSubstr;

constexpr char kOutsider[] = "somebody with the province's disk";
constexpr char kAuditorsDisk[] = "somebody with the auditor's disk";
constexpr char kCity[] = "the city";
constexpr char kProvince[] = "the province";
constexpr char kBoth[] = "city and province together";
constexpr char kNoKey[] = "none";
constexpr char kCityKey[] = "the log's";
constexpr char kWitnessKey[] = "the witness's";
constexpr char kBothKeys[] = "both";
constexpr char kLogKey[] = "its log's";
constexpr char kAny[] = "any";
constexpr char kAfter[] = "after a head was cosigned";

// An attack leaves the copy as an auditor would fetch it afterwards.
using Attack = void (*)(TestArchive*);

struct Row {
  const char* attacker;
  const char* keys;
  const char* moment;
  const char* done;
  const char* command;
  const char* place;
  const char* words;
  Attack attack;
};

v1::StoredRecord& LoanOf(TestArchive* copy) {
  for (v1::StoredRecord& record : copy->claims.records) {
    if (record.city() == kNanchang && record.sequence() == 6) return record;
  }
  ADD_FAILURE() << "no loan";
  return copy->claims.records.front();
}

constexpr char kCounterPlace[] =
    "K1.1 city 360100 county 360103 insurance 110 period 20081031";

FigureName Counter() {
  return {"K1.1", false, kNanchang, 360103, "110", kTestDay};
}

void ChangeCounter(TestArchive* copy) {
  std::optional<int64_t>& value = copy->claims.figures[Counter()];
  value = value.value_or(0) + 1;
}

std::string Note(const TestArchive& copy, const TestLog& log, uint64_t size) {
  return TestLog::MakeNote(log.signer(), size, log.Root(size), copy.witness);
}

// The city's log with another past, as the city signs it now.
void Rewrite(TestArchive* copy) {
  copy->nanchang.entry(4).EditBody(
      [](v1::EntryBody* body) { body->set_staff("李四"); });
}

ledger::Signer NextSigner(const TestArchive& copy) {
  return {copy.nanchang.signer().origin(), TestKey('x')};
}

// Nanchang changes its key as it should.
void ChangeKey(TestArchive* copy) {
  const ledger::Signer next = NextSigner(*copy);
  copy->nanchang.ChangeKey(
      kTestDay, ledger::StateKeyChange(copy->nanchang.signer(), next), next);
  copy->Sign();
}

constexpr Row kRows[] = {
    {kOutsider, kNoKey, kAny, "changes a byte of a body", "verify",
     "360100 entries 3 to 5", "one of them was changed",
     [](TestArchive* copy) { copy->nanchang.entry(4).body.back() ^= 1; }},
    {kOutsider, kNoKey, kAny, "changes a header", "verify",
     "360100 entries 3 to 5", "one of them was changed",
     [](TestArchive* copy) {
       copy->nanchang.entry(4).EditHeader(
           [](v1::EntryHeader* header) { header->set_line(77); });
     }},
    {kOutsider, kNoKey, kAny, "drops an entry", "verify", "360100 entry 4",
     "says that it is entry 5",
     [](TestArchive* copy) {
       auto& entries = copy->nanchang.bundles[1].entries;
       entries.erase(entries.begin() + 1);
     }},
    {kOutsider, kNoKey, kAny, "drops a bundle", "verify", "360100 entry 3",
     "is missing",
     [](TestArchive* copy) {
       copy->nanchang.bundles.erase(copy->nanchang.bundles.begin() + 1);
     }},
    {kOutsider, kNoKey, kAny, "repeats a bundle", "verify", "360100 entry 3",
     "begins at entry 0",
     [](TestArchive* copy) {
       auto& bundles = copy->nanchang.bundles;
       bundles.insert(bundles.begin() + 1, TestBundle(bundles[0]));
     }},
    {kOutsider, kNoKey, kAny, "swaps two entries", "verify", "360100 entry 3",
     "says that it is entry 4",
     [](TestArchive* copy) {
       std::swap(copy->nanchang.entry(3), copy->nanchang.entry(4));
     }},
    {kOutsider, kNoKey, kAny, "cuts off the end", "verify", "360100 entry 9",
     "the city signed 12 entries",
     [](TestArchive* copy) { copy->nanchang.bundles.pop_back(); }},
    {kOutsider, kNoKey, kAny, "puts in an entry of another city", "verify",
     "360100 entries 3 to 5", "one of them was changed",
     [](TestArchive* copy) {
       copy->nanchang.entry(4) = copy->jingdezhen.entry(4);
     }},
    {kOutsider, kNoKey, kAny, "puts in another city's head", "verify",
     "360100 checkpoint 2 of the copy", "tongchou/360000/360100",
     [](TestArchive* copy) {
       copy->nanchang.notes[1] = copy->jingdezhen.notes[1];
     }},
    {kOutsider, kNoKey, kAny, "forges the city's signature", "verify",
     "360100 checkpoint 4 of the copy", "tongchou/360000/360100",
     [](TestArchive* copy) {
       const ledger::Signer forger(copy->nanchang.signer().origin(),
                                   TestKey('f'));
       copy->nanchang.notes[3] = TestLog::MakeNote(
           forger, 12, copy->nanchang.Root(12), copy->witness);
     }},
    {kOutsider, kNoKey, kAny, "forges the cosignature", "verify",
     "360100 checkpoint at size 12", "cosignature does not hold",
     [](TestArchive* copy) {
       const ledger::Cosigner forger("tongchou/360000/witness", TestKey('f'));
       copy->nanchang.notes[3] = TestLog::MakeNote(
           copy->nanchang.signer(), 12, copy->nanchang.Root(12), forger);
     }},
    {kOutsider, kNoKey, kAny, "changes a record of the database", "replay",
     "360100 loan", "differs from entry 6",
     [](TestArchive* copy) { LoanOf(copy).mutable_record()->back() ^= 1; }},
    {kOutsider, kNoKey, kAny, "removes a record from the database", "replay",
     "360100 loan", "missing in the database",
     [](TestArchive* copy) {
       auto& records = copy->claims.records;
       const v1::StoredRecord* gone = &LoanOf(copy);
       records.erase(records.begin() + (gone - records.data()));
     }},
    {kOutsider, kNoKey, kAny, "changes a counter", "replay", kCounterPlace,
     "the province says", &ChangeCounter},
    {kOutsider, kNoKey, kAny, "removes a counter", "replay", kCounterPlace,
     "the province says",
     [](TestArchive* copy) { copy->claims.figures.erase(Counter()); }},
    {kProvince, kWitnessKey, kAny, "writes into the database without a log",
     "replay", "360100 loan", "stands in the database and in no log",
     [](TestArchive* copy) {
       v1::StoredRecord invented = LoanOf(copy);
       invented.set_key("\x02\x19L2" + std::string(1, '\0'));
       copy->claims.records.push_back(invented);
     }},
    {kProvince, kWitnessKey, kAny, "keeps a record that its city deleted",
     "replay", "360100 enrolment", "stands in the database and in no log",
     [](TestArchive* copy) {
       v1::EntryBody body;
       ASSERT_TRUE(body.ParseFromString(copy->nanchang.entry(3).body));
       copy->nanchang.Add({20081031,
                           "enrolment",
                           {{"AAC002", TestPerson(0)}, {"AAE140", "110"}},
                           /*deleted=*/true});
       const std::vector<v1::StoredRecord> before = copy->claims.records;
       copy->Sign();
       for (const v1::StoredRecord& record : before) {
         if (record.city() == kNanchang && record.key() == body.key()) {
           copy->claims.records.push_back(record);
         }
       }
     }},
    {kProvince, kWitnessKey, kAny, "keeps back the newest heads", "verify",
     "360100 entries 9 to 11", "are covered by no head",
     [](TestArchive* copy) { copy->nanchang.notes.pop_back(); }},
    {kProvince, kWitnessKey, kAny, "keeps back a body", "verify",
     "360100 entry 4", "its body is missing",
     [](TestArchive* copy) { copy->nanchang.entry(4).withheld = true; }},
    {kProvince, kWitnessKey, kAny, "leaves a city out of the figures", "replay",
     "360100 basis of the figures", "leaves out this city",
     [](TestArchive* copy) {
       const std::vector<TestBundle> bundles = copy->nanchang.bundles;
       copy->nanchang.bundles.clear();
       copy->Claim();
       copy->nanchang.bundles = bundles;
     }},
    {kProvince, kWitnessKey, kAny, "answers one person otherwise than another",
     "check-answer", kCounterPlace, "the province says", &ChangeCounter},
    {kOutsider, kNoKey, kAny, "drops the entry of a read of personal data",
     "verify", "province entry 1", "says that it is entry 2",
     [](TestArchive* copy) {
       auto& entries = copy->province.bundles[0].entries;
       entries.erase(entries.begin() + 1);
     }},
    {kOutsider, kNoKey, kAny, "changes who read personal data", "verify",
     "province entries 0 to 2", "one of them was changed",
     [](TestArchive* copy) { copy->province.entry(1).body.back() ^= 1; }},
    {kProvince, kLogKey, "after an auditor copied a head",
     "drops the entry of a read and signs its log again", "verify",
     "province checkpoint at size 3", "the province signed two different roots",
     [](TestArchive* copy) {
       const std::vector<std::string> copied = copy->province.notes;
       copy->GiveReceipts(/*with_access=*/false);
       copy->province.notes.insert(copy->province.notes.begin(), copied.begin(),
                                   copied.end());
     }},
    {kProvince, kLogKey, kAny, "shows two persons two logs of its own",
     "verify", "province checkpoint at size 3",
     "the province signed two different roots",
     [](TestArchive* copy) {
       copy->province.notes.push_back(
           copy->province.signer().Sign(3, copy->nanchang.Root(3)));
     }},
    {kProvince, kLogKey, kAny, "keeps back its own log", "verify", "province",
     "is not in the copy",
     [](TestArchive* copy) { copy->without_province_log = true; }},
    {kProvince, kLogKey, kAny, "leaves a receipt out", "verify",
     "province entry 1", "is the receipt of group 3",
     [](TestArchive* copy) { copy->GiveReceipts(false, /*left_out=*/2); }},
    {kProvince, kLogKey, kAny, "gives no receipt for the newest entries",
     "verify", "360200 entries 9 to 11", "are in no receipt",
     [](TestArchive* copy) { copy->GiveReceipts(false, /*left_out=*/8); }},
    {kProvince, kLogKey, kAny, "gives a receipt for another log", "verify",
     "province entry 2", "names another root at size 6",
     [](TestArchive* copy) {
       copy->province.entry(2).EditBody([](v1::EntryBody* body) {
         v1::GroupReceipt receipt;
         ASSERT_TRUE(receipt.ParseFromString(body->record()));
         receipt.mutable_ranges(0)->mutable_root()->back() ^= 1;
         body->set_record(receipt.SerializeAsString());
       });
       copy->province.SignAlone();
     }},
    {kCity, kCityKey, kAfter, "rewrites its past and signs it again", "verify",
     "360100 checkpoint at size 12", "cosignature does not hold",
     [](TestArchive* copy) {
       Rewrite(copy);
       copy->nanchang.notes[1] = Note(*copy, copy->nanchang, 6);
       copy->nanchang.notes[2] = Note(*copy, copy->nanchang, 9);
       copy->nanchang.notes[3] =
           copy->nanchang.signer().Sign(12, copy->nanchang.Root(12));
     }},
    {kCity, kCityKey, kAfter, "signs two histories", "verify",
     "360100 checkpoint at size 6", "two different roots",
     [](TestArchive* copy) {
       TestArchive other;
       Rewrite(&other);
       copy->nanchang.notes.push_back(Note(*copy, other.nanchang, 6));
     }},
    {kCity, kCityKey, kAny, "sets an entry's time back", "verify",
     "360100 entry 7", "2008-03-03T00:00:00",
     [](TestArchive* copy) {
       copy->nanchang.entry(7).EditHeader([](v1::EntryHeader* header) {
         header->set_commit_time_us(base::ChinaDayStart(20080303));
       });
       copy->Sign();
     }},
    {kCity, kCityKey, kAny, "dates entries ahead by more than two minutes",
     "verify", "360100 entry 11", "but the province had seen it at",
     [](TestArchive* copy) {
       copy->nanchang.notes[3] = TestLog::MakeNote(
           copy->nanchang.signer(), 12, copy->nanchang.Root(12), copy->witness,
           kTestCosigned - 365 * 86'400);
     }},
    {kCity, kCityKey, kAny, "hides a record's earlier changes", "verify",
     "360100 entry 3", "but that is entry 2",
     [](TestArchive* copy) {
       copy->nanchang.entry(3).EditHeader(
           [](v1::EntryHeader* header) { header->clear_previous(); });
       copy->Sign();
     }},
    {kCity, kCityKey, kAny, "uses a number twice", "verify", "360100 entry 4",
     "says that it is entry 3",
     [](TestArchive* copy) {
       copy->nanchang.entry(4).EditHeader(
           [](v1::EntryHeader* header) { header->set_sequence(3); });
       copy->Sign();
     }},
    {kBoth, kBothKeys, "after an auditor copied a head",
     "rewrite the past, sign and cosign it again", "verify",
     "360100 checkpoint at size 6", "two different roots",
     [](TestArchive* copy) {
       const std::vector<std::string> copied = copy->nanchang.notes;
       Rewrite(copy);
       copy->Sign();
       copy->nanchang.notes.insert(copy->nanchang.notes.begin(), copied.begin(),
                                   copied.end());
     }},
    {"the city's old key's thief", kCityKey, "after the key was changed",
     "signs a head", "verify", "360100 checkpoint 6 of the copy",
     "there is no signature of",
     [](TestArchive* copy) {
       ChangeKey(copy);
       copy->nanchang.notes.push_back(
           Note(*copy, copy->nanchang, copy->nanchang.size()));
     }},
    {kProvince, "its own", kAny, "replaces the city's key by one of its own",
     "verify", "360100 keys", "without the old one's signature",
     [](TestArchive* copy) {
       const ledger::Signer next = NextSigner(*copy);
       copy->nanchang.ChangeKey(kTestDay,
                                ledger::StateKeyReplacement(
                                    copy->nanchang.signer().verifier(), next),
                                next);
       copy->Sign();
     }},
    {kProvince, "its own", kAny, "keeps back that the city changed its key",
     "verify", "360100 entry 12", "changes the log's key",
     [](TestArchive* copy) {
       ChangeKey(copy);
       copy->nanchang.key_changes.clear();
     }},
    {kProvince, "its own", kAny, "names the change of a key at another entry",
     "verify", "360100 entry 6", "is not the change of the log's key",
     [](TestArchive* copy) {
       ChangeKey(copy);
       copy->nanchang.key_changes[0].sequence = 6;
     }},
    {kAuditorsDisk, kNoKey, "after a `verify`, before the log has grown",
     "rewrites what it left", "verify --resume", "360100 entries 12 to 12",
     "do not hash to the root",
     [](TestArchive* copy) {
       const base::Hash terms =
           VerifiedTerms(copy->policy(), Bodies::kComplete);
       auto part = LoadVerified(copy->archive(), kNanchang, terms);
       ASSERT_TRUE(part.ok() && part->has_value()) << part.status();
       v1::VerifiedLog facts = (*part)->facts;
       facts.mutable_range()->back() ^= 1;
       ASSERT_TRUE(
           SaveVerified(copy->archive(), kNanchang, facts, (*part)->changes)
               .ok());
       copy->Grow();
     }},
};

// By design; the document names the bound beside it.
constexpr const char* kNotDetectable[] = {
    "| the city | the log's | before a head was shipped: one second while "
    "connected | rewrites what it has committed | nobody has seen it before |",
    "| city and province together | both | before an auditor or another "
    "witness copied a head | rewrite the past, sign and cosign it again | "
    "fetch "
    "often, and keep the copies |",
    "| the city | the log's | any | dates new entries back, not before the one "
    "in front | `verify` shows entries that were seen more than an hour after "
    "the time that they name, as unwitnessed |",
    "| somebody with the auditor's disk | none | after a `verify` | changes an "
    "entry of the copy that it read | `verify --resume` does not read it again "
    "and says so; `verify` finds it |",
    "| the province | its log's | any | runs another program, that writes down "
    "no reads | whoever is to be trusted with the data can read them; a log "
    "holds him to what he did with this program |",
    "| the city | the log's | any | records what is not true of the world | a "
    "log proves who recorded what and when |",
};

std::string Quoted(const char* words) {
  return *words == '\0' ? "" : absl::StrCat("`", words, "`");
}

// The tables as they stand in the document.
std::string Tables() {
  std::string text =
      "| attacker | keys held | moment | what is done | found by | exit | "
      "place named | words |\n|---|---|---|---|---|---|---|---|\n";
  for (const Row& row : kRows) {
    absl::StrAppend(&text, "| ", row.attacker, " | ", row.keys, " | ",
                    row.moment, " | ", row.done, " | `", row.command,
                    "` | 1 | `", row.place, "` | ", Quoted(row.words), " |\n");
  }
  absl::StrAppend(&text,
                  "\nNot detectable:\n\n| attacker | keys held | moment | what "
                  "is done | bound |\n|---|---|---|---|---|\n");
  for (const char* row : kNotDetectable) absl::StrAppend(&text, row, "\n");
  return text;
}

class TamperMatrixTest : public testing::TestWithParam<Row> {};

TEST_P(TamperMatrixTest, IsFound) {
  const Row& row = GetParam();
  TestArchive copy;
  copy.Write();
  std::vector<std::string> command = absl::StrSplit(row.command, ' ');
  command.insert(command.end(),
                 {"--dir", copy.path(), "--policy", copy.WritePolicy()});
  const std::string answer = copy.PathOf("answer.json");
  const auto run = [&] {
    std::ofstream(answer) << AnswerJson(copy.claims).dump();
    return RunProgram(command);
  };
  if (std::string_view(row.command) == "check-answer") {
    command.push_back(answer);
  }
  const Outcome before = run();
  EXPECT_EQ(before.exit, 0) << before.out << before.error;
  row.attack(&copy);
  copy.Write();
  const Outcome after = run();
  EXPECT_EQ(after.exit, 1) << row.done << "\n" << after.out << after.error;
  EXPECT_THAT(after.out, HasSubstr(row.place)) << row.done;
  EXPECT_THAT(after.out, HasSubstr(row.words)) << row.done;
}

INSTANTIATE_TEST_SUITE_P(Rows, TamperMatrixTest, testing::ValuesIn(kRows));

TEST(TamperMatrix, IsTheOneOfTheDocument) {
  std::ifstream file(std::string(TONGCHOU_TEST_DATA) +
                     "/../../docs/tamper-matrix.md");
  const std::string document((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(document, HasSubstr(Tables()))
      << "put these tables into docs/tamper-matrix.md:\n"
      << Tables();
}

}  // namespace
}  // namespace tongchou::audit
