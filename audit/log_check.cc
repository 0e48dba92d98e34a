#include "audit/log_check.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/compact_range.h"
#include "common/ledger/cosignature.h"

namespace tongchou::audit {
namespace {

struct KeyHash {
  XXH128_hash_t value;
  bool operator==(const KeyHash& other) const {
    return XXH128_isEqual(value, other.value) != 0;
  }
  template <typename H>
  friend H AbslHashValue(H state, const KeyHash& key) {
    return H::combine(std::move(state), key.value.low64);
  }
};

struct Head {
  base::Hash root;
  std::optional<uint64_t> cosigned;  // first seconds at which it was seen
  std::string not_cosigned;          // why, as long as nobody did
};

// Everything known about one log while its copy streams by.
class Check {
 public:
  Check(const LogPolicy& city, const ledger::VerifierKey* witness,
        bool synthetic_clock, const WantedSizes& wanted,
        const EntryVisitor& visit, Findings* findings, Bodies bodies)
      : city_(city),
        name_(LogName(city.city)),
        owner_(city.city == kProvinceLog ? "the province" : "the city"),
        witness_(witness),
        synthetic_clock_(synthetic_clock),
        wanted_(wanted),
        visit_(visit),
        findings_(*findings),
        bodies_(bodies) {}

  void TakeCheckpoint(std::string_view note);
  // False when nothing behind this bundle can be judged.
  bool TakeBundle(std::string_view bytes);
  void Finish();
  LogOutcome outcome() && { return std::move(outcome_); }
  bool stopped() const { return stopped_; }

 private:
  bool TakeEntry(size_t index);
  bool CheckHeader(const v1::EntryHeader& header);
  void CheckPrevious(const v1::EntryHeader& header, std::string_view key);
  bool CompareHead();
  void CheckNewestCosigned();
  void CompareTimes(uint64_t cosigned_seconds);
  void KeepWanted(int64_t commit_time_us);

  std::string EntryPlace(uint64_t sequence) const {
    return fmt::format("{} entry {}", name_, sequence);
  }
  bool Stop(std::string place, std::string text) {
    findings_.Add(std::move(place), std::move(text));
    stopped_ = true;
    return false;
  }

  const LogPolicy& city_;
  const std::string name_;
  const std::string_view owner_;
  const ledger::VerifierKey* witness_;
  const bool synthetic_clock_;
  const WantedSizes& wanted_;
  const EntryVisitor& visit_;
  Findings& findings_;
  const Bodies bodies_;

  uint64_t notes_ = 0;              // seen so far
  std::map<uint64_t, Head> heads_;  // signed by the city, by size
  uint64_t compared_size_ = 0;      // newest head that matched
  uint64_t timed_size_ = 0;         // newest head whose time was compared
  int64_t first_time_us_ = 0;       // of the entry behind it
  ledger::Bundle bundle_;
  ledger::CompactRange range_;
  v1::EntryHeader header_;
  v1::EntryBody body_;
  int64_t last_time_us_ = 0;
  bool transaction_open_ = false;
  bool stopped_ = false;
  absl::flat_hash_map<KeyHash, uint64_t> last_change_;  // sequence plus one
  LogOutcome outcome_;
};

void Check::TakeCheckpoint(std::string_view note) {
  ++notes_;
  const auto head = ledger::OpenCheckpoint(note, city_.key);
  if (!head.ok()) {
    findings_.Add(fmt::format("{} checkpoint {} of the copy", name_, notes_),
                  std::string(base::Message(head.status())));
    return;
  }
  const std::string place =
      fmt::format("{} checkpoint at size {}", name_, head->size);
  if (head->origin != city_.origin) {
    findings_.Add(place, "is of another log: " + head->origin);
    return;
  }
  if (head->size == 0 && head->root != ledger::EmptyRoot()) {
    findings_.Add(place, "does not name the root of an empty log");
  }
  Head& known =
      heads_.try_emplace(head->size, Head{head->root, {}}).first->second;
  if (known.root != head->root) {
    findings_.Add(
        place, fmt::format("{} signed two different roots at this size ({} and "
                           "{})",
                           owner_, base::HexEncode(known.root.view()),
                           base::HexEncode(head->root.view())));
  }
  if (witness_ == nullptr) return;
  const auto cosigned = ledger::VerifyCosignature(note, *witness_);
  if (cosigned.ok()) {
    known.cosigned = std::min(known.cosigned.value_or(*cosigned), *cosigned);
    return;
  }
  std::string text = "the province's cosignature does not hold: " +
                     std::string(base::Message(cosigned.status()));
  // A later head that has one covers a head that the city alone signed.
  const auto parsed = ledger::ParseNote(note);
  if (parsed.ok() && parsed->signatures.size() == 1) {
    known.not_cosigned = std::move(text);
  } else {
    findings_.Add(place, std::move(text));
  }
}

void Check::CheckNewestCosigned() {
  if (witness_ == nullptr || heads_.empty()) return;
  const auto& [size, head] = *heads_.rbegin();
  if (head.cosigned.has_value()) return;
  findings_.Add(fmt::format("{} checkpoint at size {}", name_, size),
                head.not_cosigned);
}

bool Check::TakeBundle(std::string_view bytes) {
  if (stopped_) return false;
  const uint64_t size = range_.size();
  if (absl::Status status = bundle_.Decode(bytes); !status.ok()) {
    return Stop(fmt::format("{} bundle at entry {}", name_, size),
                std::string(base::Message(status)));
  }
  if (bundle_.first_sequence() != size) {
    return Stop(EntryPlace(size),
                fmt::format("is missing: the next bundle begins at entry {}",
                            bundle_.first_sequence()));
  }
  for (size_t i = 0; i < bundle_.count(); ++i) {
    if (!TakeEntry(i)) return false;
  }
  return true;
}

bool Check::TakeEntry(size_t index) {
  const uint64_t sequence = range_.size();
  const std::string_view header_bytes = bundle_.header(index);
  if (!header_.ParseFromArray(header_bytes.data(),
                              static_cast<int>(header_bytes.size()))) {
    return Stop(EntryPlace(sequence), "its header is no message");
  }
  if (!CheckHeader(header_)) return false;
  range_.Append(bundle_.leaf_hash(index));
  const std::optional<std::string_view> body = bundle_.body(index);
  if (!body.has_value() && bodies_ == Bodies::kRedacted) {
    ++outcome_.withheld;
  } else if (!body.has_value()) {
    findings_.Add(EntryPlace(sequence),
                  "its body is missing and no erasure covers it");
  } else if (!body_.ParseFromArray(body->data(),
                                   static_cast<int>(body->size()))) {
    findings_.Add(EntryPlace(sequence), "its body is no message");
  } else {
    CheckPrevious(header_, body_.key());
    if (visit_ != nullptr) visit_({header_, body_, header_bytes, *body});
  }
  KeepWanted(header_.commit_time_us());
  return CompareHead();
}

bool Check::CheckHeader(const v1::EntryHeader& header) {
  const uint64_t sequence = range_.size();
  if (header.sequence() != sequence) {
    return Stop(EntryPlace(sequence),
                fmt::format("says that it is entry {}: entries were dropped, "
                            "repeated or swapped",
                            header.sequence()));
  }
  if (header.commit_time_us() < last_time_us_) {
    findings_.Add(EntryPlace(sequence),
                  "was committed before the entry in front of it (" +
                      base::FormatChinaTime(header.commit_time_us()) + ")");
  }
  last_time_us_ = header.commit_time_us();
  if (sequence == timed_size_) first_time_us_ = last_time_us_;
  transaction_open_ = !header.last_of_transaction();
  return true;
}

void Check::CheckPrevious(const v1::EntryHeader& header, std::string_view key) {
  uint64_t& last = last_change_[{XXH3_128bits(key.data(), key.size())}];
  const bool wrong = outcome_.withheld == 0 ? header.previous() != last
                                            : header.previous() < last;
  if (wrong) {
    findings_.Add(
        EntryPlace(header.sequence()),
        fmt::format("names entry {} as the previous change of its record, but "
                    "that is entry {} (counted from 1; 0 = none)",
                    header.previous(), last));
  }
  last = header.sequence() + 1;
}

bool Check::CompareHead() {
  const auto head = heads_.find(range_.size());
  if (head == heads_.end()) return true;
  ++outcome_.checkpoints;
  if (range_.Root() == head->second.root) {
    if (head->second.cosigned.has_value()) {
      CompareTimes(*head->second.cosigned);
      timed_size_ = head->first;
    }
    compared_size_ = head->first;
    return true;
  }
  return Stop(fmt::format("{} entries {} to {}", name_, compared_size_,
                          head->first - 1),
              fmt::format("do not hash to the root that {} signed at "
                          "size {}: one of them was changed, dropped or added",
                          owner_, head->first));
}

// The entries since the last head were there when the province saw this one.
void Check::CompareTimes(uint64_t cosigned_seconds) {
  if (synthetic_clock_) return;
  constexpr int64_t kMicros = 1'000'000;
  const auto cosigned = static_cast<int64_t>(cosigned_seconds);
  const uint64_t end = range_.size();
  if (last_time_us_ / kMicros > cosigned + kCosignedTimeTolerance) {
    findings_.Add(
        EntryPlace(end - 1),
        fmt::format("names the time {}, but the province had seen it at {}",
                    base::FormatChinaTime(last_time_us_),
                    base::FormatChinaTime(cosigned * kMicros)));
  }
  const int64_t delay = cosigned - first_time_us_ / kMicros;
  if (delay <= kContactSeconds) return;
  std::vector<UnwitnessedRange>& ranges = outcome_.unwitnessed;
  if (ranges.empty() || ranges.back().end != timed_size_) {
    ranges.push_back({timed_size_, end, delay});
    return;
  }
  ranges.back().end = end;
  ranges.back().seconds = std::max(ranges.back().seconds, delay);
}

void Check::KeepWanted(int64_t commit_time_us) {
  const uint64_t size = range_.size();
  if (!wanted_.contains(size) && !heads_.contains(size)) return;
  outcome_.roots[size] = range_.Root();
  outcome_.commit_times[size] = commit_time_us;
}

void Check::Finish() {
  outcome_.size = range_.size();
  outcome_.root = range_.Root();
  outcome_.last_commit_time_us = last_time_us_;
  if (stopped_) return;
  CheckNewestCosigned();
  if (transaction_open_) {
    findings_.Add(EntryPlace(outcome_.size - 1),
                  "is the last one and does not end its transaction");
  }
  const uint64_t signed_size = heads_.empty() ? 0 : heads_.rbegin()->first;
  if (signed_size > outcome_.size) {
    findings_.Add(EntryPlace(outcome_.size),
                  fmt::format("is missing: {} signed {} entries and the copy "
                              "ends here",
                              owner_, signed_size));
  } else if (signed_size < outcome_.size) {
    findings_.Add(fmt::format("{} entries {} to {}", name_, signed_size,
                              outcome_.size - 1),
                  fmt::format("are covered by no head that {} signed", owner_));
  }
}

}  // namespace

absl::StatusOr<LogOutcome> CheckLog(const Archive& archive,
                                    const LogPolicy& city,
                                    const ledger::VerifierKey* witness,
                                    bool synthetic_clock,
                                    const WantedSizes& wanted,
                                    const EntryVisitor& visit,
                                    Findings* findings, Bodies bodies) {
  Check check(city, witness, synthetic_clock, wanted, visit, findings, bodies);
  const auto notes =
      ReadPieces(archive.checkpoints(city.city), [&](std::string_view note) {
        check.TakeCheckpoint(note);
        return absl::OkStatus();
      });
  if (absl::IsDataLoss(notes.status())) {
    findings->Add(fmt::format("{} checkpoints", LogName(city.city)),
                  std::string(base::Message(notes.status())));
  } else if (!notes.ok()) {
    return notes.status();
  }
  const auto bundles =
      ReadPieces(archive.bundles(city.city), [&](std::string_view bytes) {
        return check.TakeBundle(bytes)
                   ? absl::OkStatus()
                   : absl::Status(absl::StatusCode::kCancelled, "");
      });
  if (absl::IsDataLoss(bundles.status())) {
    findings->Add(fmt::format("{} bundles", LogName(city.city)),
                  std::string(base::Message(bundles.status())));
  } else if (!bundles.ok() && !check.stopped()) {
    return bundles.status();
  }
  check.Finish();
  return std::move(check).outcome();
}

}  // namespace tongchou::audit
