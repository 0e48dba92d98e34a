#include "tests/faults/province_log.h"

#include <string>
#include <utility>

#include "tests/aggregator/test_province.h"

namespace tongchou::faults {
namespace {

constexpr uint32_t kDay = 20'080'105;
// ID numbers of the test's persons have three digits that count.
constexpr int kPersons = 800;

void AddPerson(uint32_t city, int number, int64_t time_us,
               aggregator::TestCity* log) {
  const std::string person = aggregator::TestPerson(number % kPersons);
  const std::string county = std::to_string(city + 3);
  log->Add({city,
            time_us,
            "person",
            {{"AAC002", person},
             {"AAC003", "测试" + std::to_string(number)},
             {"AAC004", "1"},
             {"AAC006", "19700101"},
             {"AAB301", county}}});
  const aggregator::Texts key = {{"AAC002", person}, {"AAE140", "110"}};
  aggregator::Texts enrolment = key;
  enrolment["AAB301"] = county;
  enrolment["AAC008"] = "1";
  enrolment["AAC049"] = "200801";
  log->Add({city, time_us, "enrolment", enrolment});
  if (number % 5 == 4) log->Add({city, time_us, "enrolment", key, true});
}

}  // namespace

std::vector<std::vector<aggregator::JournalBatch>> MakeGroups(int groups,
                                                              int persons) {
  std::vector<std::vector<aggregator::JournalBatch>> all;
  std::map<uint32_t, aggregator::TestCity> cities;
  int64_t time_us = base::ChinaDayStart(kDay);
  int number = 0;
  for (int group = 0; group < groups; ++group) {
    std::vector<aggregator::JournalBatch> batches;
    for (const uint32_t city : kBatchCities) {
      if (group % 2 == 1 && city != kBatchCities[0]) continue;
      const int count = group % 3 == 2 ? 4 * persons : persons;
      for (int i = 0; i < count; ++i) {
        AddPerson(city, number++, ++time_us, &cities[city]);
      }
      batches.push_back(cities[city].Take(city));
    }
    all.push_back(std::move(batches));
  }
  return all;
}

}  // namespace tongchou::faults
