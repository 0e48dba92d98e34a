#include "tests/simulation/simulation.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/ledger/entry_view.h"
#include "tests/common/ledger/add_with_leaf.h"
#include "tests/simulation/world.h"
#include "tongchou/v1/ledger.pb.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::simulation {

// --- What happens.

World::World(const Options& options)
    : options_(options),
      random_(options.seed),
      directory_(DirectoryInMemory()) {
  const size_t cities = Chance(50) ? 3 + Below(28) : 3 + Below(3);
  for (size_t i = 0; i < cities; ++i) {
    cities_.push_back(std::make_unique<City>(i));
    cities_.back()->disk.old_key_signs_on = Is(Mutation::kOldKeySignsOn);
    OpenView(i);
  }
  mirrored_ = !Chance(3);
  audited_ = Chance(kAuditedSeeds) || options.audits_alone;
  StartProvince();
  OpenMirror({});
}

Outcome World::Run() {
  for (int i = 0; i < options_.steps && ok(); ++i) Step();
  if (ok()) Converge();
  if (ok()) CheckAll();
  if (ok() && audited_) Audit();
  for (const auto& city : cities_) {
    outcome_.committed += city->disk.log.size();
  }
  return outcome_;
}

void World::Step() {
  Advance(static_cast<int64_t>(1'000 + Below(30'000)));
  size_t i = 0;
  AnyCity(&i);
  const uint64_t roll = Below(100);
  if (roll < 35) {
    Submit(i);
  } else if (roll < 55) {
    Sync(i);
  } else if (roll < 68) {
    Fsync();
  } else if (roll < 70) {
    RecordAccess();
  } else if (roll < 74) {
    SignOwn();
  } else if (roll < 82) {
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
  if (MirrorIsDue()) MirrorRound();
  if (ok()) Pump();
  if (ok() && Chance(50)) FeedWitness();
  const bool audits = Chance(100);
  if (ok() && audits && audited_ && CanAudit()) Audit();
}

void World::InjectFault() {
  size_t i = 0;
  City& city = AnyCity(&i);
  switch (Below(13)) {
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
    case 8:
      return InjectMirrorFault();
    case 9:
      return PutProvinceBack();
    case 10:
      // Both ends end the stream, and none is opened before it is renewed.
      Fault("certificate-expired", i);
      city.cut_until = now_ + static_cast<int64_t>(Below(2'000'000));
      if (city.stream != 0) EndStream(city.stream);
      return;
    case 11:
      return GreetAsThief(i);
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
    v1::EntryBody body;
    body.set_key(fmt::format("r{}", Below(12)));
    body.set_record(std::to_string(++values_));
    transaction.push_back(body.SerializeAsString());
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
  header.set_type(v1::RECORD_TYPE_LOG_KEY);
  header.set_last_of_transaction(true);
  LogBundle bundle{.first = sequence};
  ledger::BundleWriter writer;
  const std::string bytes = body.SerializeAsString();
  bundle.leaves.push_back(AddEntry(i, sequence, header, bytes, &writer));
  bundle.bytes = writer.Finish(sequence);
  disk.log.Append(std::move(bundle));
  disk.log.key_changes.push_back({sequence, record.statement()});
  city.ends.insert(sequence + 1);
  city.all_keys.push_back(disk.next_signer->verifier());
  Tell(i, {bytes});
  Fault("key-change", i);
}

ledger::Hash World::AddEntry(size_t i, uint64_t sequence,
                             v1::EntryHeader header, std::string_view body,
                             ledger::BundleWriter* writer) {
  ledger::BodyView view;
  TONGCHOU_CHECK(ledger::ReadBody(body, &view));
  uint64_t& last = cities_[i]->last_changes[std::string(view.key)];
  header.set_sequence(sequence);
  header.set_commit_time_us(kStart + static_cast<int64_t>(sequence) + 1);
  header.set_previous(last);
  last = sequence + 1;
  return ledger::AddWithLeaf(writer, header.SerializeAsString(), body);
}

// Another log lies there: what it tells clients and links to.
void World::ReadChanges(size_t i) {
  City& city = *cities_[i];
  city.told.clear();
  city.last_changes.clear();
  for (const LogBundle& stored : city.disk.log.bundles) {
    ledger::Bundle bundle;
    if (!bundle.Decode(stored.bytes).ok()) return Violated(i, "bad bundle");
    for (size_t k = 0; k < bundle.count(); ++k) {
      ledger::BodyView view;
      TONGCHOU_CHECK(ledger::ReadBody(*bundle.body(k), &view));
      city.last_changes[std::string(view.key)] = stored.first + k + 1;
      city.told.emplace_back(*bundle.body(k));
    }
  }
}

// As the province has them.
ledger::LogKeys World::KnownKeys(size_t i) {
  ledger::LogKeys keys(cities_[i]->first_key);
  for (const ledger::KeyChange& change : Held(i).log.key_changes) {
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
      header.set_last_of_transaction(k + 1 == transaction.size());
      bundle.leaves.push_back(
          AddEntry(i, sequence++, header, transaction[k], &writer));
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
  if (faulty_ && Chance(15)) {
    city.backup = CityBackup{city.disk.log, city.disk.facts};
  }
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
  OpenView(i);
}

// Only where everything signed has arrived: what a lost disk had signed beyond
// the province's copy cannot be brought back, and ends in a quarantine.
void World::PutBackupBack(size_t i) {
  City& city = *cities_[i];
  if (!city.backup || Held(i).log.size() < city.disk.ever_signed) return;
  Fault("old-backup", i);
  city.disk.log = city.backup->log;
  city.disk.facts = city.backup->facts;
  CrashCity(i);
  city.needs_restore =
      !Is(Mutation::kGuardIgnored) && city.disk.log.size() < Held(i).log.size();
  ReadChanges(i);
  if (city.needs_restore) city.told_durable = 0;
}

void World::Restore(size_t i) {
  City& city = *cities_[i];
  Cut(i, false);
  city.disk.log = Held(i).log;
  city.disk.facts = {};
  city.needs_restore = false;
  ++city.disk.starts;
  city.disk.Start(Is(Mutation::kGuardIgnored));
  OpenView(i);
  ReadChanges(i);
  Note("restore", i, city.disk.log.size());
}

// What the city's node would say at this start.
v1::Hello World::HelloOf(size_t i, uint64_t start, uint64_t nonce) {
  exchange::UplinkConfig config = UplinkConfigOf(i);
  config.incarnation.set_counter(start);
  config.incarnation.set_nonce(nonce);
  exchange::Uplink uplink(std::move(config), &cities_[i]->disk);
  return (*uplink.Next(now_))->hello();
}

// A copy of the machine greets under the start that the province has seen.
void World::GreetAsClone(size_t i) {
  City& city = *cities_[i];
  const exchange::CityCopy& copy = Held(i).copy;
  if (copy.incarnation_counter == 0) return;
  Fault("clone", i);
  exchange::Ingest ingest({city.code, city.origin, KnownKeys(i)});
  const v1::Hello hello =
      HelloOf(i, copy.incarnation_counter, copy.incarnation_nonce + 1);
  const auto root_at = [&](uint64_t n) { return Held(i).log.RootAt(n); };
  if (ingest.OnHello(hello, copy, root_at, now_).ok()) {
    Violated(i, "a clone was welcomed");
  }
}

// Somebody with the city's certificate and everything that it shows, but not
// its log's key, names a later start.
void World::GreetAsThief(size_t i) {
  Fault("thief", i);
  const City& city = *cities_[i];
  const uint64_t later = Held(i).copy.incarnation_counter + 1 + Below(3);
  v1::NodeMessage message;
  v1::Hello& hello = *message.mutable_hello() = HelloOf(i, later, random_());
  if (Chance(2)) {
    hello.clear_start();
  } else {
    const std::vector<ledger::Signer> own{{city.origin, KeyOf('t')}};
    hello.set_start(ledger::SignStart(
        {city.origin, later, hello.incarnation().nonce()}, own));
  }
  Stream& stream = streams_[++last_stream_];
  stream.city = i;
  stream.up.push_back({now_, std::move(message)});
}

// --- Connections.

exchange::UplinkConfig World::UplinkConfigOf(size_t i) {
  const City& city = *cities_[i];
  exchange::UplinkConfig config;
  config.origin = city.origin;
  config.province_key = cosigner_.verifier();
  config.incarnation.set_counter(city.disk.starts);
  config.incarnation.set_nonce(city.nonce);
  config.checkpoint = city.disk.signed_note;
  config.cosigned_checkpoint = city.disk.cosigned_note;
  config.follows_province = true;
  config.province_checkpoint = city.view->note();
  return config;
}

void World::Connect(size_t i) {
  City& city = *cities_[i];
  if (city.needs_restore || city.cut_until > now_) return;
  city.stream = ++last_stream_;
  Stream& stream = streams_[city.stream];
  stream.city = i;
  city.view->Restart();
  stream.uplink.emplace(UplinkConfigOf(i), &city.disk);
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
      if (streams_.contains(id)) Feed(id);
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
    if (message.has_log()) {
      TakePiece(id, message.log());
      continue;
    }
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
  if (message.has_cosigned()) return TakeCosigned(id, message.cosigned());
  if (!streams_[id].ingest.has_value()) return EndStream(id);
  const auto life = streams_[id].ingest->OnHeartbeat(message.heartbeat(), now_);
  if (life.ok()) return;
  Note("heartbeat-refused", streams_[id].city,
       static_cast<uint64_t>(life.status().code()));
  EndStream(id);
}

// The newest stream of a city has it; what older ones left is written first.
void World::EndOlderStreams(uint64_t id) {
  const size_t i = streams_[id].city;
  for (auto it = streams_.begin(); it != streams_.end();) {
    const bool older = it->second.city == i && it->first < id;
    it = older ? streams_.erase(it) : std::next(it);
  }
  while (std::ranges::any_of(queue_, [&](auto& q) { return q.city == i; })) {
    Fsync();
  }
}

void World::Greet(uint64_t id, v1::Hello hello) {
  const size_t i = streams_[id].city;
  if (!CheckNotHeld(hello).ok()) {
    Note("held", i, 0);
    return EndStream(id);
  }
  if (Is(Mutation::kStartUnchecked)) {
    hello.set_start(cities_[i]->disk.SignStart({cities_[i]->origin,
                                                hello.incarnation().counter(),
                                                hello.incarnation().nonce()}));
  }
  HeldCity& disk = Held(i);
  if (!streams_[id].ingest.has_value()) {
    const auto begin = [&] {
      return exchange::Ingest({cities_[i]->code, cities_[i]->origin,
                               KnownKeys(i), cosigner_.verifier()});
    };
    const absl::Status status = begin().CheckHello(hello, disk.copy);
    if (!status.ok()) {
      Note("refused", i, static_cast<uint64_t>(status.code()));
      return EndStream(id);
    }
    EndOlderStreams(id);
    if (!streams_.contains(id)) return;  // a crash meanwhile
    streams_[id].ingest.emplace(begin());
  }
  exchange::CityCopy copy =
      Is(Mutation::kResumeOffByOne) ? previous_[i] : disk.copy;
  copy.applied_size = std::min(disk.position, copy.range.size());
  exchange::Ingest& ingest = *streams_[id].ingest;
  const auto welcome = ingest.OnHello(
      hello, copy, [&](uint64_t n) { return disk.log.RootAt(n); }, now_);
  if (!welcome.ok()) {
    Note("refused", i, static_cast<uint64_t>(welcome.status().code()));
    if (ingest.evidence()) Violated(i, ingest.evidence()->explanation);
    return EndStream(id);
  }
  disk.copy.incarnation_counter = ingest.incarnation().counter();
  disk.copy.incarnation_nonce = ingest.incarnation().nonce();
  if (disk.copy.incarnation_counter > cities_[i]->disk.starts) {
    Violated(i, "a start counts that the node never made");
  }
  streams_[id].feed.emplace(&disk_.own_log(), own_head_.get(),
                            cities_[i]->code);
  v1::Hello heard = hello;
  if (is_old_copy_ && Is(Mutation::kNewerHeadIgnored)) {
    heard.clear_province_checkpoint();
  }
  streams_[id].feed->Begin(heard);
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
    Acknowledge(i, ingest.OnDurable(end, *note, Held(i).position, now_));
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

// One group of the journal, synced.
void World::Fsync() {
  if (queue_.empty()) return;
  std::vector<Queued> group;
  for (uint64_t left = 1 + Below(kGroupMax); left > 0 && !queue_.empty();
       --left) {
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  Write(group);
  if (!ok()) return;
  if (faulty_ && Chance(15)) CopyProvince();
  if (faulty_ && Chance(30)) {
    Fault("province-crash-before-ack", group.front().city);
    return CrashProvince();
  }
  if (Is(Mutation::kDurableBeforeSync)) return;
  for (const Queued& queued : group) {
    const size_t i = queued.city;
    const auto it = streams_.find(cities_[i]->stream);
    if (it == streams_.end() || !it->second.ingest.has_value()) continue;
    exchange::Ingest& ingest = *it->second.ingest;
    const uint64_t end = queued.batch.end_size;
    if (ingest.verified_size() < end) continue;
    if (receipted_[cities_[i]->code] < end) {
      return Violated(i, "no receipt covers what is acknowledged");
    }
    const std::string note = queued.batch.cosign ? Held(i).notes[end] : "";
    Acknowledge(i, ingest.OnDurable(end, note, Held(i).position, now_));
  }
}

void World::Write(const std::vector<Queued>& group) {
  std::vector<aggregator::JournalBatch> batches;
  for (const Queued& queued : group) {
    previous_[queued.city] = Held(queued.city).copy;
    batches.push_back(Cosign(queued));
  }
  const absl::Status written = Append(batches);
  if (!written.ok()) {
    return Violated(group.front().city, base::Describe(written));
  }
  for (const Queued& queued : group) {
    const size_t i = queued.city;
    previous_[i].incarnation_counter = Held(i).copy.incarnation_counter;
    previous_[i].incarnation_nonce = Held(i).copy.incarnation_nonce;
    const auto head = KnownKeys(i).Open(Held(i).copy.checkpoint);
    if (!head.ok() || head->root != Held(i).log.range.Root()) {
      return Violated(i, "a cosigned head is not that of the journal");
    }
    most_held_[i] = std::max(most_held_[i], queued.batch.end_size);
    Note("durable", i, queued.batch.end_size);
  }
  CheckOwnEntries();
}

absl::Status World::Append(
    const std::vector<aggregator::JournalBatch>& batches) {
  const bool apart = Is(Mutation::kReceiptApart);
  const bool missing = Is(Mutation::kReceiptMissing) && Chance(4);
  if (!apart && !missing) return disk_.Append(batches, {}, now_);
  ASSIGN_OR_RETURN(const auto receipt, disk_.AppendBatches(batches));
  if (missing) return absl::OkStatus();
  if (faulty_ && Chance(10)) {
    CrashProvince();
  } else {
    disk_.AppendEntries({aggregator::ReceiptEntry(receipt)}, now_);
  }
  return absl::OkStatus();
}

aggregator::JournalBatch World::Cosign(const Queued& queued) {
  const exchange::VerifiedBatch& batch = queued.batch;
  std::string note = batch.checkpoint;
  if (Is(Mutation::kCosignUnchecked)) {
    note = cities_[queued.city]->disk.signer.Sign(batch.end_size,
                                                  ledger::EmptyRoot());
  }
  const auto seconds = static_cast<uint64_t>(now_ / base::kMicrosPerSecond);
  if (batch.cosign) note = *cosigner_.Cosign(note, seconds);
  aggregator::JournalBatch made;
  made.city = cities_[queued.city]->code;
  made.batch = batch;
  made.cosigned_checkpoint = std::move(note);
  return made;
}

void World::CrashProvince() {
  queue_.clear();
  fed_.reset();
  streams_.clear();
  for (auto& city : cities_) city->stream = 0;
  StartProvince();
}

void World::Apply(size_t i) {
  HeldCity& disk = Held(i);
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
  ApplyEntries(bundle, from, &Held(i));
}

bool World::Converged() {
  for (size_t i = 0; i < cities_.size(); ++i) {
    const uint64_t size = cities_[i]->disk.log.size();
    if (Held(i).log.size() != size || Held(i).position != size) {
      return false;
    }
    const auto it = streams_.find(cities_[i]->stream);
    if (it == streams_.end() || !it->second.uplink) return false;
    const auto& told = it->second.uplink->positions();
    if (told.durable != size || told.applied != size) return false;
    if (!cities_[i]->pending.empty()) return false;
  }
  return OwnLogConverged();
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
  mirror_away_until_ = 0;
  for (int round = 0; round < kConvergenceRounds && ok(); ++round) {
    Advance(kRoundMicros);
    for (size_t i = 0; i < cities_.size() && ok(); ++i) {
      if (cities_[i]->needs_restore) Restore(i);
      if (cities_[i]->stream == 0) Connect(i);
      Sync(i);
      Apply(i);
    }
    Pump();
    while (!queue_.empty() && ok()) Fsync();
    if (ok()) SignOwn();
    if (ok()) MirrorRound();
    if (ok() && Converged()) return;
  }
  if (ok()) Violated(0, "no convergence after the faults have stopped");
}

namespace {

constexpr std::array<std::string_view, kMutations + 1> kNames = {
    "none",
    "ack-before-sync",
    "durable-before-sync",
    "position-apart",
    "gap-applied",
    "resume-off-by-one",
    "guard-ignored",
    "applied-early",
    "torn-transaction",
    "applied-twice",
    "cosign-unchecked",
    "incarnation-lost",
    "order-lost",
    "old-key-signs-on",
    "receipt-missing",
    "receipt-apart",
    "head-before-mirror",
    "mirror-not-asked",
    "newer-head-ignored",
    "start-unchecked"};

}  // namespace

std::string_view NameOf(Mutation mutation) {
  return kNames[static_cast<size_t>(mutation)];
}

bool IsForgery(Mutation mutation) {
  switch (mutation) {
    case Mutation::kCosignUnchecked:
    case Mutation::kReceiptMissing:
    case Mutation::kReceiptApart:
    case Mutation::kMirrorNotAsked:
    case Mutation::kNewerHeadIgnored:
      return true;
    default:
      return false;
  }
}

Outcome Simulate(const Options& options) {
  // What the real parts say of the faults is not part of the run.
  spdlog::set_level(spdlog::level::off);
  return World(options).Run();
}

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
