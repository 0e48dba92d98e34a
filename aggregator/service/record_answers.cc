#include "aggregator/service/record_answers.h"

#include <algorithm>

#include "aggregator/service/query_service.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/records/id_number.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/record_view.h"
#include "tongchou/v1/ledger.pb.h"

namespace tongchou::aggregator {
namespace {

absl::StatusOr<v1::RecordView> ViewOf(const RowKey& key,
                                      const RecordVersion& version) {
  v1::RecordView view;
  const auto type = records::TypeOfKey(key.record_key);
  view.set_type(static_cast<v1::RecordType>(type.value_or(0)));
  view.set_city(key.city);
  view.set_key(std::string(key.record_key));
  view.set_sequence(version.sequence);
  view.set_commit_time_us(version.commit_time_us);
  view.set_deleted(version.deleted);
  if (version.deleted) return view;
  view.set_record(std::string(version.record));
  RETURN_IF_ERROR(records::AppendFields(key.record_key, version.record,
                                        view.mutable_fields()));
  return view;
}

// The row, when it names the person now.
absl::Status AddIfNamed(const StateSnapshot& snapshot, std::string_view tail,
                        std::string_view person, bool with_deleted,
                        std::vector<v1::RecordView>* out) {
  const RowKey key = ParseRowKey(tail);
  std::string bytes;
  ASSIGN_OR_RETURN(const auto version,
                   snapshot.Get(key.record_key, key.city, &bytes));
  if (!version.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(v1::RecordView view, ViewOf(key, *version));
  if (version->deleted) {
    if (with_deleted) out->push_back(std::move(view));
    return absl::OkStatus();
  }
  for (const v1::FieldText& field : view.fields()) {
    if (field.code() != "AAC002") continue;
    std::string component;
    records::AppendPerson(field.value(), &component);
    if (component == person) out->push_back(std::move(view));
    break;
  }
  return absl::OkStatus();
}

struct Filter {
  int field = 0;
  std::string value;
};

absl::StatusOr<std::vector<Filter>> ReadFilters(
    const records::RecordSchema& schema,
    const v1::ListRecordsRequest& request) {
  std::vector<Filter> filters;
  for (const v1::FieldFilter& one : request.filters()) {
    const records::FieldSchema* field = schema.Find(one.code());
    if (field == nullptr) {
      return base::InvalidArgumentError("{} has no field {}", schema.name,
                                        one.code());
    }
    filters.push_back({field->index, one.value()});
  }
  return filters;
}

bool Matches(const RowKey& key, std::string_view record,
             const std::vector<Filter>& filters, records::Row* row) {
  if (filters.empty()) return true;
  row->Reset(row->schema());
  if (!records::DecodeRow(key.record_key, record, row).ok()) return false;
  return std::all_of(filters.begin(), filters.end(), [&](const Filter& one) {
    return records::FormatValue(*row, one.field) == one.value;
  });
}

struct Entry {
  v1::EntryHeader header;
  v1::EntryBody body;
};

absl::Status ReadEntry(const Journal& journal, uint32_t city, uint64_t sequence,
                       Entry* entry) {
  absl::Status status =
      base::NotFoundError("{:06} has no entry {}", city, sequence);
  ledger::Bundle bundle;
  RETURN_IF_ERROR(journal.ReadCity(city, sequence, [&](JournalBundle&& stored) {
    status = bundle.Decode(stored.bytes);
    return false;
  }));
  RETURN_IF_ERROR(status);
  const size_t i = sequence - bundle.first_sequence();
  const auto bytes = bundle.body(i);
  if (!bytes.has_value() ||
      !entry->header.ParseFromString(std::string(bundle.header(i))) ||
      !entry->body.ParseFromString(std::string(*bytes))) {
    return base::DataLossError("entry {} cannot be read", sequence);
  }
  return absl::OkStatus();
}

// A record is named by its key fields or by an entry that wrote it.
absl::StatusOr<std::string> KeyOf(const Journal& journal,
                                  const v1::GetRecordHistoryRequest& request) {
  if (!request.has_sequence()) return records::KeyFromName(request.record());
  Entry entry;
  RETURN_IF_ERROR(
      ReadEntry(journal, request.city(), request.sequence(), &entry));
  return entry.body.key();
}

}  // namespace

absl::Status AnswerPerson(const StateSnapshot& snapshot,
                          const v1::GetPersonRequest& request,
                          v1::GetPersonResponse* response) {
  std::string id = request.id_number();
  std::replace(id.begin(), id.end(), 'x', 'X');
  const std::string_view code =
      records::CheckIdNumber(id, {99'991'231, /*synthetic=*/true});
  if (!code.empty()) {
    return base::InvalidArgumentError("this is no ID number ({})", code);
  }
  if (id.size() == 15 && id[0] >= '0' && id[0] <= '9') {
    id = records::ConvertId15(id);
  }
  std::vector<v1::RecordView> found;
  absl::Status failed;
  RETURN_IF_ERROR(
      snapshot.Scan("R" + records::PersonPrefix(id), {},
                    [&](std::string_view key, std::string_view value) {
                      const auto version = DecodeVersion(value);
                      failed = version.status();
                      if (!failed.ok()) return false;
                      if (version->deleted && !request.with_deleted())
                        return true;
                      auto view = ViewOf(ParseRowKey(key), *version);
                      failed = view.status();
                      if (failed.ok()) found.push_back(*std::move(view));
                      return failed.ok();
                    }));
  RETURN_IF_ERROR(failed);
  std::string person;
  records::AppendPerson(id, &person);
  const std::string prefix = IndexPrefix("AAC002", person);
  std::vector<std::string> tails;
  RETURN_IF_ERROR(
      snapshot.Scan(prefix, {}, [&](std::string_view key, std::string_view) {
        tails.emplace_back(key.substr(prefix.size()));
        return true;
      }));
  for (const std::string& tail : tails) {
    RETURN_IF_ERROR(
        AddIfNamed(snapshot, tail, person, request.with_deleted(), &found));
  }
  std::stable_sort(
      found.begin(), found.end(), [](const auto& a, const auto& b) {
        return std::tuple(a.type(), a.city(), std::string_view(a.key())) <
               std::tuple(b.type(), b.city(), std::string_view(b.key()));
      });
  if (found.empty()) {
    return base::NotFoundError("nothing is known of this person");
  }
  response->mutable_records()->Add(found.begin(), found.end());
  return absl::OkStatus();
}

absl::Status AnswerList(const StateSnapshot& snapshot,
                        const v1::ListRecordsRequest& request,
                        v1::ListRecordsResponse* response) {
  const records::RecordSchema* schema =
      records::Schema::Get().Find(static_cast<uint32_t>(request.type()));
  if (schema == nullptr) return base::InvalidArgumentError("unknown type");
  const uint32_t page =
      request.page_size() == 0 ? kPageSizeDefault : request.page_size();
  if (page > kPageSizeMax) {
    return base::InvalidArgumentError("a page has at most {} records",
                                      kPageSizeMax);
  }
  ASSIGN_OR_RETURN(const std::vector<Filter> filters,
                   ReadFilters(*schema, request));
  std::string prefix = "R";
  prefix.push_back(schema->person_centred ? records::kPersonSpace
                                          : records::kTypeSpace);
  if (!schema->person_centred) {
    prefix.push_back(static_cast<char>(schema->type));
  }
  std::string from = request.page_token();
  if (!from.empty() && !from.starts_with(prefix)) {
    return base::InvalidArgumentError("the page token is of another list");
  }
  if (!from.empty()) from.push_back('\0');
  records::Row row(*schema);
  absl::Status failed;
  std::string last;
  const auto type = static_cast<uint32_t>(schema->type);
  RETURN_IF_ERROR(snapshot.Scan(
      prefix, from, [&](std::string_view key, std::string_view value) {
        const RowKey parsed = ParseRowKey(key);
        if (records::TypeOfKey(parsed.record_key) != type) return true;
        if (request.city() != 0 && parsed.city != request.city()) return true;
        const auto version = DecodeVersion(value);
        failed = version.status();
        if (!failed.ok()) return false;
        if (version->deleted ||
            !Matches(parsed, version->record, filters, &row)) {
          return true;
        }
        if (response->records_size() == static_cast<int>(page)) {
          response->set_next_page_token(last);
          return false;
        }
        auto view = ViewOf(parsed, *version);
        failed = view.status();
        if (!failed.ok()) return false;
        *response->add_records() = *std::move(view);
        last = key;
        return true;
      }));
  return failed;
}

absl::Status AnswerHistory(const StateSnapshot& snapshot,
                           const Journal& journal,
                           const v1::GetRecordHistoryRequest& request,
                           v1::GetRecordHistoryResponse* response) {
  ASSIGN_OR_RETURN(const std::string key, KeyOf(journal, request));
  std::string stored;
  ASSIGN_OR_RETURN(const auto version,
                   snapshot.Get(key, request.city(), &stored));
  if (!version.has_value()) {
    return base::NotFoundError("city {} never had this record", request.city());
  }
  Entry entry;
  for (uint64_t next = version->sequence + 1; next != 0;) {
    RETURN_IF_ERROR(ReadEntry(journal, request.city(), next - 1, &entry));
    ASSIGN_OR_RETURN(
        *response->add_versions(),
        records::MakeVersion(request.city(), entry.header, entry.body));
    next = entry.header.previous();
  }
  return absl::OkStatus();
}

}  // namespace tongchou::aggregator
