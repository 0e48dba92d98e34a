// What a node pays to find the past of a record that its table has forgotten.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/ledger/log_store.h"
#include "common/records/record_key.h"
#include "node/record_index.h"
#include "tests/bench/rows.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::bench {
namespace {

constexpr size_t kTableEntries = 10'000;
constexpr size_t kTransaction = 1'000;

class ForgetfulIndex {
 public:
  explicit ForgetfulIndex(size_t records) {
    auto log = ledger::LogStore::Open({Path("log"), nullptr});
    TONGCHOU_CHECK(log.ok());
    log_ = *std::move(log);
    auto index =
        node::RecordIndex::Open({Path("state"), false, kTableEntries}, *log_);
    TONGCHOU_CHECK(index.ok());
    index_ = *std::move(index);
    for (size_t i = 0; i < records; ++i) {
      TONGCHOU_CHECK(index_->Put(KeyOf(i), {i, false, Mix(i), 360'102}).ok());
      if (i % kTransaction == kTransaction - 1) index_->Committed(i + 1);
    }
    TONGCHOU_CHECK(index_->Flush().ok());
  }

  // Of the transaction, in no order; spread over all records.
  std::vector<std::string> Transaction(uint64_t number, size_t records) const {
    std::vector<std::string> keys;
    for (size_t i = 0; i < kTransaction; ++i) {
      keys.push_back(KeyOf(Mix(number * kTransaction + i) % records));
    }
    return keys;
  }
  node::RecordIndex& index() { return *index_; }

 private:
  static uint64_t Mix(uint64_t i) {
    i = (i + 1) * 0x9e3779b97f4a7c15;
    i = (i ^ i >> 32) * 0xbf58476d1ce4e5b9;
    return i ^ i >> 29;
  }
  static std::string KeyOf(uint64_t i) {
    const uint64_t mixed = Mix(i);
    std::string key("\x04\x12", 2);
    key.append(reinterpret_cast<const char*>(&mixed), 8);
    return key + "110\x01";
  }
  std::string Path(const std::string& name) const {
    return directory_.path() + "/" + name;
  }

  const TemporaryDirectory directory_;
  std::unique_ptr<ledger::LogStore> log_;
  std::unique_ptr<node::RecordIndex> index_;
};

void FindForgotten(benchmark::State& state) {
  const auto records = static_cast<size_t>(state.range(0));
  ForgetfulIndex forgetful(records);
  uint64_t number = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const std::vector<std::string> keys =
        forgetful.Transaction(++number, records);
    state.ResumeTiming();
    TONGCHOU_CHECK(
        forgetful.index()
            .ReadAhead(keys.size(),
                       [&](size_t i) { return std::string_view(keys[i]); })
            .ok());
    for (const std::string& key : keys) {
      const auto found = forgetful.index().Find(key);
      TONGCHOU_CHECK(found.ok() && found->has_value());
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(number * kTransaction));
}
BENCHMARK(FindForgotten)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace tongchou::bench
