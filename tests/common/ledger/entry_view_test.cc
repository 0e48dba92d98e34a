#include "common/ledger/entry_view.h"

#include <gmock/gmock.h>
#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tongchou/v1/ledger.pb.h"

namespace tongchou::ledger {
namespace {

using ::testing::IsEmpty;

v1::EntryHeader RandomHeader(std::mt19937_64* random) {
  v1::EntryHeader header;
  const auto any = [random] {
    return (*random)() >> (*random)() % 64;  // of every length
  };
  header.set_sequence(any());
  header.set_commit_time_us(static_cast<int64_t>(any()));
  header.set_type(static_cast<v1::RecordType>(any() % 40));
  header.set_operation(static_cast<v1::Operation>(any() % 4));
  header.set_actor(any());
  header.set_receipt(any());
  header.set_line(any());
  header.set_reason(static_cast<v1::Reason>(any() % 5));
  header.set_previous(any());
  header.set_last_of_transaction(any() % 2 == 1);
  return header;
}

void ExpectSame(const HeaderView& view, const v1::EntryHeader& header) {
  EXPECT_EQ(view.sequence, header.sequence());
  EXPECT_EQ(view.commit_time_us, header.commit_time_us());
  EXPECT_EQ(view.type, static_cast<uint32_t>(header.type()));
  EXPECT_EQ(view.operation, static_cast<uint32_t>(header.operation()));
  EXPECT_EQ(view.receipt, header.receipt());
  EXPECT_EQ(view.previous, header.previous());
  EXPECT_EQ(view.last_of_transaction, header.last_of_transaction());
}

TEST(EntryViewTest, ReadsHeadersAsProtobufDoes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2'000; ++i) {
    const v1::EntryHeader header = RandomHeader(&random);
    HeaderView view;
    ASSERT_TRUE(ReadHeader(header.SerializeAsString(), &view));
    ExpectSame(view, header);
  }
}

TEST(EntryViewTest, ReadsBodiesAsProtobufDoes) {
  v1::EntryBody body;
  body.set_salt(std::string(16, '\x80'));
  body.set_key("key");
  body.set_record(std::string(300, 'r'));
  body.set_staff("张三");
  body.set_transaction_id("t");
  const std::string bytes = body.SerializeAsString();
  BodyView view;
  ASSERT_TRUE(ReadBody(bytes, &view));
  EXPECT_EQ(view.key, "key");
  EXPECT_EQ(view.record, std::string(300, 'r'));
  EXPECT_EQ(view.transaction_id, "t");
  ASSERT_TRUE(ReadBody("", &view));
  EXPECT_THAT(view.key, IsEmpty());
  EXPECT_THAT(view.record, IsEmpty());
}

// A newer author's fields are passed over, whatever their wire type.
TEST(EntryViewTest, PassesUnknownFieldsOver) {
  v1::EntryHeader header;
  header.set_sequence(7);
  auto* unknown = header.GetReflection()->MutableUnknownFields(&header);
  unknown->AddVarint(100, 1);
  unknown->AddFixed64(101, 2);
  unknown->AddFixed32(102, 3);
  unknown->AddLengthDelimited(103, "four");
  HeaderView view;
  ASSERT_TRUE(ReadHeader(header.SerializeAsString(), &view));
  EXPECT_EQ(view.sequence, 7u);
}

// Damaged bytes never read as something that protobuf does not read.
TEST(EntryViewTest, AcceptsNothingThatProtobufRefuses) {
  std::mt19937_64 random(2);
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = RandomHeader(&random).SerializeAsString();
    for (uint64_t n = 1 + random() % 3; n > 0 && !bytes.empty(); --n) {
      if (random() % 4 == 0) {
        bytes.resize(random() % bytes.size());
      } else {
        bytes[random() % bytes.size()] = static_cast<char>(random());
      }
    }
    HeaderView view;
    v1::EntryHeader header;
    if (!ReadHeader(bytes, &view)) {
      ++refused;
      continue;
    }
    ASSERT_TRUE(header.ParseFromString(bytes)) << i;
    ExpectSame(view, header);
  }
  EXPECT_GT(refused, 1'000);
}

TEST(EntryViewTest, KnowsTheFieldNumbers) {
  const auto* header = v1::EntryHeader::descriptor();
  EXPECT_EQ(header->FindFieldByName("sequence")->number(), 1);
  EXPECT_EQ(header->FindFieldByName("commit_time_us")->number(), 2);
  EXPECT_EQ(header->FindFieldByName("type")->number(), 3);
  EXPECT_EQ(header->FindFieldByName("operation")->number(), 4);
  EXPECT_EQ(header->FindFieldByName("receipt")->number(), 6);
  EXPECT_EQ(header->FindFieldByName("previous")->number(), 9);
  EXPECT_EQ(header->FindFieldByName("last_of_transaction")->number(), 10);
  const auto* body = v1::EntryBody::descriptor();
  EXPECT_EQ(body->FindFieldByName("key")->number(), 2);
  EXPECT_EQ(body->FindFieldByName("record")->number(), 3);
}

}  // namespace
}  // namespace tongchou::ledger
