#include "tests/faults/unit_rows.h"

#include <fmt/format.h>

#include "common/base/ed25519.h"
#include "common/base/file.h"
#include "common/base/sha256.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/row.h"
#include "common/records/schema.h"
#include "node/record_index.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::faults {
namespace {

std::string NameOf(int number, int version) {
  return base::HexEncode(
      base::Sha256(fmt::format("{} {}", number, version)).view());
}

}  // namespace

node::PendingChange Unit(int number, int version) {
  records::Row row(records::Schema::Get().At(v1::RECORD_TYPE_UNIT));
  const std::string code = std::to_string(number);
  row.SetText(row.schema().IndexOf("AAB001"), code);
  const std::string name = NameOf(number, version);
  row.SetText(row.schema().IndexOf("AAB004"), name);
  node::PendingChange change;
  change.type = v1::RECORD_TYPE_UNIT;
  change.key = records::KeyOf(row);
  records::AppendRecord(row, &change.record);
  change.fingerprint = node::Fingerprint(change.record);
  return change;
}

std::vector<node::PendingChange> Units(int first, int count, int version) {
  std::vector<node::PendingChange> units;
  for (int i = 0; i < count; ++i) units.push_back(Unit(first + i, version));
  return units;
}

node::PendingChange UnitGone(int number) {
  node::PendingChange change = Unit(number, 0);
  change.is_delete = true;
  change.record.clear();
  change.fingerprint = node::Fingerprint(change.record);
  return change;
}

std::string UnitFile(int first, int count) {
  std::string text = "AAB001,AAB004,AAB301\n";
  for (int i = first; i < first + count; ++i) {
    text += fmt::format("{},{},360102\n", i, NameOf(i, 0));
  }
  return text;
}

absl::Status WriteTestKey(const std::string& path, char seed) {
  auto key = base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
  if (!key.ok()) return key.status();
  return base::WritePrivateFileDurably(path, key->ToPem());
}

}  // namespace tongchou::faults
