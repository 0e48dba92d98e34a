// A sign guard of any bytes: refused, or what it says of itself is what it says
// when it is written again.
#include <fstream>

#include "common/base/ed25519.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/head_signer.h"
#include "common/ledger/signer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temporary_directory.h"

using namespace tongchou;  // NOLINT(google-build-using-namespace)
using fuzz::Require;

namespace {

const std::string kOrigin = "tongchou/360000/360100";

ledger::Signer TheSigner() {
  return {kOrigin, *base::Ed25519PrivateKey::FromSeed(
                       std::string(base::kEd25519SeedBytes, 'c'))};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TemporaryDirectory directory;
  static const std::string path = directory.path() + "/guard.json";
  static const auto log =
      *ledger::LogStore::Open({.directory = directory.path() + "/log"});
  std::ofstream(path, std::ios::binary) << fuzz::View(data, size);
  const auto note = ledger::HeadSigner::GuardedNote(path, kOrigin);
  const auto signer = ledger::HeadSigner::Open(path, kOrigin, TheSigner(),
                                               log.get(), /*alone=*/true);
  Require(note.ok() || !signer.ok(), "what cannot be read signs nothing");
  if (!signer.ok()) return 0;
  Require((*signer)->last_note() == *note, "the last note");
  const auto head = (*signer)->Sign(0, ledger::EmptyRoot());
  if (!note->empty() && !(*signer)->read_only_reason().empty()) {
    Require(!head.ok(), "behind its past it signs nothing");
  }
  return 0;
}
