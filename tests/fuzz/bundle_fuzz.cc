// A bundle that decodes can be written again, with the same entries and leaf
// hashes.
#include "common/ledger/bundle.h"
#include "common/ledger/compact_range.h"
#include "tests/fuzz/fuzz.h"

using namespace tongchou;  // NOLINT(google-build-using-namespace)
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input = fuzz::View(data, size);
  const auto range = ledger::CompactRange::Decode(input);
  if (range.ok()) {
    Require(range->Encode() == input, "a range encodes to itself");
    range->Root();
  }
  ledger::Bundle bundle;
  if (!bundle.Decode(input).ok()) return 0;
  const auto peeked = ledger::PeekBundle(input);
  Require(peeked.ok() && peeked->first_sequence == bundle.first_sequence() &&
              peeked->count == bundle.count(),
          "what was peeked is what is there");
  ledger::BundleWriter writer;
  for (size_t i = 0; i < bundle.count(); ++i) {
    const auto body = bundle.body(i);
    if (body.has_value()) {
      writer.Add(bundle.header(i), *body);
    } else {
      writer.AddWithheld(bundle.header(i), bundle.body_hash(i));
    }
  }
  std::vector<ledger::Hash> leaves;
  const std::string again = writer.Finish(bundle.first_sequence(), &leaves);
  Require(leaves == bundle.leaf_hashes(), "the same leaves");
  ledger::Bundle decoded;
  Require(decoded.Decode(again).ok(), "decodes again");
  Require(decoded.leaf_hashes() == leaves, "the same leaves again");
  return 0;
}
