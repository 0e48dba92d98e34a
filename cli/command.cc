#include "cli/command.h"

#include "absl/strings/numbers.h"
#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/records/division.h"
#include "common/records/schema.h"

namespace tongchou::cli {
namespace {

[[noreturn]] void Refuse(const std::string& name, const absl::Status& status) {
  throw CLI::ValidationError(name, std::string(base::Message(status)));
}

std::string CheckType(const std::string& type) {
  const records::RecordSchema* schema = records::Schema::Get().Find(type);
  if (schema != nullptr && !schema->internal) return {};
  std::string names;
  for (const records::RecordSchema& known : records::Schema::Get().types()) {
    if (!known.internal) names += " " + known.name;
  }
  return "'" + type + "' is no record type; there are" + names;
}

v1::AtLeast ParseAtLeast(const std::string& name, const std::string& text) {
  const size_t colon = text.rfind(':');
  uint64_t size = 0;
  if (colon == text.npos || !absl::SimpleAtoi(text.substr(colon + 1), &size)) {
    throw CLI::ValidationError(
        name, "'" + text + "' is not CITY:ENTRIES, for example 360100:1200");
  }
  const auto city = records::Divisions::Get().ParseCity(text.substr(0, colon));
  if (!city.ok()) Refuse(name, city.status());
  v1::AtLeast at_least;
  at_least.set_city(*city);
  at_least.set_size(size);
  return at_least;
}

std::string CheckAssignment(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals != std::string::npos && equals > 0) return {};
  return "'" + text + "' is not CODE=VALUE, for example AAE140=110";
}

}  // namespace

CLI::Option* AddDay(CLI::App* command, const std::string& name, uint32_t* day,
                    const std::string& help) {
  return command
      ->add_option_function<std::string>(
          name,
          [name, day](const std::string& text) {
            const auto parsed = base::ParseDay(text);
            if (!parsed.ok()) Refuse(name, parsed.status());
            *day = *parsed;
          },
          help)
      ->type_name("DAY");
}

CLI::Option* AddCity(CLI::App* command, uint32_t* city, const std::string& help,
                     const std::string& name) {
  return command
      ->add_option_function<std::string>(
          name,
          [name, city](const std::string& text) {
            const auto parsed = records::Divisions::Get().ParseCity(text);
            if (!parsed.ok()) Refuse(name, parsed.status());
            *city = *parsed;
          },
          help)
      ->type_name(name.starts_with('-') ? "CITY" : "");
}

CLI::Option* AddAtLeast(CLI::App* command, std::vector<v1::AtLeast>* at_least) {
  static constexpr char kName[] = "--at-least";
  return command
      ->add_option_function<std::vector<std::string>>(
          kName,
          [at_least](const std::vector<std::string>& texts) {
            at_least->clear();
            for (const std::string& text : texts) {
              at_least->push_back(ParseAtLeast(kName, text));
            }
          },
          "Wait, five seconds at most, until the province\n"
          "reflects so many entries of this city: committed\n"
          "of put, and of import with --format json")
      ->type_name("CITY:ENTRIES")
      ->allow_extra_args(false);
}

CLI::Option* AddType(CLI::App* command, std::string* type) {
  return command->add_option("TYPE", *type, "Record type, such as enrolment")
      ->required()
      ->type_name("")
      ->check(CheckType);
}

CLI::Option* AddFields(CLI::App* command, std::vector<std::string>* fields) {
  return command
      ->add_option("CODE=VALUE", *fields,
                   "National field codes with values as in import files")
      ->type_name("")
      ->check(CheckAssignment);
}

}  // namespace tongchou::cli
