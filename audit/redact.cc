#include "audit/redact.h"

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::audit {
namespace {

constexpr uint32_t kEveryone = 1;

bool IsForEveryone(std::string_view header_bytes) {
  v1::EntryHeader header;
  return header.ParseFromString(std::string(header_bytes)) &&
         header.audience() == kEveryone;
}

// The work of RedactLog, into a directory that is not there yet.
absl::StatusOr<uint64_t> WriteRedacted(const Archive& from, uint32_t city,
                                       uint64_t first, uint64_t end,
                                       const Archive& to) {
  RETURN_IF_ERROR(base::MakeDirectories(to.city_directory(city)));
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
  const auto redact = [&](std::string_view bytes) -> absl::Status {
    RETURN_IF_ERROR(bundle.Decode(bytes));
    for (size_t i = 0; i < bundle.count(); ++i) {
      const uint64_t sequence = bundle.first_sequence() + i;
      const auto body = bundle.body(i);
      bool keep = sequence < first || sequence >= end;
      if (city == kProvinceLog) keep = IsForEveryone(bundle.header(i));
      if (keep && body.has_value()) {
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
                                   uint64_t first, uint64_t end,
                                   const Archive& to) {
  if (!base::FileExists(from.bundles(city))) {
    return base::NotFoundError("{} is missing; fetch the log first",
                               from.bundles(city));
  }
  if (base::FileExists(to.city_directory(city))) {
    return base::AlreadyExistsError("{} exists; name another directory",
                                    to.city_directory(city));
  }
  auto withheld = WriteRedacted(from, city, first, end, to);
  // Half a copy is none.
  if (!withheld.ok()) {
    RETURN_IF_ERROR(base::RemoveAll(to.city_directory(city)));
  }
  return withheld;
}

}  // namespace tongchou::audit
