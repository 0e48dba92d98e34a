// The audit office: its witness, and auditors who take what everybody shows and
// verify it. Real are the witness and the verification of a copy.
#include <algorithm>
#include <charconv>
#include <utility>

#include "audit/archive.h"
#include "audit/log_keys.h"
#include "audit/replay.h"
#include "audit/witness.h"
#include "common/base/base64.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "tests/simulation/world.h"

namespace tongchou::simulation {
namespace {

constexpr int kOk = 200;
constexpr int kConflict = 409;

absl::Status WritePieces(const std::string& path,
                         const std::vector<std::string>& pieces) {
  ASSIGN_OR_RETURN(auto writer, audit::PieceWriter::Open(path, 0));
  for (const std::string& piece : pieces) {
    RETURN_IF_ERROR(writer.Write(piece));
  }
  return writer.Flush();
}

std::vector<std::string> BundlesOf(const Log& log) {
  std::vector<std::string> bundles;
  for (const LogBundle& one : log.bundles) bundles.push_back(one.bytes);
  return bundles;
}

std::vector<std::string> NotesIn(const std::map<uint64_t, std::string>& all) {
  std::vector<std::string> notes;
  for (const auto& [size, note] : all) notes.push_back(note);
  return notes;
}

}  // namespace

// As it starts, told of every key that the cities' logs have had.
absl::StatusOr<std::unique_ptr<audit::Witness>> World::OpenWitness() {
  std::vector<ledger::VerifierKey> logs = {own_signer_.verifier()};
  for (const auto& city : cities_) {
    logs.insert(logs.end(), city->all_keys.begin(), city->all_keys.end());
  }
  return audit::Witness::Open(directory_.path() + "/witness", office_, logs,
                              &clock_);
}

// It is shown the newest head of a log with the proof that it asks for.
void World::FeedWitness() {
  const size_t i = Below(cities_.size() + 1);
  const bool own = i == cities_.size();
  if (own && !own_head_->hold_reason().empty()) return;
  const Log& log = own ? disk_.own_log().log() : Held(i).log;
  const std::string note =
      own ? own_head_->newest().note : Held(i).copy.checkpoint;
  if (note.empty()) return;
  const auto witness = OpenWitness();
  if (!witness.ok()) return Violated(0, base::Describe(witness.status()));
  audit::WitnessAnswer answer = (*witness)->AddCheckpoint("old 0\n\n" + note);
  const uint64_t size =
      ledger::ParseCheckpoint(ledger::ParseNote(note)->text)->size;
  if (answer.status == kConflict) {
    uint64_t old_size = 0;
    std::from_chars(answer.body.data(), answer.body.data() + answer.body.size(),
                    old_size);
    if (old_size > size) return;  // the province has lost what it saw
    ledger::Proof proof;
    if (old_size < size) proof = *log.ConsistencyProofOf(old_size, size);
    std::string body = fmt::format("old {}\n", old_size);
    for (const ledger::Hash& hash : proof) {
      body += base::Base64Encode(hash.view()) + "\n";
    }
    answer = (*witness)->AddCheckpoint(body + "\n" + note);
  }
  Note("witnessed", own ? 0 : i, size);
  if (answer.status != kOk) {
    Violated(own ? 0 : i, "the witness refuses: " + answer.body);
  }
}

// An auditor who comes while the province brings back what it lost is told to
// wait: the copy would end before heads that others have.
bool World::CanAudit() {
  const auto& own = disk_.own_log();
  if (!own_head_->hold_reason().empty() ||
      own_head_->signed_size() != own.Head().size()) {
    return false;
  }
  for (size_t i = 0; i < cities_.size(); ++i) {
    const HeldCity& held = Held(i);
    if (held.log.size() < most_held_[i]) return false;
    if (held.log.size() > 0 &&
        !ledger::VerifyCosignature(held.copy.checkpoint, cosigner_.verifier())
             .ok()) {
      return false;
    }
  }
  return true;
}

// What the cities, the mirror and the witness show of the province's log goes
// with what it shows itself.
std::vector<std::string> World::ShownOwnHeads(const audit::Witness& witness) {
  std::vector<std::string> notes = NotesIn(disk_.own_log().checkpoints());
  for (const auto& city : cities_) notes.push_back(city->view->note());
  if (mirrored_) notes.push_back(mirror_->note());
  notes.push_back(WitnessedNote(witness, kProvinceOrigin));
  std::erase(notes, "");
  return notes;
}

// Empty: the witness has seen nothing of it.
std::string World::WitnessedNote(const audit::Witness& witness,
                                 std::string_view origin) {
  const auto answer =
      witness.GetCheckpoint(base::HexEncode(base::Sha256(origin).view()));
  return answer.status == kOk ? answer.body : "";
}

absl::Status World::CopyCity(const audit::Archive& archive,
                             const audit::Witness& witness, size_t i) {
  const HeldCity& held = Held(i);
  const City& city = *cities_[i];
  if (held.log.size() == 0) return absl::OkStatus();
  RETURN_IF_ERROR(base::MakeDirectories(archive.city_directory(city.code)));
  RETURN_IF_ERROR(WritePieces(archive.bundles(city.code), BundlesOf(held.log)));
  std::vector<std::string> notes = NotesIn(held.notes);
  notes.push_back(city.disk.cosigned_note);
  notes.push_back(WitnessedNote(witness, city.origin));
  std::erase(notes, "");
  RETURN_IF_ERROR(WritePieces(archive.checkpoints(city.code), notes));
  return audit::WriteKeyChanges(archive, city.code, held.log.key_changes);
}

audit::Policy World::AuditPolicy() const {
  audit::Policy policy;
  policy.province = "360000";
  policy.witness = cosigner_.verifier();
  policy.own = {0, kProvinceOrigin, own_signer_.verifier(), {}};
  policy.witnesses = {office_.verifier()};
  for (const auto& city : cities_) {
    policy.cities[city->code] = {city->code, city->origin, city->first_key, {}};
  }
  return policy;
}

absl::StatusOr<audit::AuditSummary> World::VerifyCopy() {
  ASSIGN_OR_RETURN(const auto witness, OpenWitness());
  const std::string directory = directory_.path() + "/copy";
  RETURN_IF_ERROR(base::MakeEmptyDirectory(directory));
  const audit::Archive archive(directory);
  RETURN_IF_ERROR(archive.Begin());
  for (size_t i = 0; i < cities_.size(); ++i) {
    RETURN_IF_ERROR(CopyCity(archive, *witness, i));
  }
  RETURN_IF_ERROR(
      base::MakeDirectories(archive.city_directory(audit::kProvinceLog)));
  RETURN_IF_ERROR(WritePieces(archive.bundles(audit::kProvinceLog),
                              BundlesOf(disk_.own_log().log())));
  RETURN_IF_ERROR(WritePieces(archive.checkpoints(audit::kProvinceLog),
                              ShownOwnHeads(*witness)));
  return audit::Verify(archive, AuditPolicy());
}

void World::Audit() {
  const auto summary = VerifyCopy();
  if (absl::IsNotFound(summary.status())) return;  // no city has sent anything
  Note("audit", 0, summary.ok() ? summary->findings.count() : 0);
  ++outcome_.audits;
  if (!summary.ok()) {
    return AuditFinds(base::Describe(summary.status()));
  }
  if (summary->findings.empty()) return;
  const audit::Finding& first = summary->findings.kept().front();
  AuditFinds(first.place + " " + first.text);
}

void World::AuditFinds(std::string_view what) {
  if (!ok()) return;
  outcome_.failure =
      fmt::format("an audit at {} us finds: {}", now_ - kStart, what);
  Note("audit-finds", 0, 0);
}

}  // namespace tongchou::simulation
