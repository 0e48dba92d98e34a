// A province and its cities in one thread, driven by one seed: the machines of
// the exchange and what signs and follows the province's log are the real ones,
// with real bundles, keys and signatures; disks, network and clocks are
// simulated and fail. The same seed gives the
// same run.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace tongchou::simulation {

// A bug planted at a seam, to see that the checks find it.
enum class Mutation {
  kNone,
  kAckBeforeSync,         // a client is told before the log is synced
  kDurableBeforeSync,     // a node is told before the journal is synced
  kPositionApart,         // state written without its position
  kGapApplied,            // the applier leaves a batch out
  kResumeOffByOne,        // the journal forgets its newest batch at a greeting
  kGuardIgnored,          // an old copy of a log signs on
  kAppliedBeforeVisible,  // applied is told before the state has it
  kTornTransaction,       // the state takes a part of a transaction
  kBatchAppliedTwice,
  kCosignUnchecked,   // the cosignature is for another root
  kIncarnationLost,   // a crash takes the counter of starts
  kOrderLost,         // two transactions change places before the log
  kOldKeySignsOn,     // a key that was changed signs what lies behind
  kReceiptMissing,    // a group is written without its receipt
  kReceiptApart,      // the receipt is another write than its group
  kHeadBeforeMirror,  // heads are shown that the mirror does not keep
  kMirrorNotAsked,    // an old copy of the province goes on without its mirror
  kNewerHeadIgnored,  // the same, whatever heads the cities show
  kStartUnchecked,    // whoever names a greater start has it
};
inline constexpr int kMutations = 19;  // kNone is none
std::string_view NameOf(Mutation mutation);
// Whether it makes logs, heads or receipts that auditors must not believe.
bool IsForgery(Mutation mutation);

inline constexpr int kSteps = 250;

struct Options {
  uint64_t seed = 1;
  int steps = kSteps;  // with faults; convergence comes after them
  Mutation mutation = Mutation::kNone;
  bool trace = false;  // every event to standard output
  // Nobody but auditors looks, at this seed whatever its number.
  bool audits_alone = false;
};

struct Outcome {
  std::string failure;      // what was violated; empty when nothing was
  uint64_t trace_hash = 0;  // over all events
  uint64_t committed = 0;   // entries
  uint64_t audits = 0;
  std::map<std::string, uint64_t> faults;  // injected, by name
};

Outcome Simulate(const Options& options);

// The smallest number of steps with which the seed fails, given that it does.
int Shrink(Options options);

}  // namespace tongchou::simulation
