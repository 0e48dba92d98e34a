// The files of units, persons and social insurance.
#pragma once

#include "cli/generate/city_view.h"
#include "cli/generate/csv_file.h"

namespace tongchou::cli {

void WriteUnits(const CityView& view, CsvFile& file);
void WritePersons(const CityView& view, CsvFile& file);
void WriteEnrolments(const CityView& view, CsvFile& file);
// Rows of persons and months of the first day; later days add refunds.
void WriteContributions(const CityView& view, CsvFile& file);
void WriteBenefits(const CityView& view, CsvFile& file);

}  // namespace tongchou::cli
