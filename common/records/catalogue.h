// Where the types of records are declared: proto/tongchou/v1/records.proto. In
// a file of its own, so that a program that is linked with another definition
// knows other types: tests have programs of an earlier release that way.
#pragma once

#include <google/protobuf/descriptor.h>

namespace tongchou::records {

// Lives as long as the process.
const google::protobuf::FileDescriptor& CatalogueFile();

}  // namespace tongchou::records
