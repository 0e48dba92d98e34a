#include "tests/simulation/simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include "common/ledger/cosignature.h"
#include "tests/common/ledger/add_with_leaf.h"
#include "tests/simulation/disks.h"
#include "tongchou/v1/ledger.pb.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::simulation {
namespace {

constexpr int64_t kStart = 1'700'000'000'000'000;
constexpr int kConvergenceRounds = 400;
constexpr int64_t kRoundMicros = 100'000;
constexpr size_t kPendingMax = 8;  // transactions of one group commit

base::Ed25519PrivateKey KeyOf(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

using Transaction = std::vector<std::string>;  // "record=value"

template <typename Message>
struct Sent {
  int64_t due;
  Message message;
};

// One connection: ordered, and what is under way is lost when it is cut.
struct Stream {
  size_t city = 0;
  std::optional<exchange::Uplink> uplink;  // none: the node's end is gone
  std::optional<exchange::Ingest> ingest;  // none: nothing has greeted yet
  bool lost = false;  // a message; the transport ends such a one in time
  std::deque<Sent<v1::NodeMessage>> up;
  std::deque<Sent<v1::ProvinceMessage>> down;
};

struct City {
  explicit City(size_t i)
      : code(360100 + static_cast<uint32_t>(i)),
        origin(fmt::format("tongchou/360000/{}", code)),
        disk(ledger::Signer(origin, KeyOf(static_cast<char>('A' + i)))),
        first_key(disk.signer.verifier()) {}
  const uint32_t code;
  const std::string origin;
  CityDisk disk;
  const ledger::VerifierKey first_key;
  std::optional<Log> backup;
  std::deque<Transaction> pending;  // submitted, not committed
  std::vector<std::string> told;    // bodies that clients were told of
  std::set<uint64_t> ends{0};       // of transactions
  std::map<uint64_t, ledger::Hash> signed_roots;
  uint64_t nonce = 1;
  uint64_t stream = 0;  // 0: not connected
  uint64_t told_durable = 0;
  int64_t clock_offset = 0;
  int64_t cut_until = 0;
  bool needs_restore = false;
};

struct Queued {
  size_t city;
  exchange::VerifiedBatch batch;
};

class World {
 public:
  explicit World(const Options& options)
      : options_(options), random_(options.seed) {
    const size_t cities = Chance(50) ? 3 + Below(28) : 3 + Below(3);
    for (size_t i = 0; i < cities; ++i) {
      cities_.push_back(std::make_unique<City>(i));
      cities_.back()->disk.old_key_signs_on = Is(Mutation::kOldKeySignsOn);
    }
    province_.resize(cities);
  }

  Outcome Run() {
    for (int i = 0; i < options_.steps && ok(); ++i) Step();
    if (ok()) Converge();
    if (ok()) CheckAll();
    for (const auto& city : cities_) {
      outcome_.committed += city->disk.log.size();
    }
    return outcome_;
  }

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
    if (!ok()) return;
    outcome_.failure =
        fmt::format("city {} at {} us: {}", 360100 + city, now_ - kStart, what);
    Note("violated", city, 0);
  }

  void Step();
  void InjectFault();
  void Submit(size_t i);
  void MakeNextKey(size_t i);
  void ChangeKey(size_t i);
  ledger::LogKeys KnownKeys(size_t i) const;
  void Sync(size_t i);
  void Tell(size_t i, const Transaction& transaction);
  void CrashCity(size_t i);
  void CrashProvince();
  void PutBackupBack(size_t i);
  void Restore(size_t i);
  void GreetAsClone(size_t i);
  void Connect(size_t i);
  void Cut(size_t i, bool arrives);
  void EndStream(uint64_t id);
  void Pump();
  void DeliverUp(uint64_t id);
  void DeliverDown(uint64_t id);
  void Send(uint64_t id);
  void TakeFromNode(uint64_t id, const v1::NodeMessage& message);
  void Greet(uint64_t id, const v1::Hello& hello);
  void TakeBatch(uint64_t id, const v1::Batch& batch);
  void Answer(uint64_t id, v1::ProvinceMessage message);
  void Acknowledge(size_t i, v1::Ack ack);
  void Fsync();
  void Write(size_t i, const exchange::VerifiedBatch& batch);
  void Apply(size_t i);
  void ApplyBundle(size_t i, const ledger::Bundle& bundle, size_t from);
  void EndChange(size_t i);
  void CheckSigned(size_t i, const std::string& note);
  void CheckTold(size_t i);
  void CheckState(size_t i);
  void CheckAll();
  void Converge();
  bool Converged() const;

  const Options options_;
  std::mt19937_64 random_;
  Outcome outcome_;
  int64_t now_ = kStart;
  uint64_t values_ = 0;
  uint64_t last_stream_ = 0;
  bool faulty_ = true;
  std::vector<std::unique_ptr<City>> cities_;
  std::vector<ProvinceDisk> province_;
  std::deque<Queued> queue_;  // verified, not written
  std::map<uint64_t, Stream> streams_;
  const ledger::Cosigner cosigner_{"tongchou/360000/witness", KeyOf('p')};
};

// --- What happens.

void World::Step() {
  now_ += static_cast<int64_t>(1'000 + Below(30'000));
  size_t i = 0;
  AnyCity(&i);
  const uint64_t roll = Below(100);
  if (roll < 35) {
    Submit(i);
  } else if (roll < 55) {
    Sync(i);
  } else if (roll < 70) {
    Fsync();
  } else if (roll < 80) {
    Apply(i);
  } else if (roll < 92) {
    InjectFault();
  } else if (roll < 94) {
    MakeNextKey(i);
  } else if (roll < 98) {
    ChangeKey(i);
  } else {
    cities_[i]->disk.SaveGuard();
  }
  for (size_t c = 0; c < cities_.size(); ++c) {
    if (cities_[c]->stream == 0 && Chance(3)) Connect(c);
    if (cities_[c]->needs_restore && Chance(20)) Restore(c);
  }
  Pump();
}

void World::InjectFault() {
  size_t i = 0;
  City& city = AnyCity(&i);
  switch (Below(9)) {
    case 0:
      Fault("node-crash", i);
      return CrashCity(i);
    case 1:
      Fault("province-crash", i);
      return CrashProvince();
    case 2:
      Fault("cut", i);
      return Cut(i, false);
    case 3:
      Fault("half-open", i);
      return Cut(i, true);
    case 4:
      Fault("partition", i);
      city.cut_until = now_ + static_cast<int64_t>(Below(1'000'000));
      return Cut(i, false);
    case 5:
      Fault("clock-jump", i);
      city.clock_offset =
          static_cast<int64_t>(Below(800'000'000)) - 400'000'000;
      return;
    case 6:
      return PutBackupBack(i);
    case 7:
      return GreetAsClone(i);
    default:
      break;
  }
  const auto it = streams_.find(city.stream);
  if (it == streams_.end() || it->second.up.empty()) return;
  auto& up = it->second.up;
  if (Chance(2)) {
    Fault("message-lost", i);
    up.pop_front();
    it->second.lost = true;
  } else {
    Fault("message-twice", i);
    up.push_front(up.front());
  }
}

// --- The node.

void World::Submit(size_t i) {
  City& city = *cities_[i];
  if (city.disk.read_only || city.needs_restore) return;
  if (city.pending.size() >= kPendingMax) return;
  Transaction transaction;
  for (uint64_t n = 1 + Below(4); n > 0; --n) {
    transaction.push_back(fmt::format("r{}={}", Below(12), ++values_));
  }
  if (Is(Mutation::kAckBeforeSync)) Tell(i, transaction);
  city.pending.push_back(std::move(transaction));
  Note("submit", i, values_);
}

void World::MakeNextKey(size_t i) {
  City& city = *cities_[i];
  if (city.disk.next_signer.has_value()) return;
  city.disk.next_signer.emplace(
      city.origin,
      *base::Ed25519PrivateKey::FromSeed(fmt::format("{:032}", ++values_)));
  Note("next-key", i, values_);
}

// An entry that says so, once, where the log may be written.
void World::ChangeKey(size_t i) {
  City& city = *cities_[i];
  CityDisk& disk = city.disk;
  if (!disk.next_signer.has_value() || disk.key_changed() || disk.read_only ||
      city.needs_restore || city.stream == 0) {
    return;
  }
  const uint64_t sequence = disk.log.size();
  v1::LogKey record;
  record.set_statement(ledger::StateKeyChange(disk.signer, *disk.next_signer));
  v1::EntryBody body;
  body.set_record(record.SerializeAsString());
  v1::EntryHeader header;
  header.set_sequence(sequence);
  header.set_type(v1::RECORD_TYPE_LOG_KEY);
  header.set_commit_time_us(kStart + static_cast<int64_t>(sequence) + 1);
  header.set_last_of_transaction(true);
  LogBundle bundle{.first = sequence};
  ledger::BundleWriter writer;
  const std::string bytes = body.SerializeAsString();
  bundle.leaves.push_back(
      ledger::AddWithLeaf(&writer, header.SerializeAsString(), bytes));
  bundle.bytes = writer.Finish(sequence);
  disk.log.Append(std::move(bundle));
  disk.log.key_changes.push_back({sequence, record.statement()});
  city.ends.insert(sequence + 1);
  Tell(i, {bytes});
  Fault("key-change", i);
}

// As the province has them.
ledger::LogKeys World::KnownKeys(size_t i) const {
  ledger::LogKeys keys(cities_[i]->first_key);
  for (const ledger::KeyChange& change : province_[i].log.key_changes) {
    TONGCHOU_CHECK(keys.Add(change).ok());
  }
  return keys;
}

void World::Sync(size_t i) {
  City& city = *cities_[i];
  if (city.pending.empty()) return;
  if (faulty_ && Chance(20)) return Fault("disk-full", i);
  std::deque<Transaction> order = city.pending;
  if (Is(Mutation::kOrderLost) && order.size() > 1)
    std::swap(order[0], order[1]);
  LogBundle bundle{.first = city.disk.log.size()};
  ledger::BundleWriter writer;
  uint64_t sequence = bundle.first;
  for (const Transaction& transaction : order) {
    for (size_t k = 0; k < transaction.size(); ++k) {
      v1::EntryHeader header;
      header.set_sequence(sequence++);
      header.set_commit_time_us(kStart + static_cast<int64_t>(sequence));
      header.set_last_of_transaction(k + 1 == transaction.size());
      bundle.leaves.push_back(ledger::AddWithLeaf(
          &writer, header.SerializeAsString(), transaction[k]));
    }
    city.ends.insert(sequence);
  }
  bundle.bytes = writer.Finish(bundle.first);
  city.disk.log.Append(std::move(bundle));
  Note("commit", i, sequence);
  for (const Transaction& transaction : city.pending) {
    if (!Is(Mutation::kAckBeforeSync)) Tell(i, transaction);
  }
  city.pending.clear();
  if (faulty_ && Chance(15)) city.backup = city.disk.log;
}

void World::Tell(size_t i, const Transaction& transaction) {
  auto& told = cities_[i]->told;
  told.insert(told.end(), transaction.begin(), transaction.end());
}

void World::CrashCity(size_t i) {
  City& city = *cities_[i];
  Cut(i, Chance(2));
  city.pending.clear();
  city.disk.cosigned_note.clear();
  if (!Is(Mutation::kIncarnationLost)) ++city.disk.starts;
  city.nonce = random_();
  city.disk.Start(Is(Mutation::kGuardIgnored));
}

// Only where everything signed has arrived: what a lost disk had signed beyond
// the province's copy cannot be brought back, and ends in a quarantine.
void World::PutBackupBack(size_t i) {
  City& city = *cities_[i];
  if (!city.backup || province_[i].log.size() < city.disk.ever_signed) return;
  Fault("old-backup", i);
  city.disk.log = *city.backup;
  CrashCity(i);
  city.needs_restore = !Is(Mutation::kGuardIgnored) &&
                       city.disk.log.size() < province_[i].log.size();
  city.told.resize(city.disk.log.size());
  if (city.needs_restore) city.told_durable = 0;
}

void World::Restore(size_t i) {
  City& city = *cities_[i];
  Cut(i, false);
  city.disk.log = province_[i].log;
  city.needs_restore = false;
  ++city.disk.starts;
  city.disk.Start(Is(Mutation::kGuardIgnored));
  city.told.clear();
  for (const LogBundle& stored : city.disk.log.bundles) {
    ledger::Bundle bundle;
    if (!bundle.Decode(stored.bytes).ok()) return Violated(i, "bad bundle");
    for (size_t k = 0; k < bundle.count(); ++k) {
      city.told.emplace_back(*bundle.body(k));
    }
  }
  Note("restore", i, city.disk.log.size());
}

// A copy of the machine greets under the start that the province has seen.
void World::GreetAsClone(size_t i) {
  City& city = *cities_[i];
  const exchange::CityCopy& copy = province_[i].copy;
  if (copy.incarnation_counter == 0) return;
  Fault("clone", i);
  exchange::Ingest ingest({city.code, city.origin, KnownKeys(i)});
  v1::Hello hello;
  hello.set_protocol_version(exchange::kProtocolVersion);
  hello.set_origin(city.origin);
  hello.set_committed_size(copy.range.size());
  hello.mutable_incarnation()->set_counter(copy.incarnation_counter);
  hello.mutable_incarnation()->set_nonce(copy.incarnation_nonce + 1);
  const auto root_at = [&](uint64_t n) { return province_[i].log.RootAt(n); };
  if (ingest.OnHello(hello, copy, root_at, now_).ok()) {
    Violated(i, "a clone was welcomed");
  }
}

// --- Connections.

void World::Connect(size_t i) {
  City& city = *cities_[i];
  if (city.needs_restore || city.cut_until > now_) return;
  city.stream = ++last_stream_;
  Stream& stream = streams_[city.stream];
  stream.city = i;
  exchange::UplinkConfig config;
  config.origin = city.origin;
  config.province_key = cosigner_.verifier();
  config.incarnation.set_counter(city.disk.starts);
  config.incarnation.set_nonce(city.nonce);
  config.checkpoint = city.disk.signed_note;
  config.cosigned_checkpoint = city.disk.cosigned_note;
  stream.uplink.emplace(std::move(config), &city.disk);
}

// The node's end goes; what it had sent may still arrive.
void World::Cut(size_t i, bool arrives) {
  City& city = *cities_[i];
  const auto it = streams_.find(std::exchange(city.stream, 0));
  if (it == streams_.end()) return;
  it->second.uplink.reset();
  if (!arrives) streams_.erase(it);
}

void World::EndStream(uint64_t id) {
  const size_t i = streams_[id].city;
  if (cities_[i]->stream == id) cities_[i]->stream = 0;
  streams_.erase(id);
}

void World::Pump() {
  for (int round = 0; round < 3; ++round) {
    std::vector<uint64_t> ids;
    for (const auto& [id, stream] : streams_) ids.push_back(id);
    for (const uint64_t id : ids) {
      if (streams_.contains(id)) Send(id);
      if (streams_.contains(id)) DeliverUp(id);
      if (streams_.contains(id)) DeliverDown(id);
    }
  }
}

void World::Send(uint64_t id) {
  Stream& stream = streams_[id];
  if (!stream.uplink) return;
  const size_t i = stream.city;
  while (true) {
    auto next = stream.uplink->Next(Now(*cities_[i]));
    if (!next.ok()) return EndStream(id);
    if (!next->has_value()) return;
    if ((*next)->has_batch()) CheckSigned(i, (*next)->batch().checkpoint());
    Note("send", i, (*next)->ByteSizeLong());
    const int64_t slow = faulty_ && Chance(10) ? 300'000 : 20'000;
    int64_t due = now_ + static_cast<int64_t>(Below(slow));
    if (!stream.up.empty()) due = std::max(due, stream.up.back().due);
    stream.up.push_back({due, **std::move(next)});
  }
}

void World::DeliverUp(uint64_t id) {
  while (streams_.contains(id)) {
    Stream& stream = streams_[id];
    if (stream.up.empty()) {
      if (!stream.uplink) EndStream(id);
      return;
    }
    if (stream.up.front().due > now_) return;
    const v1::NodeMessage message = std::move(stream.up.front().message);
    stream.up.pop_front();
    TakeFromNode(id, message);
  }
}

void World::DeliverDown(uint64_t id) {
  while (streams_.contains(id)) {
    Stream& stream = streams_[id];
    if (!stream.uplink || stream.down.empty()) return;
    if (stream.down.front().due > now_) return;
    const v1::ProvinceMessage message = std::move(stream.down.front().message);
    stream.down.pop_front();
    const size_t i = stream.city;
    const auto status = stream.uplink->OnMessage(message, Now(*cities_[i]));
    if (!status.ok()) {
      if (absl::IsDataLoss(status)) Violated(i, status.ToString());
      Note("node-ends", i, static_cast<uint64_t>(status.code()));
      return EndStream(id);
    }
    CheckTold(i);
    EndChange(i);
  }
}

// The province holds the change: the new key takes the old one's file.
void World::EndChange(size_t i) {
  CityDisk& disk = cities_[i]->disk;
  if (!disk.key_changed() ||
      cities_[i]->told_durable <= disk.log.key_changes.back().sequence) {
    return;
  }
  disk.signer = *std::move(disk.next_signer);
  disk.next_signer.reset();
}

// --- The province.

void World::TakeFromNode(uint64_t id, const v1::NodeMessage& message) {
  if (message.has_hello()) return Greet(id, message.hello());
  if (message.has_batch()) return TakeBatch(id, message.batch());
  if (!streams_[id].ingest.has_value()) return EndStream(id);
  const auto life = streams_[id].ingest->OnHeartbeat(message.heartbeat(), now_);
  if (life.ok() && life->has_value()) return;
  Note("heartbeat-refused", streams_[id].city,
       static_cast<uint64_t>(life.status().code()));
  EndStream(id);
}

void World::Greet(uint64_t id, const v1::Hello& hello) {
  const size_t i = streams_[id].city;
  // The newest stream of a city has it; what older ones left is written first.
  for (auto it = streams_.begin(); it != streams_.end();) {
    const bool older = it->second.city == i && it->first < id;
    it = older ? streams_.erase(it) : std::next(it);
  }
  while (std::ranges::any_of(queue_, [&](auto& q) { return q.city == i; })) {
    Fsync();
  }
  if (!streams_.contains(id)) return;  // a crash meanwhile
  ProvinceDisk& disk = province_[i];
  exchange::CityCopy copy =
      Is(Mutation::kResumeOffByOne) ? disk.previous_copy : disk.copy;
  copy.applied_size = std::min(disk.position, copy.range.size());
  if (!streams_[id].ingest.has_value()) {
    streams_[id].ingest.emplace(
        exchange::IngestConfig{cities_[i]->code, cities_[i]->origin,
                               KnownKeys(i), cosigner_.verifier()});
  }
  exchange::Ingest& ingest = *streams_[id].ingest;
  const auto welcome = ingest.OnHello(
      hello, copy, [&](uint64_t n) { return disk.log.RootAt(n); }, now_);
  if (!welcome.ok()) {
    Note("refused", i, static_cast<uint64_t>(welcome.status().code()));
    if (ingest.evidence()) Violated(i, ingest.evidence()->explanation);
    return EndStream(id);
  }
  disk.copy.incarnation_counter = hello.incarnation().counter();
  disk.copy.incarnation_nonce = hello.incarnation().nonce();
  v1::ProvinceMessage message;
  *message.mutable_welcome() = *welcome;
  Answer(id, std::move(message));
}

void World::TakeBatch(uint64_t id, const v1::Batch& batch) {
  const size_t i = streams_[id].city;
  if (!streams_[id].ingest.has_value()) return EndStream(id);
  exchange::Ingest& ingest = *streams_[id].ingest;
  auto verified = ingest.OnBatch(batch);
  if (!verified.ok()) {
    Note("batch-refused", i, static_cast<uint64_t>(verified.status().code()));
    if (ingest.evidence()) Violated(i, ingest.evidence()->explanation);
    return EndStream(id);
  }
  Note("verified", i, verified->end_size);
  const uint64_t end = verified->end_size;
  queue_.push_back({i, *std::move(verified)});
  if (Is(Mutation::kDurableBeforeSync)) {
    const auto note = cosigner_.Cosign(queue_.back().batch.checkpoint,
                                       static_cast<uint64_t>(now_) / 1000000);
    Acknowledge(i, ingest.OnDurable(end, *note, province_[i].position, now_));
  }
}

void World::Answer(uint64_t id, v1::ProvinceMessage message) {
  auto& down = streams_[id].down;
  int64_t due = now_ + static_cast<int64_t>(Below(20'000));
  if (!down.empty()) due = std::max(due, down.back().due);
  down.push_back({due, std::move(message)});
}

void World::Acknowledge(size_t i, v1::Ack ack) {
  const uint64_t id = cities_[i]->stream;
  if (!streams_.contains(id)) return;
  v1::ProvinceMessage message;
  *message.mutable_ack() = std::move(ack);
  Answer(id, std::move(message));
}

void World::Fsync() {
  if (queue_.empty()) return;
  const Queued queued = std::move(queue_.front());
  queue_.pop_front();
  const size_t i = queued.city;
  Write(i, queued.batch);
  if (!ok()) return;
  if (faulty_ && Chance(30)) {
    Fault("province-crash-before-ack", i);
    return CrashProvince();
  }
  const auto it = streams_.find(cities_[i]->stream);
  if (it == streams_.end() || !it->second.ingest.has_value() ||
      Is(Mutation::kDurableBeforeSync)) {
    return;
  }
  exchange::Ingest& ingest = *it->second.ingest;
  if (ingest.verified_size() < queued.batch.end_size) return;
  const std::string note =
      queued.batch.cosign ? province_[i].copy.checkpoint : "";
  Acknowledge(i, ingest.OnDurable(queued.batch.end_size, note,
                                  province_[i].position, now_));
}

void World::Write(size_t i, const exchange::VerifiedBatch& batch) {
  ProvinceDisk& disk = province_[i];
  exchange::CityCopy before = disk.copy;
  for (const auto& piece : batch.bundles) {
    ledger::Bundle bundle;
    if (!bundle.Decode(piece.bytes).ok()) return Violated(i, "bad bundle");
    if (piece.first_sequence != disk.log.size()) {
      return Violated(i, "the journal has a gap or a repeat");
    }
    LogBundle stored{.first = piece.first_sequence, .bytes = piece.bytes};
    for (size_t k = 0; k < bundle.count(); ++k) {
      stored.leaves.push_back(bundle.leaf_hash(k));
    }
    disk.log.Append(std::move(stored));
  }
  std::string note = batch.checkpoint;
  if (Is(Mutation::kCosignUnchecked)) {
    note = cities_[i]->disk.signer.Sign(batch.end_size, ledger::EmptyRoot());
  }
  const auto cosigned =
      cosigner_.Cosign(note, static_cast<uint64_t>(now_) / 1'000'000);
  disk.log.key_changes.insert(disk.log.key_changes.end(),
                              batch.key_changes.begin(),
                              batch.key_changes.end());
  const auto head = KnownKeys(i).Open(*cosigned);
  if (!head.ok() || head->root != disk.log.range.Root()) {
    return Violated(i, "a cosigned head is not that of the journal");
  }
  disk.copy.range = batch.range;
  disk.copy.last_commit_time_us = batch.last_commit_time_us;
  disk.copy.checkpoint = *cosigned;
  disk.previous_copy = std::move(before);
  disk.previous_copy.incarnation_counter = disk.copy.incarnation_counter;
  disk.previous_copy.incarnation_nonce = disk.copy.incarnation_nonce;
  Note("durable", i, batch.end_size);
}

void World::CrashProvince() {
  queue_.clear();
  streams_.clear();
  for (auto& city : cities_) city->stream = 0;
}

void World::Apply(size_t i) {
  ProvinceDisk& disk = province_[i];
  const auto it = std::ranges::find_if(
      disk.log.bundles, [&](auto& b) { return b.end() > disk.position; });
  if (it == disk.log.bundles.end()) return;
  if (Is(Mutation::kAppliedBeforeVisible)) {
    const auto stream = streams_.find(cities_[i]->stream);
    if (stream != streams_.end() && stream->second.ingest.has_value()) {
      Acknowledge(i, stream->second.ingest->OnApplied(it->end(), now_));
      if (faulty_ && Chance(2)) return;
    }
  }
  ledger::Bundle bundle;
  if (!bundle.Decode(it->bytes).ok()) return Violated(i, "bad bundle");
  if (!Is(Mutation::kGapApplied) || disk.position == 0 || !Chance(4)) {
    ApplyBundle(i, bundle, disk.position - it->first);
  }
  if (Is(Mutation::kBatchAppliedTwice)) ApplyBundle(i, bundle, 0);
  if (faulty_ && Chance(30)) {
    Fault("province-crash-after-apply", i);
    CrashProvince();
    if (Is(Mutation::kPositionApart)) return;
  }
  disk.position = it->end();
  if (Is(Mutation::kTornTransaction)) disk.position = it->first + 1;
  Note("applied", i, disk.position);
  CheckState(i);
  const auto stream = streams_.find(cities_[i]->stream);
  if (stream == streams_.end() || !stream->second.ingest.has_value()) return;
  Acknowledge(i, stream->second.ingest->OnApplied(disk.position, now_));
}

void World::ApplyBundle(size_t i, const ledger::Bundle& bundle, size_t from) {
  for (size_t k = from; k < bundle.count(); ++k) {
    const std::string_view body = *bundle.body(k);
    const size_t equals = body.find('=');
    province_[i].state[std::string(body.substr(0, equals))] =
        body.substr(equals + 1);
    ++province_[i].counter;
  }
}

// --- The checks.

void World::CheckSigned(size_t i, const std::string& note) {
  City& city = *cities_[i];
  const auto head = city.disk.keys().Open(note);
  if (!head.ok()) return Violated(i, "a head without its signature");
  const auto [it, added] = city.signed_roots.emplace(head->size, head->root);
  if (!added && it->second != head->root) {
    Violated(i, "the city signed two histories");
  }
}

void World::CheckTold(size_t i) {
  const auto& positions = streams_[cities_[i]->stream].uplink->positions();
  if (positions.durable > province_[i].log.size()) {
    Violated(i, "durable was told of what the province does not hold");
  }
  if (positions.applied > province_[i].position) {
    Violated(i, "applied was told of what the state does not have");
  }
  if (positions.welcomed && positions.durable < cities_[i]->told_durable) {
    Violated(i, "what was durable is so no more");
  }
  if (positions.welcomed) cities_[i]->told_durable = positions.durable;
}

// The state is what a replay of the log gives.
void World::CheckState(size_t i) {
  const ProvinceDisk& disk = province_[i];
  if (!cities_[i]->ends.contains(disk.position)) {
    return Violated(i, "the state has a part of a transaction");
  }
  std::map<std::string, std::string> state;
  uint64_t counter = 0;
  for (const LogBundle& stored : disk.log.bundles) {
    ledger::Bundle bundle;
    if (!bundle.Decode(stored.bytes).ok()) return Violated(i, "bad bundle");
    for (size_t k = 0; k < bundle.count(); ++k) {
      if (bundle.first_sequence() + k >= disk.position) break;
      const std::string body(*bundle.body(k));
      const size_t equals = body.find('=');
      state[body.substr(0, equals)] = body.substr(equals + 1);
      ++counter;
    }
  }
  if (state != disk.state) return Violated(i, "the state is not a replay");
  if (counter != disk.counter) Violated(i, "a counter is not the count");
}

void World::CheckAll() {
  for (size_t i = 0; i < cities_.size(); ++i) {
    const City& city = *cities_[i];
    std::vector<std::string> bodies;
    for (const LogBundle& stored : province_[i].log.bundles) {
      ledger::Bundle bundle;
      if (!bundle.Decode(stored.bytes).ok()) return Violated(i, "bad bundle");
      for (size_t k = 0; k < bundle.count(); ++k) {
        bodies.emplace_back(*bundle.body(k));
      }
    }
    if (bodies != city.told) {
      Violated(i, "the log is not, in order, what clients were told of");
    }
    if (city.disk.log.range.Root() != province_[i].copy.range.Root()) {
      Violated(i, "city and province have different roots");
    }
    CheckState(i);
  }
}

bool World::Converged() const {
  for (size_t i = 0; i < cities_.size(); ++i) {
    const uint64_t size = cities_[i]->disk.log.size();
    if (province_[i].log.size() != size || province_[i].position != size) {
      return false;
    }
    const auto it = streams_.find(cities_[i]->stream);
    if (it == streams_.end() || !it->second.uplink) return false;
    const auto& told = it->second.uplink->positions();
    if (told.durable != size || told.applied != size) return false;
    if (!cities_[i]->pending.empty()) return false;
  }
  return true;
}

void World::Converge() {
  faulty_ = false;
  for (auto& city : cities_) {
    city->clock_offset = 0;
    city->cut_until = 0;
  }
  for (size_t i = 0; i < cities_.size(); ++i) {
    const auto it = streams_.find(cities_[i]->stream);
    if (it != streams_.end() && it->second.lost) Cut(i, false);
  }
  for (int round = 0; round < kConvergenceRounds && ok(); ++round) {
    now_ += kRoundMicros;
    for (size_t i = 0; i < cities_.size() && ok(); ++i) {
      if (cities_[i]->needs_restore) Restore(i);
      if (cities_[i]->stream == 0) Connect(i);
      Sync(i);
      Apply(i);
    }
    Pump();
    while (!queue_.empty() && ok()) Fsync();
    if (Converged()) return;
  }
  if (ok()) Violated(0, "no convergence after the faults have stopped");
}

constexpr std::array<std::string_view, kMutations + 1> kNames = {
    "none",           "ack-before-sync",  "durable-before-sync",
    "position-apart", "gap-applied",      "resume-off-by-one",
    "guard-ignored",  "applied-early",    "torn-transaction",
    "applied-twice",  "cosign-unchecked", "incarnation-lost",
    "order-lost",     "old-key-signs-on"};

}  // namespace

std::string_view NameOf(Mutation mutation) {
  return kNames[static_cast<size_t>(mutation)];
}

Outcome Simulate(const Options& options) { return World(options).Run(); }

int Shrink(Options options) {
  options.trace = false;
  for (int steps = 0; steps < options.steps; ++steps) {
    Options shorter = options;
    shorter.steps = steps;
    if (!Simulate(shorter).failure.empty()) return steps;
  }
  return options.steps;
}

}  // namespace tongchou::simulation
