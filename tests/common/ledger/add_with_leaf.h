// An entry for a bundle together with its leaf hash, hashed on its own.
#pragma once

#include <string_view>

#include "common/ledger/bundle.h"

namespace tongchou::ledger {

inline Hash AddWithLeaf(BundleWriter* writer, std::string_view header,
                        std::string_view body) {
  writer->Add(header, body);
  return LeafHash(header, base::Sha256(body));
}

}  // namespace tongchou::ledger
