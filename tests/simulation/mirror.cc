// The mirror of the province's own log, and what rests on it: a province whose
// disk was put back to an old copy. Real are the mirror's store and what both
// ends verify; the rounds are those of MirrorService.
#include <algorithm>
#include <chrono>
#include <utility>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/exchange/mirror_piece.h"
#include "tests/simulation/world.h"

namespace tongchou::simulation {

// It goes on with what it kept.
void World::OpenMirror(MemoryLog kept) {
  fed_.reset();
  auto log = std::make_unique<MemoryLog>(std::move(kept));
  mirror_log_ = log.get();
  auto store = audit::MirrorStore::Open(directory_.path(),
                                        own_signer_.verifier(), std::move(log));
  if (!store.ok()) return Violated(0, base::Describe(store.status()));
  mirror_ = *std::move(store);
}

void World::MirrorRound() {
  if (!own_head_->mirror().required || mirror_away_until_ > now_) return;
  const absl::Status status = fed_.has_value() ? FeedMirror() : GreetMirror();
  if (status.ok()) return;
  Note("mirror-left", 0, static_cast<uint64_t>(status.code()));
  fed_.reset();
  own_head_->MirrorLeft();
  if (!absl::IsAborted(status)) Violated(0, base::Describe(status));
}

bool World::MirrorIsDue() {
  if (!mirrored_) return false;
  if (!fed_.has_value()) return Chance(5);
  return own_head_->AwaitWanted(0, std::chrono::milliseconds(0)) >
             fed_->size() ||
         Chance(20);
}

// ABORTED: the connection is gone, or the province.
absl::Status World::LoseMirror() {
  if (!faulty_ || !Chance(12)) return absl::OkStatus();
  if (Chance(2)) {
    Fault("province-crash-at-mirror", 0);
    CrashProvince();
  } else {
    Fault("mirror-cut", 0);
  }
  return base::AbortedError("lost");
}

absl::Status World::GreetMirror() {
  ASSIGN_OR_RETURN(const ledger::Checkpoint shown,
                   own_head_->MirrorShows(mirror_->note()));
  RETURN_IF_ERROR(LoseMirror());
  if (shown.size > disk_.own_log().Head().size()) {
    RETURN_IF_ERROR(Refill(shown.size));
  }
  RETURN_IF_ERROR(Signing([&] { return own_head_->MirrorAgrees(shown); }));
  RecordAccess();
  ASSIGN_OR_RETURN(fed_, disk_.own_log().RangeAt(shown.size));
  Note("mirrored", 0, shown.size);
  return absl::OkStatus();
}

// What the province lost comes back.
absl::Status World::Refill(uint64_t size) {
  MemoryLog& own = disk_.own_log();
  ASSIGN_OR_RETURN(ledger::CompactRange range,
                   mirror_->RangeAt(own.Head().size()));
  while (own.Head().size() < size) {
    ASSIGN_OR_RETURN(const v1::ProvinceLog piece, mirror_->Give(&range));
    ASSIGN_OR_RETURN(
        const auto verified,
        exchange::VerifyPiece(piece, own.Head(), own_signer_.verifier()));
    RETURN_IF_ERROR(disk_.Refill(verified.commit));
    CheckOwnEntries();
    RETURN_IF_ERROR(LoseMirror());
  }
  Note("refilled", 0, size);
  return absl::OkStatus();
}

absl::Status World::FeedMirror() {
  const uint64_t wanted =
      own_head_->AwaitWanted(fed_->size(), std::chrono::milliseconds(0));
  ledger::CompactRange range = *fed_;
  ASSIGN_OR_RETURN(const v1::ProvinceLog piece,
                   exchange::ReadPiece(
                       disk_.own_log(), std::max(wanted, range.size()),
                       [&](const ledger::CompactRange& end)
                           -> absl::StatusOr<std::optional<std::string>> {
                         return own_head_->DraftFor(end);
                       },
                       &range));
  RETURN_IF_ERROR(LoseMirror());
  RETURN_IF_ERROR(mirror_->Take(piece));
  Note("mirror-keeps", 0, mirror_->size());
  if (!mirror_->note().empty()) ShowHead(mirror_->note());
  RETURN_IF_ERROR(LoseMirror());
  RETURN_IF_ERROR(Signing([&] {
    return own_head_->MirrorKeeps(
        {kProvinceOrigin, range.size(), range.Root()});
  }));
  const std::string note = own_head_->newest().note;
  if (!note.empty()) ShowHead(note);
  fed_ = std::move(range);
  return absl::OkStatus();
}

void World::InjectMirrorFault() {
  if (!mirrored_) return;
  switch (Below(3)) {
    case 0:
      Fault("mirror-away", 0);
      mirror_away_until_ = now_ + static_cast<int64_t>(Below(1'000'000));
      fed_.reset();
      return own_head_->MirrorLeft();
    case 1:
      Fault("mirror-crash", 0);
      OpenMirror(*mirror_log_);
      return own_head_->MirrorLeft();
    default:
      // Another in its place, while the province has what the old one had, and
      // needs its word for no lost guard.
      if (!own_head_->hold_reason().empty() ||
          disk_.own_log().Head().size() < mirror_->size()) {
        return;
      }
      Fault("mirror-lost", 0);
      OpenMirror({});
      return own_head_->MirrorLeft();
  }
}

std::string World::GuardPath() const { return directory_.path() + "/guard"; }

void World::CopyProvince() {
  auto guard = base::ReadFile(GuardPath());
  if (!guard.ok()) return Violated(0, base::Describe(guard.status()));
  province_copy_ = ProvinceCopy{disk_, *std::move(guard)};
}

// Only where nothing that was promised lies there alone: cities and mirror have
// it all.
bool World::CanLoseProvince() {
  if (!mirrored_ || !province_copy_.has_value()) return false;
  if (!shown_.empty() && shown_.rbegin()->first > mirror_->size()) return false;
  for (size_t i = 0; i < cities_.size(); ++i) {
    const City& city = *cities_[i];
    if (city.needs_restore || city.disk.read_only ||
        city.disk.log.size() < Held(i).log.size()) {
      return false;
    }
  }
  return true;
}

// The guard is what it was, or as old as the copy, or gone: then a mirror that
// holds something stands in for it.
void World::PutProvinceBack() {
  if (!CanLoseProvince()) return;
  const bool unwary =
      Is(Mutation::kMirrorNotAsked) || Is(Mutation::kNewerHeadIgnored);
  // The bug does no harm where nothing is missing that was shown.
  const uint64_t size = province_copy_->disk.own_log().Head().size();
  if (unwary && (shown_.empty() || size >= shown_.rbegin()->first)) return;
  Fault("province-old-copy", 0);
  own_head_.reset();
  disk_ = province_copy_->disk;
  const uint64_t guard = unwary ? 1 : Below(mirror_->size() > 0 ? 3 : 2);
  absl::Status status;
  if (guard == 1) {
    status = base::WriteFileDurably(GuardPath(), province_copy_->guard);
  } else if (guard == 2) {
    status = base::RemoveAll(GuardPath());
  }
  if (!status.ok()) return Violated(0, base::Describe(status));
  is_old_copy_ = true;
  previous_.clear();
  checked_bundles_ = 0;
  checked_ordinal_ = 0;
  receipted_.clear();
  for (auto& city : cities_) city->told_durable = 0;
  CheckOwnEntries();
  CrashProvince();
}

}  // namespace tongchou::simulation
