// A database in memory that holds the keys and values of an input.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/write_batch.h>

#include <memory>
#include <string>
#include <string_view>

#include "common/ledger/rocksdb_status.h"
#include "tests/fuzz/fuzz.h"

namespace tongchou::fuzz {

class MemoryDatabase {
 public:
  explicit MemoryDatabase(const std::string& path = "/database")
      : env_(rocksdb::NewMemEnv(rocksdb::Env::Default())) {
    Open(path);
  }

  rocksdb::DB* db() const { return db_.get(); }
  // Another may open it in its file system meanwhile.
  void Close() { db_.reset(); }
  void Open(const std::string& path) {
    rocksdb::Options options =
        ledger::DatabaseOptions(/*large_values=*/true, 1 << 20);
    options.env = env_.get();
    rocksdb::DB* db = nullptr;
    Require(rocksdb::DB::Open(options, path, &db).ok(), "memory");
    db_.reset(db);
  }
  std::shared_ptr<rocksdb::FileSystem> file_system() const {
    return env_->GetFileSystem();
  }

  // In place of all that is there: pieces, key and value in turn, each key
  // behind the prefix.
  void Fill(std::string_view input, const std::string& prefix) const {
    rocksdb::WriteBatch batch;
    const std::unique_ptr<rocksdb::Iterator> it(
        db_->NewIterator(rocksdb::ReadOptions()));
    for (it->SeekToFirst(); it->Valid(); it->Next()) batch.Delete(it->key());
    while (!input.empty()) {
      const std::string key = prefix + std::string(TakePiece(&input));
      batch.Put(key, ledger::ToSlice(TakePiece(&input)));
    }
    Require(db_->Write(rocksdb::WriteOptions(), &batch).ok(), "memory");
  }
  // The input that fills it so, without the prefix that all keys have.
  std::string Dump(const std::string& prefix) const {
    std::string input;
    const std::unique_ptr<rocksdb::Iterator> it(
        db_->NewIterator(rocksdb::ReadOptions()));
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      input += Piece(ledger::ToView(it->key()).substr(prefix.size()));
      input += Piece(ledger::ToView(it->value()));
    }
    return input;
  }

 private:
  const std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace tongchou::fuzz
