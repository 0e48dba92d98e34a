// Any sequence of messages at both ends of the exchange, at a follower of the
// province's log and at its mirror: refused or taken, never more than what was
// verified.
#include "common/exchange/follower.h"
#include "common/exchange/mirror_piece.h"
#include "tests/common/exchange/memory_peers.h"
#include "tests/fuzz/fuzz.h"

using namespace tongchou;  // NOLINT(google-build-using-namespace)
using fuzz::Require;

namespace {

constexpr int64_t kNow = 1'700'000'000'000'000;

void AtTheProvince(std::string_view input, bool from_file) {
  static const ledger::Signer city(exchange::kOrigin, exchange::KeyOf('c'));
  exchange::Ingest ingest({.city = exchange::kCity,
                           .origin = exchange::kOrigin,
                           .city_keys = city.verifier(),
                           .from_file = from_file});
  const exchange::CityCopy copy;
  v1::NodeMessage message;
  while (!input.empty()) {
    const std::string_view piece = fuzz::TakePiece(&input);
    if (!message.ParseFromArray(piece.data(), static_cast<int>(piece.size()))) {
      continue;
    }
    const uint64_t before = ingest.verified_size();
    if (message.has_hello()) {
      const bool welcome =
          ingest
              .OnHello(
                  message.hello(), copy,
                  [](uint64_t) {
                    return absl::StatusOr<ledger::Hash>(ledger::EmptyRoot());
                  },
                  kNow)
              .ok();
      Require(ingest.verified_size() == before, "a Hello brings no entries");
      Require(!welcome || from_file || !message.hello().start().empty(),
              "a start is signed");
    } else if (message.has_batch()) {
      const auto verified = ingest.OnBatch(message.batch());
      Require(ingest.verified_size() ==
                  (verified.ok() ? verified->end_size : before),
              "only what was verified counts");
      if (verified.ok()) {
        ingest.OnDurable(verified->end_size, "", 0, kNow);
      }
    } else if (message.has_heartbeat()) {
      const auto life = ingest.OnHeartbeat(message.heartbeat(), kNow);
      Require(!life.ok() || !message.heartbeat().note().empty(),
              "a sign of life is signed");
    }
  }
}

void AtTheNode(std::string_view input) {
  exchange::MemoryLog log(
      ledger::Signer(exchange::kOrigin, exchange::KeyOf('c')));
  log.AppendTransaction(3);
  log.AppendTransaction(2);
  log.Commit();
  exchange::UplinkConfig config;
  config.origin = exchange::kOrigin;
  config.province_key =
      ledger::Cosigner("province", exchange::KeyOf('p')).verifier();
  exchange::Uplink uplink(std::move(config), &log);
  v1::ProvinceMessage message;
  int64_t now = kNow;
  while (!input.empty()) {
    const std::string_view piece = fuzz::TakePiece(&input);
    if (!uplink.Next(now += 1'000'000).ok()) return;
    if (message.ParseFromArray(piece.data(), static_cast<int>(piece.size())) &&
        !uplink.OnMessage(message, now).ok()) {
      return;
    }
    Require(uplink.positions().durable <= log.committed_size(),
            "no more is durable than there is");
    Require(uplink.positions().applied <= uplink.positions().durable,
            "no more is applied than is durable");
  }
}

void FollowingTheProvince(std::string_view input) {
  static const ledger::VerifierKey key =
      ledger::Signer("tongchou/360000", exchange::KeyOf('o')).verifier();
  exchange::Follower follower(key, exchange::kCity, {});
  v1::ProvinceLog log;
  ledger::LogHead head;
  while (!input.empty()) {
    const std::string_view piece = fuzz::TakePiece(&input);
    if (!log.ParseFromArray(piece.data(), static_cast<int>(piece.size()))) {
      continue;
    }
    follower.OnPiece(log).IgnoreError();
    const auto verified = exchange::VerifyPiece(log, head, key);
    if (verified.ok()) head.range = {};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input = fuzz::View(data, size);
  // What a fuzzer changes in a signed Hello is refused, in a file it is not.
  for (const bool from_file : {false, true}) AtTheProvince(input, from_file);
  AtTheNode(input);
  FollowingTheProvince(input);
  return 0;
}
