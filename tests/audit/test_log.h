// The log of one city as a test makes it: real entries in real bundles, with
// heads that the city signs and the province cosigns. Everything stays open to
// tampering, before the heads are signed and after.
#pragma once

#include <gtest/gtest.h>
#include <zstd.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/varint.h"
#include "common/ledger/bundle.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/log_keys.h"
#include "common/ledger/signer.h"
#include "common/records/id_number.h"
#include "common/records/record_codec.h"
#include "common/records/record_key.h"
#include "common/records/row_parser.h"
#include "tongchou/v1/ledger.pb.h"
#include "tongchou/v1/province.pb.h"
#include "tongchou/v1/records.pb.h"

namespace tongchou::audit {

inline constexpr std::string_view kTestProvince = "360000";
inline constexpr size_t kTestBundleEntries = 3;
// When the province saw everything: 1 January 2009, UTC.
inline constexpr uint64_t kTestCosigned = 1'230'768'000;

// Field code to text, as in an import file; absent = empty.
using Texts = std::map<std::string, std::string>;

struct Edit {
  uint32_t day = 0;  // committed at noon
  std::string type;
  Texts texts;  // of a delete, the key fields are enough
  bool deleted = false;
};

// An ID number of generated data.
inline std::string TestPerson(int number) {
  const std::string digits = absl::StrCat("36990119700101", 100 + number);
  return digits + records::IdCheckCharacter(digits);
}

inline base::Ed25519PrivateKey TestKey(char seed) {
  return *base::Ed25519PrivateKey::FromSeed(
      std::string(base::kEd25519SeedBytes, seed));
}

struct TestEntry {
  std::string header;
  std::string body;
  bool withheld = false;  // only the body's hash is in the bundle

  void EditHeader(const std::function<void(v1::EntryHeader*)>& edit) {
    v1::EntryHeader message;
    ASSERT_TRUE(message.ParseFromString(header));
    edit(&message);
    header = message.SerializeAsString();
  }
  void EditBody(const std::function<void(v1::EntryBody*)>& edit) {
    v1::EntryBody message;
    ASSERT_TRUE(message.ParseFromString(body));
    edit(&message);
    body = message.SerializeAsString();
  }
  ledger::Hash Leaf() const {
    return ledger::LeafHash(header, base::Sha256(body));
  }
};

struct TestBundle {
  uint64_t first = 0;
  std::vector<TestEntry> entries;

  std::string Encode() const;

 private:
  static std::string Compress(const std::string& raw) {
    std::string out(ZSTD_compressBound(raw.size()), '\0');
    out.resize(
        ZSTD_compress(out.data(), out.size(), raw.data(), raw.size(), 1));
    return out;
  }
};

// Written apart from BundleWriter, which cannot withhold a body.
inline std::string TestBundle::Encode() const {
  std::string headers;
  std::string bodies;
  for (const TestEntry& entry : entries) {
    base::AppendVarint(entry.header.size(), &headers);
    absl::StrAppend(&headers, entry.header);
    headers.push_back(entry.withheld ? 1 : 0);
    if (entry.withheld) {
      headers += base::Sha256(entry.body).view();
    } else {
      base::AppendVarint(entry.body.size(), &bodies);
      bodies += entry.body;
    }
  }
  const std::string header_frame = Compress(headers);
  const std::string body_frame = Compress(bodies);
  std::string bytes = "TCB1";
  for (const uint64_t field :
       {first, uint64_t{entries.size()}, uint64_t{headers.size()},
        uint64_t{header_frame.size()}, uint64_t{bodies.size()},
        uint64_t{body_frame.size()}}) {
    base::AppendVarint(field, &bytes);
  }
  return bytes + header_frame + body_frame;
}

class TestLog {
 public:
  TestLog(uint32_t city, char seed)
      : city_(city),
        signer_(ledger::CityOrigin(kTestProvince, city), TestKey(seed)) {}

  // The province's own.
  explicit TestLog(char seed)
      : city_(0), signer_("tongchou/360000", TestKey(seed)) {}

  uint32_t city() const { return city_; }
  const ledger::Signer& signer() const { return signer_; }

  // Appends an entry with its number, its time and its link to the previous
  // change, and opens a bundle for every third.
  void Add(const Edit& edit);

  // The log's key changes; `next` signs the heads behind that.
  void ChangeKey(uint32_t day, const std::string& statement,
                 const ledger::Signer& next) {
    v1::LogKey record;
    record.set_statement(statement);
    v1::EntryBody body;
    body.set_key(absl::StrCat("log key ", key_changes.size()));
    body.set_record(record.SerializeAsString());
    v1::EntryHeader header;
    header.set_type(v1::RECORD_TYPE_LOG_KEY);
    header.set_operation(v1::OPERATION_UPSERT);
    key_changes.push_back({size(), statement});
    next_signer_ = next;
    Append(day, &header, body);
  }
  const ledger::Signer& SignerOf(uint64_t size) const {
    return next_signer_.has_value() && size > key_changes.back().sequence
               ? *next_signer_
               : signer_;
  }

  // The same with an entry of the province's own.
  void AddOwn(uint32_t day, v1::ProvinceRecordType type,
              const std::string& record, uint32_t audience);

  uint64_t size() const {
    uint64_t size = 0;
    for (const TestBundle& bundle : bundles) size += bundle.entries.size();
    return size;
  }
  // By position, whatever number the entry claims.
  TestEntry& entry(uint64_t position) {
    for (TestBundle& bundle : bundles) {
      if (position < bundle.entries.size()) return bundle.entries[position];
      position -= bundle.entries.size();
    }
    ADD_FAILURE() << "no entry at position " << position;
    return bundles.front().entries.front();
  }
  void ForEach(const std::function<void(const TestEntry&)>& visit) const {
    for (const TestBundle& bundle : bundles) {
      for (const TestEntry& entry : bundle.entries) visit(entry);
    }
  }

  ledger::Hash Root(uint64_t size) const {
    ledger::CompactRange range;
    ForEach([&](const TestEntry& entry) {
      if (range.size() < size) range.Append(entry.Leaf());
    });
    return range.Root();
  }
  int64_t LastCommitTime() const {
    v1::EntryHeader header;
    ForEach([&](const TestEntry& entry) {
      EXPECT_TRUE(header.ParseFromString(entry.header));
    });
    return header.commit_time_us();
  }

  // Heads at the end of every bundle, over the entries as they are now.
  void Sign(const ledger::Cosigner& witness) {
    notes.clear();
    uint64_t size = 0;
    for (const TestBundle& bundle : bundles) {
      size += bundle.entries.size();
      notes.push_back(MakeNote(SignerOf(size), size, Root(size), witness));
    }
  }
  // The same without anybody's cosignature.
  void SignAlone() {
    notes.clear();
    uint64_t size = 0;
    for (const TestBundle& bundle : bundles) {
      size += bundle.entries.size();
      notes.push_back(signer_.Sign(size, Root(size)));
    }
  }
  static std::string MakeNote(const ledger::Signer& signer, uint64_t size,
                              const ledger::Hash& root,
                              const ledger::Cosigner& witness,
                              uint64_t cosigned_seconds = kTestCosigned) {
    return *witness.Cosign(signer.Sign(size, root), cosigned_seconds);
  }

  std::vector<TestBundle> bundles;
  std::vector<std::string> notes;
  std::vector<ledger::KeyChange> key_changes;  // as the province names them

 private:
  void Parse(const Edit& edit, records::Row* row) const;
  void Append(uint32_t day, v1::EntryHeader* header, const v1::EntryBody& body);

  uint32_t city_;
  ledger::Signer signer_;
  std::optional<ledger::Signer> next_signer_;
  std::map<std::string, uint64_t> newest_;  // by record key: sequence + 1
};

inline void TestLog::Parse(const Edit& edit, records::Row* row) const {
  const records::RecordSchema& schema = row->schema();
  std::vector<std::string_view> texts(schema.fields.size());
  for (const auto& [code, text] : edit.texts) {
    texts[schema.IndexOf(code)] = text;
  }
  records::RowParser parser(schema, {city_, 20'101'231, true});
  const auto issue =
      parser.Parse(texts, std::vector<bool>(schema.fields.size()), row);
  ASSERT_TRUE(parser.key_known()) << edit.type << " " << issue.code;
  if (edit.deleted) return;
  ASSERT_EQ(issue.code, "") << edit.type << " field " << issue.field;
}

inline void TestLog::Add(const Edit& edit) {
  const auto* schema = records::Schema::Get().Find(edit.type);
  ASSERT_NE(schema, nullptr) << edit.type;
  records::Row row(*schema);
  ASSERT_NO_FATAL_FAILURE(Parse(edit, &row));
  v1::EntryBody body;
  body.set_key(records::KeyOf(row));
  if (!edit.deleted) records::AppendRecord(row, body.mutable_record());
  v1::EntryHeader header;
  header.set_type(schema->type);
  header.set_operation(edit.deleted ? v1::OPERATION_DELETE
                                    : v1::OPERATION_UPSERT);
  Append(edit.day, &header, body);
}

inline void TestLog::AddOwn(uint32_t day, v1::ProvinceRecordType type,
                            const std::string& record, uint32_t audience) {
  v1::EntryBody body;
  body.set_key(absl::StrCat(size()));
  body.set_record(record);
  v1::EntryHeader header;
  header.set_type(static_cast<v1::RecordType>(static_cast<int>(type)));
  header.set_operation(v1::OPERATION_UPSERT);
  header.set_audience(audience);
  Append(day, &header, body);
}

inline void TestLog::Append(uint32_t day, v1::EntryHeader* header,
                            const v1::EntryBody& fields) {
  const uint64_t sequence = size();
  v1::EntryBody body = fields;
  body.set_salt("0123456789abcdef");
  header->set_sequence(sequence);
  header->set_commit_time_us(base::ChinaDayStart(day) +
                             base::kMicrosPerDay / 2);
  header->set_reason(v1::REASON_WRITE);
  header->set_previous(std::exchange(newest_[body.key()], sequence + 1));
  header->set_last_of_transaction(true);
  if (sequence % kTestBundleEntries == 0) bundles.push_back({sequence, {}});
  bundles.back().entries.push_back(
      {header->SerializeAsString(), body.SerializeAsString(), false});
}

}  // namespace tongchou::audit
