#include "common/ledger/bundle.h"

#include <zstd.h>

#include "common/base/cpu_account.h"
#include "common/base/status.h"
#include "common/base/varint.h"

namespace tongchou::ledger {
namespace {

base::CpuAccount compressing("compress");
base::CpuAccount decompressing("decompress");

constexpr std::string_view kMagic = "TCB1";
constexpr int kCompressionLevel = 1;
constexpr size_t kHashBytes = 32;
constexpr char kPresent = 0;
constexpr char kWithheld = 1;

absl::Status Malformed(std::string_view what) {
  return base::DataLossError("bundle: {}", what);
}

struct Frame {
  uint64_t raw = 0;
  uint64_t compressed = 0;
};

struct Preamble {
  BundleRange range;
  Frame headers;
  Frame bodies;
};

absl::Status TakePreamble(std::string_view* bytes, Preamble* preamble) {
  if (!bytes->starts_with(kMagic)) return Malformed("unknown first bytes");
  bytes->remove_prefix(kMagic.size());
  for (uint64_t* field :
       {&preamble->range.first_sequence, &preamble->range.count,
        &preamble->headers.raw, &preamble->headers.compressed,
        &preamble->bodies.raw, &preamble->bodies.compressed}) {
    if (!base::TakeVarint(bytes, field)) return Malformed("cut preamble");
  }
  if (preamble->range.count == 0 || preamble->range.count > kBundleEntriesMax) {
    return Malformed("impossible number of entries");
  }
  if (preamble->headers.raw > kBundleFrameBytesMax ||
      preamble->bodies.raw > kBundleFrameBytesMax) {
    return Malformed("a frame is too large");
  }
  return absl::OkStatus();
}

absl::Status Inflate(std::string_view* bytes, const Frame& frame,
                     RawBytes* raw) {
  const base::CpuScope scope(decompressing);
  if (frame.compressed > bytes->size()) return Malformed("a frame is cut");
  thread_local std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(
      ZSTD_createDCtx(), &ZSTD_freeDCtx);
  raw->Resize(frame.raw);
  const size_t size = ZSTD_decompressDCtx(
      context.get(), raw->data(), raw->size(), bytes->data(), frame.compressed);
  if (ZSTD_isError(size) != 0 || size != frame.raw) {
    return Malformed("a frame cannot be decompressed");
  }
  bytes->remove_prefix(frame.compressed);
  return absl::OkStatus();
}

bool TakePiece(std::string_view* bytes, std::string_view* piece) {
  uint64_t length;
  if (!base::TakeVarint(bytes, &length) || length > bytes->size()) return false;
  *piece = bytes->substr(0, length);
  bytes->remove_prefix(length);
  return true;
}

}  // namespace

struct BundleWriter::Compressor {
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{
      ZSTD_createCCtx(), &ZSTD_freeCCtx};

  RawBytes bytes;  // kept between bundles

  // A view until the next call.
  std::string_view Run(const std::string& raw) {
    const base::CpuScope scope(compressing);
    bytes.Resize(ZSTD_compressBound(raw.size()));
    const size_t size =
        ZSTD_compressCCtx(context.get(), bytes.data(), bytes.size(), raw.data(),
                          raw.size(), kCompressionLevel);
    TONGCHOU_CHECK(ZSTD_isError(size) == 0);
    return bytes.view().substr(0, size);
  }
};

BundleWriter::BundleWriter() : compressor_(std::make_unique<Compressor>()) {}
BundleWriter::~BundleWriter() = default;

void BundleWriter::AddHeader(std::string_view header, char presence) {
  base::AppendVarint(header.size(), &headers_);
  Place place;
  place.header = headers_.size();
  place.header_bytes = header.size();
  place.present = presence == kPresent;
  places_.push_back(place);
  headers_ += header;
  headers_.push_back(presence);
}

void BundleWriter::Add(std::string_view header, std::string_view body) {
  AddHeader(header, kPresent);
  base::AppendVarint(body.size(), &bodies_);
  places_.back().body = bodies_.size();
  places_.back().body_bytes = body.size();
  bodies_ += body;
}

void BundleWriter::AddWithheld(std::string_view header, const Hash& body_hash) {
  AddHeader(header, kWithheld);
  places_.back().body = headers_.size();
  places_.back().body_bytes = kHashBytes;
  headers_ += body_hash.view();
}

void BundleWriter::AddLeaves(std::vector<Hash>* leaves) {
  const std::string_view headers = headers_;
  const std::string_view bodies = bodies_;
  entries_.clear();
  for (const Place& place : places_) {
    entries_.push_back({headers.substr(place.header, place.header_bytes),
                        (place.present ? bodies : headers)
                            .substr(place.body, place.body_bytes),
                        place.present});
  }
  hasher_.Run(entries_);
  leaves->insert(leaves->end(), hasher_.leaf_hashes().begin(),
                 hasher_.leaf_hashes().end());
}

std::string BundleWriter::Finish(uint64_t first_sequence,
                                 std::vector<Hash>* leaves) {
  if (leaves != nullptr) AddLeaves(leaves);
  const std::string headers(compressor_->Run(headers_));
  const std::string_view bodies = compressor_->Run(bodies_);
  std::string bytes(kMagic);
  bytes.reserve(headers.size() + bodies.size() + 64);
  for (const uint64_t field :
       {first_sequence, uint64_t{places_.size()}, uint64_t{headers_.size()},
        uint64_t{headers.size()}, uint64_t{bodies_.size()},
        uint64_t{bodies.size()}}) {
    base::AppendVarint(field, &bytes);
  }
  bytes += headers;
  bytes += bodies;
  headers_.clear();
  bodies_.clear();
  places_.clear();
  return bytes;
}

absl::StatusOr<BundleRange> PeekBundle(std::string_view bytes) {
  Preamble preamble;
  RETURN_IF_ERROR(TakePreamble(&bytes, &preamble));
  return preamble.range;
}

absl::Status Bundle::Decode(std::string_view bytes) {
  Preamble preamble;
  RETURN_IF_ERROR(TakePreamble(&bytes, &preamble));
  range_ = preamble.range;
  entries_.clear();
  hashed_ = false;
  RETURN_IF_ERROR(Inflate(&bytes, preamble.headers, &headers_));
  RETURN_IF_ERROR(Inflate(&bytes, preamble.bodies, &bodies_));
  if (!bytes.empty()) return Malformed("bytes behind the last frame");
  RETURN_IF_ERROR(ReadHeaders());
  return ReadBodies();
}

absl::Status Bundle::ReadHeaders() {
  std::string_view rest = headers_.view();
  entries_.reserve(range_.count);
  while (!rest.empty()) {
    EntryParts entry;
    if (entries_.size() == range_.count || !TakePiece(&rest, &entry.header) ||
        rest.empty()) {
      return Malformed("the headers do not add up");
    }
    entry.present = rest.front() == kPresent;
    if (!entry.present && rest.front() != kWithheld) {
      return Malformed("unknown kind of body");
    }
    rest.remove_prefix(1);
    if (!entry.present) {
      if (rest.size() < kHashBytes) return Malformed("a body hash is cut");
      entry.body = rest.substr(0, kHashBytes);
      rest.remove_prefix(kHashBytes);
    }
    entries_.push_back(entry);
  }
  if (entries_.size() != range_.count) {
    return Malformed("the headers do not add up");
  }
  return absl::OkStatus();
}

absl::Status Bundle::ReadBodies() {
  std::string_view rest = bodies_.view();
  for (EntryParts& entry : entries_) {
    if (entry.present && !TakePiece(&rest, &entry.body)) {
      return Malformed("the bodies do not add up");
    }
  }
  if (!rest.empty()) return Malformed("the bodies do not add up");
  return absl::OkStatus();
}

std::optional<std::string_view> Bundle::body(size_t i) const {
  if (!entries_[i].present) return std::nullopt;
  return entries_[i].body;
}

const LeafHasher& Bundle::Hashed() const {
  if (!hashed_) hasher_.Run(entries_);
  hashed_ = true;
  return hasher_;
}

}  // namespace tongchou::ledger
