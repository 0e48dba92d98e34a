#include "common/base/sealer.h"

#include <openssl/evp.h>

#include <utility>

#include "common/base/base64.h"
#include "common/base/file.h"
#include "common/base/openssl_handles.h"
#include "common/base/random.h"
#include "common/base/status.h"

namespace tongchou::base {
namespace {

constexpr size_t kTagBytes = 16;

using ContextPtr =
    std::unique_ptr<EVP_CIPHER_CTX, OpensslFree<EVP_CIPHER_CTX_free>>;
using CipherPtr = std::unique_ptr<EVP_CIPHER, OpensslFree<EVP_CIPHER_free>>;

const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}
uint8_t* Bytes(std::string& text) {
  return reinterpret_cast<uint8_t*>(text.data());
}

// A context into which the key and the use have gone.
ContextPtr Begin(const std::string& key, const std::string& use, bool seal) {
  const CipherPtr cipher(EVP_CIPHER_fetch(nullptr, "AES-128-SIV", nullptr));
  TONGCHOU_CHECK(cipher != nullptr);
  ContextPtr context(EVP_CIPHER_CTX_new());
  TONGCHOU_CHECK(EVP_CipherInit_ex2(context.get(), cipher.get(), Bytes(key),
                                    nullptr, seal ? 1 : 0, nullptr) == 1);
  int length = 0;
  TONGCHOU_CHECK(EVP_CipherUpdate(context.get(), nullptr, &length, Bytes(use),
                                  static_cast<int>(use.size())) == 1);
  return context;
}

}  // namespace

Sealer::Sealer(std::string key, std::string use)
    : key_(std::move(key)), use_(std::move(use)) {
  TONGCHOU_CHECK(key_.size() == kSealerKeyBytes && !use_.empty());
}

std::string Sealer::Seal(std::string_view text) const {
  TONGCHOU_CHECK(!text.empty());
  const ContextPtr context = Begin(key_, use_, /*seal=*/true);
  std::string sealed(kTagBytes + text.size(), '\0');
  int length = 0;
  TONGCHOU_CHECK(EVP_CipherUpdate(context.get(), Bytes(sealed) + kTagBytes,
                                  &length, Bytes(text),
                                  static_cast<int>(text.size())) == 1);
  TONGCHOU_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG,
                                     kTagBytes, sealed.data()) == 1);
  return sealed;
}

absl::StatusOr<std::string> Sealer::Open(std::string_view sealed) const {
  const auto refuse = [&] {
    return InvalidArgumentError("this is no {} of this province", use_);
  };
  if (sealed.size() <= kTagBytes) return refuse();
  const ContextPtr context = Begin(key_, use_, /*seal=*/false);
  std::string tag(sealed.substr(0, kTagBytes));
  TONGCHOU_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG,
                                     kTagBytes, tag.data()) == 1);
  const std::string_view rest = sealed.substr(kTagBytes);
  std::string text(rest.size(), '\0');
  int length = 0;
  if (EVP_CipherUpdate(context.get(), Bytes(text), &length, Bytes(rest),
                       static_cast<int>(rest.size())) != 1) {
    return refuse();
  }
  return text;
}

absl::StatusOr<std::string> ReadSealerKey(const std::string& path,
                                          std::string_view program) {
  auto text = ReadFile(path);
  if (!text.ok()) {
    return FailedPreconditionError("{}; make one with {} --make-key",
                                   Message(text.status()), program);
  }
  RETURN_IF_ERROR(CheckPrivate(path));
  while (!text->empty() && text->back() == '\n') text->pop_back();
  auto key = Base64Decode(*text);
  if (!key.has_value() || key->size() != kSealerKeyBytes) {
    return InvalidArgumentError("{}: this is no key of {} bytes in base64",
                                path, kSealerKeyBytes);
  }
  return *std::move(key);
}

absl::Status MakeSealerKey(const std::string& path) {
  return WritePrivateFileDurably(
      path, Base64Encode(RandomBytes(kSealerKeyBytes)) + "\n");
}

}  // namespace tongchou::base
