#include "aggregator/service/log_stream.h"

#include "common/ledger/bundle.h"
#include "common/ledger/checkpoint.h"

namespace tongchou::aggregator {
namespace {

class CitySource final : public LogSource {
 public:
  CitySource(const Journal& journal, uint32_t city)
      : journal_(journal), city_(city) {}

  absl::StatusOr<uint64_t> Size() const override {
    ASSIGN_OR_RETURN(const exchange::CityCopy copy, journal_.City(city_));
    return copy.range.size();
  }
  absl::Status ReadBundles(uint64_t sequence,
                           const Visit& visit) const override {
    return journal_.ReadCity(city_, sequence, [&](JournalBundle&& bundle) {
      return visit(
          {bundle.first_sequence, bundle.count, std::move(bundle.bytes)});
    });
  }
  absl::StatusOr<std::vector<std::string>> Notes(uint64_t from,
                                                 uint64_t to) const override {
    ASSIGN_OR_RETURN(auto checkpoints, journal_.Checkpoints(city_, from, to));
    std::vector<std::string> notes;
    for (JournalCheckpoint& one : checkpoints) {
      notes.push_back(std::move(one.note));
    }
    return notes;
  }

 private:
  const Journal& journal_;
  const uint32_t city_;
};

absl::StatusOr<uint64_t> SizeOf(const std::string& note) {
  ASSIGN_OR_RETURN(const ledger::Checkpoint head, ledger::ReadCheckpoint(note));
  return head.size;
}

class OwnSource final : public LogSource {
 public:
  explicit OwnSource(const ledger::LogStore& log) : log_(log) {}

  absl::StatusOr<uint64_t> Size() const override {
    ASSIGN_OR_RETURN(const auto note,
                     log_.CheckpointAtOrBefore(log_.Head().size()));
    if (!note.has_value()) return 0;
    return SizeOf(*note);
  }
  absl::Status ReadBundles(uint64_t sequence,
                           const Visit& visit) const override {
    absl::Status status;
    RETURN_IF_ERROR(
        log_.ReadBundles(sequence, [&](ledger::StoredBundle&& stored) {
          const auto range = ledger::PeekBundle(stored.bytes);
          status = range.status();
          return status.ok() && visit({range->first_sequence, range->count,
                                       std::move(stored.bytes)});
        }));
    return status;
  }
  // The newest first, as the store finds them.
  absl::StatusOr<std::vector<std::string>> Notes(uint64_t from,
                                                 uint64_t to) const override {
    std::vector<std::string> notes;
    while (to > from) {
      ASSIGN_OR_RETURN(auto note, log_.CheckpointAtOrBefore(to));
      if (!note.has_value()) break;
      ASSIGN_OR_RETURN(const uint64_t size, SizeOf(*note));
      if (size <= from) break;
      notes.insert(notes.begin(), *std::move(note));
      to = size - 1;
    }
    return notes;
  }

 private:
  const ledger::LogStore& log_;
};

}  // namespace

std::unique_ptr<LogSource> CityLogSource(const Journal& journal,
                                         uint32_t city) {
  return std::make_unique<CitySource>(journal, city);
}

std::unique_ptr<LogSource> OwnLogSource(const ledger::LogStore& log) {
  return std::make_unique<OwnSource>(log);
}

}  // namespace tongchou::aggregator
