#include "audit/redact.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "audit/log_keys.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/records/record_key.h"
#include "tongchou/v1/ledger.pb.h"
#include "tongchou/v1/province.pb.h"

namespace tongchou::audit {
namespace {

constexpr uint32_t kEveryone = 1;

// Judges the bodies of one log, in order.
class Judge {
 public:
  Judge(uint32_t city, const Redaction& redaction)
      : city_(city), redaction_(redaction) {
    for (const std::string& person : redaction.persons) {
      records::AppendPerson(person, &keys_.emplace_back());
    }
  }

  bool Keeps(uint64_t sequence, std::string_view header,
             std::string_view body) {
    const bool named = Names(body);
    if (city_ == kProvinceLog) return KeepsOwn(header, body, named);
    if (sequence < redaction_.first || sequence >= redaction_.end) return true;
    return redaction_.persons.empty() ? false
                                      : named == redaction_.keep_persons;
  }

 private:
  bool Names(std::string_view bytes) {
    v1::EntryBody body;
    if (!body.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return false;
    }
    bool named = body.record().empty() && named_records_.contains(body.key());
    const std::string_view key_person = records::PersonOfKey(body.key());
    for (size_t i = 0; i < keys_.size(); ++i) {
      named |= key_person == keys_[i] ||
               bytes.find(redaction_.persons[i]) != std::string_view::npos;
    }
    if (named) named_records_.insert(body.key());
    return named;
  }

  bool KeepsOwn(std::string_view header_bytes, std::string_view body_bytes,
                bool named) const {
    v1::EntryHeader header;
    if (header.ParseFromArray(header_bytes.data(),
                              static_cast<int>(header_bytes.size())) &&
        header.audience() == kEveryone) {
      return true;
    }
    if (redaction_.persons.empty()) return false;
    if (!redaction_.keep_persons) return !named;
    return named && NamesNoOneElse(header, body_bytes);
  }

  bool NamesNoOneElse(const v1::EntryHeader& header,
                      std::string_view body_bytes) const {
    v1::EntryBody body;
    v1::Access access;
    if (static_cast<int>(header.type()) !=
            static_cast<int>(v1::PROVINCE_RECORD_TYPE_ACCESS) ||
        !body.ParseFromArray(body_bytes.data(),
                             static_cast<int>(body_bytes.size())) ||
        !access.ParseFromString(body.record()) || access.more_persons()) {
      return false;
    }
    const auto& kept = redaction_.persons;
    return std::all_of(access.persons().begin(), access.persons().end(),
                       [&](const std::string& person) {
                         return std::find(kept.begin(), kept.end(), person) !=
                                kept.end();
                       });
  }

  const uint32_t city_;
  const Redaction& redaction_;
  std::vector<std::string> keys_;        // of the persons
  std::set<std::string> named_records_;  // by record key
};

// The work of RedactLog, into a directory that is not there yet.
absl::StatusOr<uint64_t> WriteRedacted(const Archive& from, uint32_t city,
                                       const Redaction& redaction,
                                       const Archive& to) {
  RETURN_IF_ERROR(base::MakeDirectories(to.city_directory(city)));
  ASSIGN_OR_RETURN(const auto keys, ReadKeyChanges(from, city));
  RETURN_IF_ERROR(WriteKeyChanges(to, city, keys));
  ASSIGN_OR_RETURN(PieceWriter notes,
                   PieceWriter::Open(to.checkpoints(city), 0));
  RETURN_IF_ERROR(
      ReadPieces(from.checkpoints(city), [&](std::string_view note) {
        return notes.Write(note);
      }).status());
  RETURN_IF_ERROR(notes.Sync());
  ASSIGN_OR_RETURN(PieceWriter bundles, PieceWriter::Open(to.bundles(city), 0));
  ledger::Bundle bundle;
  ledger::BundleWriter writer;
  uint64_t withheld = 0;
  Judge judge(city, redaction);
  const auto redact = [&](std::string_view bytes) -> absl::Status {
    RETURN_IF_ERROR(bundle.Decode(bytes));
    for (size_t i = 0; i < bundle.count(); ++i) {
      const uint64_t sequence = bundle.first_sequence() + i;
      const auto body = bundle.body(i);
      if (body.has_value() && judge.Keeps(sequence, bundle.header(i), *body)) {
        writer.Add(bundle.header(i), *body);
        continue;
      }
      writer.AddWithheld(bundle.header(i), bundle.body_hash(i));
      ++withheld;
    }
    return bundles.Write(writer.Finish(bundle.first_sequence()));
  };
  RETURN_IF_ERROR(ReadPieces(from.bundles(city), redact).status());
  RETURN_IF_ERROR(bundles.Sync());
  return withheld;
}

}  // namespace

absl::StatusOr<uint64_t> RedactLog(const Archive& from, uint32_t city,
                                   const Redaction& redaction,
                                   const Archive& to) {
  if (!base::FileExists(from.bundles(city))) {
    return base::NotFoundError("{} is missing; fetch the log first",
                               from.bundles(city));
  }
  if (base::FileExists(to.city_directory(city))) {
    return base::AlreadyExistsError("{} exists; name another directory",
                                    to.city_directory(city));
  }
  auto withheld = WriteRedacted(from, city, redaction, to);
  // Half a copy is none.
  if (!withheld.ok()) {
    RETURN_IF_ERROR(base::RemoveAll(to.city_directory(city)));
  }
  return withheld;
}

}  // namespace tongchou::audit
