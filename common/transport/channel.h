// Connections of clients. A channel connects by itself, again and again, at
// most two seconds after the last failure; it notices a dead peer within 30 s.
#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/identity.h"
#include "common/transport/credentials.h"

namespace tongchou::transport {

// Of one message, at both ends.
inline constexpr int kMessageBytesMax = 64 << 20;

// A channel with a connection of its own to `address` (host:port), where only
// `server` is talked to. Does not wait for the connection. Errors are those of
// MakeChannelCredentials.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(
    const std::string& address, const TlsFiles& files,
    const base::ExpectedPeer& server);

// A channel to the server that has the certificate with this fingerprint
// (SHA-256, DER), without a certificate of one's own.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakePinnedChannel(
    const std::string& address, const base::Hash& fingerprint);

// A connected channel to the server that listens at `listen` on this machine,
// for a command there that shows the server's own certificate. UNAVAILABLE when
// it does not run.
absl::StatusOr<std::shared_ptr<grpc::Channel>> ConnectToSelf(
    const std::string& listen, const TlsFiles& files,
    const base::ExpectedPeer& self);

// Waits until the channel is connected. UNAVAILABLE names the address and, as
// far as known, the reason (the channel itself tells neither, so a health call
// is tried that fails and tells both); that may take a quarter of a second
// longer than `timeout`.
absl::Status WaitConnected(grpc::Channel& channel,
                           std::chrono::milliseconds timeout);

}  // namespace tongchou::transport
