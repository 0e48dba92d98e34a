#include "common/records/catalogue.h"

#include "tongchou/v1/records.pb.h"

namespace tongchou::records {

const google::protobuf::FileDescriptor& CatalogueFile() {
  return *v1::Unit::descriptor()->file();
}

}  // namespace tongchou::records
