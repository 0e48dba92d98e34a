// The code lists that ship with the program.
#pragma once

#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace tongchou::records {

// Immutable, safe from any thread.
class CodeLists {
 public:
  // One list: Chinese names by value.
  using List = absl::flat_hash_map<std::string, std::string>;

  static const CodeLists& Get();
  // Null for a list that is not known; lives as long as the process.
  const List* Find(std::string_view list) const;
  // False for a list that is not known too.
  bool Contains(std::string_view list, std::string_view value) const;
  // Chinese name of a value; empty when unknown.
  std::string_view Name(std::string_view list, std::string_view value) const;

 private:
  CodeLists();
  absl::flat_hash_map<std::string, List> lists_;
};

}  // namespace tongchou::records
