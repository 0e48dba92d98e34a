#include "audit/export_entries.h"

#include <string>

#include "common/base/file.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"

namespace tongchou::audit {
namespace {

void WriteEntry(const ledger::Bundle& bundle, size_t index, std::ostream* out) {
  *out << "{\"sequence\": " << bundle.first_sequence() + index
       << ", \"header\": \"" << base::HexEncode(bundle.header(index)) << "\", ";
  const auto body = bundle.body(index);
  if (body.has_value()) {
    *out << "\"body\": \"" << base::HexEncode(*body) << "\"}\n";
  } else {
    *out << "\"body\": null, \"body_hash\": \""
         << base::HexEncode(bundle.body_hash(index).view()) << "\"}\n";
  }
}

}  // namespace

absl::Status ExportEntries(const Archive& archive, uint32_t city,
                           uint64_t first, uint64_t end, std::ostream* out) {
  if (!base::FileExists(archive.bundles(city))) {
    return base::NotFoundError("{}: no such file; fetch the log of city {}",
                               archive.bundles(city), city);
  }
  ledger::Bundle bundle;
  auto read = ReadPieces(archive.bundles(city), [&](std::string_view bytes) {
    ASSIGN_OR_RETURN(const ledger::BundleRange range,
                     ledger::PeekBundle(bytes));
    if (range.first_sequence + range.count <= first ||
        range.first_sequence >= end) {
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(bundle.Decode(bytes));
    for (size_t i = 0; i < bundle.count(); ++i) {
      const uint64_t sequence = bundle.first_sequence() + i;
      if (sequence >= first && sequence < end) WriteEntry(bundle, i, out);
    }
    return absl::OkStatus();
  });
  return read.status();
}

}  // namespace tongchou::audit
