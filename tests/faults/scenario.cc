#include "tests/faults/scenario.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "absl/strings/ascii.h"
#include "common/base/status.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::faults {
namespace {

constexpr int kResumeAttempts = 1'000;
constexpr auto kResumeWait = std::chrono::milliseconds(10);

// In memory where there is such a place: thousands of stores are opened.
std::filesystem::path Parent() {
  const std::filesystem::path memory = "/dev/shm";
  return std::filesystem::is_directory(memory)
             ? memory
             : std::filesystem::temp_directory_path();
}

absl::Status Violated(std::string_view what, const absl::Status& status) {
  return base::InternalError("{}: {}", what, base::Describe(status));
}

class Trial {
 public:
  Trial(const MakeScenario& make, const Reference& reference, Fault fault,
        uint64_t at)
      : root_(directory_.path() + "/disk"),
        reference_(reference),
        fault_(fault),
        at_(at) {
    std::filesystem::create_directory(root_);
    scenario_ = make(root_);
    Disk::Get().Watch(root_, fault, at);
  }
  ~Trial() {
    scenario_.reset();
    Disk::Get().Stop();
  }

  absl::Status Run(Tally* tally);
  absl::StatusOr<std::string> RunWithoutFault();

 private:
  // Plays on from the first step that is not acknowledged, as long as it is.
  absl::Status PlayOn();
  absl::Status WaitForSpace(absl::Status status);
  absl::Status CheckReadsWhileFull();
  void LosePower();
  absl::Status GoOn();
  absl::Status Judge(const absl::Status& played, Tally* tally);
  absl::Status CheckDropped(const absl::Status& played, Tally* tally);

  const TemporaryDirectory directory_{Parent()};
  const std::string root_;
  const Reference& reference_;
  const Fault fault_;
  const uint64_t at_;
  std::unique_ptr<Scenario> scenario_;
  size_t acknowledged_ = 0;
};

absl::Status Trial::PlayOn() {
  if (!scenario_->is_open()) RETURN_IF_ERROR(scenario_->Open());
  while (acknowledged_ < scenario_->steps()) {
    absl::Status status = scenario_->Step(acknowledged_);
    if (absl::IsResourceExhausted(status) && fault_ == Fault::kFull) {
      status = WaitForSpace(std::move(status));
    } else if (!status.ok() && fault_ == Fault::kError) {
      // It was one error; whether it goes on is the store's to say.
      status = scenario_->Step(acknowledged_);
    }
    RETURN_IF_ERROR(status);
    ++acknowledged_;
    // Behind every step of the run that others are compared with.
    if (fault_ == Fault::kNone) RETURN_IF_ERROR(scenario_->Read().status());
    const bool lied =
        fault_ == Fault::kDropped && Disk::Get().struck().starts_with("sync");
    if (lied) return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status Trial::CheckReadsWhileFull() {
  if (!scenario_->is_open()) return absl::OkStatus();
  RETURN_IF_ERROR(scenario_->Read().status());
  return scenario_->Holds(acknowledged_);
}

absl::Status Trial::WaitForSpace(absl::Status status) {
  const absl::Status reads = CheckReadsWhileFull();
  if (!reads.ok()) return Violated("silent: it does not serve reads", reads);
  Disk::Get().Heal();
  for (int i = 0; i < kResumeAttempts; ++i) {
    status = scenario_->Step(acknowledged_);
    if (!absl::IsResourceExhausted(status)) return status;
    std::this_thread::sleep_for(kResumeWait);
  }
  return Violated("silent: space was freed and it does not resume", status);
}

void Trial::LosePower() {
  scenario_->Close();
  const bool half = fault_ == Fault::kPowerTorn;
  const bool lied =
      fault_ == Fault::kDropped && Disk::Get().struck().starts_with("sync");
  // What an error or a full disk leaves must survive a power failure, too.
  const bool also =
      at_ % 2 == 1 && (fault_ == Fault::kError || fault_ == Fault::kFull);
  if (half || lied || also || fault_ == Fault::kPower) {
    Disk::Get().LosePower(half);
  }
  Disk::Get().Heal();
}

// Reopened: what was acknowledged is there, and the end is that of the run
// without a fault.
absl::Status Trial::GoOn() {
  const absl::Status opened = scenario_->Open();
  if (!opened.ok()) return Violated("it does not open again", opened);
  const absl::Status read = scenario_->Read().status();
  if (!read.ok()) return Violated("it cannot be read", read);
  const absl::Status held = scenario_->Holds(acknowledged_);
  if (!held.ok()) return Violated("lost what was acknowledged", held);
  const absl::Status played = PlayOn();
  if (!played.ok()) return Violated("it does not go on", played);
  for (const bool again : {false, true}) {
    if (again) {
      scenario_->Close();
      const absl::Status second = scenario_->Open();
      if (!second.ok()) return Violated("at the end: does not open", second);
    }
    const auto content = scenario_->Read();
    if (!content.ok()) return Violated("at the end", content.status());
    if (*content != reference_.content) {
      return base::InternalError("the end differs:\n{}\ninstead of\n{}",
                                 *content, reference_.content);
    }
  }
  return absl::OkStatus();
}

bool IsSilent(const absl::Status& status) {
  return base::Message(status).find("silent: ") != std::string::npos;
}

// Nothing is promised of a disk that lies, but that nobody goes on with what
// contradicts itself.
absl::Status Trial::CheckDropped(const absl::Status& played, Tally* tally) {
  absl::Status noticed = played;
  // The next step finds less than there was.
  const bool shorter = absl::IsOutOfRange(played);
  if (noticed.ok() || shorter) noticed = scenario_->Open();
  if (noticed.ok()) noticed = scenario_->Read().status();
  if (IsSilent(noticed) && scenario_->is_derived()) {
    ++tally->unnoticed;
    return absl::OkStatus();
  }
  if (IsSilent(noticed)) return noticed;
  if (!noticed.ok()) {
    ++tally->noticed;
    return absl::OkStatus();
  }
  if (!shorter && scenario_->Holds(acknowledged_).ok()) {
    return absl::OkStatus();
  }
  ++(scenario_->Suspicion().empty() ? tally->unnoticed : tally->shorter);
  return absl::OkStatus();
}

// After the fault: OK when everything holds.
absl::Status Trial::Judge(const absl::Status& played, Tally* tally) {
  if (IsSilent(played) && !scenario_->is_derived()) return played;
  if (!played.ok()) ++tally->reopened;
  LosePower();
  if (fault_ == Fault::kDropped) return CheckDropped(played, tally);
  return IsSilent(played) ? played : GoOn();
}

absl::Status Trial::Run(Tally* tally) {
  const absl::Status played = PlayOn();
  if (Disk::Get().struck().empty()) return absl::OkStatus();
  ++tally->injected;
  const absl::Status status = Judge(played, tally);
  if (status.ok()) return status;
  return base::InternalError("{} at {} ({}): {}; before: {}", NameOf(fault_),
                             at_, Disk::Get().struck(), base::Message(status),
                             base::Describe(played));
}

absl::StatusOr<std::string> Trial::RunWithoutFault() {
  RETURN_IF_ERROR(PlayOn());
  RETURN_IF_ERROR(scenario_->Read().status());
  RETURN_IF_ERROR(scenario_->Holds(scenario_->steps()));
  auto content = scenario_->Read();
  scenario_->Close();
  return content;
}

}  // namespace

absl::StatusOr<Reference> PlayWithoutFault(const MakeScenario& make) {
  Reference reference;
  Trial trial(make, reference, Fault::kNone, 0);
  ASSIGN_OR_RETURN(std::string content, trial.RunWithoutFault());
  Reference done;
  done.content = std::move(content);
  done.operations = Disk::Get().TakeOperations();
  return done;
}

std::vector<uint64_t> SomeOfEach(const Reference& reference, uint64_t each) {
  std::map<std::string, std::vector<uint64_t>> classes;
  for (uint64_t at = 0; at < reference.operations.size(); ++at) {
    std::string name = reference.operations[at];
    std::erase_if(name, absl::ascii_isdigit);
    classes[name].push_back(at);
  }
  std::vector<uint64_t> chosen;
  for (const auto& [name, numbers] : classes) {
    const uint64_t count = std::min<uint64_t>(each, numbers.size());
    for (uint64_t i = 0; i < count; ++i) {
      chosen.push_back(numbers[(2 * i + 1) * numbers.size() / (2 * count)]);
    }
  }
  return chosen;
}

Tally Play(const Plan& plan, const Reference& reference) {
  Tally tally;
  for (const uint64_t at : plan.numbers) {
    Trial trial(plan.make, reference, plan.fault, at);
    const absl::Status status = trial.Run(&tally);
    if (!status.ok()) tally.violations.emplace_back(base::Message(status));
  }
  return tally;
}

}  // namespace tongchou::faults
