// The stored values of a log, of any bytes: it says what is wrong, or its parts
// agree with each other.
#include "common/ledger/log_store.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_database.h"

using namespace tongchou;  // NOLINT(google-build-using-namespace)
using fuzz::Require;

namespace {

const std::string kPrefix = "L";

void ReadEverything(const ledger::LogStore& log) {
  const uint64_t size = log.Head().size();
  uint64_t next = 0;
  log.ReadBundles(0,
                  [&](ledger::StoredBundle&& stored) {
                    next = stored.first_sequence;
                    return true;
                  })
      .IgnoreError();
  Require(size == 0 || next < size, "bundles end where the log ends");
  for (const uint64_t at : {uint64_t{0}, size / 2, size}) {
    log.BundleAt(at).status().IgnoreError();
    log.RootAt(at).status().IgnoreError();
    log.InclusionProofOf(at, size).status().IgnoreError();
    log.ConsistencyProofOf(at, size).status().IgnoreError();
    log.CheckpointAtOrBefore(at).status().IgnoreError();
  }
  log.FindTransaction("id").status().IgnoreError();
  log.GetLocalFact("name").status().IgnoreError();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::MemoryDatabase database;
  database.Fill(fuzz::View(data, size), kPrefix);
  const auto log = ledger::LogStore::OpenWithin(database.db(), kPrefix);
  if (!log.ok()) return 0;
  const auto root = (*log)->RootAt((*log)->Head().size());
  Require(root.ok() && *root == (*log)->Head().range.Root(),
          "a log that opens has the root of its entries");
  ReadEverything(**log);
  return 0;
}
