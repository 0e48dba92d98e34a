// Group commits of made-up entries.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ledger/bundle.h"
#include "common/ledger/log_store.h"
#include "tests/common/ledger/add_with_leaf.h"

namespace tongchou::ledger {

// Bundles of these sizes behind the first `first` entries.
inline GroupCommit MakeCommit(uint64_t first,
                              const std::vector<int>& bundle_sizes) {
  GroupCommit commit;
  BundleWriter writer;
  uint64_t next = first;
  for (const int size : bundle_sizes) {
    const uint64_t start = next;
    for (int i = 0; i < size; ++i, ++next) {
      commit.leaf_hashes.push_back(AddWithLeaf(&writer,
                                               "header " + std::to_string(next),
                                               "body " + std::to_string(next)));
    }
    commit.bundles.push_back(
        {start, static_cast<uint64_t>(size), writer.Finish(start)});
  }
  commit.last_commit_time_us = static_cast<int64_t>(next);
  return commit;
}

}  // namespace tongchou::ledger
