// Answers as JSON. The keys are a contract: other programs and tongchou-audit
// read them.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "tongchou/v1/common.pb.h"
#include "tongchou/v1/node.pb.h"
#include "tongchou/v1/query.pb.h"

namespace tongchou::cli {

using Json = nlohmann::ordered_json;

// With a line feed at the end.
std::string JsonText(const Json& json);

// "2008-10-31"; null for 0.
Json DayJson(uint32_t day);
// {file, type, refused, read, inserted, updated, unchanged, deleted,
// rejected {code: n}, repaired {kind: n}}, and "interrupted": true.
Json FileJson(const v1::ImportReceipt& receipt);
// {city, committed, durable, applied, state, files[]}
Json CityJson(const v1::CityStatus& city);
// {city, records, committed, durable, applied, uplink, read_only, clock}
Json NodeJson(const v1::GetNodeStatusResponse& node);
Json AlarmsJson(const google::protobuf::RepeatedPtrField<v1::Alarm>& alarms);
// [{city, origin, size, root, commit_time}]
Json BasisJson(const v1::AnswerBasis& basis);
// {id, city, county, insurance, period, value}, and "line": "once".
Json FigureJson(const v1::Figure& figure);
// {type, city, fields {code: value}, sequence, commit_time, deleted}
Json RecordJson(const v1::RecordView& record);
// A record, and who changed it how and why.
Json VersionJson(const v1::RecordVersion& version);

// Whether the import of a file was broken off and never taken up again.
bool IsInterrupted(const v1::ImportReceipt& receipt);
// warning, critical.
std::string SeverityName(v1::AlarmSeverity severity);
// live, lagging, stale, quarantined, never_seen.
std::string StateName(v1::CityState state);
// The name of a record type; its number when it is unknown.
std::string TypeName(v1::RecordType type);

}  // namespace tongchou::cli
