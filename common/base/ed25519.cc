#include "common/base/ed25519.h"

#include <openssl/pem.h>

#include "common/base/cpu_account.h"
#include "common/base/status.h"

namespace tongchou::base {
namespace {

CpuAccount signing("sign");
CpuAccount verifying("verify signatures");

using ContextPtr = std::unique_ptr<EVP_MD_CTX, OpensslFree<EVP_MD_CTX_free>>;

const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

}  // namespace

Ed25519PrivateKey Ed25519PrivateKey::Generate() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  TONGCHOU_CHECK(key != nullptr);
  return Ed25519PrivateKey(key);
}

absl::StatusOr<Ed25519PrivateKey> Ed25519PrivateKey::FromSeed(
    std::string_view seed) {
  if (seed.size() != kEd25519SeedBytes) {
    return InvalidArgumentError("an Ed25519 seed has {} bytes, not {}",
                                kEd25519SeedBytes, seed.size());
  }
  EVP_PKEY* key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                               Bytes(seed), seed.size());
  TONGCHOU_CHECK(key != nullptr);
  return Ed25519PrivateKey(key);
}

absl::StatusOr<Ed25519PrivateKey> Ed25519PrivateKey::FromPem(
    std::string_view pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr);
  if (key == nullptr) {
    return InvalidArgumentError("this is no private key in PEM");
  }
  Ed25519PrivateKey result(key);
  if (EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) {
    return InvalidArgumentError("the private key is not an Ed25519 key");
  }
  return result;
}

std::string Ed25519PrivateKey::ToPem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  TONGCHOU_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr,
                                               nullptr, 0, nullptr,
                                               nullptr) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string Ed25519PrivateKey::public_key() const {
  std::string bytes(kEd25519PublicKeyBytes, '\0');
  size_t size = bytes.size();
  TONGCHOU_CHECK(
      EVP_PKEY_get_raw_public_key(
          key_.get(), reinterpret_cast<uint8_t*>(bytes.data()), &size) == 1);
  return bytes;
}

std::string Ed25519PrivateKey::Sign(std::string_view message) const {
  const CpuScope scope(signing);
  const ContextPtr context(EVP_MD_CTX_new());
  std::string signature(kEd25519SignatureBytes, '\0');
  size_t size = signature.size();
  TONGCHOU_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr,
                                    key_.get()) == 1);
  TONGCHOU_CHECK(EVP_DigestSign(context.get(),
                                reinterpret_cast<uint8_t*>(signature.data()),
                                &size, Bytes(message), message.size()) == 1);
  return signature;
}

absl::StatusOr<Ed25519PublicKey> Ed25519PublicKey::FromBytes(
    std::string_view bytes) {
  EVP_PKEY* key = bytes.size() == kEd25519PublicKeyBytes
                      ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                                    Bytes(bytes), bytes.size())
                      : nullptr;
  if (key == nullptr) {
    return InvalidArgumentError("an Ed25519 public key has {} bytes, not {}",
                                kEd25519PublicKeyBytes, bytes.size());
  }
  return Ed25519PublicKey(key);
}

bool Ed25519PublicKey::Verify(std::string_view message,
                              std::string_view signature) const {
  const CpuScope scope(verifying);
  if (signature.size() != kEd25519SignatureBytes) return false;
  const ContextPtr context(EVP_MD_CTX_new());
  TONGCHOU_CHECK(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr,
                                      key_.get()) == 1);
  return EVP_DigestVerify(context.get(), Bytes(signature), signature.size(),
                          Bytes(message), message.size()) == 1;
}

}  // namespace tongchou::base
