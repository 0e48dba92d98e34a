// What an auditor's files and a witness's requests may hold.
#include "audit/last_changes.h"
#include "audit/witness.h"
#include "common/base/clock.h"
#include "common/ledger/signer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temporary_directory.h"

using namespace tongchou;  // NOLINT(google-build-using-namespace)
using fuzz::Require;

namespace {

base::Ed25519PrivateKey KeyOf(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

audit::Witness& TheWitness() {
  static TemporaryDirectory directory;
  static base::ManualClock clock{1'700'000'000'000'000};
  static const auto witness = *audit::Witness::Open(
      directory.path(), ledger::Cosigner("witness", KeyOf('w')),
      {ledger::Signer("tongchou/360000", KeyOf('p')).verifier()}, &clock);
  return *witness;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input = fuzz::View(data, size);
  const audit::WitnessAnswer answer = TheWitness().AddCheckpoint(input);
  Require(answer.status == 200 || (answer.status >= 400 && answer.status < 500),
          "an answer of the protocol");
  TheWitness().GetCheckpoint(input);
  audit::LastChanges changes;
  if (changes.Decode(input).ok()) {
    Require(changes.size() <= size / 24, "a change takes 24 bytes");
  }
  return 0;
}
