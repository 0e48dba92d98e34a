#include "tests/simulation/simulation.h"

#include <gtest/gtest.h>

namespace tongchou::simulation {
namespace {

// More are tried by simulation_seeds and simulation_long.
constexpr uint64_t kSeeds = 100;
// Within so many seeds every planted bug is found.
constexpr uint64_t kSeedsToFind = 30;
// A second history needs an old copy of a province that lacks a head that was
// shown; not many seeds have one.
constexpr uint64_t kSeedsToFindByAudits = 60;

TEST(SimulationTest, ASeedGivesTheSameRunTwice) {
  const Outcome first = Simulate({.seed = 7});
  const Outcome second = Simulate({.seed = 7});
  EXPECT_EQ(first.trace_hash, second.trace_hash);
  EXPECT_EQ(first.faults, second.faults);
  EXPECT_GT(first.committed, 0);
  EXPECT_NE(first.trace_hash, Simulate({.seed = 8}).trace_hash);
}

TEST(SimulationTest, NothingIsViolated) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    ASSERT_EQ(Simulate({.seed = seed}).failure, "") << "seed " << seed;
  }
}

TEST(SimulationTest, EveryPlantedBugIsFound) {
  for (int i = 1; i <= kMutations; ++i) {
    const auto mutation = static_cast<Mutation>(i);
    bool found = false;
    for (uint64_t seed = 1; seed <= kSeedsToFind && !found; ++seed) {
      found = !Simulate({.seed = seed, .mutation = mutation}).failure.empty();
    }
    EXPECT_TRUE(found) << NameOf(mutation);
  }
}

// By those who only see what everybody shows.
TEST(SimulationTest, EveryForgeryIsFoundByAuditsAlone) {
  for (int i = 0; i <= kMutations; ++i) {
    const auto mutation = static_cast<Mutation>(i);
    if (mutation != Mutation::kNone && !IsForgery(mutation)) continue;
    std::string found;
    for (uint64_t seed = 1; seed <= kSeedsToFindByAudits && found.empty();
         ++seed) {
      found =
          Simulate({.seed = seed, .mutation = mutation, .audits_alone = true})
              .failure;
    }
    EXPECT_EQ(found.empty(), mutation == Mutation::kNone)
        << NameOf(mutation) << " " << found;
  }
}

TEST(SimulationTest, AShrunkRunStillFails) {
  Options options{.seed = 1, .mutation = Mutation::kOrderLost};
  while (Simulate(options).failure.empty()) ++options.seed;
  const int steps = Shrink(options);
  EXPECT_LT(steps, options.steps);
  options.steps = steps;
  EXPECT_NE(Simulate(options).failure, "");
}

}  // namespace
}  // namespace tongchou::simulation
