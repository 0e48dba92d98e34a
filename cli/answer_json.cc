#include "cli/answer_json.h"

#include "cli/text.h"
#include "common/base/clock.h"
#include "common/base/sha256.h"
#include "common/records/schema.h"

namespace tongchou::cli {
namespace {

constexpr int kJsonIndent = 2;

Json TextOrNull(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json CountsJson(
    const google::protobuf::RepeatedPtrField<v1::NamedCount>& counts) {
  Json json = Json::object();
  for (const v1::NamedCount& one : counts) json[one.name()] = one.count();
  return json;
}

}  // namespace

std::string JsonText(const Json& json) {
  return json.dump(kJsonIndent, ' ', false, Json::error_handler_t::replace) +
         '\n';
}

Json DayJson(uint32_t day) {
  return day == 0 ? Json(nullptr) : Json(base::FormatDay(day));
}

Json FileJson(const v1::ImportReceipt& receipt) {
  Json json = {{"file", receipt.file_name()},
               {"type", TypeName(receipt.type())},
               {"refused", TextOrNull(receipt.refused_code())},
               {"read", receipt.rows_read()},
               {"inserted", receipt.rows_inserted()},
               {"updated", receipt.rows_updated()},
               {"unchanged", receipt.rows_unchanged()},
               {"deleted", receipt.rows_deleted()},
               {"rejected", CountsJson(receipt.rejected())},
               {"repaired", CountsJson(receipt.repaired())}};
  if (IsInterrupted(receipt)) json["interrupted"] = true;
  return json;
}

Json CityJson(const v1::CityStatus& city) {
  Json files = Json::array();
  for (const v1::ImportReceipt& receipt : city.imports()) {
    files.push_back(FileJson(receipt));
  }
  return {{"city", DivisionText(city.city())},
          {"committed", city.committed_size()},
          {"durable", city.durable_size()},
          {"applied", city.applied_size()},
          {"uninterpreted", city.uninterpreted()},
          {"state", StateName(city.state())},
          {"problem",
           city.problem().empty() ? Json(nullptr) : Json(city.problem())},
          {"files", std::move(files)}};
}

Json AlarmsJson(const google::protobuf::RepeatedPtrField<v1::Alarm>& alarms) {
  Json list = Json::array();
  for (const v1::Alarm& alarm : alarms) {
    list.push_back({{"alarm", alarm.name()},
                    {"severity", SeverityName(alarm.severity())},
                    {"city", TextOrNull(DivisionText(alarm.city()))},
                    {"since", alarm.since_us()},
                    {"text", alarm.text()},
                    {"meaning", alarm.meaning()},
                    {"remedy", alarm.remedy()}});
  }
  return list;
}

Json NodeJson(const v1::GetNodeStatusResponse& node) {
  return {{"city", DivisionText(node.city())},
          {"records", node.records()},
          {"committed", node.committed_size()},
          {"durable", node.durable_size()},
          {"applied", node.applied_size()},
          {"uplink", node.uplink_state()},
          {"read_only", TextOrNull(node.read_only_reason())},
          {"clock", node.clock_us()},
          {"province_log", node.province_log_size()},
          {"volume_warning", node.volume_warning()},
          {"certificate_days", node.certificate_days()},
          {"alarms", AlarmsJson(node.alarms())},
          {"province_log_problem", TextOrNull(node.province_log_problem())}};
}

Json BasisJson(const v1::AnswerBasis& basis) {
  Json cities = Json::array();
  for (const v1::CityBasis& city : basis.cities()) {
    cities.push_back({{"city", DivisionText(city.city())},
                      {"origin", city.origin()},
                      {"size", city.size()},
                      {"root", base::HexEncode(city.root())},
                      {"commit_time", city.commit_time_us()}});
  }
  return cities;
}

Json FigureJson(const v1::Figure& figure) {
  Json json = {
      {"id", figure.id()},
      {"city", TextOrNull(DivisionText(figure.city()))},
      {"county", TextOrNull(DivisionText(figure.county()))},
      {"insurance", TextOrNull(figure.insurance())},
      {"period", figure.period() == 0 ? Json(nullptr)
                                      : Json(std::to_string(figure.period()))},
      {"value", figure.has_value() ? Json(figure.value()) : Json(nullptr)}};
  if (figure.once()) json["line"] = "once";
  return json;
}

Json RecordJson(const v1::RecordView& record) {
  Json fields = Json::object();
  for (const v1::FieldText& field : record.fields()) {
    fields[field.code()] = field.value();
  }
  Json json = {{"type", TypeName(record.type())},
               {"city", DivisionText(record.city())},
               {"fields", std::move(fields)},
               {"sequence", record.sequence()},
               {"commit_time", record.commit_time_us()},
               {"deleted", record.deleted()}};
  if (!record.pseudonym().empty()) json["pseudonym"] = record.pseudonym();
  return json;
}

Json VersionJson(const v1::RecordVersion& version) {
  Json json = RecordJson(version.record());
  json["operation"] =
      EnumName(v1::Operation_Name(version.operation()), "OPERATION_");
  json["reason"] = EnumName(v1::Reason_Name(version.reason()), "REASON_");
  json["receipt"] =
      version.receipt() == 0 ? Json(nullptr) : Json(version.receipt());
  json["line"] = version.line() == 0 ? Json(nullptr) : Json(version.line());
  json["staff"] = TextOrNull(version.staff());
  json["reason_text"] = TextOrNull(version.reason_text());
  json["document"] = TextOrNull(version.document_number());
  return json;
}

bool IsInterrupted(const v1::ImportReceipt& receipt) {
  return receipt.outcome() == v1::IMPORT_OUTCOME_INTERRUPTED;
}

std::string SeverityName(v1::AlarmSeverity severity) {
  return EnumName(v1::AlarmSeverity_Name(severity), "ALARM_SEVERITY_");
}

std::string StateName(v1::CityState state) {
  return EnumName(v1::CityState_Name(state), "CITY_STATE_");
}

std::string TypeName(v1::RecordType type) {
  const records::RecordSchema* schema =
      records::Schema::Get().Find(static_cast<uint32_t>(type));
  return schema == nullptr ? std::to_string(static_cast<int>(type))
                           : schema->name;
}

}  // namespace tongchou::cli
