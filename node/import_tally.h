// Counts of one file on their way into its receipt.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/records/row.h"
#include "common/records/row_parser.h"
#include "tongchou/v1/node.pb.h"

namespace tongchou::node {

// Not thread-safe.
class ImportTally {
 public:
  explicit ImportTally(const records::RecordSchema& schema);

  void Rejected(std::string_view code) {
    ++rows_read_;
    ++rejected_[std::string(code)];
  }
  // Repairs, sums and unknown values of an accepted row.
  void Accepted(const records::Row& row, const records::RowParser& parser);
  void Result(v1::ChangeResult result, uint64_t count = 1);

  uint64_t rows_read() const { return rows_read_; }
  void Fill(v1::ImportReceipt* receipt) const;

 private:
  const records::RecordSchema& schema_;
  uint64_t rows_read_ = 0;
  uint64_t inserted_ = 0;
  uint64_t updated_ = 0;
  uint64_t unchanged_ = 0;
  uint64_t deleted_ = 0;
  std::map<std::string, uint64_t> rejected_;
  std::array<uint64_t, records::kRepairs> repaired_{};
  std::vector<int> money_fields_;
  std::map<int, int64_t> sums_;
  std::map<std::string, uint64_t> unknown_values_;
};

}  // namespace tongchou::node
