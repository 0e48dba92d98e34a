#include "cli/generate/calibration.h"

#include <algorithm>
#include <numeric>

namespace tongchou::cli {
namespace {

constexpr uint32_t kNanchang[] = {360102, 360103, 360104, 360111, 360112,
                                  360113, 360121, 360123, 360124};
constexpr uint32_t kJingdezhen[] = {360202, 360203, 360222, 360281};
constexpr uint32_t kPingxiang[] = {360302, 360313, 360321, 360322, 360323};
constexpr uint32_t kJiujiang[] = {360402, 360403, 360404, 360423, 360424,
                                  360425, 360426, 360428, 360429, 360430,
                                  360481, 360482, 360483};
constexpr uint32_t kXinyu[] = {360502, 360521};
constexpr uint32_t kYingtan[] = {360602, 360603, 360681};
constexpr uint32_t kGanzhou[] = {
    360702, 360703, 360704, 360722, 360723, 360724, 360725, 360726, 360728,
    360729, 360730, 360731, 360732, 360733, 360734, 360735, 360781, 360783};
constexpr uint32_t kJian[] = {360802, 360803, 360821, 360822, 360823,
                              360824, 360825, 360826, 360827, 360828,
                              360829, 360830, 360881};
constexpr uint32_t kYichun[] = {360902, 360921, 360922, 360923, 360924,
                                360925, 360926, 360981, 360982, 360983};
constexpr uint32_t kFuzhou[] = {361002, 361003, 361021, 361022, 361023, 361024,
                                361025, 361026, 361027, 361028, 361030};
constexpr uint32_t kShangrao[] = {361102, 361103, 361104, 361123,
                                  361124, 361125, 361126, 361127,
                                  361128, 361129, 361130, 361181};

constexpr std::array<City, 11> kCities = {{
    {360100, "南昌市", 2134078, kNanchang},
    {360200, "景德镇市", 594906, kJingdezhen},
    {360300, "萍乡市", 723660, kPingxiang},
    {360400, "九江市", 1438088, kJiujiang},
    {360500, "新余市", 457912, kXinyu},
    {360600, "鹰潭市", 372839, kYingtan},
    {360700, "赣州市", 2324927, kGanzhou},
    {360800, "吉安市", 1333932, kJian},
    {360900, "宜春市", 1449788, kYichun},
    {361000, "抚州市", 1076836, kFuzhou},
    {361100, "上饶市", 1946714, kShangrao},
}};

}  // namespace

std::string City::Folder() const {
  return std::to_string(code) + std::string(name);
}

std::span<const City> Cities() { return kCities; }

std::vector<uint64_t> SharePersons(uint64_t persons) {
  const std::span<const City> cities = Cities();
  uint64_t weights = 0;
  for (const City& city : cities) weights += city.weight;
  std::vector<uint64_t> shares;
  std::vector<uint64_t> remainders;
  uint64_t given = 0;
  for (const City& city : cities) {
    shares.push_back(persons * city.weight / weights);
    remainders.push_back(persons * city.weight % weights);
    given += shares.back();
  }
  std::vector<size_t> order(cities.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return remainders[a] > remainders[b];
  });
  for (size_t i = 0; given < persons; ++i, ++given) ++shares[order[i]];
  return shares;
}

}  // namespace tongchou::cli
