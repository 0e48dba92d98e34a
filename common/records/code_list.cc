#include "common/records/code_list.h"

#include "common/records/embedded_data.h"

namespace tongchou::records {
namespace {

std::string_view TakeField(std::string_view* line) {
  const size_t comma = line->find(',');
  const std::string_view field = line->substr(0, comma);
  line->remove_prefix(comma == line->npos ? line->size() : comma + 1);
  return field;
}

}  // namespace

CodeLists::CodeLists() {
  std::string_view csv = CodeListsCsv();
  while (!csv.empty()) {
    const size_t end = csv.find('\n');
    std::string_view line = csv.substr(0, end);
    csv.remove_prefix(end == csv.npos ? csv.size() : end + 1);
    const std::string list(TakeField(&line));
    const std::string code(TakeField(&line));
    if (!code.empty()) lists_[list][code] = std::string(TakeField(&line));
  }
}

const CodeLists& CodeLists::Get() {
  static const CodeLists* const kLists = new CodeLists();
  return *kLists;
}

const CodeLists::List* CodeLists::Find(std::string_view list) const {
  const auto found = lists_.find(std::string(list));
  return found == lists_.end() ? nullptr : &found->second;
}

bool CodeLists::Contains(std::string_view list, std::string_view value) const {
  const List* found = Find(list);
  return found != nullptr && found->contains(std::string(value));
}

std::string_view CodeLists::Name(std::string_view list,
                                 std::string_view value) const {
  const List* found = Find(list);
  if (found == nullptr) return {};
  const auto name = found->find(std::string(value));
  return name == found->end() ? std::string_view()
                              : std::string_view(name->second);
}

}  // namespace tongchou::records
