#include "cli/records/record_text.h"

#include <map>
#include <set>

#include "cli/answer_json.h"
#include "cli/table.h"
#include "cli/text.h"
#include "common/records/division.h"
#include "common/records/schema.h"

namespace tongchou::cli {
namespace {

using Align = Table::Align;
using Fields = std::map<std::string, std::string>;

Fields FieldsOf(const v1::RecordView& record) {
  Fields fields;
  for (const v1::FieldText& field : record.fields()) {
    fields[field.code()] = field.value();
  }
  return fields;
}

std::string ValueOf(const Fields& fields, const std::string& code) {
  const auto found = fields.find(code);
  return found == fields.end() ? std::string() : found->second;
}

std::string CityName(uint32_t city) {
  return DivisionText(city) + records::Divisions::Get().Name(city);
}

std::string TypeTitle(v1::RecordType type) {
  const records::RecordSchema* schema =
      records::Schema::Get().Find(static_cast<uint32_t>(type));
  if (schema == nullptr) return TypeName(type);
  return schema->name + " " + schema->name_zh;
}

std::vector<std::string> CodesOf(v1::RecordType type,
                                 const std::set<std::string>& present) {
  const records::RecordSchema* schema =
      records::Schema::Get().Find(static_cast<uint32_t>(type));
  if (schema == nullptr) return {present.begin(), present.end()};
  std::vector<std::string> codes;
  for (const records::FieldSchema& field : schema->fields) {
    if (!field.code.empty()) codes.push_back(field.code);
  }
  return codes;
}

std::string TypeTable(v1::RecordType type,
                      const std::vector<const v1::RecordView*>& records) {
  std::set<std::string> present;
  bool masked = false;
  for (const v1::RecordView* record : records) {
    for (const auto& [code, value] : FieldsOf(*record)) present.insert(code);
    masked = masked || !record->pseudonym().empty();
  }
  std::vector<Table::Column> columns = {{"city"}};
  std::vector<std::string> codes;
  for (const std::string& code : CodesOf(type, present)) {
    if (!present.contains(code)) continue;
    codes.push_back(code);
    columns.push_back({code});
  }
  columns.push_back({"entry", Align::kRight});
  columns.push_back({""});
  columns.push_back({masked ? "pseudonym" : ""});
  Table table(std::move(columns));
  for (const v1::RecordView* record : records) {
    const Fields fields = FieldsOf(*record);
    std::vector<std::string> cells = {CityName(record->city())};
    for (const std::string& code : codes) {
      cells.push_back(ValueOf(fields, code));
    }
    cells.push_back(std::to_string(record->sequence()));
    cells.push_back(record->deleted() ? "deleted" : "");
    cells.push_back(record->pseudonym());
    table.Add(std::move(cells));
  }
  return table.Text();
}

std::string Changes(const Fields& before, const Fields& after) {
  std::string text;
  const auto add = [&text](const std::string& change) {
    text += (text.empty() ? "" : " ") + change;
  };
  for (const auto& [code, value] : after) {
    const std::string old = ValueOf(before, code);
    if (old == value) continue;
    add(old.empty() ? code + "=" + value : code + " " + old + "→" + value);
  }
  for (const auto& [code, value] : before) {
    if (!after.contains(code)) add(code + " " + value + "→");
  }
  return text;
}

std::string Origin(const v1::RecordVersion& version) {
  std::string text;
  const auto add = [&text](const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : " ") + part;
  };
  if (version.receipt() != 0) {
    add("#" + std::to_string(version.receipt()));
    if (version.line() != 0) add("line " + std::to_string(version.line()));
  }
  add(version.staff());
  add(version.reason_text());
  add(version.document_number());
  return text;
}

std::vector<std::string> VersionCells(const v1::RecordVersion& version) {
  return {std::to_string(version.record().sequence()),
          ShortTime(version.record().commit_time_us()),
          EnumName(v1::Operation_Name(version.operation()), "OPERATION_"),
          EnumName(v1::Reason_Name(version.reason()), "REASON_"),
          Origin(version)};
}

Table HistoryOf(const RecordVersions& versions) {
  Table table({{"entry", Align::kRight},
               {"committed"},
               {"change"},
               {"why"},
               {"from"},
               {"fields"}});
  for (int i = 0; i < versions.size(); ++i) {
    const bool first = i + 1 == versions.size();
    const Fields before = first ? Fields() : FieldsOf(versions[i + 1].record());
    std::vector<std::string> cells = VersionCells(versions[i]);
    cells.push_back(versions[i].record().deleted()
                        ? ""
                        : Changes(before, FieldsOf(versions[i].record())));
    table.Add(std::move(cells));
  }
  return table;
}

}  // namespace

v1::RecordName MakeRecordName(const std::string& type,
                              const std::vector<std::string>& fields) {
  v1::RecordName name;
  name.set_type(records::Schema::Get().Find(type)->type);
  for (const std::string& text : fields) {
    const size_t equals = text.find('=');
    if (equals + 1 == text.size()) continue;
    v1::FieldText* field = name.add_key_fields();
    field->set_code(text.substr(0, equals));
    field->set_value(text.substr(equals + 1));
  }
  return name;
}

std::string RecordCard(const v1::RecordView& record) {
  std::string text = TypeTitle(record.type()) + "  " + CityName(record.city()) +
                     "  entry " + std::to_string(record.sequence()) + "  " +
                     ShortTime(record.commit_time_us()) +
                     (record.deleted() ? "  deleted" : "") + "\n";
  const records::RecordSchema* schema =
      records::Schema::Get().Find(static_cast<uint32_t>(record.type()));
  Table table({{"code"}, {"name"}, {"value"}});
  for (const v1::FieldText& field : record.fields()) {
    const records::FieldSchema* known =
        schema == nullptr ? nullptr : schema->Find(field.code());
    table.Add(
        {field.code(), known == nullptr ? "" : known->name_zh, field.value()});
  }
  return text + table.Text();
}

std::string RecordTables(const RecordViews& records) {
  std::vector<v1::RecordType> order;
  std::map<v1::RecordType, std::vector<const v1::RecordView*>> by_type;
  for (const v1::RecordView& record : records) {
    auto& same = by_type[record.type()];
    if (same.empty()) order.push_back(record.type());
    same.push_back(&record);
  }
  std::string text;
  for (const v1::RecordType type : order) {
    if (!text.empty()) text += '\n';
    text += TypeTitle(type) + "\n" + TypeTable(type, by_type[type]);
  }
  return text;
}

std::string RecordsCsv(const RecordViews& records, bool with_header) {
  std::string text;
  v1::RecordType type = v1::RECORD_TYPE_UNSPECIFIED;
  std::vector<std::string> codes;
  for (const v1::RecordView& record : records) {
    if (record.type() != type) {
      type = record.type();
      const Fields fields = FieldsOf(record);
      std::set<std::string> present;
      for (const auto& [code, value] : fields) present.insert(code);
      codes = CodesOf(type, present);
      std::vector<std::string> header = {"type", "city", "entry", "committed",
                                         "deleted"};
      header.insert(header.end(), codes.begin(), codes.end());
      if (with_header) AppendCsvLine(header, "\n", &text);
    }
    const Fields fields = FieldsOf(record);
    std::vector<std::string> cells = {
        TypeName(type), DivisionText(record.city()),
        std::to_string(record.sequence()), ShortTime(record.commit_time_us()),
        record.deleted() ? "1" : "0"};
    for (const std::string& code : codes) {
      cells.push_back(ValueOf(fields, code));
    }
    AppendCsvLine(cells, "\n", &text);
  }
  return text;
}

std::string HistoryTable(const RecordVersions& versions) {
  return HistoryOf(versions).Text();
}

std::string HistoryCsv(const RecordVersions& versions) {
  return HistoryOf(versions).Csv();
}

}  // namespace tongchou::cli
