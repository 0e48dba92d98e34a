#include "node/write_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ledger/bundle.h"

namespace tongchou::node {
namespace {

using testing::HasSubstr;

class WriteRequestTest : public testing::Test {
 protected:
  WriteRequestTest() {
    request_.set_transaction_id("id");
    v1::Change* change = request_.add_changes();
    change->set_type(v1::RECORD_TYPE_UNIT);
    for (const auto& [code, value] :
         {std::pair("AAB001", "U1"), std::pair("AAB004", "厂"),
          std::pair("AAB301", "360102")}) {
      v1::FieldText* field = change->add_fields();
      field->set_code(code);
      field->set_value(value);
    }
  }

  absl::Status Read() const {
    return ToWriteGroup(request_, {360'100, 20'081'031, true}).status();
  }
  // With texts of as many characters as there may be, and with one more.
  void ExpectBound(const std::string& name, size_t characters_max,
                   void (*set)(v1::WriteRequest*, const std::string&)) {
    std::string text;
    for (size_t i = 0; i < characters_max; ++i) text += "字";
    set(&request_, text);
    EXPECT_TRUE(Read().ok()) << Read();
    set(&request_, text + "字");
    EXPECT_EQ(Read().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(Read().message()),
                HasSubstr(name + " has " + std::to_string(characters_max + 1) +
                          " characters"));
    set(&request_, "");
  }

  v1::WriteRequest request_;
};

// A reason stands in every entry: 60 MiB in each of 10,000 changes.
TEST_F(WriteRequestTest, TextsBesideTheChangesAreBounded) {
  ExpectBound("staff", kStaffCharactersMax,
              [](v1::WriteRequest* request, const std::string& text) {
                request->set_staff(text);
              });
  ExpectBound("reason_text", kReasonCharactersMax,
              [](v1::WriteRequest* request, const std::string& text) {
                request->set_reason_text(text);
              });
  ExpectBound("document_number", kDocumentCharactersMax,
              [](v1::WriteRequest* request, const std::string& text) {
                request->set_document_number(text);
              });
}

TEST_F(WriteRequestTest, TransactionIdsAreBounded) {
  request_.set_transaction_id(std::string(kTransactionIdBytesMax, 'x'));
  EXPECT_TRUE(Read().ok());
  request_.set_transaction_id(std::string(kTransactionIdBytesMax + 1, 'x'));
  EXPECT_THAT(std::string(Read().message()), HasSubstr("1 to 64 bytes"));
  request_.clear_transaction_id();
  EXPECT_THAT(std::string(Read().message()), HasSubstr("1 to 64 bytes"));
}

TEST_F(WriteRequestTest, ChangesAreBounded) {
  while (request_.changes_size() <
         static_cast<int>(ledger::kTransactionChangesMax)) {
    *request_.add_changes() = request_.changes(0);
  }
  EXPECT_TRUE(Read().ok());
  *request_.add_changes() = request_.changes(0);
  EXPECT_THAT(std::string(Read().message()), HasSubstr("this one 10001"));
  request_.clear_changes();
  EXPECT_THAT(std::string(Read().message()), HasSubstr("this one 0"));
}

}  // namespace
}  // namespace tongchou::node
