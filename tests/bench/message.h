// Rows as messages.
#pragma once

#include <string>

#include "tests/bench/rows.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::bench {

void ToMessage(const Row& row, v1::Enrolment* message);
// Serialised, key fields included.
std::string MessageOf(const Row& row);

}  // namespace tongchou::bench
