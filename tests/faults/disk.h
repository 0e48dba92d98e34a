// The disk under one directory, with one fault at one operation. Every write of
// the process goes through it, RocksDB's and our own: the program that links it
// has its own open, write, fsync, rename, ... before those of the C library.
//
// Operations are numbered from 0 in the order in which they come; the threads
// of RocksDB are among them, so a number is not always the same operation.
// RocksDB's info log and lock file are not counted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tongchou::faults {

enum class Fault {
  kNone,
  // Fails once with EIO and does nothing. What a sync that failed should have
  // made durable never becomes durable, as on Linux.
  kError,
  // No space, after half of an append, until Heal, at most 0.3 s.
  kFull,
  // The process is killed in the operation, after half of an append: nothing is
  // written any more, what was written stays.
  kKilled,
  // Power fails before the operation: nothing is written any more, and what was
  // not synced is gone, names too where their directory was not synced.
  kPower,
  // The same, but half of what was not synced of every file is there.
  kPowerTorn,
  // Says that it was done, and does nothing.
  kDropped,
};
inline constexpr Fault kFaults[] = {Fault::kError,     Fault::kFull,
                                    Fault::kKilled,    Fault::kPower,
                                    Fault::kPowerTorn, Fault::kDropped};
std::string_view NameOf(Fault fault);

// There is one in a process. Thread-safe.
class Disk {
 public:
  static Disk& Get();

  // Counts the operations below `root`, which exists, from 0 on; the `at`-th
  // has the fault. What is there now is durable.
  void Watch(const std::string& root, Fault fault, uint64_t at);
  // No further faults; what is not synced stays not synced.
  void Heal();
  // What a power failure leaves, if this was one (`half`: as of kPowerTorn).
  // Nothing has a file open.
  void LosePower(bool half);
  void Stop();

  // The operation with the fault, like "append log/000004.log"; empty: it did
  // not come to it.
  std::string struck();
  // The operations of the last watch without a fault.
  std::vector<std::string> TakeOperations();
};

}  // namespace tongchou::faults
