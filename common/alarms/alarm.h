// What can be wrong with a program that seems to work: every alarm there is.
// Names are for good, since the runbook (docs/operations.md), dashboards and
// JSON know them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/clock.h"

namespace tongchou::alarms {

enum class Severity { kWarning, kCritical };
std::string_view SeverityName(Severity severity);  // warning, critical

// Which program has it.
enum class Program { kNode, kAggregator, kBoth };

struct AlarmKind {
  std::string_view name;
  Severity severity;
  Program program;
  // The program does not do its work and a restart is worth a try: it counts
  // as not serving.
  bool stalled;
  // It begins when it was seen for so long without a break, and ends when it
  // was not seen for so long.
  int64_t begins_after_us;
  int64_t ends_after_us;
  std::string_view meaning;  // one line
  std::string_view remedy;   // one line
};

// Work that waits while nothing of it gets done, so long: a stall. With the
// second between two looks, and two steps, it is noticed within 10 seconds.
inline constexpr int64_t kStalledMicros = 7 * base::kMicrosPerSecond;
// A program that has not looked at itself for so long stands still as a whole.
// Longer than what may block a look in a healthy one (the renewal of a
// certificate: 10 seconds).
inline constexpr int64_t kLookMicrosMax = 30 * base::kMicrosPerSecond;
// A queue whose lowest length of a minute has risen so many times in a row.
inline constexpr int kGrowingMinutes = 15;
// The disk is full within so many days, at the pace of up to seven days.
inline constexpr double kDiskDaysMin = 30;
// Fewer days of a certificate; nodes renew theirs from 30 on downwards.
inline constexpr int kCertificateDaysMin = 28;
// Two clocks apart by more.
inline constexpr int64_t kClockOffMicros = 60 * base::kMicrosPerSecond;
// A city of which nothing signed came for so long; it signs every second.
inline constexpr int64_t kCitySilentMicros = 60 * base::kMicrosPerSecond;

extern const AlarmKind kWatchStalled;
extern const AlarmKind kWritesFail;
extern const AlarmKind kBacklogGrows;
extern const AlarmKind kDiskFull;
extern const AlarmKind kDiskFilling;
extern const AlarmKind kCertificateEnds;
extern const AlarmKind kDataNotEncrypted;
// The node's.
extern const AlarmKind kCommitStalled;
extern const AlarmKind kSendStalled;
extern const AlarmKind kProvinceUnreachable;
extern const AlarmKind kReadOnly;
extern const AlarmKind kClockOff;
extern const AlarmKind kProvinceLogContradicted;
// The aggregator's; the last ones are of one city each.
extern const AlarmKind kJournalStalled;
extern const AlarmKind kApplyStalled;
extern const AlarmKind kLogNotSigned;
extern const AlarmKind kCitySilent;
extern const AlarmKind kCityStalled;
extern const AlarmKind kCityClockOff;
extern const AlarmKind kCityQuarantined;

// Every one of them.
std::span<const AlarmKind* const> AllAlarms();

}  // namespace tongchou::alarms
