// Writes what a fuzzer begins with, DIRECTORY/TARGET/NAME: inputs that the
// program's own encoders made.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "aggregator/journal/journal.h"
#include "common/base/join_token.h"
#include "common/exchange/key_changes.h"
#include "common/ledger/tlog_proof.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/text_encoding.h"
#include "tests/aggregator/append_all.h"
#include "tests/common/exchange/memory_peers.h"
#include "tests/fuzz/memory_database.h"
#include "tests/support/temporary_directory.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou {
namespace {

using exchange::KeyOf;
using exchange::kOrigin;
using fuzz::Piece;

class Seeds {
 public:
  explicit Seeds(std::string directory) : directory_(std::move(directory)) {}

  void Write(const std::string& target, const std::string& name,
             const std::string& bytes) {
    std::filesystem::create_directories(directory_ + "/" + target);
    std::ofstream(directory_ + "/" + target + "/" + name, std::ios::binary)
        << bytes;
  }
  void Entries();
  void Bundles();
  void Notes();
  void Files();
  void Exchange();
  void Audit();
  void Stores();

 private:
  const std::string directory_;
  const ledger::Signer city_{kOrigin, KeyOf('c')};
  const ledger::Signer next_{kOrigin, KeyOf('n')};
  const ledger::Signer own_{"tongchou/360000", KeyOf('o')};
  const ledger::Cosigner province_{"province", KeyOf('p')};
};

void Seeds::Entries() {
  records::Row row(records::Schema::Get().At(v1::RECORD_TYPE_ENROLMENT));
  const records::RecordSchema& schema = row.schema();
  row.SetText(schema.IndexOf("AAC002"), "369901197001010100");
  row.SetText(schema.IndexOf("AAE140"), "110");
  row.SetText(schema.IndexOf("AAB001"), "U1");
  row.SetNumber(schema.IndexOf("AAB301"), 360'103);
  row.SetText(schema.IndexOf("AAC008"), "1");
  std::string record;
  records::AppendRecord(row, &record);
  v1::EntryHeader header;
  header.set_sequence(300);
  header.set_commit_time_us(1'700'000'000'000'000);
  header.set_type(v1::RECORD_TYPE_ENROLMENT);
  header.set_operation(v1::OPERATION_UPSERT);
  header.set_actor(7);
  header.set_receipt(2);
  header.set_line(9);
  header.set_previous(12);
  header.set_last_of_transaction(true);
  v1::EntryBody body;
  body.set_salt("0123456789abcdef");
  body.set_key(records::KeyOf(row));
  body.set_record(record);
  body.set_staff("李四");
  body.set_transaction_id("id");
  Write("entry", "enrolment",
        Piece(header.SerializeAsString()) + Piece(body.SerializeAsString()) +
            Piece(body.key()) + Piece(record));
}

void Seeds::Bundles() {
  Write("bundle", "three", exchange::MakeTransaction(0, 3).bytes);
  Write("bundle", "later", exchange::MakeTransaction(1'000, 1).bytes);
  ledger::BundleWriter writer;
  writer.Add("header", "body");
  writer.AddWithheld("another", ledger::HashLeaf("x"));
  Write("bundle", "withheld", writer.Finish(5));
  ledger::CompactRange range;
  for (int i = 0; i < 7; ++i) range.Append(ledger::HashLeaf("x"));
  Write("bundle", "range", range.Encode());
}

void Seeds::Notes() {
  const ledger::Hash root = ledger::HashLeaf("x");
  const std::string note = city_.Sign(300, root);
  Write("note", "head", note);
  Write("note", "cosigned", *province_.Cosign(note, 1'700'000'000));
  Write("note", "change", ledger::StateKeyChange(city_, next_));
  Write("note", "key", city_.verifier().ToText());
  Write("note", "proof",
        ledger::FormatTlogProof({5, {root, ledger::HashLeaf("y")}, note}));
  base::JoinToken token;
  token.city = 360'100;
  token.secret = std::string(base::kJoinSecretBytes, 's');
  Write("note", "token", token.ToText());
}

void Seeds::Files() {
  const std::string rows =
      "AAC002,AAE140,AAB001,AAB301,AAC008,AAC049\r\n"
      "369901197001010100,110,U1,360103,1,200701\r\n"
      "369901197001010100,110,\"厂,一\",360103,1,200701\n";
  const auto& types = records::Schema::Get().types();
  for (size_t i = 0; i < types.size(); ++i) {
    std::string header(1, static_cast<char>(i));
    for (const records::FieldSchema& field : types[i].fields) {
      header += std::string(field.code) + ",";
    }
    header.back() = '\n';
    Write("csv", std::string(types[i].name), header + "1,2,3\n");
    if (types[i].type != v1::RECORD_TYPE_ENROLMENT) continue;
    Write("csv", "utf8", header.substr(0, 1) + rows);
    Write("csv", "gb18030", header.substr(0, 1) + *records::ToGb18030(rows));
  }
  Write("profile", "one",
        "encoding = \"gb18030\"\n[enrolment]\nfiles = [\"参保*.csv\"]\n"
        "columns = { \"身份证号\" = \"AAC002\", \"险种\" = \"AAE140\" }\n"
        "constants = { AAB301 = \"360102\" }\n"
        "values.AAE140 = { \"01\" = \"110\" }\n");
}

void Seeds::Exchange() {
  exchange::MemoryLog log(city_);
  for (int i = 1; i < 4; ++i) log.AppendTransaction(i);
  v1::LogKey change;
  change.set_statement(ledger::StateKeyChange(city_, next_));
  v1::EntryBody body;
  body.set_record(change.SerializeAsString());
  exchange::TestEntry entry =
      exchange::MakeEntry(6, true, body.SerializeAsString());
  entry.header.set_type(v1::RECORD_TYPE_LOG_KEY);
  log.Append(exchange::MakeBundle(6, {entry}));
  log.Commit();
  std::string to_province;
  v1::NodeMessage node;
  v1::Hello& hello = *node.mutable_hello();
  hello.set_protocol_version(exchange::kProtocolVersion);
  hello.set_origin(kOrigin);
  hello.set_committed_size(7);
  hello.set_start(ledger::SignStart({kOrigin, 7, 1}, {&city_, 1}));
  Write("note", "start", hello.start());
  to_province += Piece(node.SerializeAsString());
  uint64_t end = 0;
  log.batch_bytes_max = 1;
  for (uint64_t size = 0; size < 7; size = end) {
    *node.mutable_batch() = *log.ReadBatch(size, 1, &end);
    const ledger::Signer& signer = end < 7 ? city_ : next_;
    node.mutable_batch()->set_checkpoint(signer.Sign(end, *log.RootAt(end)));
    to_province += Piece(node.SerializeAsString());
  }
  const ledger::Heartbeat life = {.origin = kOrigin,
                                  .stream_us = 1'700'000'000'000'000,
                                  .committed_size = 7,
                                  .time_us = 1'700'000'000'000'001};
  node.mutable_heartbeat()->set_note(ledger::SignHeartbeat(life, next_));
  Write("note", "heartbeat", node.heartbeat().note());
  Write("exchange", "city", to_province + Piece(node.SerializeAsString()));

  // To a node that has these five entries.
  exchange::MemoryLog five(city_);
  five.AppendTransaction(3);
  five.AppendTransaction(2);
  five.Commit();
  v1::ProvinceMessage message;
  v1::Welcome& welcome = *message.mutable_welcome();
  welcome.set_protocol_version(exchange::kProtocolVersion);
  welcome.set_window_bytes(exchange::kWindowBytesMax);
  welcome.set_province_time_us(1'700'000'001'000'000);
  std::string to_node = Piece(message.SerializeAsString());
  v1::Ack& ack = *message.mutable_ack();
  ack.set_province_time_us(1'700'000'001'000'000);
  to_node += Piece(message.SerializeAsString());
  ack.set_durable_size(5);
  ack.set_applied_size(3);
  ack.set_cosigned_checkpoint(
      *province_.Cosign(city_.Sign(5, *five.RootAt(5)), 1'700'000'000));
  Write("exchange", "province", to_node + Piece(message.SerializeAsString()));

  v1::ProvinceLog piece;
  ledger::CompactRange range;
  const exchange::TestBundle bundle = exchange::MakeTransaction(0, 2);
  for (const ledger::Hash& leaf : bundle.leaves) range.Append(leaf);
  piece.add_bundles(bundle.bytes);
  piece.set_checkpoint(own_.Sign(range.size(), range.Root()));
  Write("exchange", "own", Piece(piece.SerializeAsString()));
}

void Seeds::Audit() {
  const ledger::Signer own{"tongchou/360000", KeyOf('p')};
  ledger::CompactRange range;
  range.Append(ledger::HashLeaf("x"));
  Write("audit", "first", "old 0\n\n" + own.Sign(1, range.Root()));
  Write("audit", "more",
        "old 1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n" +
            own.Sign(2, ledger::HashLeaf("y")));
  Write("audit", "changes", std::string(48, 'k'));
}

// One transaction, with all that may stand beside it.
void Seeds::Stores() {
  constexpr uint64_t kEntries = 3;
  const exchange::TestBundle bundle = exchange::MakeTransaction(0, kEntries);
  ledger::CompactRange range;
  for (const ledger::Hash& leaf : bundle.leaves) range.Append(leaf);
  const std::string head = city_.Sign(kEntries, range.Root());
  const std::string prefix = "L";
  {
    const fuzz::MemoryDatabase database;
    const auto log = *ledger::LogStore::OpenWithin(database.db(), prefix);
    ledger::GroupCommit commit;
    commit.bundles.push_back({0, kEntries, bundle.bytes});
    commit.leaf_hashes = bundle.leaves;
    commit.last_commit_time_us = 1;
    commit.transaction_ids = {"id"};
    commit.transaction_sizes = {kEntries};
    commit.local_facts = {{"name", "value"}};
    commit.checkpoint = head;
    fuzz::Require(log->Append(commit).ok(), "appended");
    Write("logstore", "one", database.Dump(prefix));
  }
  const TemporaryDirectory directory;
  fuzz::MemoryDatabase database(directory.path());
  database.Close();
  {
    const auto journal = *aggregator::Journal::Open(
        {.directory = directory.path(), .file_system = database.file_system()});
    aggregator::JournalBatch batch;
    batch.city = exchange::kCity;
    batch.batch.bundles.push_back({0, kEntries, bundle.bytes, nullptr});
    batch.batch.key_changes.push_back(
        {1, ledger::StateKeyChange(city_, next_)});
    batch.batch.end_size = kEntries;
    batch.batch.range = range;
    batch.cosigned_checkpoint = head;
    batch.incarnation_counter = 1;
    fuzz::Require(aggregator::AppendAll(journal.get(), {batch}).ok(),
                  "appended");
    fuzz::Require(
        journal->Revoke(ledger::HashLeaf("x"), exchange::kCity, "a", "b").ok(),
        "revoked");
  }
  database.Open(directory.path());
  Write("journal", "one", database.Dump(""));
  Write("guard", "one",
        nlohmann::json{{"format", 1},
                       {"origin", kOrigin},
                       {"allowed_size", 100},
                       {"last_note", head}}
            .dump());
  Write("guard", "empty",
        nlohmann::json{
            {"origin", kOrigin}, {"allowed_size", 0}, {"last_note", ""}}
            .dump());
  Write("config", "node",
        "city = \"360100\"\ndata = 'data'\nport = 7000\n\n[tls]\n"
        "ca = \"\"\"ca.pem\"\"\"\ninline = { a.b = [1, 2.5], c = true }\n"
        "[[list]]\nday = 2008-10-31\n");
}

}  // namespace
}  // namespace tongchou

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  tongchou::Seeds seeds(argv[1]);
  seeds.Entries();
  seeds.Bundles();
  seeds.Notes();
  seeds.Files();
  seeds.Exchange();
  seeds.Audit();
  seeds.Stores();
  return 0;
}
