// The simulated world: cities, their connections and the province, and what
// must hold of them at all times. Its functions are in simulation.cc, but for
// those about the province's own log (own_log.cc), its mirror (mirror.cc),
// the audit office (auditor.cc) and the checks of the cities (checks.cc).
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "aggregator/service/own_head.h"
#include "aggregator/service/own_log_feed.h"
#include "audit/mirror.h"
#include "audit/replay.h"
#include "audit/witness.h"
#include "common/base/clock.h"
#include "common/base/ed25519.h"
#include "common/exchange/ingest.h"
#include "common/exchange/uplink.h"
#include "common/ledger/cosignature.h"
#include "node/province_view.h"
#include "tests/simulation/disks.h"
#include "tests/simulation/province_disk.h"
#include "tests/simulation/simulation.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::simulation {

inline constexpr int64_t kStart = 1'700'000'000'000'000;
inline constexpr int kConvergenceRounds = 400;
inline constexpr int64_t kRoundMicros = 100'000;
inline constexpr size_t kPendingMax = 8;  // transactions of one group commit
inline constexpr uint64_t kGroupMax = 3;  // batches of one journal group
inline constexpr uint64_t kAuditedSeeds = 12;  // one of so many
inline constexpr char kProvinceOrigin[] = "tongchou/360000";

inline base::Ed25519PrivateKey KeyOf(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

using Transaction = std::vector<std::string>;  // bodies of its entries

template <typename Message>
struct Sent {
  int64_t due;
  Message message;
};

// One connection: ordered, and what is under way is lost when it is cut.
struct Stream {
  size_t city = 0;
  std::optional<exchange::Uplink> uplink;      // none: the node's end is gone
  std::optional<exchange::Ingest> ingest;      // none: nothing has greeted yet
  std::optional<aggregator::OwnLogFeed> feed;  // likewise
  bool lost = false;  // a message; the transport ends such a one in time
  std::deque<Sent<v1::NodeMessage>> up;
  std::deque<Sent<v1::ProvinceMessage>> down;
};

struct CityBackup {
  Log log;
  MemoryLog facts;
};

struct City {
  explicit City(size_t i)
      : code(360100 + static_cast<uint32_t>(i)),
        origin(fmt::format("tongchou/360000/{}", code)),
        disk(ledger::Signer(origin, KeyOf(static_cast<char>('A' + i)))),
        first_key(disk.signer.verifier()),
        all_keys{first_key},
        witness(origin + "/witness", KeyOf(static_cast<char>(i + 1))) {}
  const uint32_t code;
  const std::string origin;
  CityDisk disk;
  const ledger::VerifierKey first_key;
  std::vector<ledger::VerifierKey> all_keys;
  const ledger::Cosigner witness;  // of the province's log
  std::unique_ptr<node::ProvinceView> view;
  std::optional<CityBackup> backup;
  std::deque<Transaction> pending;  // submitted, not committed
  std::vector<std::string> told;    // bodies that clients were told of
  std::set<uint64_t> ends{0};       // of transactions
  std::map<std::string, uint64_t> last_changes;  // of records; 1 = entry 0
  std::map<uint64_t, ledger::Hash> signed_roots;
  uint64_t nonce = 1;
  uint64_t stream = 0;  // 0: not connected
  uint64_t told_durable = 0;
  int64_t clock_offset = 0;
  int64_t cut_until = 0;
  bool needs_restore = false;
};

struct ProvinceCopy {
  ProvinceDisk disk;
  std::string guard;  // the file's bytes
};

struct Queued {
  size_t city;
  exchange::VerifiedBatch batch;
};

class World {
 public:
  explicit World(const Options& options);
  Outcome Run();

 private:
  bool ok() const { return outcome_.failure.empty(); }
  bool Is(Mutation mutation) const { return options_.mutation == mutation; }
  uint64_t Below(uint64_t n) { return random_() % n; }
  // One in n.
  bool Chance(uint64_t n) { return Below(n) == 0; }
  City& AnyCity(size_t* index) {
    *index = Below(cities_.size());
    return *cities_[*index];
  }
  HeldCity& Held(size_t i) { return disk_.Held(cities_[i]->code); }
  void Advance(int64_t micros) {
    now_ += micros;
    clock_.Set(now_);
  }
  int64_t Now(const City& city) const { return now_ + city.clock_offset; }

  void Note(std::string_view event, size_t city, uint64_t detail) {
    const std::string line = fmt::format("{} {} {} {}\n", now_ - kStart, event,
                                         360100 + city, detail);
    for (const char c : line) {  // FNV-1a
      outcome_.trace_hash =
          (outcome_.trace_hash ^ static_cast<unsigned char>(c)) *
          0x100000001b3U;
    }
    if (options_.trace) fmt::print("{}", line);
  }
  void Fault(const std::string& name, size_t city) {
    ++outcome_.faults[name];
    Note(name, city, 0);
  }
  void Violated(size_t city, std::string_view what) {
    if (!ok() || options_.audits_alone) return;
    outcome_.failure =
        fmt::format("city {} at {} us: {}", 360100 + city, now_ - kStart, what);
    Note("violated", city, 0);
  }

  void Step();
  void InjectFault();
  void Submit(size_t i);
  void MakeNextKey(size_t i);
  void ChangeKey(size_t i);
  // Fills the number, the time and the link to the previous change.
  ledger::Hash AddEntry(size_t i, uint64_t sequence, v1::EntryHeader header,
                        std::string_view body, ledger::BundleWriter* writer);
  void ReadChanges(size_t i);
  ledger::LogKeys KnownKeys(size_t i);
  void Sync(size_t i);
  void Tell(size_t i, const Transaction& transaction);
  void CrashCity(size_t i);
  void CrashProvince();
  void PutBackupBack(size_t i);
  void Restore(size_t i);
  v1::Hello HelloOf(size_t i, uint64_t start, uint64_t nonce);
  void GreetAsClone(size_t i);
  void GreetAsThief(size_t i);
  exchange::UplinkConfig UplinkConfigOf(size_t i);
  void Connect(size_t i);
  void Cut(size_t i, bool arrives);
  void EndStream(uint64_t id);
  void Pump();
  void DeliverUp(uint64_t id);
  void DeliverDown(uint64_t id);
  void Send(uint64_t id);
  void TakeFromNode(uint64_t id, const v1::NodeMessage& message);
  void Greet(uint64_t id, v1::Hello hello);
  void EndOlderStreams(uint64_t id);
  void TakeBatch(uint64_t id, const v1::Batch& batch);
  void Answer(uint64_t id, v1::ProvinceMessage message);
  void Acknowledge(size_t i, v1::Ack ack);
  void Fsync();
  void Write(const std::vector<Queued>& group);
  absl::Status Append(const std::vector<aggregator::JournalBatch>& batches);
  aggregator::JournalBatch Cosign(const Queued& queued);
  void Apply(size_t i);
  void ApplyBundle(size_t i, const ledger::Bundle& bundle, size_t from);
  void EndChange(size_t i);
  void CheckSigned(size_t i, const std::string& note);
  void CheckTold(size_t i);
  void CheckState(size_t i);
  void CheckAll();
  void Converge();
  bool Converged();

  // The province's own log.
  void StartProvince();
  void OpenView(size_t i);
  void SignOwn();
  void RecordAccess();
  absl::Status CheckNotHeld(const v1::Hello& hello);
  void Feed(uint64_t id);
  void TakePiece(uint64_t id, const v1::ProvinceLog& piece);
  void TakeCosigned(uint64_t id, const v1::ProvinceCosigned& cosigned);
  void ShowHead(std::string_view note);
  void CheckOwnEntries();
  void CheckReceipt(const v1::GroupReceipt& receipt);
  void CheckShownAreKept();
  bool OwnLogConverged() const;
  absl::Status Signing(const std::function<absl::Status()>& sign);
  std::string GuardPath() const;

  // The audit office.
  absl::StatusOr<std::unique_ptr<audit::Witness>> OpenWitness();
  void FeedWitness();
  bool CanAudit();
  std::vector<std::string> ShownOwnHeads(const audit::Witness& witness);
  static std::string WitnessedNote(const audit::Witness& witness,
                                   std::string_view origin);
  absl::Status CopyCity(const audit::Archive& archive,
                        const audit::Witness& witness, size_t i);
  audit::Policy AuditPolicy() const;
  absl::StatusOr<audit::AuditSummary> VerifyCopy();
  void Audit();
  void AuditFinds(std::string_view what);

  // Its mirror.
  void OpenMirror(MemoryLog kept);
  void MirrorRound();
  bool MirrorIsDue();
  absl::Status LoseMirror();
  absl::Status GreetMirror();
  absl::Status Refill(uint64_t size);
  absl::Status FeedMirror();
  void InjectMirrorFault();
  void CopyProvince();
  bool CanLoseProvince();
  void PutProvinceBack();

  const Options options_;
  std::mt19937_64 random_;
  Outcome outcome_;
  int64_t now_ = kStart;
  base::ManualClock clock_{kStart};     // the province's, at now_
  const TemporaryDirectory directory_;  // guard, witness, an auditor's copy
  uint64_t values_ = 0;
  uint64_t last_stream_ = 0;
  bool faulty_ = true;
  std::vector<std::unique_ptr<City>> cities_;
  ProvinceDisk disk_;
  std::map<size_t, exchange::CityCopy> previous_;  // before the newest group
  std::deque<Queued> queue_;                       // verified, not written
  std::map<uint64_t, Stream> streams_;
  const ledger::Cosigner cosigner_{"tongchou/360000/witness", KeyOf('p')};
  const ledger::Signer own_signer_{kProvinceOrigin, KeyOf('q')};
  const ledger::Cosigner office_{"audit-office/witness", KeyOf('o')};
  std::unique_ptr<aggregator::OwnHead> own_head_;
  bool audited_ = false;                  // one seed of so many
  std::map<size_t, uint64_t> most_held_;  // most that the province held
  std::optional<ProvinceCopy> province_copy_;
  bool is_old_copy_ = false;  // the province's disk was put back
  bool mirrored_ = false;     // no head is shown before the mirror has it
  std::unique_ptr<audit::MirrorStore> mirror_;
  const MemoryLog* mirror_log_ = nullptr;    // the mirror's
  std::optional<ledger::CompactRange> fed_;  // none: not connected
  int64_t mirror_away_until_ = 0;
  // Heads of the province's log that anybody has seen.
  std::map<uint64_t, ledger::Hash> shown_;
  // What was checked of its entries: bundles, groups, sizes in receipts.
  size_t checked_bundles_ = 0;
  uint64_t checked_ordinal_ = 0;
  std::map<uint32_t, uint64_t> receipted_;
};

}  // namespace tongchou::simulation
