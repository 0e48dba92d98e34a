#include "node/province_view.h"

#include <set>
#include <utility>

#include "common/base/key_file.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "node/local_facts.h"
#include "tongchou/v1/province.pb.h"

namespace tongchou::node {
namespace {

constexpr size_t kHashBytes = 32;

bool IsAct(const v1::EntryHeader& header) {
  return static_cast<int>(header.type()) ==
         static_cast<int>(v1::PROVINCE_RECORD_TYPE_CITY_ACT);
}

// The note with that key's signature alone: a head that comes again has those
// of other cities, and with all of them no note has room for one more.
absl::StatusOr<std::string> SignedBy(const ledger::VerifierKey& key,
                                     std::string_view bytes) {
  ASSIGN_OR_RETURN(ledger::Note note, ledger::ParseNote(bytes));
  std::erase_if(note.signatures, [&](const ledger::NoteSignature& one) {
    return one.name != key.name || one.key_id != key.id();
  });
  return ledger::FormatNote(note);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProvinceView>> ProvinceView::Open(
    const NodeConfig& config, ledger::LogStore* log, base::Clock* clock) {
  ASSIGN_OR_RETURN(auto key,
                   base::ReadKeyFile(config.witness_key, "tongchou-node"));
  return Open(config, {config.WitnessName(), std::move(key)}, log, clock);
}

absl::StatusOr<std::unique_ptr<ProvinceView>> ProvinceView::Open(
    const NodeConfig& config, ledger::Cosigner cosigner, ledger::LogStore* log,
    base::Clock* clock) {
  std::unique_ptr<ProvinceView> view(
      new ProvinceView(config, std::move(cosigner), log, clock));
  ASSIGN_OR_RETURN(view->province_key_,
                   ledger::ParseVerifierKey(config.province_key));
  RETURN_IF_ERROR(view->Load());
  return view;
}

absl::Status ProvinceView::Load() {
  ASSIGN_OR_RETURN(const auto known, log_.GetLocalFact(kProvinceHeadFact));
  ASSIGN_OR_RETURN(const auto evidence,
                   log_.GetLocalFact(kProvinceEvidenceFact));
  ASSIGN_OR_RETURN(const auto revoked, log_.GetLocalFact(kRevokedFact));
  exchange::FollowedHead head;
  if (known.has_value()) {
    ASSIGN_OR_RETURN(head, exchange::FollowedHead::Decode(*known));
  }
  // With a new key the province has begun a new log; what the old one said of
  // certificates still counts.
  const bool renewed = !head.note.empty() &&
                       !ledger::OpenCheckpoint(head.note, province_key_).ok();
  if (renewed) {
    spdlog::warn("the province's log has a new key: following it anew");
    head = {};
    RETURN_IF_ERROR(log_.RemoveLocalFact(kProvinceHeadFact));
    RETURN_IF_ERROR(log_.RemoveLocalFact(kProvinceEvidenceFact));
  }
  base::MutexLock lock(mutex_);
  follower_ = std::make_unique<exchange::Follower>(province_key_, config_.city,
                                                   std::move(head));
  if (evidence.has_value() && !renewed) {
    problem_ = evidence->substr(0, evidence->find('\n'));
  }
  std::string_view rest = revoked.has_value() ? *revoked : std::string_view();
  for (; rest.size() >= kHashBytes; rest.remove_prefix(kHashBytes)) {
    revocations_.Add(base::Hash::FromView(rest.substr(0, kHashBytes)));
  }
  return absl::OkStatus();
}

std::string ProvinceView::note() const {
  base::MutexLock lock(mutex_);
  return follower_->known().note;
}

void ProvinceView::Restart() {
  base::MutexLock lock(mutex_);
  follower_ = std::make_unique<exchange::Follower>(
      province_key_, config_.city, exchange::FollowedHead(follower_->known()));
}

absl::StatusOr<std::string> ProvinceView::OnPiece(
    const v1::ProvinceLog& piece) {
  base::MutexLock lock(mutex_);
  if (!problem_.empty()) return std::string();
  auto news = follower_->OnPiece(piece);
  if (!news.ok()) {
    RETURN_IF_ERROR(KeepEvidence(news.status(), piece.checkpoint()));
    return std::string();
  }
  if (!news->has_value()) return std::string();
  RETURN_IF_ERROR(Keep(**news));
  ASSIGN_OR_RETURN(const std::string head,
                   SignedBy(province_key_, (*news)->head.note));
  return cosigner_.Cosign(
      head, static_cast<uint64_t>(clock_.NowMicros() / base::kMicrosPerSecond));
}

absl::Status ProvinceView::Keep(const exchange::FollowedNews& news) {
  const std::set<base::Hash> known = revocations_.all();
  std::set<base::Hash> revoked = known;
  for (const exchange::AddressedEntry& entry : news.entries) {
    v1::CityAct act;
    if (!IsAct(entry.header) || !act.ParseFromString(entry.body.record())) {
      continue;
    }
    spdlog::warn("the province: entry={} act={} by={} reason={}",
                 entry.header.sequence(), v1::CityActKind_Name(act.kind()),
                 act.who(), act.reason());
    if (act.kind() == v1::CITY_ACT_KIND_REVOKE &&
        act.certificate().size() == kHashBytes) {
      revoked.insert(base::Hash::FromView(act.certificate()));
    }
  }
  if (revoked.size() != known.size()) {
    std::string fact;
    for (const base::Hash& one : revoked) fact += one.view();
    RETURN_IF_ERROR(log_.PutLocalFact(kRevokedFact, fact));
    for (const base::Hash& one : revoked) revocations_.Add(one);
  }
  return log_.PutLocalFact(kProvinceHeadFact, news.head.Encode());
}

absl::Status ProvinceView::KeepEvidence(const absl::Status& why,
                                        const std::string& offered) {
  problem_ = std::string(base::Message(why));
  spdlog::error("{}; nothing of it is cosigned any more", problem_);
  // What cannot be read proves nothing; the next start tries again.
  if (!absl::IsDataLoss(why)) return absl::OkStatus();
  // The problem on the first line, then both notes.
  return log_.PutLocalFact(
      kProvinceEvidenceFact,
      fmt::format("{}\n{}\n{}", problem_, follower_->known().note, offered));
}

ProvinceViewStatus ProvinceView::status() const {
  base::MutexLock lock(mutex_);
  const exchange::FollowedHead& known = follower_->known();
  return {known.range.size(), known.last_commit_time_us, problem_};
}

}  // namespace tongchou::node
