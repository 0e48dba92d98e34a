#include "cli/generate/enrolments.h"

#include <algorithm>

#include "cli/generate/calibration.h"
#include "cli/generate/days.h"

namespace tongchou::cli {
namespace {

size_t WorkerScheme(Random& random) {
  const uint64_t draw = random.Below(100);
  if (draw < 55) return kPension;
  if (draw < 65) return 1;
  if (draw < 85) return kMedical;
  return draw < 95 ? 3 : 4;
}

size_t ResidentScheme(Random& random) {
  const uint64_t draw = random.Below(100);
  if (draw < 25) return 5;
  return draw < 35 ? 6 : 7;
}

size_t PickScheme(Random& random, Group group) {
  if (group == Group::kWorker) return WorkerScheme(random);
  if (group == Group::kOther) return ResidentScheme(random);
  return random.PerMille(880) ? kPension : kMedical;
}

Enrolment MakeEnrolment(const CityView& view, const Resident& resident,
                        size_t scheme, uint64_t stream) {
  Random random = view.For(Stream::kEnrolment, stream, 1);
  Enrolment enrolment{scheme, stream};
  const uint32_t died = resident.person.died;
  const uint32_t last = died == 0 ? view.plan().first_clock : died;
  const bool this_year = random.PerMille(120);
  const uint32_t grown = resident.person.birth / 10000 + 17;
  const uint32_t from =
      this_year ? view.Year() : std::max<uint32_t>(grown, 1995);
  enrolment.begun = view.Day(random, from * 10000 + 101, last);
  const uint64_t status = random.Below(100);
  if (status >= 88) enrolment.status = status < 96 ? 2 : 4;
  if (died != 0) enrolment.status = 4;
  enrolment.dated = random.PerMille(970);
  if (enrolment.status == 4) {
    enrolment.ended = view.Day(random, enrolment.begun, last);
  }
  if (resident.fresh) {
    enrolment.begun = view.LaterDay(random);
    enrolment.status = 1;
    enrolment.ended = 0;
  }
  return enrolment;
}

}  // namespace

Enrolments EnrolmentsOf(const CityView& view, const Resident& resident) {
  Random random = view.For(Stream::kEnrolment, resident.index * 2);
  Enrolments found;
  const size_t first = PickScheme(random, resident.group);
  found.all[found.count++] =
      MakeEnrolment(view, resident, first, resident.index * 2);
  const bool second = random.PerMille(190);
  const size_t other = PickScheme(random, resident.group);
  if (second && other != first) {
    found.all[found.count++] =
        MakeEnrolment(view, resident, other, resident.index * 2 + 1);
  }
  const bool third = second && other == first;
  if (third && resident.group != Group::kOther) {
    found.all[found.count++] =
        MakeEnrolment(view, resident, first == kMedical ? kPension : kMedical,
                      resident.index * 2 + 1);
  }
  return found;
}

bool HasBase(const Enrolment& enrolment) {
  return kSchemes[enrolment.scheme].flat_fen == 0;
}

void AddUnit(const CityView& view, const Resident& resident,
             const Enrolment& enrolment, CsvRow& row) {
  if (!HasBase(enrolment)) {
    row.Empty();
  } else {
    row.Text(view.Number('U', resident.unit).Text());
  }
}

}  // namespace tongchou::cli
