#include "common/ledger/leaf_hasher.h"

#include "common/base/cpu_account.h"

namespace tongchou::ledger {
namespace {

base::CpuAccount hashing("hash");

}  // namespace

void LeafHasher::Run(std::span<const EntryParts> entries) {
  const base::CpuScope scope(hashing);
  messages_.clear();
  for (const EntryParts& entry : entries) {
    if (entry.present) messages_.push_back(entry.body);
  }
  present_hashes_.resize(messages_.size());
  base::Sha256Each(messages_, present_hashes_);

  body_hashes_.clear();
  leaf_data_.clear();
  auto present = present_hashes_.begin();
  for (const EntryParts& entry : entries) {
    body_hashes_.push_back(entry.present ? *present++
                                         : Hash::FromView(entry.body));
    leaf_data_.push_back(kLeafPrefix);
    leaf_data_ += entry.header;
    leaf_data_ += body_hashes_.back().view();
  }
  messages_.clear();
  std::string_view rest = leaf_data_;
  for (const EntryParts& entry : entries) {
    const size_t bytes = 1 + entry.header.size() + sizeof(Hash::bytes);
    messages_.push_back(rest.substr(0, bytes));
    rest.remove_prefix(bytes);
  }
  leaf_hashes_.resize(entries.size());
  base::Sha256Each(messages_, leaf_hashes_);
}

}  // namespace tongchou::ledger
