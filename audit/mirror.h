// A mirror of the province's own log, bodies and all: the province shows no
// head before everything below it lies here, fsynced, and gets from here what
// it has lost.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "common/ledger/log_store.h"
#include "common/ledger/note.h"
#include "common/transport/credentials.h"
#include "tongchou/v1/exchange.pb.h"

namespace grpc {
class ClientContext;
}

namespace tongchou::audit {

// What the mirror keeps. It ends with a signed head at all times.
// Thread-confined.
class MirrorStore {
 public:
  // Opens or creates. DATA_LOSS when the log does not end with a head of the
  // pinned key; FAILED_PRECONDITION when another process has it open.
  static absl::StatusOr<std::unique_ptr<MirrorStore>> Open(
      const std::string& directory, const ledger::VerifierKey& key);
  // The same over a log that is open; only contradictions go to the directory.
  static absl::StatusOr<std::unique_ptr<MirrorStore>> Open(
      const std::string& directory, const ledger::VerifierKey& key,
      std::unique_ptr<ledger::LogStore> log);

  uint64_t size() const { return log_->Head().size(); }
  // The newest head; empty when nothing is kept.
  const std::string& note() const { return note_; }

  // Verifies and keeps a piece that continues the log; fsynced when it returns
  // OK. DATA_LOSS when the province signed something else than what it signed
  // before, or sends something else than it signed: then both heads lie in the
  // directory as `contradiction-SIZE.txt`.
  absl::Status Take(const v1::ProvinceLog& piece);

  // The entries from range->size() on, with a head that was kept.
  absl::StatusOr<v1::ProvinceLog> Give(ledger::CompactRange* range) const;
  // OUT_OF_RANGE beyond the end.
  absl::StatusOr<ledger::CompactRange> RangeAt(uint64_t size) const {
    return log_->RangeAt(size);
  }

 private:
  MirrorStore(std::string directory, ledger::VerifierKey key,
              std::unique_ptr<ledger::LogStore> log)
      : directory_(std::move(directory)),
        key_(std::move(key)),
        log_(std::move(log)) {}
  absl::StatusOr<std::string> NoteAt(uint64_t size) const;
  absl::Status KeepContradiction(const std::string& offered,
                                 const absl::Status& why) const;

  const std::string directory_;
  const ledger::VerifierKey key_;
  const std::unique_ptr<ledger::LogStore> log_;
  std::string note_;
};

struct MirrorOptions {
  std::string aggregator;  // HOST:PORT
  transport::TlsFiles tls;
  // Called with what happens, one line each.
  std::function<void(const std::string&)> say;
};

// Follows the province until it is stopped.
class MirrorRun {
 public:
  MirrorRun(MirrorOptions options, MirrorStore* store, std::string origin)
      : options_(std::move(options)),
        store_(*store),
        origin_(std::move(origin)) {}

  // Connects again and again. Returns OK when it was stopped, and the error
  // that trying again would not mend: DATA_LOSS (see MirrorStore::Take), a
  // broken disk, certificates.
  absl::Status Run();
  // From another thread.
  void Stop();

 private:
  absl::Status Follow();
  bool WaitForRetry(std::chrono::milliseconds wait);
  bool stopping() const;

  const MirrorOptions options_;
  MirrorStore& store_;
  const std::string origin_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace tongchou::audit
