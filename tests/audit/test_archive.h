// An auditor's copy of a small province: the logs of two cities and what the
// province claims, all of it sound until a test tampers with it.
//
//   TestArchive copy;
//   copy.nanchang.entry(4).body[20] ^= 1;   // behind the city's back
//   copy.Write();
//
//   TestArchive copy;
//   copy.nanchang.entry(4).EditHeader(...);  // by the city itself
//   copy.Sign();
//   copy.Write();
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "audit/archive.h"
#include "audit/figures.h"
#include "audit/log_keys.h"
#include "audit/policy.h"
#include "audit/record_set.h"
#include "audit/replay.h"
#include "common/base/file.h"
#include "tests/audit/test_log.h"
#include "tests/support/temporary_directory.h"
#include "tongchou/v1/audit.pb.h"
#include "tongchou/v1/query.pb.h"

namespace tongchou::audit {

inline constexpr uint32_t kNanchang = 360100;
inline constexpr uint32_t kJingdezhen = 360200;
inline constexpr uint32_t kTestDay = 20081031;

// As fetch saves them.
struct TestClaims {
  uint32_t as_of = kTestDay;
  uint32_t on = kTestDay;
  v1::AnswerBasis records_basis;
  v1::AnswerBasis figures_basis;
  std::vector<v1::StoredRecord> records;
  FigureTable figures;
};

inline void WritePieces(const std::string& path,
                        const std::vector<std::string>& pieces) {
  auto writer = PieceWriter::Open(path, 0);
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (const std::string& piece : pieces) {
    ASSERT_TRUE(writer->Write(piece).ok());
  }
  ASSERT_TRUE(writer->Flush().ok());
}

inline Texts UnitTexts(const std::string& county) {
  return {{"AAB001", "U1"},
          {"AAB004", "瓷厂"},
          {"AAB301", county},
          {"AAB083", "40"},
          {"AAB065", "1"}};
}

inline Texts EnrolmentTexts(const std::string& county,
                            const std::string& person,
                            const std::string& status) {
  return {{"AAC002", person}, {"AAE140", "110"},  {"AAB001", "U1"},
          {"AAB301", county}, {"AAC008", status}, {"AAC049", "200701"}};
}

inline Texts ContributionTexts(const std::string& county,
                               const std::string& person) {
  return {{"AAC002", person},    {"AAE140", "110"},    {"AAE003", "200801"},
          {"AAE002", "200801"},  {"AAA115", "10"},     {"AAB301", county},
          {"AAE180", "1000.00"}, {"AAE020", "200.00"}, {"AAE022", "80.00"},
          {"AAE080", "200.00"},  {"AAE082", "80.00"},  {"AAE079", "20080131"}};
}

inline Texts LoanTexts(const std::string& county, const std::string& person) {
  return {{"ACC140", "L1"},       {"AAC002", person},     {"AAB301", county},
          {"ACC141", "50000.00"}, {"BCC13X", "20080301"}, {"BCC3Y6", "5"}};
}

class TestArchive {
 public:
  TestArchive() : archive_(directory_.path() + "/copy") {
    AddEntries(&nanchang, "360103", 0);
    AddEntries(&jingdezhen, "360202", 1);
    Sign();
  }

  // Heads, receipts and claims that fit the logs as they are now.
  void Sign() {
    nanchang.Sign(witness);
    jingdezhen.Sign(witness);
    GiveReceipts();
    Claim();
  }
  // The province's own log: a receipt for each bundle of each city, and after
  // the first one that somebody read a person's records.
  // Without that, or without the receipt of one group, on request.
  void GiveReceipts(bool with_access = true, uint64_t left_out = 0);
  // Each city commits one more entry, signed and with a receipt; what was there
  // stays as it is, byte for byte. `edit` comes in between. Claims stay behind.
  void Grow(const std::function<void()>& edit = nullptr);
  // Claims alone, for logs whose heads stay as they are.
  void Claim();
  void Write() const;
  // The claimed figures as the province answers.
  std::vector<v1::GetIndicatorsResponse> FigureAnswers() const;

  Policy policy() const {
    Policy policy;
    policy.province = kTestProvince;
    policy.witness = witness.verifier();
    policy.own = {0, province.signer().origin(), province.signer().verifier()};
    for (const TestLog* log : {&nanchang, &jingdezhen}) {
      policy.cities[log->city()] = {log->city(), log->signer().origin(),
                                    log->signer().verifier()};
    }
    return policy;
  }
  // The same as a file; its path.
  std::string WritePolicy() const;

  const Archive& archive() const { return archive_; }
  std::string path() const { return directory_.path() + "/copy"; }
  std::string PathOf(const std::string& name) const {
    return directory_.path() + "/" + name;
  }

  TestLog nanchang{kNanchang, 'n'};
  TestLog jingdezhen{kJingdezhen, 'j'};
  TestLog province{'p'};
  bool without_province_log = false;
  ledger::Cosigner witness{"tongchou/360000/witness", TestKey('w')};
  TestClaims claims;

 private:
  static void AddEntries(TestLog* log, const std::string& county, int person);
  void ClaimCity(const TestLog& log, RecordSet* records);
  void WriteLog(const TestLog& log) const;
  void WriteClaimedRecords() const;
  void WriteClaimedFigures() const;

  TemporaryDirectory directory_;
  Archive archive_;
};

// Twelve entries, the first three of them in the year before. One person is
// insured in both cities.
inline void TestArchive::AddEntries(TestLog* log, const std::string& county,
                                    int person) {
  const std::string first = TestPerson(person);
  const std::string second = TestPerson(person + 1);
  const std::string third = TestPerson(person + 2);
  log->Add({20070301, "unit", UnitTexts(county)});
  log->Add({20070302, "enrolment", EnrolmentTexts(county, first, "1")});
  log->Add({20071231, "enrolment", EnrolmentTexts(county, second, "1")});
  log->Add({20080101, "enrolment", EnrolmentTexts(county, first, "2")});
  log->Add({20080201, "contribution", ContributionTexts(county, first)});
  log->Add({20080202,
            "filing",
            {{"ACC030", "F1"},
             {"AAC002", second},
             {"AAB301", county},
             {"ACC031", "20080115"}}});
  log->Add({20080303, "loan", LoanTexts(county, first)});
  log->Add({20080404,
            "repayment",
            {{"ACC140", "L1"}, {"BCC142", "20080401"}, {"BCC144", "1000.00"}}});
  log->Add({20080505,
            "enrolment",
            {{"AAC002", second}, {"AAE140", "110"}},
            /*deleted=*/true});
  log->Add({20080606, "enrolment", EnrolmentTexts(county, third, "1")});
  log->Add({20081031,
            "rural_worker",
            {{"AAC002", second},
             {"AAE030", "20080701"},
             {"AAB301", county},
             {"BCCB22", "4"}}});
  log->Add({20081031, "enrolment", EnrolmentTexts(county, second, "1")});
}

inline void TestArchive::ClaimCity(const TestLog& log, RecordSet* records) {
  v1::EntryHeader header;
  v1::EntryBody body;
  log.ForEach([&](const TestEntry& entry) {
    EXPECT_TRUE(header.ParseFromString(entry.header));
    EXPECT_TRUE(body.ParseFromString(entry.body));
    records->Take({header, body, entry.header, entry.body});
  });
  records->Finish();
  v1::CityBasis& basis = *claims.figures_basis.add_cities();
  basis.set_city(log.city());
  basis.set_origin(log.signer().origin());
  basis.set_size(log.size());
  basis.set_root(std::string(log.Root(log.size()).view()));
  basis.set_commit_time_us(log.LastCommitTime());
  for (const auto& [key, stored] : records->records()) {
    if (stored.deleted) continue;
    v1::StoredRecord& record = claims.records.emplace_back();
    record.set_city(log.city());
    record.set_key(key);
    record.set_record(stored.record);
    record.set_sequence(stored.sequence);
  }
}

inline void TestArchive::Claim() {
  claims = {};
  RecordSet of_nanchang(kNanchang, {});
  RecordSet of_jingdezhen(kJingdezhen, {});
  std::vector<CityScan> cities = {{&of_nanchang, {}}, {&of_jingdezhen, {}}};
  const auto scan_into = [](CityScan* city) {
    return [city](const RecordSet& records) {
      city->opening = ScanOpeningStock(records);
    };
  };
  of_nanchang.AtEndOfDay(20071231, scan_into(&cities[0]));
  of_jingdezhen.AtEndOfDay(20071231, scan_into(&cities[1]));
  ClaimCity(nanchang, &of_nanchang);
  ClaimCity(jingdezhen, &of_jingdezhen);
  claims.records_basis = claims.figures_basis;
  claims.figures = ComputeFigures(cities, claims.as_of, claims.on);
  std::sort(claims.records.begin(), claims.records.end(),
            [](const v1::StoredRecord& a, const v1::StoredRecord& b) {
              return std::pair(a.key(), a.city()) <
                     std::pair(b.key(), b.city());
            });
}

inline void TestArchive::GiveReceipts(bool with_access, uint64_t left_out) {
  province = TestLog('p');
  uint64_t ordinal = 0;
  for (const TestLog* log : {&nanchang, &jingdezhen}) {
    uint64_t held = 0;
    for (const TestBundle& bundle : log->bundles) {
      v1::GroupReceipt receipt;
      receipt.set_ordinal(++ordinal);
      v1::CityRange& range = *receipt.add_ranges();
      range.set_city(log->city());
      range.set_from(held);
      held += bundle.entries.size();
      range.set_to(held);
      range.set_root(std::string(log->Root(held).view()));
      if (ordinal != left_out) {
        province.AddOwn(kTestDay, v1::PROVINCE_RECORD_TYPE_GROUP_RECEIPT,
                        receipt.SerializeAsString(), /*audience=*/1);
      }
      if (ordinal > 1 || !with_access) continue;
      v1::Access access;
      access.set_reader("spiffe://tongchou/360000/province/officer/zhang");
      access.set_call("Query.GetPerson");
      access.add_persons(TestPerson(0));
      province.AddOwn(kTestDay, v1::PROVINCE_RECORD_TYPE_ACCESS,
                      access.SerializeAsString(), /*audience=*/0);
    }
  }
  province.SignAlone();
}

inline void TestArchive::Grow(const std::function<void()>& edit) {
  nanchang.Add({20081101, "loan", LoanTexts("360103", TestPerson(0))});
  jingdezhen.Add({20081101, "loan", LoanTexts("360202", TestPerson(1))});
  if (edit) edit();
  uint64_t ordinal = nanchang.bundles.size() + jingdezhen.bundles.size() - 2;
  for (TestLog* log : {&nanchang, &jingdezhen}) {
    log->Sign(witness);
    v1::GroupReceipt receipt;
    receipt.set_ordinal(++ordinal);
    v1::CityRange& range = *receipt.add_ranges();
    range.set_city(log->city());
    range.set_from(log->size() - 1);
    range.set_to(log->size());
    range.set_root(std::string(log->Root(log->size()).view()));
    province.AddOwn(20081101, v1::PROVINCE_RECORD_TYPE_GROUP_RECEIPT,
                    receipt.SerializeAsString(), /*audience=*/1);
  }
  province.SignAlone();
}

inline void TestArchive::WriteLog(const TestLog& log) const {
  const std::string folder = archive_.city_directory(log.city());
  ASSERT_TRUE(base::MakeDirectories(folder).ok());
  std::vector<std::string> bundles;
  for (const TestBundle& bundle : log.bundles) {
    bundles.push_back(bundle.Encode());
  }
  WritePieces(archive_.bundles(log.city()), bundles);
  WritePieces(archive_.checkpoints(log.city()), log.notes);
  ASSERT_TRUE(WriteKeyChanges(archive_, log.city(), log.key_changes).ok());
}

// Every record and figure is a message of its own, behind the basis.
inline void TestArchive::WriteClaimedRecords() const {
  v1::ReadRecordsResponse first;
  *first.mutable_basis() = claims.records_basis;
  std::vector<std::string> pieces = {first.SerializeAsString()};
  for (const v1::StoredRecord& record : claims.records) {
    v1::ReadRecordsResponse response;
    *response.add_records() = record;
    pieces.push_back(response.SerializeAsString());
  }
  WritePieces(archive_.claimed_records(), pieces);
}

inline std::vector<v1::GetIndicatorsResponse> TestArchive::FigureAnswers()
    const {
  std::vector<v1::GetIndicatorsResponse> answers(1);
  answers[0].set_as_of(claims.as_of);
  answers[0].set_on(claims.on);
  *answers[0].mutable_basis() = claims.figures_basis;
  for (const auto& [name, value] : claims.figures) {
    v1::Figure& figure = *answers.emplace_back().add_figures();
    figure.set_id(name.id);
    figure.set_once(name.once);
    figure.set_city(name.city);
    figure.set_county(name.county);
    figure.set_insurance(name.insurance);
    figure.set_period(name.period);
    if (value.has_value()) figure.set_value(*value);
  }
  return answers;
}

inline void TestArchive::WriteClaimedFigures() const {
  std::vector<std::string> pieces;
  for (const v1::GetIndicatorsResponse& answer : FigureAnswers()) {
    pieces.push_back(answer.SerializeAsString());
  }
  WritePieces(archive_.claimed_figures(), pieces);
}

inline void TestArchive::Write() const {
  WriteLog(nanchang);
  WriteLog(jingdezhen);
  if (without_province_log) {
    std::filesystem::remove_all(archive_.city_directory(kProvinceLog));
  } else {
    WriteLog(province);
  }
  ASSERT_TRUE(base::MakeDirectories(archive_.claims_directory()).ok());
  WriteClaimedRecords();
  WriteClaimedFigures();
}

inline std::string TestArchive::WritePolicy() const {
  const Policy pinned = policy();
  std::string text = absl::StrCat(
      "province = \"", pinned.province, "\"\nwitness = \"",
      pinned.witness.ToText(), "\"\nkey = \"", pinned.own.key.ToText(), "\"\n");
  for (const auto& [code, city] : pinned.cities) {
    absl::StrAppend(&text, "\n[[city]]\ncode = \"", code, "\"\nkey = \"",
                    city.key.ToText(), "\"\n");
  }
  const std::string file = PathOf("policy.toml");
  std::ofstream(file) << text;
  return file;
}

}  // namespace tongchou::audit
