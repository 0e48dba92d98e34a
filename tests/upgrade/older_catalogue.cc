// The types of records as an earlier release knew them, before vacancies and
// before units said their industry.
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <string_view>

#include "common/base/status.h"
#include "common/records/catalogue.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::records {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;

constexpr std::string_view kNewerType = "Vacancy";
constexpr std::string_view kTypeWithNewerField = "Unit";
constexpr std::string_view kNewerField = "industry";

template <typename List>
void RemoveNamed(std::string_view name, List* list) {
  const auto found =
      std::find_if(list->begin(), list->end(),
                   [&](const auto& one) { return one.name() == name; });
  TONGCHOU_CHECK(found != list->end());
  list->erase(found);
}

// With all that it imports.
void Copy(const FileDescriptor& file, DescriptorPool* pool) {
  if (pool->FindFileByName(file.name()) != nullptr) return;
  for (int i = 0; i < file.dependency_count(); ++i) {
    Copy(*file.dependency(i), pool);
  }
  FileDescriptorProto copy;
  file.CopyTo(&copy);
  if (&file == v1::Unit::descriptor()->file()) {
    RemoveNamed(kNewerType, copy.mutable_message_type());
    for (auto& type : *copy.mutable_message_type()) {
      if (type.name() != kTypeWithNewerField) continue;
      RemoveNamed(kNewerField, type.mutable_field());
      // Each optional field has one, which nobody reads.
      type.clear_oneof_decl();
      for (auto& field : *type.mutable_field()) {
        field.clear_oneof_index();
        field.clear_proto3_optional();
      }
    }
  }
  TONGCHOU_CHECK(pool->BuildFile(copy) != nullptr);
}

}  // namespace

const FileDescriptor& CatalogueFile() {
  static const FileDescriptor* const kFile = [] {
    const FileDescriptor& file = *v1::Unit::descriptor()->file();
    auto* const pool = new DescriptorPool();
    Copy(file, pool);
    return pool->FindFileByName(file.name());
  }();
  return *kFile;
}

}  // namespace tongchou::records
