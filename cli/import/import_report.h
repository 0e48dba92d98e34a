// What an import says when it is done.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/command.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::cli {

// The receipts of all files as a table with totals and the reasons of refused
// files, as CSV, or as {"files": [...], "committed": n}.
std::string ImportReport(const std::vector<v1::ImportReceipt>& receipts,
                         uint64_t committed, Format format);

// Rows or values under all names together.
uint64_t CountAll(
    const google::protobuf::RepeatedPtrField<v1::NamedCount>& counts);

}  // namespace tongchou::cli
