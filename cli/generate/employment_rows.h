// The files of employment: registrations, zero-employment families, rural
// workers, small loans, vacancies and referrals.
#pragma once

#include "cli/generate/city_view.h"
#include "cli/generate/csv_file.h"

namespace tongchou::cli {

void WriteFilings(const CityView& view, CsvFile& file);
void WriteUnemployment(const CityView& view, CsvFile& file);
void WriteHardships(const CityView& view, CsvFile& file);
void WriteFamilies(const CityView& view, CsvFile& file);
void WriteFamilyMembers(const CityView& view, CsvFile& file);
void WriteRuralWorkers(const CityView& view, CsvFile& file);
void WriteLoans(const CityView& view, CsvFile& file);
void WriteRepayments(const CityView& view, CsvFile& file);
void WriteVacancies(const CityView& view, CsvFile& file);
void WriteSeekers(const CityView& view, CsvFile& file);
void WriteReferrals(const CityView& view, CsvFile& file);

}  // namespace tongchou::cli
