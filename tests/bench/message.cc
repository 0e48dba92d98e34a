#include "tests/bench/message.h"

namespace tongchou::bench {

void ToMessage(const Row& row, v1::Enrolment* message) {
  message->set_id_number(row.id_number);
  message->set_insurance(row.insurance);
  message->set_person_code(row.person_code);
  message->set_unit_code(row.unit_code);
  message->set_division(row.division);
  message->set_enrolment_state(row.state);
  message->set_contribution_state(row.paying);
  message->set_retired_flag(row.retired);
  message->set_migrant_flag(row.rural);
  message->set_enrolled_since(row.from_day);
  message->set_first_enrolled(row.first_month);
}

std::string MessageOf(const Row& row) {
  v1::Enrolment message;
  ToMessage(row, &message);
  return message.SerializeAsString();
}

}  // namespace tongchou::bench
