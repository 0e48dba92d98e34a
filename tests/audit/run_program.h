// tongchou-audit as its users run it, within a test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "audit/command_line.h"

namespace tongchou::audit {

struct Outcome {
  int exit = 0;
  std::string out;
  std::string error;
};

inline Outcome RunProgram(std::vector<std::string> words) {
  words.insert(words.begin(), "tongchou-audit");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.exit =
      RunCommandLine(static_cast<int>(arguments.size()), arguments.data());
  outcome.out = testing::internal::GetCapturedStdout();
  outcome.error = testing::internal::GetCapturedStderr();
  return outcome;
}

}  // namespace tongchou::audit
