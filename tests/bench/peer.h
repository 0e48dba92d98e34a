// One of the two systems under measurement, as the load generator sees it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "tests/bench/rows.h"

namespace tongchou::bench {

// How far one city's changes are, in units of the peer.
struct Progress {
  uint64_t committed = 0;
  uint64_t durable = 0;
  uint64_t applied = 0;
};

enum class WriteMode { kInsert, kUpdate };

// What a session sends for one transaction, ready to be sent.
class Transaction {
 public:
  virtual ~Transaction() = default;
};

// A connection of one client to one city. Confined to one thread.
class Session {
 public:
  virtual ~Session() = default;
  virtual std::unique_ptr<Transaction> Make(const std::vector<Row>& rows) = 0;
  // Commits what this session made and waits until it is acknowledged.
  virtual absl::Status Commit(const Transaction& transaction) = 0;
  absl::Status Commit(const std::vector<Row>& rows) {
    return Commit(*Make(rows));
  }
  // How long the city's log was behind the last commit; 0 = it does not say.
  virtual uint64_t log_size() const { return 0; }
};

// Many clients of cities, each with one transaction in flight. They share the
// calling thread, which is dear enough for a generator on the machine that it
// measures.
class Clients {
 public:
  // The next row of a client, counted as they were named; false: it has enough.
  using Next = std::function<bool(size_t client, Row* row)>;

  virtual ~Clients() = default;
  // Every client commits a row, and the next one as soon as it is acknowledged,
  // until none has any. Once.
  virtual absl::Status Commit(const Next& next) = 0;
};

// Asks the center. Confined to one thread.
class Reader {
 public:
  virtual ~Reader() = default;
  // Whether the row is visible there. A center that can be asked to wait until
  // it reflects so much of the city's log is.
  virtual absl::StatusOr<bool> Sees(const Row& row, uint64_t log_size) = 0;
  // One per city.
  virtual absl::StatusOr<std::vector<Progress>> Positions() = 0;
  // The same as far as the center knows it: nothing about what is committed
  // where that would have to be asked of the cities.
  virtual absl::StatusOr<std::vector<Progress>> Arrived() {
    return Positions();
  }
  // One line per current row: city, AAC002, AAE140, then the other columns,
  // by ID number and city.
  virtual absl::Status Dump(
      const std::function<void(std::string_view)>& line) = 0;
};

class Peer {
 public:
  virtual ~Peer() = default;
  virtual absl::StatusOr<std::unique_ptr<Session>> Connect(uint32_t city,
                                                           WriteMode mode) = 0;
  // A client for each of `cities`, which may repeat.
  virtual absl::StatusOr<std::unique_ptr<Clients>> ConnectClients(
      const std::vector<uint32_t>& cities, WriteMode mode) = 0;
  virtual absl::StatusOr<std::unique_ptr<Reader>> ConnectCenter() = 0;
};

struct TongchouOptions {
  // What ConnectClients makes; a Session has a stream and a connection.
  bool unary = false;
  // All clients of a city share one; otherwise each has its own.
  bool one_connection = false;
};

// `config` is what run.py writes: addresses, certificates.
absl::StatusOr<std::unique_ptr<Peer>> MakeTongchou(const nlohmann::json& config,
                                                   TongchouOptions options);
absl::StatusOr<std::unique_ptr<Peer>> MakePostgres(
    const nlohmann::json& config);

}  // namespace tongchou::bench
