// A fixed piece of work over one store's files, and what has to hold of them
// after any fault.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/faults/disk.h"

namespace tongchou::faults {

class Scenario {
 public:
  virtual ~Scenario() = default;

  // Opens what is there, as the program does at its start.
  virtual absl::Status Open() = 0;
  virtual void Close() = 0;
  virtual bool is_open() const = 0;
  virtual size_t steps() const = 0;
  // OK: acknowledged. Of a step that was done and is played again, nothing
  // happens.
  virtual absl::Status Step(size_t step) = 0;
  // Reads everything: hashes, state against log. Ok with a list of what is
  // there, in which nothing is random; an error when reading it says one.
  // A contradiction that no read noticed is a failure of its own: INTERNAL
  // "silent: ...".
  virtual absl::StatusOr<std::string> Read() = 0;
  // Whether the first `acknowledged` steps are there.
  virtual absl::Status Holds(size_t acknowledged) = 0;
  // Why the store's owner would not go on with what is there, though nothing
  // contradicts itself; empty = it would.
  virtual std::string Suspicion() { return ""; }
  // Whether it is made from something sound with which the audit compares it:
  // then nothing here has to notice what a disk that lies makes of it.
  virtual bool is_derived() const { return false; }
};

using MakeScenario =
    std::function<std::unique_ptr<Scenario>(const std::string& directory)>;

// One row of the table.
struct Tally {
  uint64_t injected = 0;
  uint64_t reopened = 0;   // the store refused to go on until it was reopened
  uint64_t noticed = 0;    // dropped: an error said so
  uint64_t shorter = 0;    // dropped: a sound beginning, known to be one
  uint64_t unnoticed = 0;  // dropped: the same, and nobody here knows
  std::vector<std::string> violations;
};

struct Plan {
  MakeScenario make;
  Fault fault = Fault::kNone;
  std::vector<uint64_t> numbers;  // of operations that have it
};

// Operations of the run without a fault, and what there is at its end.
struct Reference {
  std::vector<std::string> operations;  // like "sync /data/log/000004.log"
  std::string content;
};
absl::StatusOr<Reference> PlayWithoutFault(const MakeScenario& make);

// So many operations of each kind on each sort of file.
std::vector<uint64_t> SomeOfEach(const Reference& reference, uint64_t each);

Tally Play(const Plan& plan, const Reference& reference);

}  // namespace tongchou::faults
