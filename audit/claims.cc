#include "audit/claims.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "tongchou/v1/query.pb.h"

namespace tongchou::audit {
namespace {

using Json = nlohmann::json;

constexpr size_t kRootBytes = 32;
constexpr uint32_t kFirstDay = 1000'00'00;  // periods below have no day

std::optional<std::string> HexDecode(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    uint8_t byte = 0;
    const char* end = hex.data() + i + 2;
    const auto [stopped, error] =
        std::from_chars(hex.data() + i, end, byte, 16);
    if (error != std::errc() || stopped != end) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

// Division codes and periods come as numbers or as digits in quotes.
std::optional<uint64_t> Whole(const Json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  if (!value.is_string()) return std::nullopt;
  const std::string text = value.get<std::string>();
  uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

// Absent and null are 0.
std::optional<uint32_t> Dimension(const Json& row, const char* name) {
  const auto it = row.find(name);
  if (it == row.end() || it->is_null()) return 0;
  const auto number = Whole(*it);
  if (!number.has_value() || *number > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(*number);
}

// 20081031 or "2008-10-31".
std::optional<uint32_t> Day(const Json& answer, const char* name) {
  const auto it = answer.find(name);
  if (it == answer.end()) return std::nullopt;
  const auto day =
      base::ParseDay(it->is_string() ? it->get<std::string>() : it->dump());
  if (!day.ok()) return std::nullopt;
  return *day;
}

absl::Status ReadJsonFigure(const Json& row, FigureTable* figures) {
  const auto city = Dimension(row, "city");
  const auto county = Dimension(row, "county");
  const auto period = Dimension(row, "period");
  const bool named = row.contains("id") && row["id"].is_string();
  const bool valued =
      row.contains("value") &&
      (row["value"].is_null() || row["value"].is_number_integer());
  if (!named || !valued || !city || !county || !period) {
    return base::InvalidArgumentError(
        "indicators: a row needs id, value (integer or null) and six-digit "
        "city and county or null: {}",
        row.dump());
  }
  FigureName name{
      row["id"].get<std::string>(), false, *city, *county, "", *period};
  if (row.contains("insurance") && row["insurance"].is_string()) {
    name.insurance = row["insurance"].get<std::string>();
  }
  name.once = row.value("line", Json()) == "once";
  std::optional<int64_t> value;
  if (!row["value"].is_null()) value = row["value"].get<int64_t>();
  if (!figures->try_emplace(name, value).second) {
    return base::InvalidArgumentError("indicators: {} is there twice",
                                      Describe(name));
  }
  return absl::OkStatus();
}

// A stock of another day would need another replay.
absl::Status CheckDays(const ClaimedFigures& claims) {
  for (const auto& [name, value] : claims.figures) {
    const bool is_day = name.period >= kFirstDay;
    if (is_day && name.period != claims.as_of && name.period != claims.on) {
      return base::InvalidArgumentError(
          "indicators: {} is of another day than as_of and on; a trend is "
          "checked day by day",
          Describe(name));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadJsonBasis(const Json& row, ClaimedBasis* basis) {
  const auto city = Dimension(row, "city");
  const auto size = row.contains("size") ? Whole(row["size"]) : std::nullopt;
  std::optional<std::string> root;
  if (row.contains("root") && row["root"].is_string()) {
    root = HexDecode(row["root"].get<std::string>());
  }
  if (!city || !size || !root || root->size() != kRootBytes) {
    return base::InvalidArgumentError(
        "basis: a row needs city, size and root (64 hex digits): {}",
        row.dump());
  }
  const ClaimedCity claim{*size, base::Hash::FromView(*root), 0};
  if (!basis->try_emplace(*city, claim).second) {
    return base::InvalidArgumentError("basis: city {} is there twice", *city);
  }
  return absl::OkStatus();
}

absl::Status AddFigures(const v1::GetIndicatorsResponse& response,
                        ClaimedFigures* claims) {
  for (const v1::Figure& figure : response.figures()) {
    const FigureName name{figure.id(),     figure.once(),      figure.city(),
                          figure.county(), figure.insurance(), figure.period()};
    std::optional<int64_t> value;
    if (figure.has_value()) value = figure.value();
    if (!claims->figures.try_emplace(name, value).second) {
      return base::DataLossError("the province states {} twice",
                                 Describe(name));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ClaimedBasis> ReadBasis(const v1::AnswerBasis& basis) {
  ClaimedBasis claimed;
  for (const v1::CityBasis& city : basis.cities()) {
    if (city.root().size() != kRootBytes) {
      return base::InvalidArgumentError(
          "basis of city {}: the root has {} "
          "bytes instead of {}",
          city.city(), city.root().size(), kRootBytes);
    }
    claimed[city.city()] = {city.size(), base::Hash::FromView(city.root()),
                            city.commit_time_us()};
  }
  return claimed;
}

absl::StatusOr<ClaimedFigures> ReadClaimedFigures(const Archive& archive) {
  ClaimedFigures claims;
  bool first = true;
  auto read =
      ReadPieces(archive.claimed_figures(), [&](std::string_view piece) {
        v1::GetIndicatorsResponse response;
        if (!response.ParseFromArray(piece.data(),
                                     static_cast<int>(piece.size()))) {
          return base::DataLossError("{}: no answer; fetch again",
                                     archive.claimed_figures());
        }
        if (std::exchange(first, false)) {
          claims.as_of = response.as_of();
          claims.on = response.on();
          ASSIGN_OR_RETURN(claims.basis, ReadBasis(response.basis()));
        }
        return AddFigures(response, &claims);
      });
  if (!read.ok()) return read.status();
  if (first) {
    return base::NotFoundError("{}: no claims; run fetch first",
                               archive.claimed_figures());
  }
  return claims;
}

absl::StatusOr<ClaimedBasis> ReadClaimedRecords(
    const Archive& archive,
    const std::function<void(const v1::StoredRecord&)>& visit) {
  ClaimedBasis basis;
  bool first = true;
  v1::ReadRecordsResponse response;
  auto read =
      ReadPieces(archive.claimed_records(), [&](std::string_view piece) {
        if (!response.ParseFromArray(piece.data(),
                                     static_cast<int>(piece.size()))) {
          return base::DataLossError("{}: no answer; fetch again",
                                     archive.claimed_records());
        }
        if (std::exchange(first, false)) {
          ASSIGN_OR_RETURN(basis, ReadBasis(response.basis()));
        }
        for (const v1::StoredRecord& record : response.records()) {
          visit(record);
        }
        return absl::OkStatus();
      });
  if (!read.ok()) return read.status();
  if (first) {
    return base::NotFoundError("{}: no claims; run fetch first",
                               archive.claimed_records());
  }
  return basis;
}

absl::StatusOr<ClaimedFigures> ReadJsonAnswer(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  const Json answer = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object()) {
    return base::InvalidArgumentError("{}: not a JSON answer", path);
  }
  ClaimedFigures claims;
  const auto as_of = Day(answer, "as_of");
  const auto on = Day(answer, "on");
  const Json figures = answer.value("indicators", Json());
  const Json basis = answer.value("basis", Json());
  if (!as_of || !on || !figures.is_array() || !basis.is_array()) {
    return base::InvalidArgumentError(
        "{}: an answer has as_of, on, basis and indicators", path);
  }
  claims.as_of = *as_of;
  claims.on = *on;
  for (const Json& row : figures) {
    if (absl::Status status = ReadJsonFigure(row, &claims.figures);
        !status.ok()) {
      return base::Annotate(status, path);
    }
  }
  if (absl::Status status = CheckDays(claims); !status.ok()) {
    return base::Annotate(status, path);
  }
  for (const Json& row : basis) {
    if (absl::Status status = ReadJsonBasis(row, &claims.basis); !status.ok()) {
      return base::Annotate(status, path);
    }
  }
  return claims;
}

}  // namespace tongchou::audit
