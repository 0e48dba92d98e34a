#include "common/ledger/entry_writer.h"

#include <gtest/gtest.h>

#include <random>

#include "tongchou/v1/ledger.pb.h"

namespace tongchou::ledger {
namespace {

class EntryWriterTest : public testing::Test {
 protected:
  uint64_t Number() {
    return random_() % 3 == 0 ? 0 : random_() >> random_() % 64;
  }
  std::string Bytes() {
    return random_() % 3 == 0 ? "" : std::string(random_() % 300, 'b');
  }
  std::mt19937_64 random_{1};
};

TEST_F(EntryWriterTest, HeadersAreThoseOfProtobuf) {
  for (int i = 0; i < 5'000; ++i) {
    const HeaderFields fields{Number(),
                              static_cast<int64_t>(Number()),
                              static_cast<uint32_t>(Number() % 40),
                              static_cast<uint32_t>(Number() % 4),
                              Number(),
                              Number(),
                              Number(),
                              static_cast<uint32_t>(Number() % 5),
                              Number(),
                              Number() % 2 == 1};
    v1::EntryHeader header;
    header.set_sequence(fields.sequence);
    header.set_commit_time_us(fields.commit_time_us);
    header.set_type(static_cast<v1::RecordType>(fields.type));
    header.set_operation(static_cast<v1::Operation>(fields.operation));
    header.set_actor(fields.actor);
    header.set_receipt(fields.receipt);
    header.set_line(fields.line);
    header.set_reason(static_cast<v1::Reason>(fields.reason));
    header.set_previous(fields.previous);
    header.set_last_of_transaction(fields.last_of_transaction);
    header.set_audience(fields.audience);
    std::string bytes;
    AppendHeader(fields, &bytes);
    ASSERT_EQ(bytes, header.SerializeAsString());
  }
  // Nothing is left out.
  EXPECT_EQ(v1::EntryHeader::descriptor()->field_count(), 11);
}

TEST_F(EntryWriterTest, BodiesAreThoseOfProtobuf) {
  for (int i = 0; i < 1'000; ++i) {
    v1::EntryBody body;
    body.set_salt(Bytes());
    body.set_key(Bytes());
    body.set_record(Bytes());
    body.set_staff(Bytes());
    body.set_reason_text(Bytes());
    body.set_document_number(Bytes());
    body.set_transaction_id(Bytes());
    std::string bytes;
    AppendBody(
        {body.salt(), body.key(), body.record(), body.staff(),
         body.reason_text(), body.document_number(), body.transaction_id()},
        &bytes);
    ASSERT_EQ(bytes, body.SerializeAsString());
  }
  EXPECT_EQ(v1::EntryBody::descriptor()->field_count(), 7);
}

// The layout is frozen: these bytes lie in logs.
TEST_F(EntryWriterTest, GoldenBytes) {
  std::string header;
  AppendHeader({300, 1, 3, 1, 0x0102030405060708, 0, 2, 3, 7, true}, &header);
  EXPECT_EQ(header, std::string("\x08\xac\x02\x10\x01\x18\x03\x20\x01\x29"
                                "\x08\x07\x06\x05\x04\x03\x02\x01\x38\x02"
                                "\x40\x03\x48\x07\x50\x01"));
  std::string body;
  AppendBody({"s", "k", "r"}, &body);
  EXPECT_EQ(body, "\x0a\x01s\x12\x01k\x1a\x01r");
}

}  // namespace
}  // namespace tongchou::ledger
