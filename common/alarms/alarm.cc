#include "common/alarms/alarm.h"

namespace tongchou::alarms {
namespace {

constexpr int64_t kSecond = base::kMicrosPerSecond;
// Most end after a few seconds, so that what comes and goes is one alarm.
constexpr int64_t kEnds = 5 * kSecond;
// What a start, or a connection that begins again, may show for a moment.
constexpr int64_t kPassing = 10 * kSecond;
constexpr int64_t kMinute = 60 * kSecond;

constexpr auto kWarning = Severity::kWarning;
constexpr auto kCritical = Severity::kCritical;
constexpr auto kBoth = Program::kBoth;
constexpr auto kNode = Program::kNode;
constexpr auto kAggregator = Program::kAggregator;

}  // namespace

std::string_view SeverityName(Severity severity) {
  return severity == kCritical ? "critical" : "warning";
}

// Stalls have waited for kStalledMicros when they are seen.
constexpr AlarmKind kWatchStalled = {
    "watch_stalled",
    kCritical,
    kBoth,
    true,
    0,
    kEnds,
    "the program's once-a-second work stands still; a disk or a lock hangs",
    "look for a hanging disk, then restart the program"};
constexpr AlarmKind kWritesFail = {
    "writes_fail",
    kCritical,
    kBoth,
    false,
    0,
    kEnds,
    "the last write to the database failed; nothing new is taken",
    "look at the disk, then restart the program"};
constexpr AlarmKind kBacklogGrows = {
    "backlog_grows",
    kWarning,
    kBoth,
    false,
    0,
    kMinute,
    "more comes in than is passed on, for a quarter of an hour",
    "look for what is slow: disk, processor, line, the other side"};
constexpr AlarmKind kDiskFull = {
    "disk_full",
    kCritical,
    kBoth,
    false,
    0,
    kEnds,
    "less than the reserve is free; nothing is written",
    "free space outside the data directory"};
constexpr AlarmKind kDiskFilling = {
    "disk_filling",
    kWarning,
    kBoth,
    false,
    kMinute,
    60 * kMinute,
    "at the pace of the last days the disk is full soon",
    "make the volume larger"};
constexpr AlarmKind kCertificateEnds = {
    "certificate_ends",
    kWarning,
    kBoth,
    false,
    kMinute,
    kEnds,
    "the program's certificate is good for a few weeks at most",
    "have another issued, put key and certificate in the old place"};
constexpr AlarmKind kDataNotEncrypted = {
    "data_not_encrypted",
    kWarning,
    kBoth,
    false,
    0,
    kEnds,
    "the programs do not encrypt what they store",
    "move the data to an encrypted volume"};

constexpr AlarmKind kCommitStalled = {
    "commit_stalled",
    kCritical,
    kNode,
    true,
    0,
    kEnds,
    "writes wait and none is committed",
    "look for a hanging disk, then restart the node"};
constexpr AlarmKind kSendStalled = {
    "send_stalled",
    kCritical,
    kNode,
    false,
    0,
    kEnds,
    "the node is connected, but the province takes nothing of what it has",
    "ask the province for its alarms; if it has none, restart the node"};
constexpr AlarmKind kProvinceUnreachable = {
    "province_unreachable",
    kWarning,
    kNode,
    false,
    kMinute,
    kEnds,
    "the node works on alone; nothing it commits reaches the province",
    "look at the line and at the words; it connects again by itself"};
constexpr AlarmKind kReadOnly = {
    "read_only",
    kCritical,
    kNode,
    false,
    kPassing,
    kEnds,
    "the node takes no writes: guard, clock or province refuse its log",
    "do what the words say; never remove the guard"};
constexpr AlarmKind kClockOff = {
    "clock_off",
    kWarning,
    kNode,
    false,
    kPassing,
    kEnds,
    "this clock and the province's differ; from five minutes on no writes",
    "set the wrong one (NTP)"};
constexpr AlarmKind kProvinceLogContradicted = {
    "province_log_contradicted",
    kCritical,
    kNode,
    false,
    0,
    kEnds,
    "the province's log is not the one that this node has seen",
    "call the auditors, keep the node's data"};

constexpr AlarmKind kJournalStalled = {
    "journal_stalled",
    kCritical,
    kAggregator,
    true,
    0,
    kEnds,
    "entries of cities wait and none becomes durable",
    "look for a hanging disk, then restart the aggregator"};
constexpr AlarmKind kApplyStalled = {
    "apply_stalled",
    kCritical,
    kAggregator,
    true,
    0,
    kEnds,
    "entries are durable and none is applied; figures stand still",
    "read the end of the aggregator's log, then restart it"};
constexpr AlarmKind kLogNotSigned = {
    "log_not_signed",
    kCritical,
    kAggregator,
    false,
    kPassing,
    kEnds,
    "no new head of the province's own log is shown",
    "do what the words say: start the mirror, or bring the log back"};
constexpr AlarmKind kCitySilent = {
    "city_silent",
    kWarning,
    kAggregator,
    false,
    kPassing,
    kEnds,
    "nothing that the city signed came for a minute; its figures grow old",
    "do what the words say, else call the city's office"};
constexpr AlarmKind kCityStalled = {
    "city_stalled",
    kCritical,
    kAggregator,
    false,
    kPassing,
    kEnds,
    "the city is connected, has more than is durable, and sends nothing",
    "have the city restart its node"};
constexpr AlarmKind kCityClockOff = {
    "city_clock_off",
    kWarning,
    kAggregator,
    false,
    kPassing,
    kEnds,
    "the city's clock and this one differ by more than a minute",
    "have the wrong one set (NTP)"};
constexpr AlarmKind kCityQuarantined = {
    "city_quarantined",
    kCritical,
    kAggregator,
    false,
    0,
    kEnds,
    "the city's log contradicts the copy; nothing of it is taken",
    "stop its node, keep everything, find out why; then release it"};

namespace {

constexpr const AlarmKind* kAll[] = {&kWatchStalled,
                                     &kWritesFail,
                                     &kBacklogGrows,
                                     &kDiskFull,
                                     &kDiskFilling,
                                     &kCertificateEnds,
                                     &kDataNotEncrypted,
                                     &kCommitStalled,
                                     &kSendStalled,
                                     &kProvinceUnreachable,
                                     &kReadOnly,
                                     &kClockOff,
                                     &kProvinceLogContradicted,
                                     &kJournalStalled,
                                     &kApplyStalled,
                                     &kLogNotSigned,
                                     &kCitySilent,
                                     &kCityStalled,
                                     &kCityClockOff,
                                     &kCityQuarantined};

}  // namespace

std::span<const AlarmKind* const> AllAlarms() { return kAll; }

}  // namespace tongchou::alarms
