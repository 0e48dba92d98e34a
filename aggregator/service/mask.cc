#include "aggregator/service/mask.h"

#include "common/base/base64.h"
#include "common/base/status.h"
#include "common/records/record_key.h"
#include "common/records/schema.h"

namespace tongchou::aggregator {
namespace {

constexpr size_t kDivisionDigits = 6;
constexpr std::string_view kPersonCode = "AAC002";

bool IsIdNumber(std::string_view text) {
  return text.size() > kDivisionDigits &&
         std::all_of(text.begin(), text.end() - 1,
                     [](char c) { return c >= '0' && c <= '9'; });
}

std::string FirstCharacter(std::string_view utf8) {
  size_t end = 1;
  while (end < utf8.size() && (utf8[end] & 0xc0) == 0x80) ++end;
  return std::string(utf8.substr(0, end));
}

std::string Masked(const records::FieldSchema& field, std::string_view text) {
  if (field.format == v1::FIELD_FORMAT_ID_NUMBER && IsIdNumber(text)) {
    return std::string(text.substr(0, kDivisionDigits)) +
           std::string(text.size() - kDivisionDigits, '*');
  }
  return FirstCharacter(text) + "*";
}

}  // namespace

std::string PersonOf(const v1::RecordView& view) {
  for (const v1::FieldText& field : view.fields()) {
    if (field.code() == kPersonCode) return field.value();
  }
  const std::string_view person = records::PersonOfKey(view.key());
  return person.empty() ? std::string() : records::PersonText(person);
}

void Masker::Mask(v1::RecordView* view) const {
  view->set_pseudonym(Pseudonym(PersonOf(*view)));
  view->clear_key();
  view->clear_record();
  const records::RecordSchema* schema =
      records::Schema::Get().Find(static_cast<uint32_t>(view->type()));
  if (schema == nullptr) return view->clear_fields();
  for (v1::FieldText& text : *view->mutable_fields()) {
    const records::FieldSchema* field = schema->Find(text.code());
    if (field != nullptr && !field->personal) continue;
    text.set_value(field == nullptr ? "*" : Masked(*field, text.value()));
  }
}

void Masker::Mask(v1::RecordVersion* version) const {
  Mask(version->mutable_record());
  version->clear_staff();
  version->clear_reason_text();
  version->clear_document_number();
}

std::string Masker::Pseudonym(std::string_view id_number) const {
  if (id_number.empty()) return {};
  std::string person;
  records::AppendPerson(id_number, &person);
  return base::Base64UrlEncode(persons_.Seal(person));
}

absl::StatusOr<std::string> Masker::Name(std::string_view pseudonym) const {
  const auto sealed = base::Base64UrlDecode(pseudonym);
  ASSIGN_OR_RETURN(const std::string person,
                   persons_.Open(sealed.value_or(std::string())));
  return records::PersonText(person);
}

std::string Masker::SealToken(std::string_view token) const {
  return token.empty() ? std::string() : tokens_.Seal(token);
}

absl::StatusOr<std::string> Masker::OpenToken(std::string_view sealed) const {
  if (sealed.empty()) return std::string();
  return tokens_.Open(sealed);
}

absl::Status CheckMaskedFilters(const v1::ListRecordsRequest& request) {
  const records::RecordSchema* schema =
      records::Schema::Get().Find(static_cast<uint32_t>(request.type()));
  if (schema == nullptr) return absl::OkStatus();
  for (const v1::FieldFilter& filter : request.filters()) {
    const records::FieldSchema* field = schema->Find(filter.code());
    if (field == nullptr || !field->personal) continue;
    return base::PermissionDeniedError(
        "{} holds personal data; analysts cannot filter by it", filter.code());
  }
  return absl::OkStatus();
}

}  // namespace tongchou::aggregator
