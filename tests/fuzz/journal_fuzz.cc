// The stored values of a journal, of any bytes: it says what is wrong, or it
// can be read from one end to the other.
#include "aggregator/journal/journal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/memory_database.h"
#include "tests/support/temporary_directory.h"

using namespace tongchou;  // NOLINT(google-build-using-namespace)
using fuzz::Require;

namespace {

void ReadCity(const aggregator::Journal& journal, uint32_t city) {
  const auto copy = journal.City(city);
  const uint64_t size = copy.ok() ? copy->range.size() : 0;
  uint64_t next = 0;
  journal
      .ReadCity(city, 0,
                [&](aggregator::JournalBundle&& bundle) {
                  Require(bundle.first_sequence == next, "without gaps");
                  next += bundle.count;
                  return true;
                })
      .IgnoreError();
  Require(next <= size, "not beyond what is held");
  journal.RootAt(city, size / 2).status().IgnoreError();
  journal.Checkpoints(city, 0, size).status().IgnoreError();
  journal.KeyChanges(city).status().IgnoreError();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const TemporaryDirectory directory;
  fuzz::MemoryDatabase database(directory.path());
  database.Fill(fuzz::View(data, size), "");
  database.Close();
  const auto opened = aggregator::Journal::Open(
      {.directory = directory.path(), .file_system = database.file_system()});
  if (!opened.ok()) return 0;
  const aggregator::Journal& journal = **opened;
  uint64_t ordinal = 0;
  journal
      .ReadGroups(0,
                  [&](aggregator::JournalGroup&& group) {
                    Require(group.ordinal > ordinal, "in their order");
                    ordinal = group.ordinal;
                    return true;
                  })
      .IgnoreError();
  Require(ordinal <= journal.last_ordinal(), "not beyond the last");
  for (const uint32_t city : journal.cities()) ReadCity(journal, city);
  journal.Revoked().status().IgnoreError();
  journal.JoinedCities().status().IgnoreError();
  return 0;
}
