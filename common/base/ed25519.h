// Ed25519 signatures (RFC 8032).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/openssl_handles.h"

namespace tongchou::base {

inline constexpr size_t kEd25519SeedBytes = 32;
inline constexpr size_t kEd25519PublicKeyBytes = 32;
inline constexpr size_t kEd25519SignatureBytes = 64;

// Immutable, safe from any thread; copies share the key.
class Ed25519PrivateKey {
 public:
  static Ed25519PrivateKey Generate();
  // INVALID_ARGUMENT unless the seed has 32 bytes.
  static absl::StatusOr<Ed25519PrivateKey> FromSeed(std::string_view seed);
  // PKCS #8. INVALID_ARGUMENT when the text is no Ed25519 key.
  static absl::StatusOr<Ed25519PrivateKey> FromPem(std::string_view pem);

  std::string ToPem() const;  // secret
  std::string public_key() const;
  std::string Sign(std::string_view message) const;

 private:
  explicit Ed25519PrivateKey(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {}
  std::shared_ptr<EVP_PKEY> key_;
};

// Immutable, safe from any thread.
class Ed25519PublicKey {
 public:
  // INVALID_ARGUMENT unless the bytes are 32.
  static absl::StatusOr<Ed25519PublicKey> FromBytes(std::string_view bytes);
  bool Verify(std::string_view message, std::string_view signature) const;

 private:
  explicit Ed25519PublicKey(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {}
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace tongchou::base
