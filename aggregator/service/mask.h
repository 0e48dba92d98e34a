// What analysts see of persons: of a field with personal data the division and
// asterisks (ID numbers, 360102************) or the first character and one
// asterisk (everything else, 王*); nothing of what people wrote; and a
// pseudonym that is the same for every record of a person.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/sealer.h"
#include "tongchou/v1/common.pb.h"
#include "tongchou/v1/query.pb.h"

namespace tongchou::aggregator {

// Thread-safe.
class Masker {
 public:
  explicit Masker(const std::string& key)
      : persons_(key, "pseudonym"), tokens_(key, "page token") {}

  void Mask(v1::RecordView* view) const;
  void Mask(v1::RecordVersion* version) const;

  // Nothing for an empty ID number. Letters, digits, '-' and '_'.
  std::string Pseudonym(std::string_view id_number) const;
  // The ID number. INVALID_ARGUMENT when it is no pseudonym of this province.
  absl::StatusOr<std::string> Name(std::string_view pseudonym) const;

  // Page tokens name the last record, so they are sealed for everyone.
  std::string SealToken(std::string_view token) const;
  absl::StatusOr<std::string> OpenToken(std::string_view sealed) const;

 private:
  const base::Sealer persons_;
  const base::Sealer tokens_;
};

// PERMISSION_DENIED when a filter is on a field with personal data: what is
// masked could be guessed by asking.
absl::Status CheckMaskedFilters(const v1::ListRecordsRequest& request);

// The person's ID number in the view, unmasked; empty when there is none.
std::string PersonOf(const v1::RecordView& view);

}  // namespace tongchou::aggregator
