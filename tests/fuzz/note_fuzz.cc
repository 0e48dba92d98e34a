// Notes, checkpoints, keys, proofs and tokens: what parses says the same once
// it is written. (Not in the same bytes: the last character of base64 has spare
// bits, and notes with some must be read.)
#include "common/base/base64.h"
#include "common/base/join_token.h"
#include "common/ledger/checkpoint.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/heartbeat.h"
#include "common/ledger/log_keys.h"
#include "common/ledger/note.h"
#include "common/ledger/start.h"
#include "common/ledger/tlog_proof.h"
#include "tests/fuzz/fuzz.h"

using namespace tongchou;  // NOLINT(google-build-using-namespace)
using fuzz::Require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input = fuzz::View(data, size);
  if (const auto note = ledger::ParseNote(input); note.ok()) {
    const std::string text = ledger::FormatNote(*note);
    const auto again = ledger::ParseNote(text);
    Require(again.ok() && again->text == note->text &&
                again->signatures.size() == note->signatures.size(),
            "a note");
    if (const auto head = ledger::ParseCheckpoint(note->text); head.ok()) {
      const auto same =
          ledger::ParseCheckpoint(ledger::FormatCheckpoint(*head));
      Require(same.ok() && *same == *head, "a checkpoint");
    }
    if (const auto life = ledger::ParseHeartbeat(note->text); life.ok()) {
      const auto same = ledger::ParseHeartbeat(ledger::FormatHeartbeat(*life));
      Require(same.ok() && *same == *life, "a heartbeat");
      Require(!ledger::ParseCheckpoint(note->text).ok(), "one of the two");
    }
    if (const auto start = ledger::ParseStart(note->text); start.ok()) {
      const auto same = ledger::ParseStart(ledger::FormatStart(*start));
      Require(same.ok() && *same == *start, "a start");
      Require(!ledger::ParseCheckpoint(note->text).ok() &&
                  !ledger::ParseHeartbeat(note->text).ok(),
              "one of the three");
    }
    static const ledger::VerifierKey log{"log", ledger::KeyType::kEd25519,
                                         std::string(32, '\x01')};
    static const ledger::VerifierKey witness{
        "witness", ledger::KeyType::kCosignature, std::string(32, '\x01')};
    ledger::OpenCheckpoint(input, log).IgnoreError();
    ledger::OpenHeartbeat(input, log).IgnoreError();
    ledger::OpenStart(input, log).IgnoreError();
    ledger::VerifyCosignature(input, witness).IgnoreError();
    ledger::OpenKeyChange(input).IgnoreError();
  }
  if (const auto key = ledger::ParseVerifierKey(input); key.ok()) {
    const auto same = ledger::ParseVerifierKey(key->ToText());
    Require(same.ok() && *same == *key, "a key");
  }
  if (const auto proof = ledger::ParseTlogProof(input); proof.ok()) {
    const auto again = ledger::ParseTlogProof(ledger::FormatTlogProof(*proof));
    Require(again.ok() && again->index == proof->index &&
                again->proof == proof->proof &&
                again->checkpoint == proof->checkpoint,
            "a proof");
  }
  if (const auto bytes = base::Base64Decode(input); bytes.has_value()) {
    Require(base::Base64Decode(base::Base64Encode(*bytes)) == bytes, "base64");
  }
  if (const auto token = base::JoinToken::Parse(input); token.ok()) {
    const auto same = base::JoinToken::Parse(token->ToText());
    Require(same.ok() && same->city == token->city &&
                same->secret == token->secret &&
                same->province == token->province,
            "a token");
  }
  return 0;
}
