#include "audit/export_tiles.h"

#include <filesystem>
#include <fstream>

#include "audit/log_keys.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/compact_range.h"
#include "common/ledger/tiles.h"

namespace tongchou::audit {
namespace {

absl::Status WriteFile(const std::string& path, std::string_view bytes) {
  RETURN_IF_ERROR(base::MakeDirectories(
      std::filesystem::path(path).parent_path().string()));
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (file) return absl::OkStatus();
  return base::UnavailableError("cannot write {}", path);
}

// Entries of the copy in order, up to a size.
class Exporter {
 public:
  Exporter(ledger::TileBuilder* tiles, uint64_t size)
      : tiles_(*tiles), size_(size) {}

  absl::Status Take(std::string_view bytes) {
    if (range_.size() >= size_) return absl::OkStatus();
    RETURN_IF_ERROR(bundle_.Decode(bytes));
    if (bundle_.first_sequence() != range_.size()) {
      return base::DataLossError("a bundle begins at entry {} where {} is next",
                                 bundle_.first_sequence(), range_.size());
    }
    for (size_t i = 0; i < bundle_.count() && range_.size() < size_; ++i) {
      const ledger::Hash body = bundle_.body_hash(i);
      const ledger::Hash leaf = ledger::LeafHash(bundle_.header(i), body);
      leaf_data_ = bundle_.header(i);
      leaf_data_ += body.view();
      RETURN_IF_ERROR(tiles_.Add(leaf_data_, leaf));
      range_.Append(leaf);
    }
    return absl::OkStatus();
  }
  const ledger::CompactRange& range() const { return range_; }

 private:
  ledger::TileBuilder& tiles_;
  const uint64_t size_;
  ledger::CompactRange range_;
  ledger::Bundle bundle_;
  std::string leaf_data_;
};

}  // namespace

absl::StatusOr<uint64_t> ExportTiles(const Archive& archive,
                                     const LogPolicy& city,
                                     const std::string& directory) {
  const std::string checkpoint = directory + "/checkpoint";
  if (base::FileExists(checkpoint)) {
    return base::AlreadyExistsError("{} exists; name another directory",
                                    checkpoint);
  }
  ASSIGN_OR_RETURN(const auto newest, NewestHead(archive, city));
  if (!newest.has_value()) {
    return base::NotFoundError("no checkpoint of {} was copied; fetch its log",
                               city.origin);
  }
  const CopiedHead& head = *newest;
  ledger::TileBuilder tiles([&](std::string_view path, std::string_view bytes) {
    return WriteFile(fmt::format("{}/{}", directory, path), bytes);
  });
  Exporter exporter(&tiles, head.checkpoint.size);
  const auto read =
      ReadPieces(archive.bundles(city.city),
                 [&](std::string_view bytes) { return exporter.Take(bytes); });
  if (!read.ok()) return base::Annotate(read.status(), city.origin);
  if (exporter.range().size() != head.checkpoint.size) {
    return base::DataLossError(
        "{}: the copy has {} entries, the newest checkpoint {}: fetch it again",
        city.origin, exporter.range().size(), head.checkpoint.size);
  }
  if (exporter.range().Root() != head.checkpoint.root) {
    return base::DataLossError(
        "{}: the copy has another root than the city signed at size {}; verify "
        "says where",
        city.origin, head.checkpoint.size);
  }
  RETURN_IF_ERROR(tiles.Finish());
  // Last: a directory with a checkpoint is whole.
  RETURN_IF_ERROR(WriteFile(checkpoint, head.note));
  return head.checkpoint.size;
}

}  // namespace tongchou::audit
