#include "cli/generate/city_writer.h"

#include <array>
#include <memory>
#include <optional>

#include "cli/generate/employment_rows.h"
#include "cli/generate/insurance_rows.h"
#include "common/base/status.h"

namespace tongchou::cli {
namespace {

using Writer = void (*)(const CityView&, CsvFile&);

constexpr std::array<Writer, kFileTypes> kWriters = {
    WriteUnits,      WritePersons,       WriteEnrolments,   WriteContributions,
    WriteBenefits,   WriteFilings,       WriteUnemployment, WriteHardships,
    WriteFamilies,   WriteFamilyMembers, WriteRuralWorkers, WriteLoans,
    WriteRepayments, WriteVacancies,     WriteSeekers,      WriteReferrals};

}  // namespace

absl::StatusOr<FileCounts> WriteCityFile(const Plan& plan, size_t ordinal,
                                         FileType type,
                                         const std::string& directory,
                                         double dirty_percent) {
  const CityView view(plan, ordinal);
  const Layout& layout = LayoutOf(type);
  const size_t number = static_cast<size_t>(type);
  const auto dirt_of_day = [&](uint64_t day) {
    return Dirt(layout, view.city(), dirty_percent,
                view.For(Stream::kDirt, number, day));
  };
  std::optional<Dirt> first_dirt;
  if (plan.later) first_dirt = dirt_of_day(1);
  ASSIGN_OR_RETURN(
      std::unique_ptr<CsvFile> file,
      CsvFile::Create(directory + "/" + layout.name + ".csv", layout,
                      dirt_of_day(plan.later ? 2 : 1), first_dirt));
  kWriters[number](view, *file);
  RETURN_IF_ERROR(file->Close());
  return file->counts();
}

}  // namespace tongchou::cli
