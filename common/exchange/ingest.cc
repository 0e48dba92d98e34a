#include "common/exchange/ingest.h"

#include <algorithm>
#include <span>
#include <utility>

#include "common/base/status.h"
#include "common/exchange/key_changes.h"
#include "common/exchange/verify_start.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/entry_view.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::exchange {
namespace {

// Checks the entries of a batch one after the other and hashes them.
class BatchReader {
 public:
  BatchReader(const ledger::CompactRange& range, int64_t last_commit_time_us,
              std::optional<uint64_t> claimed_size)
      : claimed_size_(claimed_size) {
    verified_.range = range;
    verified_.last_commit_time_us = last_commit_time_us;
  }

  absl::Status Read(const v1::Batch& batch);
  VerifiedBatch& verified() { return verified_; }
  // Set when the entries passed claimed_size.
  const std::optional<ledger::Hash>& claimed_root() const {
    return claimed_root_;
  }

 private:
  absl::Status ReadBundle(const std::string& bytes);
  absl::Status CheckEntry(const ledger::Bundle& bundle, size_t i);
  absl::Status TakeKeyChange(std::string_view body);

  const std::optional<uint64_t> claimed_size_;
  std::optional<ledger::Hash> claimed_root_;
  VerifiedBatch verified_;
  ledger::LeafHasher hasher_;
  ledger::HeaderView header_;
};

absl::Status BatchReader::Read(const v1::Batch& batch) {
  if (batch.bundles().empty()) {
    return base::InvalidArgumentError("a batch without bundles");
  }
  verified_.bundles.reserve(batch.bundles_size());
  for (const std::string& bytes : batch.bundles()) {
    RETURN_IF_ERROR(ReadBundle(bytes));
  }
  verified_.end_size = verified_.range.size();
  if (!header_.last_of_transaction) {
    return base::InvalidArgumentError(
        "the batch cuts a transaction behind entry {}; batches end where a "
        "transaction does",
        header_.sequence);
  }
  verified_.checkpoint = batch.checkpoint();
  return absl::OkStatus();
}

absl::Status BatchReader::ReadBundle(const std::string& bytes) {
  const uint64_t expected = verified_.range.size();
  auto bundle = std::make_shared<ledger::Bundle>();
  if (absl::Status status = bundle->Decode(bytes); !status.ok()) {
    return base::Annotate(status,
                          fmt::format("the bundle at entry {}", expected));
  }
  if (bundle->first_sequence() != expected) {
    return base::InvalidArgumentError(
        "a bundle begins at entry {} where {} is next: a {}; start again with "
        "Hello",
        bundle->first_sequence(), expected,
        bundle->first_sequence() > expected ? "gap" : "repeat");
  }
  for (size_t i = 0; i < bundle->count(); ++i) {
    RETURN_IF_ERROR(CheckEntry(*bundle, i));
  }
  bundle->HashInto(&hasher_);
  std::span<const ledger::Hash> leaves = hasher_.leaf_hashes();
  if (claimed_size_.has_value() && *claimed_size_ > expected &&
      *claimed_size_ <= bundle->range().end()) {
    const size_t covered = *claimed_size_ - expected;
    verified_.range.Append(leaves.first(covered));
    claimed_root_ = verified_.range.Root();
    leaves = leaves.subspan(covered);
  }
  verified_.range.Append(leaves);
  const size_t count = bundle->count();
  verified_.bundles.push_back({expected, count, bytes, std::move(bundle)});
  return absl::OkStatus();
}

absl::Status BatchReader::CheckEntry(const ledger::Bundle& bundle, size_t i) {
  const uint64_t sequence = verified_.range.size() + i;
  if (!ledger::ReadHeader(bundle.header(i), &header_)) {
    return base::DataLossError("entry {}: its header is none", sequence);
  }
  if (header_.sequence != sequence) {
    return base::DataLossError("entry {}: its header says {}", sequence,
                               header_.sequence);
  }
  if (header_.commit_time_us < verified_.last_commit_time_us) {
    return base::DataLossError(
        "entry {}: committed at {} us, before its predecessor at {} us",
        sequence, header_.commit_time_us, verified_.last_commit_time_us);
  }
  if (!bundle.body(i).has_value()) {
    return base::DataLossError("entry {}: its body is missing", sequence);
  }
  verified_.last_commit_time_us = header_.commit_time_us;
  return header_.type == v1::RECORD_TYPE_LOG_KEY
             ? TakeKeyChange(*bundle.body(i))
             : absl::OkStatus();
}

absl::Status BatchReader::TakeKeyChange(std::string_view body) {
  ledger::BodyView view;
  if (!ledger::ReadBody(body, &view)) {
    return base::DataLossError("entry {}: its body is none", header_.sequence);
  }
  auto statement = KeyStatementOf(view.record);
  if (!statement.ok()) {
    return base::Annotate(statement.status(),
                          fmt::format("entry {}", header_.sequence));
  }
  verified_.key_changes.push_back({header_.sequence, *std::move(statement)});
  return absl::OkStatus();
}

}  // namespace

Ingest::Ingest(IngestConfig config)
    : config_(std::move(config)), keys_(config_.city_keys) {}

absl::StatusOr<v1::Welcome> Ingest::OnHello(const v1::Hello& hello,
                                            const CityCopy& copy,
                                            const RootAt& root_at,
                                            int64_t now_us) {
  ASSIGN_OR_RETURN(Vouched vouched, VerifyHello(hello, copy));
  RETURN_IF_ERROR(CheckAhead(vouched.keys, copy));
  keys_ = std::move(vouched.keys);
  ASSIGN_OR_RETURN(std::optional<SignedHead> claimed,
                   CheckHistory(hello, copy, root_at));
  if (hello.committed_size() < copy.range.size()) {
    return base::FailedPreconditionError(
        "{}: the node has {} entries, the province holds {}: the node is "
        "behind its own past; it brings the missing entries back",
        config_.origin, hello.committed_size(), copy.range.size());
  }
  Greet(hello, copy, vouched.incarnation, std::move(claimed));
  stream_us_ = now_us;
  v1::Welcome welcome;
  welcome.set_protocol_version(kProtocolVersion);
  welcome.set_durable_size(durable_size_);
  told_applied_ = std::min(applied_size_, durable_size_);
  welcome.set_applied_size(told_applied_);
  welcome.set_checkpoint(copy.checkpoint);
  welcome.set_window_bytes(kWindowBytesMax);
  welcome.set_province_time_us(now_us);
  return welcome;
}

absl::Status Ingest::CheckHello(const v1::Hello& hello,
                                const CityCopy& copy) const {
  return VerifyHello(hello, copy).status();
}

absl::StatusOr<Ingest::Vouched> Ingest::VerifyHello(
    const v1::Hello& hello, const CityCopy& copy) const {
  RETURN_IF_ERROR(CheckPeer(hello, copy));
  ASSIGN_OR_RETURN(ledger::LogKeys keys, AnnouncedKeys(hello));
  v1::Incarnation incarnation;
  if (config_.from_file) {
    incarnation.set_counter(copy.incarnation_counter);
    incarnation.set_nonce(copy.incarnation_nonce);
  } else {
    ASSIGN_OR_RETURN(
        incarnation,
        VerifyStart(hello, IsReplaced(keys) ? config_.replacements.back()
                                            : keys.newest()));
  }
  RETURN_IF_ERROR(CheckNoClone(incarnation, copy));
  return Vouched{std::move(keys), std::move(incarnation)};
}

absl::Status Ingest::CheckPeer(const v1::Hello& hello,
                               const CityCopy& copy) const {
  if (greeted_) {
    return base::InvalidArgumentError("{}: a second Hello in one stream",
                                      config_.origin);
  }
  if (hello.protocol_version() != kProtocolVersion) {
    return base::InvalidArgumentError(
        "{}: the node speaks protocol {}, the province {}: update the older",
        config_.origin, hello.protocol_version(), kProtocolVersion);
  }
  if (hello.origin() != config_.origin) {
    return base::PermissionDeniedError(
        "the certificate of city {:06} carries {}, not {}", config_.city,
        config_.origin, hello.origin());
  }
  if (!copy.quarantine.empty()) {
    return base::FailedPreconditionError(
        "{}: quarantined: {}; an operator of the province must end it",
        config_.origin, copy.quarantine);
  }
  return absl::OkStatus();
}

absl::Status Ingest::CheckNoClone(const v1::Incarnation& incarnation,
                                  const CityCopy& copy) const {
  const bool older = incarnation.counter() < copy.incarnation_counter;
  const bool twin = incarnation.counter() == copy.incarnation_counter &&
                    incarnation.nonce() != copy.incarnation_nonce;
  if (!older && !twin) return absl::OkStatus();
  return base::FailedPreconditionError(
      "{}: a clone: start {} (nonce {:016x}) after start {} (nonce {:016x}) "
      "of this node: its log is an old copy, or two machines run it; stop one "
      "of the two",
      config_.origin, incarnation.counter(), incarnation.nonce(),
      copy.incarnation_counter, copy.incarnation_nonce);
}

absl::Status Ingest::UnknownChange(const ledger::KeyChange& change) const {
  return base::DataLossError(
      "{}: the node names a change of its key at entry {} that the province "
      "does not have",
      config_.origin, change.sequence);
}

// What the province holds already must be the same; the rest is believed, so
// that heads can be read, and must come true when the entries arrive.
absl::StatusOr<ledger::LogKeys> Ingest::AnnouncedKeys(
    const v1::Hello& hello) const {
  const std::vector<ledger::KeyChange> announced =
      ReadKeyChanges(hello.key_changes());
  const std::vector<ledger::KeyChange>& held = config_.city_keys.changes();
  ledger::LogKeys keys = config_.city_keys;
  for (size_t i = 0; i < announced.size(); ++i) {
    const ledger::KeyChange& change = announced[i];
    if (i < held.size() && change == held[i]) continue;
    if (i < held.size()) return UnknownChange(change);
    const absl::Status added = keys.Add(change, config_.replacements);
    if (!added.ok()) return base::Annotate(added, config_.origin);
  }
  return keys;
}

absl::Status Ingest::CheckAhead(const ledger::LogKeys& keys,
                                const CityCopy& copy) const {
  const size_t held = config_.city_keys.changes().size();
  for (const ledger::KeyChange& change :
       std::span(keys.changes()).subspan(held)) {
    if (change.sequence < copy.range.size()) return UnknownChange(change);
  }
  return absl::OkStatus();
}

absl::StatusOr<ledger::LogKeys> Ingest::KeysBehind(
    const VerifiedBatch& verified) const {
  ledger::LogKeys keys = keys_;
  for (const ledger::KeyChange& change : verified.key_changes) {
    const auto& known = keys.changes();
    if (std::find(known.begin(), known.end(), change) != known.end()) continue;
    RETURN_IF_ERROR(keys.Add(change, config_.replacements));
  }
  for (const ledger::KeyChange& change : keys.changes()) {
    if (change.sequence < range_.size() ||
        change.sequence >= verified.end_size) {
      continue;
    }
    const auto& came = verified.key_changes;
    if (std::find(came.begin(), came.end(), change) != came.end()) continue;
    return base::DataLossError(
        "entry {} is not the change of the log's key that the node named",
        change.sequence);
  }
  RETURN_IF_ERROR(CheckNotReplaced(keys));
  return keys;
}

bool Ingest::IsReplaced(const ledger::LogKeys& keys) const {
  return !config_.replacements.empty() &&
         !keys.Has(config_.replacements.back());
}

absl::Status Ingest::CheckNotReplaced(const ledger::LogKeys& keys) const {
  if (!IsReplaced(keys)) return absl::OkStatus();
  return base::PermissionDeniedError(
      "the province replaced this log's key; what the old one signs is not "
      "taken any more");
}

absl::StatusOr<std::optional<Ingest::SignedHead>> Ingest::CheckHistory(
    const v1::Hello& hello, const CityCopy& copy, const RootAt& root_at) {
  std::optional<SignedHead> claimed;
  if (hello.checkpoint().empty()) return claimed;
  const auto head = keys_.Open(hello.checkpoint());
  if (!head.ok()) {
    return base::DataLossError("{}: the checkpoint of the Hello: {}",
                               config_.origin, base::Message(head.status()));
  }
  const uint64_t held = copy.range.size();
  if (head->size > held) {
    claimed = SignedHead{head->size, head->root, hello.checkpoint()};
    return claimed;
  }
  ledger::Hash root = copy.range.Root();
  if (head->size < held) {
    ASSIGN_OR_RETURN(root, root_at(head->size));
  }
  if (head->root == root) return claimed;
  KeepEvidence(copy.checkpoint, hello.checkpoint(),
               fmt::format("{}: a fork: the city signed another root at size "
                           "{} than that of the {} entries it had shipped",
                           config_.origin, head->size, held));
  return base::FailedPreconditionError("{}", evidence_->explanation);
}

// Of what the province itself cosigned, as the node shows it; 0 when it shows
// nothing that holds.
uint64_t Ingest::CosignedSize(const v1::Hello& hello) const {
  const std::string& note = hello.cosigned_checkpoint();
  if (note.empty() || !config_.witness_key.has_value()) return 0;
  const auto head = keys_.Open(note);
  if (!head.ok() ||
      !ledger::VerifyCosignature(note, *config_.witness_key).ok()) {
    return 0;
  }
  return head->size;
}

void Ingest::Greet(const v1::Hello& hello, const CityCopy& copy,
                   const v1::Incarnation& incarnation,
                   std::optional<SignedHead> claimed) {
  greeted_ = true;
  range_ = copy.range;
  last_commit_time_us_ = copy.last_commit_time_us;
  durable_size_ = copy.range.size();
  applied_size_ = copy.applied_size;
  claimed_committed_ = hello.committed_size();
  incarnation_ = incarnation;
  cosign_from_ = CosignedSize(hello);
  if (!copy.checkpoint.empty()) {
    heads_.push_back({range_.size(), range_.Root(), copy.checkpoint});
  }
  if (claimed.has_value()) heads_.push_back(*std::move(claimed));
}

absl::Status Ingest::CheckAdmission(const v1::Batch& batch) const {
  if (!greeted_) {
    return base::InvalidArgumentError("{}: a batch before the Hello",
                                      config_.origin);
  }
  const uint64_t bytes = BundleBytes(batch);
  if (unacknowledged_bytes_ + bytes > kUnacknowledgedBytesMax) {
    return base::ResourceExhaustedError(
        "{}: {} bytes more than the {} unacknowledged; the window is {} bytes",
        config_.origin, bytes, unacknowledged_bytes_, kWindowBytesMax);
  }
  return absl::OkStatus();
}

const Ingest::SignedHead* Ingest::ClaimedHead() const {
  for (const SignedHead& head : heads_) {
    if (head.size > range_.size()) return &head;
  }
  return nullptr;
}

absl::StatusOr<VerifiedBatch> Ingest::OnBatch(const v1::Batch& batch) {
  RETURN_IF_ERROR(CheckAdmission(batch));
  const SignedHead* claimed = ClaimedHead();
  BatchReader reader(
      range_, last_commit_time_us_,
      claimed == nullptr ? std::nullopt : std::optional(claimed->size));
  if (absl::Status status = reader.Read(batch); !status.ok()) {
    return base::Annotate(status, config_.origin);
  }
  auto keys = KeysBehind(reader.verified());
  if (!keys.ok()) return base::Annotate(keys.status(), config_.origin);
  RETURN_IF_ERROR(
      CheckBatchHead(reader.verified(), *keys, reader.claimed_root()));
  keys_ = *std::move(keys);
  Accept(reader.verified(), BundleBytes(batch));
  reader.verified().cosign = reader.verified().end_size >= cosign_from_;
  return std::move(reader.verified());
}

absl::Status Ingest::CheckBatchHead(
    const VerifiedBatch& verified, const ledger::LogKeys& keys,
    const std::optional<ledger::Hash>& claimed_root) {
  const std::string& note = verified.checkpoint;
  const auto head = keys.Open(note);
  if (!head.ok()) {
    return base::DataLossError(
        "{}: the checkpoint of the batch at entry {}: "
        "{}",
        config_.origin, range_.size(), base::Message(head.status()));
  }
  for (const SignedHead& known : heads_) {
    if (known.size != head->size || known.root == head->root) continue;
    KeepEvidence(known.note, note,
                 fmt::format("{}: a fork: the city signed two roots at size {}",
                             config_.origin, head->size));
    return base::DataLossError("{}", evidence_->explanation);
  }
  if (head->size != verified.end_size) {
    return base::InvalidArgumentError(
        "{}: the batch ends at size {}, its checkpoint is of size {}",
        config_.origin, verified.end_size, head->size);
  }
  if (head->root != verified.range.Root()) {
    return base::DataLossError(
        "{}: the entries {} to {} do not have the root that the city signed",
        config_.origin, range_.size(), verified.end_size - 1);
  }
  const SignedHead* claimed = ClaimedHead();
  if (claimed_root.has_value() && *claimed_root != claimed->root) {
    KeepEvidence(claimed->note, note,
                 fmt::format("{}: a fork: the city signed a root at size {} "
                             "that the {} entries it ships do not have",
                             config_.origin, claimed->size, head->size));
    return base::DataLossError("{}", evidence_->explanation);
  }
  return absl::OkStatus();
}

void Ingest::Accept(const VerifiedBatch& verified, uint64_t bytes) {
  range_ = verified.range;
  last_commit_time_us_ = verified.last_commit_time_us;
  claimed_committed_ = std::max(claimed_committed_, verified.end_size);
  unacknowledged_.push_back({verified.end_size, bytes});
  unacknowledged_bytes_ += bytes;
  std::erase_if(heads_, [&](const SignedHead& head) {
    return head.size <= verified.end_size;
  });
  heads_.push_back(
      {verified.end_size, verified.range.Root(), verified.checkpoint});
}

void Ingest::KeepEvidence(std::string_view known, std::string_view offered,
                          std::string explanation) {
  evidence_ = ForkEvidence{std::string(known), std::string(offered),
                           std::move(explanation)};
}

v1::Ack Ingest::OnDurable(uint64_t size, std::string_view cosigned_note,
                          uint64_t applied_size, int64_t now_us) {
  const bool newest = size >= durable_size_;
  if (newest) durable_size_ = size;
  applied_size_ = applied_size;
  while (!unacknowledged_.empty() && unacknowledged_.front().end_size <= size) {
    unacknowledged_bytes_ -= unacknowledged_.front().bytes;
    unacknowledged_.pop_front();
  }
  v1::Ack ack = MakeAck(now_us);
  if (newest) ack.set_cosigned_checkpoint(std::string(cosigned_note));
  return ack;
}

v1::Ack Ingest::OnApplied(uint64_t applied_size, int64_t now_us) {
  applied_size_ = applied_size;
  return MakeAck(now_us);
}

v1::Ack Ingest::MakeAck(int64_t now_us) {
  v1::Ack ack;
  ack.set_durable_size(durable_size_);
  ack.set_applied_size(std::min(applied_size_, durable_size_));
  told_applied_ = std::max(told_applied_, ack.applied_size());
  ack.set_province_time_us(now_us);
  return ack;
}

absl::StatusOr<ledger::Heartbeat> Ingest::OpenHeartbeat(std::string_view note,
                                                        int64_t now_us) const {
  RETURN_IF_ERROR(CheckNotReplaced(keys_));
  ASSIGN_OR_RETURN(ledger::Heartbeat life,
                   ledger::OpenHeartbeat(note, keys_.newest()));
  if (life.stream_us != stream_us_) {
    return base::AbortedError(
        "it was signed for the stream of {} us, this one is of {} us: a repeat",
        life.stream_us, stream_us_);
  }
  if (life.time_us <= last_heartbeat_us_) {
    return base::AbortedError(
        "it is of {} us, the last one was of {} us: a repeat, or the node's "
        "clock was set back; start again with Hello",
        life.time_us, last_heartbeat_us_);
  }
  if (!ClocksAgree(now_us, life.time_us)) {
    return base::FailedPreconditionError(
        "the node's clock says {} us, the province's {} us: set the wrong one",
        life.time_us, now_us);
  }
  if (life.applied_size > told_applied_) {
    return base::InvalidArgumentError(
        "it says that {} entries are applied, the province told {}",
        life.applied_size, told_applied_);
  }
  return life;
}

absl::StatusOr<ledger::Heartbeat> Ingest::OnHeartbeat(
    const v1::Heartbeat& heartbeat, int64_t now_us) {
  if (!greeted_) {
    return base::InvalidArgumentError("{}: a heartbeat before the Hello",
                                      config_.origin);
  }
  auto life = OpenHeartbeat(heartbeat.note(), now_us);
  if (!life.ok()) {
    return base::Annotate(life.status(), config_.origin + ": a heartbeat");
  }
  if (life->committed_size < claimed_committed_) {
    return base::InvalidArgumentError(
        "{}: the node has {} entries after it had {}", config_.origin,
        life->committed_size, claimed_committed_);
  }
  claimed_committed_ = life->committed_size;
  last_heartbeat_us_ = life->time_us;
  return life;
}

}  // namespace tongchou::exchange
