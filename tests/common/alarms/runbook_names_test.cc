// The runbook and the code name the same alarms: what an operator is told at
// night can be looked up, and what stands there exists.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <string>

#include "common/alarms/alarm.h"

namespace tongchou::alarms {
namespace {

// Rows of the table of alarms: name to severity.
std::map<std::string, std::string> RunbookAlarms() {
  const std::string path =
      std::string(TONGCHOU_TEST_DATA) + "/../../docs/operations.md";
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  const std::regex row(R"(\| `([a-z_]+)` \| (warning|critical) \| .+ \|)");
  std::map<std::string, std::string> rows;
  std::string line;
  std::smatch found;
  while (std::getline(file, line)) {
    if (!std::regex_match(line, found, row)) continue;
    EXPECT_TRUE(rows.emplace(found[1], found[2]).second) << line;
  }
  return rows;
}

TEST(RunbookNamesTest, EveryAlarmStandsInTheRunbookAndNoOther) {
  std::map<std::string, std::string> code;
  for (const AlarmKind* kind : AllAlarms()) {
    EXPECT_TRUE(code.emplace(kind->name, SeverityName(kind->severity)).second)
        << kind->name;
  }
  EXPECT_EQ(RunbookAlarms(), code);
}

// A line of `tongchou status` and of the log each.
TEST(AlarmTest, MeaningAndRemedyAreShort) {
  for (const AlarmKind* kind : AllAlarms()) {
    EXPECT_LE(kind->meaning.size() + std::string("  means: ").size(), 80)
        << kind->name;
    EXPECT_LE(kind->remedy.size() + std::string("  do: ").size(), 80)
        << kind->name;
  }
}

}  // namespace
}  // namespace tongchou::alarms
