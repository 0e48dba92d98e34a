#include "node/node_alarms.h"

#include <algorithm>
#include <cstdlib>

#include "common/base/status.h"

namespace tongchou::node {

using alarms::Sight;
using base::kMicrosPerSecond;

std::vector<Sight> NodeAlarms::Look(const NodeFacts& facts, int64_t now_us) {
  std::vector<Sight> seen;
  machine_.Look(facts.machine, now_us, &seen);
  alarms::LookAtWrites(facts.writes.last, &seen);
  const int64_t stalled =
      commit_.Look(facts.writes.waiting > 0, facts.writes.done, now_us);
  if (stalled >= alarms::kStalledMicros) {
    seen.push_back(
        {&alarms::kCommitStalled, 0,
         fmt::format("{} writes wait, none committed for {} s",
                     facts.writes.waiting, stalled / kMicrosPerSecond)});
  }
  if (!facts.read_only_reason.empty()) {
    seen.push_back({&alarms::kReadOnly, 0, facts.read_only_reason});
  }
  if (facts.has_uplink) LookAtUplink(facts, now_us, &seen);
  return seen;
}

void NodeAlarms::LookAtUplink(const NodeFacts& facts, int64_t now_us,
                              std::vector<Sight>* seen) {
  const uint64_t durable = facts.uplink.positions.durable;
  const uint64_t unsent = facts.committed - std::min(facts.committed, durable);
  const bool connected = facts.uplink.state == "connected";
  const int64_t stalled = send_.Look(connected && unsent > 0, durable, now_us);
  if (stalled >= alarms::kStalledMicros) {
    seen->push_back(
        {&alarms::kSendStalled, 0,
         fmt::format("{} of {} entries durable, no more for {} s", durable,
                     facts.committed, stalled / kMicrosPerSecond)});
  }
  const int minutes = unsent_.Look(unsent, now_us);
  if (minutes >= alarms::kGrowingMinutes) {
    seen->push_back({&alarms::kBacklogGrows, 0,
                     fmt::format("{} entries wait for the province, more each "
                                 "of {} minutes",
                                 unsent, minutes)});
  }
  if (!connected) {
    seen->push_back({&alarms::kProvinceUnreachable, 0, facts.uplink.state});
  }
  const int64_t offset = facts.uplink.clock_offset_us;
  if (std::abs(offset) > alarms::kClockOffMicros) {
    seen->push_back({&alarms::kClockOff, 0,
                     fmt::format("the province's clock is {} s {}",
                                 std::abs(offset) / kMicrosPerSecond,
                                 offset > 0 ? "ahead" : "behind")});
  }
  if (!facts.province_log_problem.empty()) {
    seen->push_back(
        {&alarms::kProvinceLogContradicted, 0, facts.province_log_problem});
  }
}

}  // namespace tongchou::node
