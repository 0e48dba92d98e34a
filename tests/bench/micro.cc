// Every function on the path of a change, alone. Each works on the rows of the
// large benchmark; times are per row unless the name says otherwise.
#include <benchmark/benchmark.h>

#include <optional>
#include <string>
#include <vector>

#include "aggregator/indicators/evaluate.h"
#include "aggregator/state/cell_deltas.h"
#include "common/base/ed25519.h"
#include "common/base/growing_bloom_filter.h"
#include "common/base/key_order.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/compact_range.h"
#include "common/ledger/entry_view.h"
#include "common/ledger/entry_writer.h"
#include "common/records/csv_reader.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/record_view.h"
#include "common/records/row_parser.h"
#include "common/records/text_encoding.h"
#include "node/write_request.h"
#include "tests/bench/message.h"
#include "tests/bench/rows.h"

namespace tongchou::bench {
namespace {

using records::RecordSchema;

constexpr size_t kRows = 4'096;
constexpr uint32_t kToday = 20'081'031;

const RecordSchema& EnrolmentSchema() {
  return records::Schema::Get().At(v1::RECORD_TYPE_ENROLMENT);
}

ledger::HeaderFields HeaderOf(size_t i) {
  return {.sequence = i,
          .commit_time_us = 1'225'382'400'000'000,
          .type = v1::RECORD_TYPE_ENROLMENT,
          .operation = v1::OPERATION_UPSERT,
          .actor = 0x1234567812345678,
          .last_of_transaction = true};
}

ledger::BodyFields BodyOf(std::string_view key, std::string_view record) {
  return {.salt = "0123456789abcdef", .key = key, .record = record};
}

// What the rows become on their way, each step made once.
struct Samples {
  std::vector<std::string> messages;
  std::vector<std::string> keys;
  std::vector<std::string> records;
  std::vector<std::string> headers;
  std::vector<std::string> bodies;
  std::vector<ledger::Hash> leaves;
  std::string bundle;  // of the first rows
  std::string csv;     // all of them, UTF-8

  static const Samples& Get() {
    static const Samples samples;
    return samples;
  }

 private:
  Samples();
};

Samples::Samples() {
  ledger::BundleWriter writer;
  records::Row typed(EnrolmentSchema());
  Row row;
  for (size_t i = 0; i < kRows; ++i) {
    MakeRow(kCities[0], i, 0, &row);
    messages.push_back(MessageOf(row));
    typed.Reset(EnrolmentSchema());
    TONGCHOU_CHECK(records::DecodeRecord(messages.back(), &typed).ok());
    keys.push_back(records::KeyOf(typed));
    records::AppendRecord(typed, &records.emplace_back());
    for (const records::FieldSchema& field : EnrolmentSchema().fields) {
      csv += records::FormatValue(typed, field.index);
      csv += &field == &EnrolmentSchema().fields.back() ? '\n' : ',';
    }
    ledger::AppendHeader(HeaderOf(i), &headers.emplace_back());
    ledger::AppendBody(BodyOf(keys.back(), records.back()),
                       &bodies.emplace_back());
    leaves.push_back(
        ledger::LeafHash(headers.back(), base::Sha256(bodies.back())));
    if (i < ledger::kBundleEntriesTarget) {
      writer.Add(headers.back(), bodies.back());
    }
    if (i + 1 == ledger::kBundleEntriesTarget) bundle = writer.Finish(0);
  }
}

// Runs `work(i)` over the rows in turn.
template <typename Work>
void EachRow(benchmark::State& state, const Work& work) {
  const Samples& samples = Samples::Get();
  benchmark::DoNotOptimize(samples);
  size_t i = 0;
  for (auto _ : state) {
    work(samples, i);
    i = (i + 1) % kRows;
  }
}

void HashBody(benchmark::State& state) {
  EachRow(state, [](const Samples& s, size_t i) {
    benchmark::DoNotOptimize(base::Sha256(s.bodies[i]));
  });
}
BENCHMARK(HashBody);

void HashLeaf(benchmark::State& state) {
  EachRow(state, [](const Samples& s, size_t i) {
    benchmark::DoNotOptimize(ledger::LeafHash(s.headers[i], s.leaves[i]));
  });
}
BENCHMARK(HashLeaf);

void AppendToTree(benchmark::State& state) {
  ledger::CompactRange range;
  EachRow(state,
          [&](const Samples& s, size_t i) { range.Append(s.leaves[i]); });
}
BENCHMARK(AppendToTree);

void SignHead(benchmark::State& state) {
  const auto key = base::Ed25519PrivateKey::Generate();
  for (auto _ : state) benchmark::DoNotOptimize(key.Sign("a head's text"));
}
BENCHMARK(SignHead)->Name("SignHead/head");

void VerifyHead(benchmark::State& state) {
  const auto key = base::Ed25519PrivateKey::Generate();
  const auto verifier = *base::Ed25519PublicKey::FromBytes(key.public_key());
  const std::string signature = key.Sign("a head's text");
  for (auto _ : state) {
    benchmark::DoNotOptimize(verifier.Verify("a head's text", signature));
  }
}
BENCHMARK(VerifyHead)->Name("VerifyHead/head");

void AppendEntry(benchmark::State& state) {
  std::string header;
  std::string body;
  EachRow(state, [&](const Samples& s, size_t i) {
    header.clear();
    body.clear();
    ledger::AppendHeader(HeaderOf(i), &header);
    ledger::AppendBody(BodyOf(s.keys[i], s.records[i]), &body);
  });
}
BENCHMARK(AppendEntry);

void ReadEntry(benchmark::State& state) {
  ledger::HeaderView header;
  ledger::BodyView body;
  EachRow(state, [&](const Samples& s, size_t i) {
    benchmark::DoNotOptimize(ledger::ReadHeader(s.headers[i], &header) &&
                             ledger::ReadBody(s.bodies[i], &body));
  });
}
BENCHMARK(ReadEntry);

// Of 256 rows: hashes and compression.
void WriteBundle(benchmark::State& state) {
  const Samples& s = Samples::Get();
  ledger::BundleWriter writer;
  for (auto _ : state) {
    for (size_t i = 0; i < ledger::kBundleEntriesTarget; ++i) {
      writer.Add(s.headers[i], s.bodies[i]);
    }
    benchmark::DoNotOptimize(writer.Finish(0));
  }
}
BENCHMARK(WriteBundle)->Name("WriteBundle/256_rows");

void DecodeBundle(benchmark::State& state) {
  const Samples& s = Samples::Get();
  ledger::Bundle bundle;
  for (auto _ : state) TONGCHOU_CHECK(bundle.Decode(s.bundle).ok());
}
BENCHMARK(DecodeBundle)->Name("DecodeBundle/256_rows");

void CheckTypedRow(benchmark::State& state) {
  records::RowParser parser(EnrolmentSchema(), {kCities[0], kToday, true});
  records::Row typed;
  records::Row row;
  EachRow(state, [&](const Samples& s, size_t i) {
    typed.Reset(EnrolmentSchema());
    TONGCHOU_CHECK(records::DecodeRecord(s.messages[i], &typed).ok());
    TONGCHOU_CHECK(parser.ParseTyped(typed, &row).code.empty());
  });
}
BENCHMARK(CheckTypedRow);

// As the node takes it: check, key, record, fingerprint.
void ReadWriteRequest(benchmark::State& state) {
  const Samples& s = Samples::Get();
  v1::WriteRequest request;
  request.set_transaction_id("benchmark");
  for (size_t i = 0; i < 1'000; ++i) {
    v1::Change* change = request.add_changes();
    change->set_type(v1::RECORD_TYPE_ENROLMENT);
    change->set_message(s.messages[i]);
  }
  for (auto _ : state) {
    const auto group = node::ToWriteGroup(request, {kCities[0], kToday, true});
    TONGCHOU_CHECK(group.ok());
  }
}
BENCHMARK(ReadWriteRequest)->Name("ReadWriteRequest/1000_rows");

// All rows as text: split, decoded, repaired, checked.
void ReadCsv(benchmark::State& state) {
  const Samples& s = Samples::Get();
  records::RowParser parser(EnrolmentSchema(), {kCities[0], kToday, true});
  const std::vector<bool> undecodable(EnrolmentSchema().fields.size());
  records::Row row;
  for (auto _ : state) {
    size_t rows = 0;
    records::CsvReader reader([&](const records::CsvRecord& record) {
      rows += parser.Parse(record.fields, undecodable, &row).code.empty();
    });
    reader.Feed(s.csv);
    reader.Finish();
    TONGCHOU_CHECK(rows == kRows);
  }
}
BENCHMARK(ReadCsv)->Name("ReadCsv/4096_rows");

// A name, the only text in a file that is not ASCII.
void DecodeGb18030(benchmark::State& state) {
  const std::string name = *records::ToGb18030("欧阳修文");
  std::string text;
  for (auto _ : state) {
    text.clear();
    TONGCHOU_CHECK(records::ToUtf8(name, records::Encoding::kGb18030, &text));
  }
}
BENCHMARK(DecodeGb18030)->Name("DecodeGb18030/name");

void DecodeRow(benchmark::State& state) {
  records::Row row(EnrolmentSchema());
  EachRow(state, [&](const Samples& s, size_t i) {
    row.Reset(EnrolmentSchema());
    TONGCHOU_CHECK(records::DecodeRow(s.keys[i], s.records[i], &row).ok());
  });
}
BENCHMARK(DecodeRow);

class NoJoins final : public aggregator::Joins {
 public:
  absl::StatusOr<std::optional<aggregator::UnitFacts>> Unit(
      std::string_view) override {
    return std::optional<aggregator::UnitFacts>();
  }
  absl::StatusOr<std::optional<aggregator::FamilyFacts>> Family(
      std::string_view) override {
    return std::optional<aggregator::FamilyFacts>();
  }
};

void Evaluate(benchmark::State& state) {
  records::Row row(EnrolmentSchema());
  NoJoins joins;
  aggregator::Contribution contribution;
  EachRow(state, [&](const Samples& s, size_t i) {
    row.Reset(EnrolmentSchema());
    TONGCHOU_CHECK(records::DecodeRow(s.keys[i], s.records[i], &row).ok());
    contribution.Clear();
    TONGCHOU_CHECK(
        aggregator::EvaluatePerson(aggregator::FigureGroup::kEnrolment, {&row},
                                   &joins, &contribution)
            .ok());
  });
}
BENCHMARK(Evaluate);

void AddContribution(benchmark::State& state) {
  records::Row row(EnrolmentSchema());
  NoJoins joins;
  std::vector<aggregator::Contribution> contributions(kRows);
  const Samples& s = Samples::Get();
  for (size_t i = 0; i < kRows; ++i) {
    row.Reset(EnrolmentSchema());
    TONGCHOU_CHECK(records::DecodeRow(s.keys[i], s.records[i], &row).ok());
    TONGCHOU_CHECK(
        aggregator::EvaluatePerson(aggregator::FigureGroup::kEnrolment, {&row},
                                   &joins, &contributions[i])
            .ok());
  }
  aggregator::CellDeltas deltas;
  EachRow(state, [&](const Samples&, size_t i) {
    deltas.AddAlone(contributions[i], kCities[0], kToday, 1);
  });
}
BENCHMARK(AddContribution);

void SortKeys(benchmark::State& state) {
  const Samples& s = Samples::Get();
  for (auto _ : state) {
    benchmark::DoNotOptimize(base::KeyOrder(
        kRows, 0, [&](size_t i) { return std::string_view(s.keys[i]); }));
  }
}
BENCHMARK(SortKeys)->Name("SortKeys/4096_rows");

void FilterPersons(benchmark::State& state) {
  base::GrowingBloomFilter filter;
  for (uint64_t i = 0; i < 1'000'000; ++i) {
    filter.Add(i * 0x9e3779b97f4a7c15);
  }
  uint64_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(filter.MayHave(++i * 0xbf58476d1ce4e5b9));
  }
}
BENCHMARK(FilterPersons)->Name("FilterPersons/1M");

}  // namespace
}  // namespace tongchou::bench

BENCHMARK_MAIN();
