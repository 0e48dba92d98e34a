#include "common/base/join_token.h"

#include "common/base/base64.h"
#include "common/base/big_endian.h"
#include "common/base/status.h"

namespace tongchou::base {
namespace {

constexpr size_t kCityBytes = 3;
constexpr size_t kHashBytes = 32;

}  // namespace

std::string JoinToken::ToText() const {
  std::string bytes;
  AppendBigEndian<kCityBytes>(city, &bytes);
  bytes += secret;
  bytes += province.view();
  return Base64UrlEncode(bytes);
}

absl::StatusOr<JoinToken> JoinToken::Parse(std::string_view text) {
  const auto bytes = Base64UrlDecode(text);
  if (!bytes.has_value() ||
      bytes->size() != kCityBytes + kJoinSecretBytes + kHashBytes) {
    return InvalidArgumentError(
        "this is no token: copy all 68 characters that tongchou city add "
        "printed");
  }
  const std::string_view view = *bytes;
  JoinToken token;
  token.city = static_cast<uint32_t>(ReadBigEndian(view.substr(0, kCityBytes)));
  token.secret = view.substr(kCityBytes, kJoinSecretBytes);
  token.province = Hash::FromView(view.substr(kCityBytes + kJoinSecretBytes));
  return token;
}

}  // namespace tongchou::base
