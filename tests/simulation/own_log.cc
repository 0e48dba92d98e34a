// The province's own log: its heads, and the cities that follow it. Real are
// OwnHead with its signer and guard, the feed, and what a node keeps of it.
#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "tests/simulation/world.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::simulation {

namespace {

// As far as the log goes.
bool IsRootOf(const v1::CityRange& range, const Log& log) {
  const auto root = log.RootAt(range.to());
  return !root.ok() || root->view() == range.root();
}

}  // namespace

void World::StartProvince() {
  own_head_.reset();
  disk_.own_log().Crash();
  aggregator::OwnHeadOptions options;
  options.sign_guard = GuardPath();
  options.origin = kProvinceOrigin;
  options.clock = &clock_;
  const bool unwary = is_old_copy_ && (Is(Mutation::kMirrorNotAsked) ||
                                       Is(Mutation::kNewerHeadIgnored));
  options.mirror_required =
      mirrored_ && !unwary && !Is(Mutation::kHeadBeforeMirror);
  for (const auto& city : cities_) {
    options.witnesses[city->code] = city->witness.verifier();
  }
  auto head = aggregator::OwnHead::Open(options, own_signer_, &disk_.own_log());
  if (!head.ok()) return Violated(0, base::Describe(head.status()));
  own_head_ = *std::move(head);
}

void World::OpenView(size_t i) {
  City& city = *cities_[i];
  node::NodeConfig config;
  config.province = "360000";
  config.city = city.code;
  config.province_key = own_signer_.verifier().ToText();
  auto view =
      node::ProvinceView::Open(config, city.witness, &city.disk.facts, &clock_);
  if (!view.ok()) return Violated(i, base::Describe(view.status()));
  city.view = *std::move(view);
}

// Somebody is shown personal data.
void World::RecordAccess() {
  if (!own_head_->hold_reason().empty()) return;
  v1::Access access;
  access.set_reader("auditor");
  access.set_records(++values_);
  disk_.AppendEntries({aggregator::AccessEntry(access)}, now_);
  Note("access", 0, disk_.own_log().Head().size());
  CheckOwnEntries();
}

// The disk may fail between a signature and the guard that is to know it.
// ABORTED: it did, and the province may be gone.
absl::Status World::Signing(const std::function<absl::Status()>& sign) {
  disk_.own_log().FailCheckpoints(faulty_ && Chance(10));
  const absl::Status status = sign();
  disk_.own_log().FailCheckpoints(false);
  if (!absl::IsUnavailable(status)) return status;
  Fault("province-disk-fails-signing", 0);
  if (Chance(2)) CrashProvince();
  return base::AbortedError("{}", base::Message(status));
}

// A newer head, for everybody to see once the mirror has it.
void World::SignOwn() {
  if (!own_head_->hold_reason().empty()) return;
  std::string note;
  const absl::Status status = Signing([&]() -> absl::Status {
    ASSIGN_OR_RETURN(note, own_head_->Sign());
    return absl::OkStatus();
  });
  if (absl::IsAborted(status)) return;
  if (!status.ok()) return Violated(0, base::Describe(status));
  Note("signed", 0, own_head_->signed_size());
  if (!note.empty()) ShowHead(note);
  if (faulty_ && Chance(10)) {
    Fault("province-crash-after-signing", 0);
    CrashProvince();
  }
}

// What a city knows of the log counts also while that is held.
absl::Status World::CheckNotHeld(const v1::Hello& hello) {
  if (own_head_->hold_reason().empty()) return absl::OkStatus();
  if (!hello.province_checkpoint().empty()) {
    own_head_->Met(hello.province_checkpoint()).IgnoreError();
  }
  const std::string reason = own_head_->hold_reason();
  if (reason.empty()) return absl::OkStatus();
  return base::UnavailableError("{}", reason);
}

void World::Feed(uint64_t id) {
  Stream& stream = streams_[id];
  if (!stream.feed.has_value()) return;
  auto piece = stream.feed->Next();
  if (!piece.ok()) return Violated(stream.city, base::Describe(piece.status()));
  if (!piece->has_value()) return;
  if (!(*piece)->checkpoint().empty()) ShowHead((*piece)->checkpoint());
  v1::ProvinceMessage message;
  *message.mutable_log() = **std::move(piece);
  Answer(id, std::move(message));
}

void World::TakePiece(uint64_t id, const v1::ProvinceLog& piece) {
  Stream& stream = streams_[id];
  City& city = *cities_[stream.city];
  auto cosigned = city.view->OnPiece(piece);
  const std::string problem = city.view->status().problem;
  if (!cosigned.ok() || !problem.empty()) {
    return Violated(stream.city,
                    "the city cannot follow the province: " + problem);
  }
  if (cosigned->empty()) return;
  Note("followed", stream.city, city.view->status().size);
  v1::NodeMessage message;
  message.mutable_cosigned()->set_checkpoint(*std::move(cosigned));
  const int64_t due = stream.up.empty() ? now_ : stream.up.back().due;
  stream.up.push_back({due, std::move(message)});
}

void World::TakeCosigned(uint64_t id, const v1::ProvinceCosigned& cosigned) {
  const size_t i = streams_[id].city;
  const auto status =
      own_head_->Cosigned(cities_[i]->code, cosigned.checkpoint());
  if (!status.ok()) Violated(i, base::Describe(status));
}

// --- The checks.

// Whoever sees a head sees no other of its size, ever.
void World::ShowHead(std::string_view note) {
  const auto parsed = ledger::ParseNote(note);
  if (!parsed.ok()) return Violated(0, base::Describe(parsed.status()));
  const auto head = ledger::ParseCheckpoint(parsed->text);
  if (!head.ok()) return Violated(0, base::Describe(head.status()));
  const auto [at, added] = shown_.emplace(head->size, head->root);
  if (at->second != head->root) {
    return Violated(0,
                    "two heads of the province's log at one size were shown");
  }
  if (added && mirrored_ && head->size > mirror_->size()) {
    Violated(0, "a head was shown that the mirror does not keep");
  }
}

// What was appended to the province's log since the last call.
void World::CheckOwnEntries() {
  const Log& log = disk_.own_log().log();
  for (; checked_bundles_ < log.bundles.size() && ok(); ++checked_bundles_) {
    const LogBundle& stored = log.bundles[checked_bundles_];
    for (auto at = shown_.upper_bound(stored.first);
         at != shown_.end() && at->first <= stored.end(); ++at) {
      if (at->second != log.roots[at->first]) {
        return Violated(0, "the province's log is not what it has shown");
      }
    }
    ledger::Bundle bundle;
    if (!bundle.Decode(stored.bytes).ok()) return Violated(0, "bad bundle");
    for (size_t k = 0; k < bundle.count(); ++k) {
      v1::EntryHeader header;
      v1::EntryBody body;
      v1::GroupReceipt receipt;
      if (!header.ParseFromString(std::string(bundle.header(k))) ||
          !body.ParseFromString(std::string(*bundle.body(k)))) {
        return Violated(0, "an entry of the province's log is no message");
      }
      if (static_cast<int>(header.type()) ==
              v1::PROVINCE_RECORD_TYPE_GROUP_RECEIPT &&
          receipt.ParseFromString(body.record())) {
        CheckReceipt(receipt);
      }
    }
  }
}

// Receipts follow each other without a gap and name the roots of the cities.
void World::CheckReceipt(const v1::GroupReceipt& receipt) {
  if (receipt.ordinal() != ++checked_ordinal_) {
    return Violated(0, "a group has no receipt");
  }
  for (const v1::CityRange& range : receipt.ranges()) {
    const size_t i = range.city() - cities_[0]->code;
    uint64_t& covered = receipted_[range.city()];
    const Log& log = cities_[i]->disk.log;
    if (range.from() != covered) return Violated(i, "receipts have a gap");
    covered = range.to();
    if (!IsRootOf(range, log)) {
      return Violated(i, "a receipt names another root than the city has");
    }
  }
  for (const v1::CityRange& range : receipt.again()) {
    const size_t i = range.city() - cities_[0]->code;
    if (range.from() >= receipted_[range.city()] ||
        !IsRootOf(range, cities_[i]->disk.log)) {
      return Violated(i, "what comes again did not come before");
    }
  }
}

void World::CheckShownAreKept() {
  const Log& log = disk_.own_log().log();
  for (const auto& [size, root] : shown_) {
    if (size >= log.roots.size() || log.roots[size] != root) {
      return Violated(0, "a head that was shown is not of the province's log");
    }
  }
  for (size_t i = 0; i < cities_.size(); ++i) {
    if (receipted_[cities_[i]->code] != Held(i).log.size()) {
      return Violated(i, "the receipts do not cover the city's log");
    }
  }
}

// Everybody has the newest head and has cosigned it.
bool World::OwnLogConverged() const {
  const uint64_t size = disk_.own_log().Head().size();
  if (own_head_->signed_size() != size) return false;
  if (mirrored_ && mirror_->size() != size) return false;
  const auto cosigned = own_head_->witnesses();
  return std::ranges::all_of(cities_, [&](const auto& city) {
    const auto at = cosigned.find(city->code);
    return city->view->status().size == size && at != cosigned.end() &&
           at->second.size == size;
  });
}

}  // namespace tongchou::simulation
