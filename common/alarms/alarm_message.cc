#include "common/alarms/alarm_message.h"

namespace tongchou::alarms {

v1::Alarm ToMessage(const ActiveAlarm& alarm, int64_t now_us) {
  const AlarmKind& kind = *alarm.sight.kind;
  v1::Alarm message;
  message.set_name(std::string(kind.name));
  message.set_severity(kind.severity == Severity::kCritical
                           ? v1::ALARM_SEVERITY_CRITICAL
                           : v1::ALARM_SEVERITY_WARNING);
  message.set_city(alarm.sight.city);
  message.set_since_us(now_us - alarm.lasted_us);
  message.set_text(alarm.sight.text);
  message.set_meaning(std::string(kind.meaning));
  message.set_remedy(std::string(kind.remedy));
  return message;
}

google::protobuf::RepeatedPtrField<v1::Alarm> ToMessages(
    const AlarmBoard& board, int64_t now_us) {
  google::protobuf::RepeatedPtrField<v1::Alarm> messages;
  for (const ActiveAlarm& alarm : board.active()) {
    *messages.Add() = ToMessage(alarm, now_us);
  }
  return messages;
}

}  // namespace tongchou::alarms
