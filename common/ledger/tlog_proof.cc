#include "common/ledger/tlog_proof.h"

#include <charconv>

#include "common/base/base64.h"
#include "common/base/status.h"

namespace tongchou::ledger {
namespace {

constexpr std::string_view kFirstLine = "c2sp.org/tlog-proof@v1\n";
constexpr size_t kProofHashesMax = 64;

absl::Status Malformed(std::string_view what) {
  return base::InvalidArgumentError("tlog proof: {}", what);
}

absl::Status TakeIndex(std::string_view* text, uint64_t* index) {
  if (text->starts_with("extra ")) text->remove_prefix(text->find('\n') + 1);
  constexpr std::string_view kIndex = "index ";
  const size_t end = text->find('\n');
  if (!text->starts_with(kIndex) || end == text->npos) {
    return Malformed("no index");
  }
  const std::string_view digits =
      text->substr(kIndex.size(), end - kIndex.size());
  const char* digits_end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), digits_end, *index);
  if (error != std::errc() || stop != digits_end) return Malformed("bad index");
  text->remove_prefix(end + 1);
  return absl::OkStatus();
}

}  // namespace

std::string FormatTlogProof(const TlogProof& proof) {
  std::string text = fmt::format("{}index {}\n", kFirstLine, proof.index);
  for (const Hash& hash : proof.proof) {
    text += base::Base64Encode(hash.view()) + "\n";
  }
  return text + "\n" + proof.checkpoint;
}

absl::StatusOr<TlogProof> ParseTlogProof(std::string_view text) {
  if (!text.starts_with(kFirstLine)) return Malformed("unknown first line");
  text.remove_prefix(kFirstLine.size());
  TlogProof proof;
  RETURN_IF_ERROR(TakeIndex(&text, &proof.index));
  while (!text.starts_with('\n')) {
    const size_t end = text.find('\n');
    if (end == text.npos) return Malformed("no checkpoint");
    const auto bytes = base::Base64Decode(text.substr(0, end));
    if (!bytes.has_value() || bytes->size() != sizeof(Hash::bytes) ||
        proof.proof.size() == kProofHashesMax) {
      return Malformed("bad hash line");
    }
    proof.proof.push_back(Hash::FromView(*bytes));
    text.remove_prefix(end + 1);
  }
  proof.checkpoint = text.substr(1);
  return proof;
}

}  // namespace tongchou::ledger
