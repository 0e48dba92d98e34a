#include <libpq-fe.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>

#include "common/base/status.h"
#include "tests/bench/peer.h"

namespace tongchou::bench {
namespace {

struct EndConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, EndConnection>;
using Result = std::unique_ptr<PGresult, ClearResult>;

absl::StatusOr<Connection> Open(const std::string& where) {
  Connection connection(PQconnectdb(where.c_str()));
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    return base::UnavailableError("{}: {}", where,
                                  PQerrorMessage(connection.get()));
  }
  return connection;
}

absl::Status ErrorOf(const PGconn* connection) {
  return base::InternalError("postgres: {}", PQerrorMessage(connection));
}

absl::StatusOr<Result> Check(PGconn* connection, PGresult* raw) {
  Result result(raw);
  const ExecStatusType status = PQresultStatus(raw);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
      status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
    return result;
  }
  return ErrorOf(connection);
}

absl::StatusOr<Result> Run(PGconn* connection, const std::string& sql) {
  return Check(connection, PQexec(connection, sql.c_str()));
}

constexpr size_t kColumns = 12;

// The columns of the table in their order, those of the key first.
std::array<std::string, kColumns> ColumnsOf(const Row& row) {
  return {std::to_string(row.city),
          row.id_number,
          row.insurance,
          row.person_code,
          row.unit_code,
          std::to_string(row.division),
          row.state,
          row.paying,
          row.retired,
          row.rural,
          std::to_string(row.from_day),
          std::to_string(row.first_month)};
}

std::array<const char*, kColumns> Pointers(
    const std::array<std::string, kColumns>& columns) {
  std::array<const char*, kColumns> values;
  for (size_t i = 0; i < kColumns; ++i) values[i] = columns[i].c_str();
  return values;
}

constexpr char kInsert[] =
    "INSERT INTO enrolment VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
    "$11, $12)";
// For one row; a server spares parsing by the prepared statement.
constexpr char kUpdate[] =
    "UPDATE enrolment SET aac001 = $4, aab001 = $5, aab301 = $6, aac008 = $7, "
    "aac031 = $8, aac084 = $9, aac028 = $10, aac030 = $11, aac049 = $12, "
    "changed_at = now() WHERE city = $1 AND aac002 = $2 AND aae140 = $3";
constexpr char kUpdateMany[] =
    "UPDATE enrolment e SET aac001 = n.aac001, aab001 = n.aab001, aab301 = "
    "n.aab301, aac008 = n.aac008, aac031 = n.aac031, aac084 = n.aac084, "
    "aac028 = n.aac028, aac030 = n.aac030, aac049 = n.aac049, changed_at = "
    "now() FROM incoming n WHERE e.city = n.city AND e.aac002 = n.aac002 AND "
    "e.aae140 = n.aae140";

class PostgresSession final : public Session {
 public:
  PostgresSession(Connection connection, WriteMode mode)
      : connection_(std::move(connection)), mode_(mode) {}

  absl::Status Prepare() {
    PGconn* c = connection_.get();
    RETURN_IF_ERROR(
        Check(c, PQprepare(c, "one",
                           mode_ == WriteMode::kInsert ? kInsert : kUpdate,
                           kColumns, nullptr))
            .status());
    return Run(c,
               "CREATE TEMPORARY TABLE incoming (LIKE enrolment INCLUDING "
               "DEFAULTS) ON COMMIT DELETE ROWS")
        .status();
  }

  std::unique_ptr<Transaction> Make(const std::vector<Row>& rows) override {
    auto transaction = std::make_unique<RowTransaction>();
    if (rows.size() == 1) {
      transaction->columns = ColumnsOf(rows.front());
      return transaction;
    }
    for (const Row& row : rows) {
      const auto columns = ColumnsOf(row);
      for (size_t i = 0; i < kColumns; ++i) {
        transaction->text += columns[i];
        transaction->text += i + 1 == kColumns ? '\n' : '\t';
      }
    }
    return transaction;
  }

  using Session::Commit;
  absl::Status Commit(const Transaction& one) override {
    const auto& transaction = static_cast<const RowTransaction&>(one);
    if (transaction.text.empty()) return CommitOne(transaction.columns);
    if (mode_ == WriteMode::kInsert) return Copy("enrolment", transaction.text);
    // The quickest way to update many rows by their keys.
    PGconn* c = connection_.get();
    RETURN_IF_ERROR(Run(c, "BEGIN").status());
    RETURN_IF_ERROR(Copy("incoming", transaction.text));
    RETURN_IF_ERROR(Run(c, kUpdateMany).status());
    return Run(c, "COMMIT").status();
  }

  // Without waiting, for one row.
  int Socket() const { return PQsocket(connection_.get()); }
  absl::Status Send(const Row& row) {
    const auto columns = ColumnsOf(row);
    PGconn* c = connection_.get();
    if (PQsendQueryPrepared(c, "one", kColumns, Pointers(columns).data(),
                            nullptr, nullptr, 0) == 1) {
      return absl::OkStatus();
    }
    return ErrorOf(c);
  }
  // Takes what came; whether the row is committed.
  absl::StatusOr<bool> Receive() {
    PGconn* c = connection_.get();
    if (PQconsumeInput(c) != 1) {
      return ErrorOf(c);
    }
    while (PQisBusy(c) == 0) {
      PGresult* const result = PQgetResult(c);
      if (result == nullptr) return true;
      RETURN_IF_ERROR(Check(c, result).status());
    }
    return false;
  }

 private:
  // One row, or the text of many for COPY.
  struct RowTransaction final : Transaction {
    std::array<std::string, kColumns> columns;
    std::string text;
  };

  absl::Status CommitOne(const std::array<std::string, kColumns>& columns) {
    PGconn* c = connection_.get();
    return Check(c, PQexecPrepared(c, "one", kColumns, Pointers(columns).data(),
                                   nullptr, nullptr, 0))
        .status();
  }

  absl::Status Copy(const std::string& table, const std::string& text) {
    PGconn* c = connection_.get();
    RETURN_IF_ERROR(
        Run(c, "COPY " + table +
                   " (city, aac002, aae140, aac001, aab001, aab301, aac008, "
                   "aac031, aac084, aac028, aac030, aac049) FROM STDIN")
            .status());
    if (PQputCopyData(c, text.data(), static_cast<int>(text.size())) != 1 ||
        PQputCopyEnd(c, nullptr) != 1) {
      return ErrorOf(c);
    }
    const absl::Status status = Check(c, PQgetResult(c)).status();
    Result rest(PQgetResult(c));
    return status;
  }

  const Connection connection_;
  const WriteMode mode_;
};

// As pgbench has it: one thread that waits for whichever connection has
// something to read.
class PostgresClients final : public Clients {
 public:
  explicit PostgresClients(std::vector<std::unique_ptr<PostgresSession>> all)
      : sessions_(std::move(all)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
  ~PostgresClients() override { close(epoll_); }

  absl::Status Commit(const Next& next) override {
    size_t busy = 0;
    for (size_t i = 0; i < sessions_.size(); ++i) {
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      if (epoll_ctl(epoll_, EPOLL_CTL_ADD, sessions_[i]->Socket(), &event)) {
        return base::InternalError("epoll_ctl: {}", std::strerror(errno));
      }
      ASSIGN_OR_RETURN(const bool sent, Send(next, i));
      busy += sent;
    }
    std::array<epoll_event, 128> events;
    while (busy > 0) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const size_t client = events[i].data.u64;
        ASSIGN_OR_RETURN(const bool done, sessions_[client]->Receive());
        if (!done) continue;
        ASSIGN_OR_RETURN(const bool sent, Send(next, client));
        busy -= !sent;
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<bool> Send(const Next& next, size_t client) {
    Row row;
    if (!next(client, &row)) return false;
    RETURN_IF_ERROR(sessions_[client]->Send(row));
    return true;
  }

  const std::vector<std::unique_ptr<PostgresSession>> sessions_;
  const int epoll_;
};

class PostgresReader final : public Reader {
 public:
  PostgresReader(Connection center, std::vector<Connection> publishers)
      : center_(std::move(center)), publishers_(std::move(publishers)) {}

  absl::Status Prepare() {
    PGconn* c = center_.get();
    return Check(c, PQprepare(c, "sees",
                              "SELECT * FROM enrolment WHERE city = $1 AND "
                              "aac002 = $2 AND aae140 = $3",
                              3, nullptr))
        .status();
  }

  absl::StatusOr<bool> Sees(const Row& row, uint64_t /*log_size*/) override {
    const std::string city = std::to_string(row.city);
    const char* values[] = {city.c_str(), row.id_number.c_str(),
                            row.insurance.c_str()};
    PGconn* c = center_.get();
    ASSIGN_OR_RETURN(
        const Result result,
        Check(c, PQexecPrepared(c, "sees", 3, values, nullptr, nullptr, 0)));
    return PQntuples(result.get()) > 0;
  }

  absl::StatusOr<std::vector<Progress>> Positions() override;
  absl::Status Dump(const std::function<void(std::string_view)>& line) override;

 private:
  const Connection center_;
  const std::vector<Connection> publishers_;
};

// In bytes of the publishers' write-ahead logs.
absl::StatusOr<std::vector<Progress>> PostgresReader::Positions() {
  std::vector<Progress> cities;
  for (const Connection& publisher : publishers_) {
    ASSIGN_OR_RETURN(
        const Result result,
        Run(publisher.get(),
            "SELECT pg_current_wal_lsn() - '0/0', coalesce(min(flush_lsn) - "
            "'0/0', 0), coalesce(min(replay_lsn) - '0/0', 0) FROM "
            "pg_stat_replication"));
    const auto number = [&](int column) {
      return std::stoull(PQgetvalue(result.get(), 0, column));
    };
    cities.push_back({number(0), number(1), number(2)});
  }
  return cities;
}

absl::Status PostgresReader::Dump(
    const std::function<void(std::string_view)>& line) {
  PGconn* c = center_.get();
  RETURN_IF_ERROR(
      Run(c,
          "COPY (SELECT city, aac002, aae140, aac001, aab001, aab301, aac008, "
          "aac031, aac084, aac028, aac030, aac049, '' AS aae031 FROM enrolment "
          "ORDER BY aac002 COLLATE \"C\", aae140 COLLATE \"C\", city) TO "
          "STDOUT")
          .status());
  char* buffer = nullptr;
  int bytes = 0;
  while ((bytes = PQgetCopyData(c, &buffer, 0)) > 0) {
    line({buffer, static_cast<size_t>(bytes) - 1});
    PQfreemem(buffer);
  }
  return Check(c, PQgetResult(c)).status();
}

class PostgresPeer final : public Peer {
 public:
  explicit PostgresPeer(nlohmann::json config) : config_(std::move(config)) {}

  absl::StatusOr<std::unique_ptr<Session>> Connect(uint32_t city,
                                                   WriteMode mode) override {
    return OpenSession(city, mode);
  }

  absl::StatusOr<std::unique_ptr<Clients>> ConnectClients(
      const std::vector<uint32_t>& cities, WriteMode mode) override {
    std::vector<std::unique_ptr<PostgresSession>> sessions;
    for (const uint32_t city : cities) {
      ASSIGN_OR_RETURN(auto session, OpenSession(city, mode));
      sessions.push_back(std::move(session));
    }
    return std::make_unique<PostgresClients>(std::move(sessions));
  }

  absl::StatusOr<std::unique_ptr<Reader>> ConnectCenter() override {
    std::vector<Connection> publishers;
    for (const uint32_t city : kCities) {
      ASSIGN_OR_RETURN(Connection connection, OpenPublisher(city));
      publishers.push_back(std::move(connection));
    }
    ASSIGN_OR_RETURN(Connection center, Open(config_.at("center")));
    auto reader = std::make_unique<PostgresReader>(std::move(center),
                                                   std::move(publishers));
    RETURN_IF_ERROR(reader->Prepare());
    return reader;
  }

 private:
  absl::StatusOr<std::unique_ptr<PostgresSession>> OpenSession(
      uint32_t city, WriteMode mode) const {
    ASSIGN_OR_RETURN(Connection connection, OpenPublisher(city));
    auto session =
        std::make_unique<PostgresSession>(std::move(connection), mode);
    RETURN_IF_ERROR(session->Prepare());
    return session;
  }
  absl::StatusOr<Connection> OpenPublisher(uint32_t city) const {
    return Open(config_.at("publishers").at(std::to_string(city)));
  }

  const nlohmann::json config_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Peer>> MakePostgres(
    const nlohmann::json& config) {
  return std::make_unique<PostgresPeer>(config);
}

}  // namespace tongchou::bench
