#include "node/local_facts.h"

#include "common/base/big_endian.h"
#include "common/base/status.h"

namespace tongchou::node {

std::string NumberFact(uint64_t number) {
  std::string bytes;
  base::AppendBigEndian<8>(number, &bytes);
  return bytes;
}

absl::StatusOr<uint64_t> ReadNumberFact(const ledger::LogStore& log,
                                        std::string_view name) {
  ASSIGN_OR_RETURN(const auto fact, log.GetLocalFact(name));
  return fact.has_value() ? base::ReadBigEndian(*fact) : 0;
}

}  // namespace tongchou::node
