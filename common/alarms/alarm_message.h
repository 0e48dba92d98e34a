// Alarms for those who ask.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include "common/alarms/alarm_board.h"
#include "tongchou/v1/alarm.pb.h"

namespace tongchou::alarms {

// `now_us`: the time of day, from which "since when" is counted back.
v1::Alarm ToMessage(const ActiveAlarm& alarm, int64_t now_us);
// All that are active.
google::protobuf::RepeatedPtrField<v1::Alarm> ToMessages(
    const AlarmBoard& board, int64_t now_us);

}  // namespace tongchou::alarms
