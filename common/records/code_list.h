// The code lists that ship with the program.
#pragma once

#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace tongchou::records {

// Immutable, safe from any thread.
class CodeLists {
 public:
  static const CodeLists& Get();
  // False for a list that is not known too.
  bool Contains(std::string_view list, std::string_view value) const;
  // Chinese name of a value; empty when unknown.
  std::string_view Name(std::string_view list, std::string_view value) const;

 private:
  CodeLists();
  absl::flat_hash_map<std::string,
                      absl::flat_hash_map<std::string, std::string>>
      lists_;
};

}  // namespace tongchou::records
