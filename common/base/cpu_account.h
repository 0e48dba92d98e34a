// Where a program's processor time goes: accounts of kinds of work, charged by
// the clock of the thread that does it. Reading that clock costs 0.2 µs, so a
// scope is for a batch of work, never for a single record.
//
//   base::CpuAccount compressing("compress");  // static
//   ...
//   const base::CpuScope scope(compressing);
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

namespace tongchou::base {

// Of static storage; `name` too. Accounts of one name are added up.
class CpuAccount {
 public:
  explicit CpuAccount(const char* name);
  CpuAccount(const CpuAccount&) = delete;
  CpuAccount& operator=(const CpuAccount&) = delete;

 private:
  friend class CpuScope;
  friend std::map<std::string, double> CpuSeconds();
  const char* const name_;
  CpuAccount* const next_;  // of all accounts
  std::atomic<int64_t> nanoseconds_ = 0;
};

// Charges what the thread does until its end. Within another scope that one
// pauses, so no time is counted twice.
class CpuScope {
 public:
  explicit CpuScope(CpuAccount& account);
  ~CpuScope();
  CpuScope(const CpuScope&) = delete;
  CpuScope& operator=(const CpuScope&) = delete;

 private:
  CpuAccount* const outer_;
};

// Seconds of each account so far. Thread-safe.
std::map<std::string, double> CpuSeconds();
// Of the whole process, what nobody counted included.
double ProcessCpuSeconds();

}  // namespace tongchou::base
