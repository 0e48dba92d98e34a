#include "common/alarms/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"

namespace tongchou::alarms {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kReserve = 64 << 20;

std::vector<std::string> Names(const std::vector<Sight>& seen) {
  std::vector<std::string> names;
  for (const Sight& sight : seen) names.emplace_back(sight.kind->name);
  return names;
}

class MachineAlarmsTest : public testing::Test {
 protected:
  std::vector<std::string> Look() {
    std::vector<Sight> seen;
    alarms_.Look(facts_, now_us_, &seen);
    return Names(seen);
  }

  MachineFacts facts_{.free_bytes = uint64_t{1} << 40,
                      .reserve_bytes = kReserve,
                      .certificate_days = 800};
  int64_t now_us_ = 0;
  MachineAlarms alarms_;
};

TEST_F(MachineAlarmsTest, NothingIsWrong) { EXPECT_THAT(Look(), IsEmpty()); }

TEST_F(MachineAlarmsTest, TheDiskIsFullBelowTheReserve) {
  facts_.free_bytes = kReserve;
  EXPECT_THAT(Look(), IsEmpty());
  facts_.free_bytes = kReserve - 1;
  EXPECT_THAT(Look(), testing::Contains("disk_full"));
}

TEST_F(MachineAlarmsTest, TheDiskFillsBelowThirtyDays) {
  Look();
  now_us_ += base::kMicrosPerDay;
  // 31 parts: one was used, thirty are left.
  facts_.free_bytes = *facts_.free_bytes / 31 * 30 + 31;
  EXPECT_THAT(Look(), IsEmpty());
  *facts_.free_bytes -= 1 << 20;
  EXPECT_THAT(Look(), ElementsAre("disk_filling"));
  EXPECT_LT(*alarms_.disk_days(), kDiskDaysMin);
}

TEST_F(MachineAlarmsTest, ACertificateOfFourWeeks) {
  facts_.certificate_days = kCertificateDaysMin;
  EXPECT_THAT(Look(), IsEmpty());
  facts_.certificate_days = kCertificateDaysMin - 1;
  EXPECT_THAT(Look(), ElementsAre("certificate_ends"));
  facts_.certificate_days.reset();
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_F(MachineAlarmsTest, AVolumeThatIsNotEncrypted) {
  facts_.volume_warning = "it is not";
  EXPECT_THAT(Look(), ElementsAre("data_not_encrypted"));
}

TEST(LookAtWritesTest, OnlyWhatTheDiskFailed) {
  std::vector<Sight> seen;
  LookAtWrites(absl::OkStatus(), &seen);
  LookAtWrites(base::ResourceExhaustedError("full"), &seen);
  LookAtWrites(base::UnavailableError("held"), &seen);
  LookAtWrites(base::FailedPreconditionError("360100 is quarantined"), &seen);
  LookAtWrites(base::AbortedError("a newer stream"), &seen);
  EXPECT_THAT(seen, IsEmpty());
  LookAtWrites(base::InternalError("IO error"), &seen);
  LookAtWrites(base::DataLossError("checksum"), &seen);
  EXPECT_THAT(Names(seen), ElementsAre("writes_fail", "writes_fail"));
  EXPECT_THAT(seen[0].text, HasSubstr("IO error"));
}

TEST(LookAtMachineTest, SeesTheDiskOfADirectory) {
  const MachineFacts facts = LookAtMachine("/", "/nowhere/node.pem", 0);
  EXPECT_GT(facts.free_bytes.value_or(0), 0);
  EXPECT_EQ(facts.certificate_days, std::nullopt);
}

}  // namespace
}  // namespace tongchou::alarms
