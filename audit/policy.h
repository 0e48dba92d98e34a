// What the auditor trusts: keys pinned by the auditor's own hand, never taken
// from the server that is audited. A TOML file:
//
//   province = "360000"
//   witness = "tongchou/360000/witness+0a1b2c3d+BE..."   # the province's keys:
//   key = "tongchou/360000+1a2b3c4d+AU..."   # it cosigns, and has its own log
//   # Others who cosign heads, and how many of them must have cosigned those
//   # of the province's log and those of each city's (0 = nobody has to).
//   witnesses = ["tongchou/360000/360100/witness+1a2b3c4d+BE..."]
//   quorum = 1
//   city_quorum = 1
//   synthetic_clock = true   # only where all data are synthetic
//
//   [[city]]
//   code = "360100"
//   key = "tongchou/360000/360100+0a1b2c3d+AU..."   # the log's first one
//   # Keys to which the log changed since, where the old one did not sign that
//   # (it was lost, and the province's act stands in for it); a witness wants
//   # to be told of every later key.
//   later_keys = ["tongchou/360000/360100+1a2b3c4d+AU..."]
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/ledger/note.h"

namespace tongchou::audit {

struct LogPolicy {
  uint32_t city = 0;   // 0 = the province's own log
  std::string origin;  // tongchou/360000/360100
  ledger::VerifierKey key;
  std::vector<ledger::VerifierKey> later_keys;
};

struct Policy {
  std::string province;
  ledger::VerifierKey witness;
  LogPolicy own;                               // the province's own log
  std::vector<ledger::VerifierKey> witnesses;  // besides the province
  uint64_t quorum = 0;           // of them, for the province's own log
  uint64_t city_quorum = 0;      // likewise for every city's log
  bool synthetic_clock = false;  // entries' times are no real ones
  std::map<uint32_t, LogPolicy> cities;
};

// INVALID_ARGUMENT names the file and what is wrong in it.
absl::StatusOr<Policy> LoadPolicy(const std::string& path);

}  // namespace tongchou::audit
