// Random histories of three cities: whatever the order in which their batches
// arrive, and whatever their sizes, the figures are those of a plain
// recomputation.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <random>

#include "absl/strings/str_join.h"
#include "tests/aggregator/naive_figures.h"
#include "tests/aggregator/test_province.h"

namespace tongchou::aggregator {
namespace {

// Histories that are tried; TONGCHOU_PROPERTY_SEEDS says how many.
constexpr uint64_t kSeedsDefault = 16;

uint64_t Seeds() {
  const char* wanted = std::getenv("TONGCHOU_PROPERTY_SEEDS");
  return wanted == nullptr ? kSeedsDefault : std::strtoull(wanted, nullptr, 10);
}
constexpr size_t kEditsOfCity = 100;
constexpr std::array<uint32_t, 3> kCities = {360100, 360400, 360700};
using History = std::vector<Edit>;

class HistoryMaker {
 public:
  explicit HistoryMaker(uint64_t seed) : random_(seed) {
    // Some histories begin in the year before, for the net increase.
    uint32_t day = seed % 3 == 0 ? 20071217 : 20080101;
    for (int i = 0; i < 30; ++i, day = base::NextDay(day)) {
      days_.push_back(day);
    }
  }

  // In the order of time.
  History Make() {
    History all;
    for (const uint32_t city : kCities) {
      const History one = MakeCity(city);
      all.insert(all.end(), one.begin(), one.end());
    }
    std::stable_sort(all.begin(), all.end(), [](const Edit& a, const Edit& b) {
      return a.commit_time_us < b.commit_time_us;
    });
    return all;
  }

  const std::vector<uint32_t>& days() const { return days_; }
  size_t Below(size_t bound) { return random_() % bound; }
  bool OneIn(size_t n) { return Below(n) == 0; }
  std::string Pick(std::vector<std::string> of) { return of[Below(of.size())]; }
  uint32_t Day() { return days_[Below(days_.size())]; }

 private:
  History MakeCity(uint32_t city);
  std::vector<int64_t> Times();
  Edit MakeEdit(uint32_t city, const History& past);
  Texts MakeTexts(const std::string& type);
  Texts MakeWork(const std::string& type);
  Texts MakeLoanOrMove(const std::string& type);
  Texts MakeUnitOrFamily(const std::string& type);

  std::string Who();
  std::string County();
  std::string Date() { return std::to_string(Day()); }
  std::string MaybeDate() { return OneIn(2) ? "" : Date(); }
  std::string Money(bool negative_too) {
    const std::string sign = negative_too && OneIn(4) ? "-" : "";
    return absl::StrCat(sign, 1 + Below(90), ".", Pick({"00", "05", "50"}));
  }

  std::mt19937_64 random_;
  std::vector<uint32_t> days_;
  uint32_t city_ = 0;
};

// Twelve persons, the first ones most often; one has another document.
std::string HistoryMaker::Who() {
  const size_t number = Below(1 + Below(12));
  return number == 3 ? "HZ20080101" : TestPerson(static_cast<int>(number));
}

std::string HistoryMaker::County() {
  static const auto* const kCounties =
      new std::map<uint32_t, std::vector<std::string>>{
          {360100, {"360100", "360111", "360112", "360122", "360105"}},
          {360400, {"360402", "360404", "360421", "360483", "360427"}},
          {360700, {"360702", "360703", "360782", "360704", "360721"}}};
  return Pick(kCounties->at(city_));
}

// Sorted; the first and the last instant of a day among them.
std::vector<int64_t> HistoryMaker::Times() {
  const size_t begin = Below(10);
  std::vector<int64_t> times;
  for (size_t i = 0; i < kEditsOfCity; ++i) {
    const uint32_t day = days_[begin + Below(days_.size() - begin)];
    const std::array<int64_t, 4> offsets = {
        0, base::kMicrosPerDay - 1, base::kMicrosPerDay / 3,
        static_cast<int64_t>(Below(base::kMicrosPerDay))};
    times.push_back(base::ChinaDayStart(day) + offsets[Below(4)]);
  }
  std::sort(times.begin(), times.end());
  return times;
}

History HistoryMaker::MakeCity(uint32_t city) {
  city_ = city;
  History made;
  for (const int64_t time : Times()) {
    made.push_back(MakeEdit(city, made));
    made.back().commit_time_us = time;
  }
  return made;
}

// A new record, or one of the past again: changed, deleted or returned.
Edit HistoryMaker::MakeEdit(uint32_t city, const History& past) {
  static const auto* const kTypes = new std::vector<std::string>{
      "enrolment", "enrolment",     "enrolment",    "unit",      "unit",
      "person",    "contribution",  "filing",       "filing",    "unemployment",
      "hardship",  "rural_worker",  "loan",         "repayment", "family",
      "family",    "family_member", "family_member"};
  Edit edit{city, 0, Pick(*kTypes), {}, false};
  if (past.empty() || OneIn(3)) {
    edit.texts = MakeTexts(edit.type);
    return edit;
  }
  const Edit& before = past[Below(past.size())];
  edit.type = before.type;
  edit.texts = before.texts;
  edit.deleted = OneIn(4);
  if (edit.deleted || OneIn(4)) return edit;
  edit.texts = MakeTexts(edit.type);
  const auto* schema = records::Schema::Get().Find(edit.type);
  for (const int field : schema->key_fields) {
    const std::string& code = schema->fields[field].code;
    edit.texts[code] = before.texts.at(code);
  }
  return edit;
}

Texts HistoryMaker::MakeTexts(const std::string& type) {
  if (type == "enrolment") {
    return {{"AAC002", Who()},
            {"AAE140", Pick({"110", "310", "390", "391"})},
            {"AAB001", Pick({"", "U1", "U2", "U3", "U9"})},
            {"AAB301", County()},
            {"AAC008", Pick({"0", "1", "1", "2", "4"})},
            {"AAC084", Pick({"", "0", "1", "2", "3"})},
            {"AAC028", Pick({"", "0", "1"})},
            {"AAC049", Pick({"", "200712", "200801", "200801"})}};
  }
  if (type == "contribution") {
    return {{"AAC002", Who()},
            {"AAE140", Pick({"110", "310"})},
            {"AAE003", "200801"},
            {"AAE002", Pick({"200801", "200802"})},
            {"AAA115", "10"},
            {"AAB001", Pick({"", "U1"})},
            {"EAZ058", Pick({"", "1"})},
            {"AAB301", County()},
            {"AAE180", "5000.00"},
            {"AAE020", "99.99"},
            {"AAE022", "99.99"},
            {"AAE080", OneIn(4) ? "" : Money(true)},
            {"AAE082", OneIn(4) ? "" : Money(true)},
            {"AAE079", MaybeDate()}};
  }
  return MakeWork(type);
}

Texts HistoryMaker::MakeUnitOrFamily(const std::string& type) {
  if (type == "unit") {
    const uint32_t from = Day();
    const uint32_t to = std::max(from, Day());
    return {{"AAB001", Pick({"U1", "U2", "U3"})},
            {"AAB004", "A unit"},
            {"AAB301", County()},
            {"AAB083", Pick({"", "0", "7", "20"})},
            {"AAB065", Pick({"", "1", "1", "1"})},
            {"AAE030", OneIn(4) ? "" : std::to_string(from)},
            {"AAE031", OneIn(3) ? "" : std::to_string(to)}};
  }
  if (type == "family") {
    return {{"BCCS01", Pick({"F1", "F2", "F3"})},
            {"AAB301", County()},
            {"BCCS10", Pick({"20071201", "20080102"})},
            {"BCCS06", Pick({"0", "1", "1", "1", "2"})},
            {"AAE031", MaybeDate()}};
  }
  return {{"BCCS01", Pick({"F1", "F2", "F3"})},
          {"AAC002", Who()},
          {"BCCS23", OneIn(5) ? "1" : ""}};
}

Texts HistoryMaker::MakeLoanOrMove(const std::string& type) {
  const std::string number = Pick({"N1", "N2", "N3", "N4", "N5"});
  if (type == "rural_worker") {
    return {{"AAC002", Who()},
            {"AAE030", Pick({"20070301", "20080101", "20080301"})},
            {"AAB301", County()},
            {"BCCB22", Pick({"1", "2", "3", "4", "5"})}};
  }
  if (type == "loan") {
    return {{"ACC140", number},   {"AAC002", Who()},
            {"AAB301", County()}, {"ACC141", Money(false)},
            {"BCC13X", Date()},   {"BCC3Y6", Pick({"", "1", "5"})}};
  }
  if (type == "repayment") {
    return {{"ACC140", number}, {"BCC142", Date()}, {"BCC144", Money(false)}};
  }
  return MakeUnitOrFamily(type);
}

Texts HistoryMaker::MakeWork(const std::string& type) {
  const std::string number = Pick({"N1", "N2", "N3", "N4", "N5"});
  const std::string reason = Pick({"", "1", "1", "1", "6301"});
  if (type == "person") {
    return {{"AAC002", Who()},      {"AAC003", "Li"},
            {"AAC004", "1"},        {"AAC006", "19700101"},
            {"AAB301", County()},   {"AAE138", MaybeDate()},
            {"AIC162", MaybeDate()}};
  }
  if (type == "filing") {
    return {{"ACC030", number},
            {"AAC002", Who()},
            {"AAB301", County()},
            {"ACC031", Date()}};
  }
  if (type == "unemployment") {
    return {{"ACC020", number},      {"AAC002", Who()},
            {"AAB301", County()},    {"AJC094", "20080101"},
            {"AAE031", MaybeDate()}, {"AAE160", reason}};
  }
  if (type == "hardship") {
    return {{"AAC002", Who()},
            {"ADC310", Pick({"01", "02"})},
            {"AAB301", County()},
            {"AAE031", MaybeDate()},
            {"AAE160", reason}};
  }
  return MakeLoanOrMove(type);
}

// An order in which the entries arrive, each city's own kept, and where groups
// end. Applied group by group, or all at once.
struct Arrival {
  std::string name;
  History order;
  size_t group_max = 1;
  uint32_t bundle_entries = 256;
  bool step_by_step = false;
};

History WholeCities(const History& history, std::vector<size_t> cities) {
  History order;
  for (const size_t city : cities) {
    std::copy_if(history.begin(), history.end(), std::back_inserter(order),
                 [&](const Edit& edit) { return edit.city == kCities[city]; });
  }
  return order;
}

// Runs of random length of random cities.
History Shuffled(const History& history, HistoryMaker* random) {
  std::vector<History> left;
  for (size_t i = 0; i < 3; ++i) left.push_back(WholeCities(history, {i}));
  History order;
  while (order.size() < history.size()) {
    History& from = left[random->Below(3)];
    const size_t run = std::min(1 + random->Below(40), from.size());
    const auto end = from.begin() + static_cast<int64_t>(run);
    order.insert(order.end(), from.begin(), end);
    from.erase(from.begin(), end);
  }
  return order;
}

std::vector<Arrival> Arrivals(const History& history, HistoryMaker* random) {
  return {{"in time", history, 30, 256, true},
          {"one city after another", WholeCities(history, {0, 1, 2}), 300, 9,
           false},
          {"backwards", WholeCities(history, {2, 1, 0}), 25, 256, true},
          {"the middle one last", WholeCities(history, {0, 2, 1}), 7, 3, false},
          {"shuffled", Shuffled(history, random), 12, 5, true}};
}

std::vector<FigureDays> Samples(HistoryMaker* random) {
  const uint32_t last = random->days().back();
  std::vector<FigureDays> samples = {
      {last, last}, {20071231, 20080105}, {20090105, 20080120}};
  for (int i = 0; i < 4; ++i) samples.push_back({random->Day(), random->Day()});
  return samples;
}

std::string ToText(const Figures::value_type& figure) {
  const FigureKey& key = figure.first;
  return absl::StrCat(
      key.id, key.once ? " once " : " ", key.city, "/", key.county, " ",
      key.insurance, " ", key.period, " = ",
      figure.second.has_value() ? absl::StrCat(*figure.second) : "null");
}

Figures WithoutZeros(Figures figures) {
  std::erase_if(figures, [](const auto& figure) { return figure.second == 0; });
  return figures;
}

// The first figures that one has and the other has not.
std::string Differences(const Figures& found, const Figures& expected) {
  std::vector<std::string> lines;
  const auto compare = [&](const Figures& a, const Figures& b,
                           const std::string& sign) {
    for (const auto& figure : a) {
      const auto other = b.find(figure.first);
      if (other != b.end() && other->second == figure.second) continue;
      if (lines.size() < 20) lines.push_back(sign + ToText(figure));
    }
  };
  compare(found, expected, "found    ");
  compare(expected, found, "expected ");
  return absl::StrJoin(lines, "\n");
}

void Play(const Arrival& arrival, size_t from, size_t to,
          TestProvince* province) {
  for (const uint32_t city : kCities) {
    province->city(city).bundle_entries = arrival.bundle_entries;
  }
  for (size_t i = from; i < to; ++i) {
    province->Add(arrival.order[i]);
    if ((i + 1) % arrival.group_max != 0 && i + 1 != to) continue;
    province->Send();
    if (arrival.step_by_step) province->Apply();
  }
  province->Apply();
}

// Batches go into the memtable, become files, or now this, now that.
size_t IngestPuts(uint64_t number) {
  constexpr size_t kChoices[] = {kIngestPuts, 1, 40};
  return kChoices[number % std::size(kChoices)];
}

class UnifiedPropertyTest : public testing::Test {
 protected:
  // The same tables to the last row, whatever the arrival.
  void ExpectSame(const std::vector<FigureDays>& samples,
                  const History& history, TestProvince* province) {
    for (size_t i = 0; i < samples.size(); ++i) {
      const auto [as_of, on] = samples[i];
      SCOPED_TRACE(absl::StrCat("as of ", as_of, " on ", on));
      const Figures found = province->Read(as_of, on);
      if (tables_.size() <= i) {
        tables_.push_back(found);
        const Figures naive = NaiveFigures(history, as_of, on);
        const Figures values = WithoutZeros(found);
        ASSERT_TRUE(values == naive) << Differences(values, naive);
      }
      ASSERT_TRUE(found == tables_[i]) << Differences(found, tables_[i]);
    }
  }

  std::vector<Figures> tables_;  // by sample
};

TEST_F(UnifiedPropertyTest, FiguresDoNotDependOnTheArrival) {
  for (uint64_t seed = 1; seed <= Seeds(); ++seed) {
    HistoryMaker random(seed);
    const History history = random.Make();
    const auto samples = Samples(&random);
    tables_.clear();
    uint64_t number = seed;
    for (const Arrival& arrival : Arrivals(history, &random)) {
      SCOPED_TRACE(absl::StrCat("seed ", seed, ", ", arrival.name));
      TestProvince province(IngestPuts(number++));
      Play(arrival, 0, history.size(), &province);
      ExpectSame(samples, history, &province);
      if (HasFatalFailure()) return;
    }
  }
}

// At every point of an arrival the figures are those of what has arrived.
TEST_F(UnifiedPropertyTest, FiguresAreRightOnTheWay) {
  for (uint64_t seed = 1001; seed <= 1010; ++seed) {
    HistoryMaker random(seed);
    const History history = random.Make();
    Arrival arrival{"on the way", Shuffled(history, &random), 20, 7, true};
    const auto samples = Samples(&random);
    TestProvince province(IngestPuts(seed));
    for (size_t from = 0; from < history.size(); from += 20) {
      const size_t to = std::min(from + 20, history.size());
      SCOPED_TRACE(absl::StrCat("seed ", seed, ", up to ", to));
      Play(arrival, from, to, &province);
      const History arrived(arrival.order.begin(),
                            arrival.order.begin() + static_cast<int64_t>(to));
      tables_.clear();
      ExpectSame(samples, arrived, &province);
      if (HasFatalFailure()) return;
    }
  }
}

TEST_F(UnifiedPropertyTest, ACrashOrARebuildChangesNothing) {
  for (uint64_t seed = 2001; seed <= 2006; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    HistoryMaker random(seed);
    const History history = random.Make();
    const auto samples = Samples(&random);
    Arrival arrival{"cut", Shuffled(history, &random), 15, 4, true};
    TestProvince province(IngestPuts(seed));
    const size_t flushed = random.Below(history.size());
    const size_t lost = flushed + random.Below(history.size() - flushed);
    Play(arrival, 0, flushed, &province);
    province.Flush();
    Play(arrival, flushed, lost, &province);
    province.Crash();
    Play(arrival, lost, history.size(), &province);
    tables_.clear();
    ExpectSame(samples, history, &province);
    province.Crash();
    province.Apply();
    ExpectSame(samples, history, &province);
    province.Rebuild();
    province.Apply();
    ExpectSame(samples, history, &province);
  }
}

// What was flushed may end in the middle of a bundle.
TEST_F(UnifiedPropertyTest, ACrashInsideABundleChangesNothing) {
  HistoryMaker random(3001);
  const History history = random.Make();
  const auto samples = Samples(&random);
  const Arrival arrival{"at once", history, 1000, 256, false};
  for (const int batches : {1, 2, 5, 9, 14, 20, 30}) {
    SCOPED_TRACE(absl::StrCat("flushed after ", batches));
    TestProvince province;
    province.FlushAfter(batches);
    Play(arrival, 0, history.size(), &province);
    province.Crash();
    const auto reached = province.position().cities;
    EXPECT_TRUE(std::any_of(reached.begin(), reached.end(), [](const auto& at) {
      return at.second.size > 0 && at.second.size < kEditsOfCity;
    }));
    province.Apply();
    ExpectSame(samples, history, &province);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace tongchou::aggregator
