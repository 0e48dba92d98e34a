// Records for people and spreadsheets.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tongchou/v1/common.pb.h"

namespace tongchou::cli {

using RecordViews = google::protobuf::RepeatedPtrField<v1::RecordView>;
using RecordVersions = google::protobuf::RepeatedPtrField<v1::RecordVersion>;

// A record name or fields out of CODE=VALUE arguments; empty values are left
// out. The type must exist.
v1::RecordName MakeRecordName(const std::string& type,
                              const std::vector<std::string>& fields);

// A line per field, with its Chinese name.
std::string RecordCard(const v1::RecordView& record);
// A table per type with the columns that any record has.
std::string RecordTables(const RecordViews& records);
// All columns of the type, one record per line. Records of several types get
// a header each.
std::string RecordsCsv(const RecordViews& records, bool with_header);
// Newest first, with what each change changed.
std::string HistoryTable(const RecordVersions& versions);
std::string HistoryCsv(const RecordVersions& versions);

}  // namespace tongchou::cli
