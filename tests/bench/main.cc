// Drives one of the two systems and prints one line of JSON with what it
// measured. tests/bench/run.py starts it.
#include <zstd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "common/base/base64.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/base/thread_priority.h"
#include "tests/bench/message.h"
#include "tests/bench/peer.h"

namespace tongchou::bench {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

// Rows that compress better would flatter whoever compresses.
constexpr double kCompressionMax = 2.3;
constexpr size_t kBlockBytes = 64 << 10;
// Asking costs both systems processor time that the work needs.
constexpr auto kPoll = std::chrono::milliseconds(10);
constexpr auto kAppliedTimeout = std::chrono::minutes(30);

struct Arguments {
  std::string peer;
  std::string config;
  TongchouOptions tongchou;
  bool update = false;
  uint64_t rows = 0;  // per city
  uint64_t first = 0;
  uint32_t version = 0;
  size_t transaction = 1'000;
  size_t sessions = 2;  // per city
  double seconds = 5;
  double rate = 200;
  double pace = 0;  // rows per second over all cities; 0 = as fast as it goes
  size_t clients = 4;
  uint32_t without = 0;  // city
  uint32_t only = 0;     // city
  bool local = false;
};

double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Clock::duration Seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(seconds));
}

WriteMode ModeOf(const Arguments& a) {
  return a.update ? WriteMode::kUpdate : WriteMode::kInsert;
}

// The first error of several threads.
class FirstError {
 public:
  void Take(const absl::Status& status) {
    if (status.ok()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (first_.ok()) first_ = status;
  }
  absl::Status status() const { return first_; }

 private:
  std::mutex mutex_;
  absl::Status first_;
};

// Sessions of all cities, each on a thread of its own.
class Crew {
 public:
  // `number` counts the sessions of a city.
  using Work =
      std::function<absl::Status(Session*, size_t city, size_t number)>;

  static absl::StatusOr<std::unique_ptr<Crew>> Connect(Peer* peer,
                                                       const Arguments& a) {
    auto crew = std::make_unique<Crew>();
    for (size_t city = 0; city < std::size(kCities); ++city) {
      if (a.only != 0 && kCities[city] != a.only) continue;
      for (size_t i = 0; i < a.sessions; ++i) {
        ASSIGN_OR_RETURN(auto session, peer->Connect(kCities[city], ModeOf(a)));
        crew->sessions_.push_back({city, i, std::move(session)});
      }
    }
    return crew;
  }

  absl::Status Run(const Work& work) {
    FirstError error;
    std::vector<std::thread> threads;
    for (const Member& one : sessions_) {
      threads.emplace_back(
          [&] { error.Take(work(one.session.get(), one.city, one.number)); });
    }
    for (std::thread& thread : threads) thread.join();
    return error.status();
  }

 private:
  struct Member {
    size_t city;
    size_t number;
    std::unique_ptr<Session> session;
  };
  std::vector<Member> sessions_;
};

absl::Status WaitFor(Reader* center, const std::vector<Progress>& target,
                     uint64_t Progress::*what) {
  const auto deadline = Clock::now() + kAppliedTimeout;
  while (Clock::now() < deadline) {
    ASSIGN_OR_RETURN(const auto now, center->Arrived());
    bool there = now.size() == target.size();
    for (size_t i = 0; there && i < now.size(); ++i) {
      there = now[i].*what >= target[i].committed;
    }
    if (there) return absl::OkStatus();
    std::this_thread::sleep_for(kPoll);
  }
  return base::UnavailableError("the center did not catch up");
}

// Waits until the center has all that is committed; adds when to `result`.
absl::Status AddArrival(Reader* center, Clock::time_point start, json* result) {
  ASSIGN_OR_RETURN(const auto target, center->Positions());
  RETURN_IF_ERROR(WaitFor(center, target, &Progress::durable));
  (*result)["durable_seconds"] = Since(start);
  RETURN_IF_ERROR(WaitFor(center, target, &Progress::applied));
  (*result)["applied_seconds"] = Since(start);
  return absl::OkStatus();
}

// By how much zstd-1 compresses a block of rows.
double Compression(const Arguments& a) {
  Row row;
  std::string block;
  for (uint64_t i = 0; block.size() < kBlockBytes; ++i) {
    MakeRow(kCities[0], a.first + i, a.version, &row);
    block += MessageOf(row);
  }
  std::string out(ZSTD_compressBound(block.size()), '\0');
  const size_t bytes =
      ZSTD_compress(out.data(), out.size(), block.data(), block.size(), 1);
  return static_cast<double>(block.size()) / static_cast<double>(bytes);
}

// `rows` per city in transactions, which are made before the clock starts.
absl::StatusOr<json> Load(Peer* peer, const Arguments& a) {
  const double compression = Compression(a);
  if (compression > kCompressionMax) {
    return base::InternalError("the rows compress {:.2f} times", compression);
  }
  ASSIGN_OR_RETURN(const auto center, peer->ConnectCenter());
  ASSIGN_OR_RETURN(const auto crew, Crew::Connect(peer, a));
  using Transactions = std::vector<std::unique_ptr<Transaction>>;
  std::array<std::vector<Transactions>, std::size(kCities)> made;
  for (auto& city : made) city = std::vector<Transactions>(a.sessions);
  RETURN_IF_ERROR(crew->Run([&](Session* session, size_t city, size_t number) {
    base::LowerThreadPriority(base::kNiceIdle);  // something may be measured
    std::vector<Row> rows;
    for (uint64_t begin = number * a.transaction; begin < a.rows;
         begin += a.sessions * a.transaction) {
      rows.resize(std::min<uint64_t>(a.transaction, a.rows - begin));
      for (size_t i = 0; i < rows.size(); ++i) {
        MakeRow(kCities[city], a.first + begin + i, a.version, &rows[i]);
      }
      made[city][number].push_back(session->Make(rows));
    }
    return absl::OkStatus();
  }));
  const auto start = Clock::now();
  RETURN_IF_ERROR(crew->Run(
      [&](Session* session, size_t city, size_t number) -> absl::Status {
        const size_t sessions = a.sessions * std::size(kCities);
        // In turn: cities do not all write in the same moment.
        size_t turn = city * a.sessions + number;
        for (const auto& transaction : made[city][number]) {
          if (a.pace > 0) {
            std::this_thread::sleep_until(
                start +
                Seconds(static_cast<double>(turn * a.transaction) / a.pace));
            turn += sessions;
          }
          RETURN_IF_ERROR(session->Commit(*transaction));
        }
        return absl::OkStatus();
      }));
  json result;
  result["compression"] = compression;
  result["rows"] = a.rows * (a.only == 0 ? std::size(kCities) : 1);
  result["committed_seconds"] = Since(start);
  if (a.local) return result;
  RETURN_IF_ERROR(AddArrival(center.get(), start, &result));
  return result;
}

// One row per transaction, one in flight per client.
absl::StatusOr<json> Single(Peer* peer, const Arguments& a) {
  ASSIGN_OR_RETURN(const auto center, peer->ConnectCenter());
  std::vector<uint32_t> cities;
  for (size_t i = 0; i < a.sessions; ++i) {
    cities.insert(cities.end(), std::begin(kCities), std::end(kCities));
  }
  ASSIGN_OR_RETURN(const auto clients, peer->ConnectClients(cities, ModeOf(a)));
  std::array<uint64_t, std::size(kCities)> made{};
  const auto start = Clock::now();
  RETURN_IF_ERROR(clients->Commit([&](size_t client, Row* row) {
    if (Since(start) >= a.seconds) return false;
    const size_t city = client % std::size(kCities);
    MakeRow(kCities[city], a.first + made[city]++, a.version, row);
    return true;
  }));
  json result;
  result["committed_seconds"] = Since(start);
  uint64_t total = 0;
  for (const uint64_t one : made) total += one;
  result["rows"] = total;
  result["rows_per_city"] = made;
  RETURN_IF_ERROR(AddArrival(center.get(), start, &result));
  return result;
}

double Quantile(const std::vector<double>& sorted, double q) {
  return sorted[static_cast<size_t>(q *
                                    static_cast<double>(sorted.size() - 1))];
}

// A lone commit, then questions to the center until it is visible there.
absl::StatusOr<json> Latency(Peer* peer, const Arguments& a) {
  ASSIGN_OR_RETURN(const auto center, peer->ConnectCenter());
  std::vector<uint32_t> cities;
  std::vector<std::unique_ptr<Session>> sessions;
  for (const uint32_t city : kCities) {
    if (city == a.without) continue;
    ASSIGN_OR_RETURN(auto session, peer->Connect(city, WriteMode::kInsert));
    cities.push_back(city);
    sessions.push_back(std::move(session));
  }
  std::vector<double> visible;
  std::vector<double> committed;
  const auto start = Clock::now();
  std::vector<Row> rows(1);
  const auto count = static_cast<uint64_t>(a.seconds * a.rate);
  for (uint64_t i = 0; i < count; ++i) {
    const size_t city = i % cities.size();
    std::this_thread::sleep_until(start +
                                  Seconds(static_cast<double>(i) / a.rate));
    MakeRow(cities[city], a.first + i, a.version, rows.data());
    const auto sent = Clock::now();
    RETURN_IF_ERROR(sessions[city]->Commit(rows));
    committed.push_back(Since(sent) * 1e3);
    while (true) {
      ASSIGN_OR_RETURN(const bool seen,
                       center->Sees(rows.front(), sessions[city]->log_size()));
      if (seen) break;
    }
    visible.push_back(Since(sent) * 1e3);
  }
  std::sort(visible.begin(), visible.end());
  std::sort(committed.begin(), committed.end());
  json result;
  result["rows"] = count;
  result["committed_p50_ms"] = Quantile(committed, 0.5);
  result["committed_p99_ms"] = Quantile(committed, 0.99);
  result["visible_p50_ms"] = Quantile(visible, 0.5);
  result["visible_p99_ms"] = Quantile(visible, 0.99);
  result["visible_max_ms"] = visible.back();
  return result;
}

// What clients of the center saw within half a second.
struct Window {
  std::vector<double> queries;  // ms
  uint64_t applied = 0;         // at its end
};

// Asks the center all the time and watches how it gets on, while somebody else
// loads.
class Storm {
 public:
  Storm(Peer* peer, const Arguments& a) : peer_(*peer), a_(a) {
    windows_.resize(static_cast<size_t>(a.seconds / kWindowSeconds));
  }

  absl::StatusOr<json> Run() {
    FirstError error;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < a_.clients; ++i) {
      threads.emplace_back([&, i] { error.Take(Ask(i)); });
    }
    threads.emplace_back([&] { error.Take(Watch()); });
    for (std::thread& thread : threads) thread.join();
    RETURN_IF_ERROR(error.status());
    return Result();
  }

 private:
  static constexpr double kWindowSeconds = 0.5;
  static constexpr auto kLook = std::chrono::milliseconds(20);

  absl::Status Ask(size_t client);
  absl::Status Watch();
  json Result();

  Peer& peer_;
  const Arguments& a_;
  const Clock::time_point start_ = Clock::now();
  std::mutex mutex_;
  std::vector<Window> windows_;
  double stall_ = 0;  // seconds
};

absl::Status Storm::Ask(size_t client) {
  ASSIGN_OR_RETURN(const auto center, peer_.ConnectCenter());
  Row row;
  for (uint64_t i = client;; i += a_.clients) {
    // In turn with the others; what is overdue when an answer comes late is
    // left out, and missing from the number of questions.
    const double due = static_cast<double>(i) / a_.rate;
    if (due < Since(start_)) continue;
    MakeRow(kCities[i % std::size(kCities)], i * 7919 % a_.rows, 0, &row);
    std::this_thread::sleep_until(start_ + Seconds(due));
    const auto sent = Clock::now();
    RETURN_IF_ERROR(center->Sees(row, 0).status());
    const double took = Since(sent) * 1e3;
    const auto window = static_cast<size_t>(Since(start_) / kWindowSeconds);
    if (window >= windows_.size()) return absl::OkStatus();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      windows_[window].queries.push_back(took);
    }
  }
}

// The longest time without progress between the first and the last.
absl::Status Storm::Watch() {
  ASSIGN_OR_RETURN(const auto center, peer_.ConnectCenter());
  uint64_t first = 0;
  uint64_t last = 0;
  double moved = 0;
  while (true) {
    ASSIGN_OR_RETURN(const auto positions, center->Arrived());
    uint64_t applied = 0;
    for (const Progress& one : positions) applied += one.applied;
    const double now = Since(start_);
    const auto window = static_cast<size_t>(now / kWindowSeconds);
    if (window >= windows_.size()) return absl::OkStatus();
    if (first == 0) first = last = applied;
    if (applied != last) {
      if (last != first) stall_ = std::max(stall_, now - moved);
      last = applied;
      moved = now;
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      windows_[window].applied = applied;
    }
    std::this_thread::sleep_for(kLook);
  }
}

json Storm::Result() {
  json result;
  result["windows"] = json::array();
  std::vector<double> all;
  for (size_t i = 1; i < windows_.size(); ++i) {
    Window& window = windows_[i];
    Window& before = windows_[i - 1];
    if (window.applied == 0) window.applied = before.applied;
    if (window.applied == before.applied || window.queries.empty()) continue;
    std::sort(window.queries.begin(), window.queries.end());
    all.insert(all.end(), window.queries.begin(), window.queries.end());
    if (before.applied == 0) continue;  // nobody had looked yet
    result["windows"].push_back(
        {{"second", static_cast<double>(i) * kWindowSeconds},
         {"applied_per_second",
          static_cast<double>(window.applied - before.applied) /
              kWindowSeconds},
         {"queries", window.queries.size()},
         {"p99_ms", Quantile(window.queries, 0.99)}});
  }
  std::sort(all.begin(), all.end());
  result["rows"] = all.size();
  result["stall_seconds"] = stall_;
  if (!all.empty()) {
    result["query_p50_ms"] = Quantile(all, 0.5);
    result["query_p99_ms"] = Quantile(all, 0.99);
    result["query_max_ms"] = all.back();
  }
  return result;
}

absl::StatusOr<json> RunStorm(Peer* peer, const Arguments& a) {
  return Storm(peer, a).Run();
}

// A digest of the center's rows, so that two systems can be compared.
absl::StatusOr<json> Digest(Peer* peer, const Arguments&) {
  ASSIGN_OR_RETURN(const auto center, peer->ConnectCenter());
  base::Sha256Stream stream;
  uint64_t rows = 0;
  RETURN_IF_ERROR(center->Dump([&](std::string_view line) {
    stream.Update(line).Update("\n");
    ++rows;
  }));
  json result;
  result["rows"] = rows;
  result["digest"] = base::Base64Encode(stream.Finish().view());
  return result;
}

// Waits until the center has everything that is committed.
absl::StatusOr<json> Wait(Peer* peer, const Arguments&) {
  ASSIGN_OR_RETURN(const auto center, peer->ConnectCenter());
  json result;
  RETURN_IF_ERROR(AddArrival(center.get(), Clock::now(), &result));
  return result;
}

absl::StatusOr<std::unique_ptr<Peer>> MakePeer(const Arguments& a) {
  std::ifstream file(a.config);
  const json config = json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (config.is_discarded()) {
    return base::InvalidArgumentError("{}: no configuration", a.config);
  }
  if (a.peer == "postgres") return MakePostgres(config);
  return MakeTongchou(config, a.tongchou);
}

using Job = absl::StatusOr<json> (*)(Peer*, const Arguments&);

int Run(const Arguments& arguments, Job job) {
  const auto run = [&]() -> absl::StatusOr<json> {
    ASSIGN_OR_RETURN(const auto peer, MakePeer(arguments));
    return job(peer.get(), arguments);
  };
  const absl::StatusOr<json> result = run();
  if (!result.ok()) {
    std::cerr << "tongchou-bench: " << base::Describe(result.status()) << "\n";
    return 1;
  }
  std::cout << result->dump() << "\n";
  return 0;
}

int Main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  Arguments arguments;
  CLI::App app("load generator of the benchmarks");
  app.add_option("--peer", arguments.peer)
      ->required()
      ->check(CLI::IsMember({"tongchou", "postgres"}));
  app.add_option("--config", arguments.config)->required();
  app.add_flag("--unary", arguments.tongchou.unary);
  app.add_flag("--one-connection", arguments.tongchou.one_connection,
               "for all clients of a city");
  app.add_flag("--update", arguments.update);
  app.add_option("--rows", arguments.rows, "per city");
  app.add_option("--first", arguments.first, "index of the first row");
  app.add_option("--version", arguments.version);
  app.add_option("--transaction", arguments.transaction, "rows");
  app.add_option("--sessions", arguments.sessions, "per city");
  app.add_option("--seconds", arguments.seconds);
  app.add_option("--rate", arguments.rate, "per second");
  app.add_option("--pace", arguments.pace, "rows per second of a load");
  app.add_option("--clients", arguments.clients, "of the center");
  app.add_option("--without", arguments.without, "leave this city alone");
  app.add_option("--only", arguments.only, "load this city only");
  app.add_flag("--local", arguments.local, "do not wait for the center");
  Job job = nullptr;
  const std::pair<const char*, Job> jobs[] = {
      {"load", Load},      {"single", Single}, {"latency", Latency},
      {"storm", RunStorm}, {"digest", Digest}, {"wait", Wait}};
  for (const auto& [name, function] : jobs) {
    app.add_subcommand(name)->callback([&, function] { job = function; });
  }
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);
  return Run(arguments, job);
}

}  // namespace
}  // namespace tongchou::bench

int main(int argc, char** argv) { return tongchou::bench::Main(argc, argv); }
