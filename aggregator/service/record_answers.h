// Records as the query service answers them.
#pragma once

#include "absl/status/statusor.h"
#include "aggregator/journal/journal.h"
#include "aggregator/state/unified_state.h"
#include "tongchou/v1/query.pb.h"

namespace tongchou::aggregator {

// Everything about one person. NOT_FOUND when there is nothing.
absl::Status AnswerPerson(const StateSnapshot& snapshot,
                          const v1::GetPersonRequest& request,
                          v1::GetPersonResponse* response);

// A page; the token is the last row's key.
absl::Status AnswerList(const StateSnapshot& snapshot,
                        const v1::ListRecordsRequest& request,
                        v1::ListRecordsResponse* response);

// All changes of one record, out of the journal.
absl::Status AnswerHistory(const StateSnapshot& snapshot,
                           const Journal& journal,
                           const v1::GetRecordHistoryRequest& request,
                           v1::GetRecordHistoryResponse* response);

}  // namespace tongchou::aggregator
