#include "cli/generate/generate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/base/file.h"
#include "common/records/csv_reader.h"
#include "common/records/file_reader.h"
#include "common/records/profile.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/schema.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::cli {
namespace {

using Counts = std::map<std::string, uint64_t>;

struct Reading {
  uint64_t rows = 0;
  Counts rejected;
  Counts repaired;
  std::string first_reject;
  uint64_t duplicates = 0;
};

class Reader {
 public:
  Reader(const std::string& type, uint32_t city, uint32_t today)
      : reader_(*records::Schema::Get().Find(type),
                {{city, today, true}, records::Encoding::kGb18030, false},
                profile_.Of(type)) {}

  Reading Read(const std::string& bytes) {
    records::CsvReader csv(
        [this](const records::CsvRecord& record) { Take(record); });
    csv.Feed(bytes);
    csv.Finish();
    return reading_;
  }

 private:
  void Take(const records::CsvRecord& record) {
    if (!header_read_) {
      header_read_ = true;
      const auto refusal = reader_.ReadHeader(record);
      if (refusal.has_value()) ++reading_.rejected[refusal->code];
      return;
    }
    ++reading_.rows;
    const records::RowIssue issue = reader_.ReadRow(record, &row_);
    if (issue.code.empty()) {
      std::string content;
      records::AppendRecord(row_, &content);
      const auto [first, fresh] =
          contents_.try_emplace(records::KeyOf(row_), content);
      if (!fresh && first->second != content) ++reading_.duplicates;
      return CountRepairs();
    }
    ++reading_.rejected[std::string(issue.code)];
    if (reading_.first_reject.empty()) {
      reading_.first_reject =
          std::string(issue.code) + ": " +
          records::ToUtf8Lossy(record.raw, records::Encoding::kGb18030);
    }
  }

  void CountRepairs() {
    for (size_t i = 0; i < records::kRepairs; ++i) {
      if (reader_.parser().repairs()[i] == 0) continue;
      const auto repair = static_cast<records::Repair>(i);
      ++reading_.repaired[std::string(records::RepairName(repair))];
    }
  }

  records::Profile profile_;
  records::FileReader reader_;
  records::Row row_;
  bool header_read_ = false;
  std::map<std::string, std::string> contents_;
  Reading reading_;
};

GenerateOptions Small(const std::string& out, int day) {
  GenerateOptions options;
  options.out = out;
  options.persons = 300;
  options.seed = 7;
  options.day = day;
  options.clock = day == 1 ? 20081031 : 20081130;
  return options;
}

std::map<std::string, std::string> AllFiles(const std::string& directory) {
  std::map<std::string, std::string> files;
  namespace fs = std::filesystem;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    files[fs::relative(entry.path(), directory).string()] =
        *base::ReadFile(entry.path().string());
  }
  return files;
}

template <typename Visit>
void ForFiles(const GenerateOptions& options, const Visit& visit) {
  const auto summary = Generate(options, nullptr);
  ASSERT_TRUE(summary.ok()) << summary.status();
  const auto files = AllFiles(options.out);
  const auto manifest = nlohmann::json::parse(files.at("manifest.json"));
  for (const auto& [name, bytes] : files) {
    if (name == "manifest.json") continue;
    const std::string city = name.substr(0, 6);
    const std::string file = name.substr(name.find('/') + 1);
    const std::string type = records::TypeOfFile(file, {});
    ASSERT_NE(type, "") << name;
    Reader reader(type, static_cast<uint32_t>(std::stoul(city)), options.clock);
    visit(name, reader.Read(bytes), manifest["cities"][city]["files"][file]);
  }
}

class Days : public testing::TestWithParam<int> {
 protected:
  TemporaryDirectory directory_;
};

TEST_P(Days, SameOptionsSameBytes) {
  GenerateOptions options = Small(directory_.path() + "/a", GetParam());
  options.dirty_percent = 10;
  ASSERT_TRUE(Generate(options, nullptr).ok());
  options.out = directory_.path() + "/b";
  ASSERT_TRUE(Generate(options, nullptr).ok());
  const auto files = AllFiles(directory_.path() + "/a");
  EXPECT_EQ(files.size(), 11u * 16u + 1u);
  EXPECT_EQ(files, AllFiles(directory_.path() + "/b"));
}

TEST_P(Days, CleanRowsAreAccepted) {
  const GenerateOptions options = Small(directory_.path(), GetParam());
  uint64_t rows = 0;
  ForFiles(options, [&](const std::string& name, const Reading& reading,
                        const nlohmann::json& expected) {
    EXPECT_EQ(reading.rejected, Counts()) << name << reading.first_reject;
    EXPECT_EQ(reading.repaired, Counts()) << name;
    EXPECT_EQ(reading.duplicates, 0u) << name;
    EXPECT_EQ(reading.rows, expected["rows"].get<uint64_t>()) << name;
    rows += reading.rows;
  });
  EXPECT_GT(rows, 1000u);
}

TEST_P(Days, DirtIsFoundAsTheManifestSays) {
  GenerateOptions options = Small(directory_.path(), GetParam());
  options.dirty_percent = 10;
  Counts codes;
  ForFiles(options, [&](const std::string& name, const Reading& reading,
                        const nlohmann::json& expected) {
    Counts broken = expected["broken"].get<Counts>();
    EXPECT_EQ(reading.duplicates, broken["DUPLICATE"]) << name;
    broken.erase("DUPLICATE");
    broken.erase("IDENTITY");
    EXPECT_EQ(reading.rejected, broken) << name << reading.first_reject;
    EXPECT_EQ(reading.repaired, expected["repaired"].get<Counts>()) << name;
    EXPECT_EQ(reading.rows, expected["rows"].get<uint64_t>()) << name;
    for (const auto& [code, count] : broken) codes[code] += count;
  });
  EXPECT_GE(codes.size(), 15u);
}

INSTANTIATE_TEST_SUITE_P(Generate, Days, testing::Values(1, 2));

}  // namespace
}  // namespace tongchou::cli
