#include "common/transport/peer_limits.h"

#include <gtest/gtest.h>

#include <vector>

#include "common/base/status.h"

namespace tongchou::transport {
namespace {

TEST(PeerLimitsTest, OnePeerHasItsBoundAndOthersTheirs) {
  PeerLimits limits(2, 5);
  auto first = limits.Enter("a", true);
  auto second = limits.Enter("a", true);
  ASSERT_TRUE(first.ok() && second.ok());
  const auto third = limits.Enter("a", true);
  EXPECT_TRUE(absl::IsResourceExhausted(third.status()));
  EXPECT_NE(base::Message(third.status()).find("2 calls of a"),
            std::string_view::npos);
  EXPECT_TRUE(limits.Enter("b", true).ok());
  first = absl::UnknownError("left");
  EXPECT_TRUE(limits.Enter("a", true).ok());
}

TEST(PeerLimitsTest, WhoDoesNotShareIsServedWhenTheOthersAreMany) {
  PeerLimits limits(2, 3);
  std::vector<CallPlace> places;
  for (const char* peer : {"a", "a", "b"}) {
    places.push_back(limits.Enter(peer, true).value());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(limits.Enter("b", true).status()));
  places.push_back(limits.Enter("node", false).value());
  places.push_back(limits.Enter("node", false).value());
  EXPECT_TRUE(absl::IsResourceExhausted(limits.Enter("node", false).status()));
  places.erase(places.begin());
  EXPECT_TRUE(limits.Enter("b", true).ok());
}

}  // namespace
}  // namespace tongchou::transport
