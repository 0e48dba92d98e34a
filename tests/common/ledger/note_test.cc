#include "common/ledger/note.h"

#include <gtest/gtest.h>

#include "common/ledger/checkpoint.h"
#include "common/ledger/cosignature.h"
#include "common/ledger/signer.h"
#include "common/ledger/tlog_proof.h"
#include "tests/common/ledger/vectors.h"

namespace tongchou::ledger {
namespace {

using nlohmann::json;

base::Ed25519PrivateKey Seed(const json& hex) {
  return *base::Ed25519PrivateKey::FromSeed(FromHex(hex));
}

TEST(SignedNote, PublishedNotes) {
  const json notes = LoadVectors("vectors.json")["signed_notes"];
  EXPECT_EQ(notes.size(), 3u);
  for (const json& one : notes) {
    const auto key = ParseVerifierKey(one["vkey"].get<std::string>());
    ASSERT_TRUE(key.ok());
    EXPECT_EQ(key->ToText(), one["vkey"]);
    const auto note = ParseNote(one["note"].get<std::string>());
    ASSERT_TRUE(note.ok());
    EXPECT_EQ(FormatNote(*note), one["note"]);
    const absl::Status verified = VerifyNote(*note, *key);
    if (one.value("expect", "") == "reject") {
      EXPECT_TRUE(absl::IsPermissionDenied(verified)) << verified;
    } else {
      EXPECT_TRUE(verified.ok()) << verified;
    }
  }
}

TEST(SignedNote, OneChangedCharacterIsDataLoss) {
  const json one = LoadVectors("vectors.json")["signed_notes"][0];
  std::string bytes = one["note"];
  bytes[0] = 'U';
  EXPECT_TRUE(absl::IsDataLoss(VerifyNote(
      *ParseNote(bytes), *ParseVerifierKey(std::string(one["vkey"])))));
}

// A line of a kind that is not known here (ML-DSA-44, 2,420 bytes) may stand
// beside those that are.
TEST(SignedNote, PostQuantumLinesAreKeptAndPassedOver) {
  const json vector = LoadVectors("vectors.json")["mldsa44"];
  const base::Ed25519PrivateKey key = Seed(vector["seed_hex"]);
  const std::string name = vector["name"];
  const Signer signer(name, key);
  Note note = *ParseNote(signer.Sign(1, HashFromHex(std::string(64, 'a'))));
  NoteSignature line{name, {}, {}};
  const std::string id = FromHex(vector["key_id"]);
  std::copy(id.begin(), id.end(), line.key_id.begin());
  // A time of eight bytes stands before the signature.
  line.blob = std::string(8 + vector["sig_len"].get<size_t>(), 's');
  note.signatures.push_back(line);
  const auto parsed = ParseNote(FormatNote(note));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(VerifyNote(*parsed, signer.verifier()).ok());
  EXPECT_EQ(FormatNote(*parsed), FormatNote(note));
  // What an ML-DSA cosigner signs names the same head as our text.
  const auto head =
      ParseCheckpoint(vector["checkpoint_text"].get<std::string>());
  ASSERT_TRUE(head.ok()) << head.status();
  const std::string message = FromHex(vector["signed_message_timestamp0_hex"]);
  EXPECT_TRUE(message.ends_with(head->root.view()));
  EXPECT_NE(message.find(head->origin), std::string::npos);
}

TEST(SignedNote, MalformedNotesAreRefused) {
  const std::string line = "\u2014 a AAAAAAAA\n";
  EXPECT_TRUE(ParseNote("text\n\n" + line).ok());
  EXPECT_FALSE(ParseNote("text\n\n" + line + line).ok());  // twice one key
  EXPECT_FALSE(ParseNote("text\n\n").ok());
  EXPECT_FALSE(ParseNote("text\n" + line).ok());
  EXPECT_FALSE(ParseNote("te\rxt\n\n" + line).ok());
  EXPECT_FALSE(ParseNote("text\n\n\u2014 a+b AAAAAAAA\n").ok());
  EXPECT_FALSE(ParseNote("text\n\n\u2014 a AAAA\n").ok());
  std::string many = "text\n\n";
  for (size_t i = 0; i < kNoteSignaturesMax; ++i) {
    many += "\u2014 k" + std::to_string(i) + " AAAAAAAA\n";
  }
  EXPECT_TRUE(ParseNote(many).ok());
  EXPECT_FALSE(ParseNote(many + line).ok());
}

TEST(VerifierKeys, TypeIsPartOfTheId) {
  const json keys = LoadVectors("vectors.json")["vkeys"]["vectors"];
  EXPECT_EQ(keys.size(), 5u);
  for (const json& one : keys) {
    const std::string key = FromHex(one["pub_hex"]);
    if (!one["seed_hex"].is_null()) {
      EXPECT_EQ(Seed(one["seed_hex"]).public_key(), key);
    }
    const std::string published = one["vkey_published"];
    const auto parsed = ParseVerifierKey(published);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->ToText(), published);
    const std::string name = one["name"];
    EXPECT_EQ((VerifierKey{name, KeyType::kEd25519, key}.ToText()),
              one["vkey_type1"]);
    EXPECT_EQ((VerifierKey{name, KeyType::kCosignature, key}.ToText()),
              one["vkey_type4"]);
  }
  EXPECT_FALSE(ParseVerifierKey("a+00000000+AekyeRrm").ok());
}

TEST(Checkpoint, ByteExactOverTheTesseraLog) {
  const json log = LoadVectors("vectors.json")["tessera_log"];
  const auto key = ParseVerifierKey(log["vkey"].get<std::string>());
  const Signer signer(key->name, Seed(log["seed_hex"]));
  CompactRange range;
  for (size_t size = 0; size < log["checkpoints_by_size"].size(); ++size) {
    if (size > 0) {
      range.Append(HashLeaf(log["leaves_ascii"][size - 1].get<std::string>()));
    }
    const std::string note = signer.Sign(size, range.Root());
    EXPECT_EQ(note, log["checkpoints_by_size"][size]);
    const auto opened = OpenCheckpoint(note, *key);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->size, size);
    EXPECT_EQ(opened->root, range.Root());
    const auto read = ReadCheckpoint(note);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, *opened);
  }
}

TEST(Checkpoint, ExtensionLinesAndOddSizesAreRefused) {
  const std::string root = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
  EXPECT_TRUE(ParseCheckpoint("o\n0\n" + root).ok());
  EXPECT_FALSE(ParseCheckpoint("o\n0\n" + root + "more\n").ok());
  EXPECT_FALSE(ParseCheckpoint("o\n01\n" + root).ok());
  EXPECT_FALSE(ParseCheckpoint("o\n-1\n" + root).ok());
  EXPECT_FALSE(ParseCheckpoint("o\n0\nAAAA\n").ok());
  const std::string longest(kOriginBytesMax, 'o');
  EXPECT_TRUE(ParseCheckpoint(longest + "\n0\n" + root).ok());
  EXPECT_FALSE(ParseCheckpoint(longest + "o\n0\n" + root).ok());
}

TEST(Cosignature, ByteExactAndTimed) {
  const json vectors = LoadVectors("vectors.json");
  const json one = vectors["cosignature_v1"];
  const json witness = vectors["vkeys"]["vectors"][0];
  ASSERT_EQ(witness["name"], "Wit1");
  const Cosigner cosigner("Wit1", Seed(witness["seed_hex"]));
  EXPECT_EQ(cosigner.verifier().ToText(), one["vkey_Wit1"]);
  const std::string plain = vectors["tessera_log"]["checkpoints_by_size"][9];
  const uint64_t time = one["timestamp"];
  const auto cosigned = cosigner.Cosign(plain, time);
  ASSERT_TRUE(cosigned.ok());
  EXPECT_EQ(*cosigned, plain + one["line_Wit1"].get<std::string>());
  EXPECT_EQ(*VerifyCosignature(one["cosigned_checkpoint"].get<std::string>(),
                               cosigner.verifier()),
            time);
  // Signing again replaces the line.
  EXPECT_EQ(*cosigner.Cosign(*cosigned, time), *cosigned);
}

TEST(TlogProof, PublishedProofFile) {
  const json vectors = LoadVectors("vectors.json");
  const json one = vectors["tlog_proof"];
  const std::string file = one["proof_file"];
  const auto proof = ParseTlogProof(file);
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_EQ(FormatTlogProof(*proof), file);
  const auto key =
      ParseVerifierKey(vectors["tessera_log"]["vkey"].get<std::string>());
  const auto checkpoint = OpenCheckpoint(proof->checkpoint, *key);
  ASSERT_TRUE(checkpoint.ok());
  EXPECT_TRUE(VerifyInclusion(proof->index, checkpoint->size,
                              HashLeaf(one["entry_ascii"].get<std::string>()),
                              proof->proof, checkpoint->root)
                  .ok());
}

TEST(Equivocation, RootsAreComparedNotBytes) {
  const json one = LoadVectors("vectors.json")["equivocation"];
  const auto key = ParseVerifierKey(one["vkey"].get<std::string>());
  const auto a = OpenCheckpoint(std::string(one["same_size_pair"][0]), *key);
  const auto b = OpenCheckpoint(std::string(one["same_size_pair"][1]), *key);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->size, b->size);
  EXPECT_NE(a->root, b->root);
}

}  // namespace
}  // namespace tongchou::ledger
