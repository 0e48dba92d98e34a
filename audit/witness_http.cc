#include "audit/witness_http.h"

#include <httplib.h>

#include <charconv>

#include "audit/copied_tree.h"
#include "audit/log_keys.h"
#include "common/base/base64.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/transport/listen_address.h"

namespace tongchou::audit {
namespace {

constexpr size_t kThreads = 4;
constexpr auto kTimeout = std::chrono::seconds(10);
constexpr char kAddCheckpoint[] = "/add-checkpoint";
constexpr int kConflict = 409;
constexpr int kUnprocessable = 422;

void Send(const WitnessAnswer& answer, httplib::Response* response) {
  response->status = answer.status;
  response->set_content(answer.body, answer.content_type);
}

bool IsOf(const ledger::VerifierKey& key, const ledger::NoteSignature& one) {
  return one.name == key.name && one.key_id == key.id();
}

// The note with the log's signature alone, as the protocol wants it. Of keys of
// the log's name only it signs.
absl::StatusOr<std::string> WithoutOthers(const std::string& note,
                                          const std::string& origin) {
  ASSIGN_OR_RETURN(ledger::Note parsed, ledger::ParseNote(note));
  std::erase_if(parsed.signatures, [&](const ledger::NoteSignature& one) {
    return one.name != origin;
  });
  return ledger::FormatNote(parsed);
}

// The note with everybody's signatures and this line of the key.
absl::StatusOr<std::string> WithLine(const std::string& note,
                                     const ledger::VerifierKey& key,
                                     const std::string& line) {
  ASSIGN_OR_RETURN(ledger::Note parsed, ledger::ParseNote(note));
  std::erase_if(parsed.signatures, [&](const ledger::NoteSignature& one) {
    return IsOf(key, one);
  });
  return ledger::FormatNote(parsed) + line;
}

absl::Status KeepNote(const Archive& archive, uint32_t city,
                      const std::string& note) {
  ASSIGN_OR_RETURN(const uint64_t end,
                   ReadPieces(archive.checkpoints(city), [](std::string_view) {
                     return absl::OkStatus();
                   }));
  ASSIGN_OR_RETURN(PieceWriter writer,
                   PieceWriter::Open(archive.checkpoints(city), end));
  RETURN_IF_ERROR(writer.Write(note));
  return writer.Sync();
}

class Feeder {
 public:
  Feeder(httplib::SSLClient* client, const ledger::VerifierKey& witness,
         const Archive& archive)
      : client_(*client), witness_(witness), archive_(archive) {}

  absl::StatusOr<FedLog> Feed(const LogPolicy& log, const CopiedHead& head) {
    ASSIGN_OR_RETURN(const std::string note,
                     WithoutOthers(head.note, log.origin));
    FedLog fed{log.city, 0, head.checkpoint.size};
    ASSIGN_OR_RETURN(httplib::Response answer, Post("old 0\n\n" + note));
    if (answer.status == kConflict) {
      ASSIGN_OR_RETURN(fed.old_size, SizeIn(answer.body));
      if (fed.old_size > head.checkpoint.size) return fed;  // it knows more
      ASSIGN_OR_RETURN(const std::string proof, ProofFor(log, fed));
      ASSIGN_OR_RETURN(answer, Post(fmt::format("old {}\n{}\n{}", fed.old_size,
                                                proof, note)));
    }
    if (answer.status == kUnprocessable) {
      return base::DataLossError(
          "{}: the witness signed a head at size {} that the copy does not "
          "extend: two histories were signed, keep the copy",
          log.origin, fed.old_size);
    }
    if (answer.status != 200) {
      return base::UnavailableError("{}: the witness answers {}: {}",
                                    log.origin, answer.status, answer.body);
    }
    ASSIGN_OR_RETURN(const std::string cosigned,
                     WithLine(head.note, witness_, answer.body));
    const auto seconds = ledger::VerifyCosignature(cosigned, witness_);
    if (!seconds.ok()) return base::Annotate(seconds.status(), log.origin);
    RETURN_IF_ERROR(KeepNote(archive_, log.city, cosigned));
    return fed;
  }

 private:
  absl::StatusOr<httplib::Response> Post(const std::string& body) {
    const httplib::Result result =
        client_.Post(kAddCheckpoint, body, "text/plain; charset=utf-8");
    if (result) return *result;
    return base::UnavailableError("the witness is not there: {}",
                                  httplib::to_string(result.error()));
  }

  static absl::StatusOr<uint64_t> SizeIn(const std::string& body) {
    uint64_t size = 0;
    const auto [end, error] =
        std::from_chars(body.data(), body.data() + body.size(), size);
    if (error == std::errc() && end != body.data()) return size;
    return base::UnavailableError("the witness names no size: {}", body);
  }

  absl::StatusOr<std::string> ProofFor(const LogPolicy& log,
                                       const FedLog& fed) {
    std::string lines;
    if (fed.old_size == 0 || fed.old_size == fed.size) return lines;
    ASSIGN_OR_RETURN(
        const CopiedTree tree,
        CopiedTree::Read(archive_, log.city, fed.size, {fed.old_size}));
    ASSIGN_OR_RETURN(const ledger::Proof proof, tree.Consistency(fed.old_size));
    for (const ledger::Hash& hash : proof) {
      lines += base::Base64Encode(hash.view()) + "\n";
    }
    return lines;
  }

  httplib::SSLClient& client_;
  const ledger::VerifierKey& witness_;
  const Archive& archive_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<WitnessServer>> WitnessServer::Start(
    const std::string& listen, const transport::TlsFiles& tls,
    Witness* witness) {
  ASSIGN_OR_RETURN(const transport::ListenAddress address,
                   transport::ParseListenAddress(listen));
  RETURN_IF_ERROR(transport::CheckTlsFiles(tls, {base::Role::kWitness, {}}));
  auto server = std::make_unique<httplib::SSLServer>(
      tls.certificate.c_str(), tls.key.c_str(), tls.ca.c_str());
  server->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server->set_payload_max_length(kWitnessBodyBytesMax);
  server->set_read_timeout(kTimeout);
  server->set_write_timeout(kTimeout);
  server->Post(kAddCheckpoint, [witness](const httplib::Request& request,
                                         httplib::Response& response) {
    Send(witness->AddCheckpoint(request.body), &response);
  });
  server->Get(
      R"(/([0-9a-f]{64})/checkpoint)",
      [witness](const httplib::Request& request, httplib::Response& response) {
        Send(witness->GetCheckpoint(request.matches[1].str()), &response);
      });
  const int port = address.port == 0
                       ? server->bind_to_any_port(address.host.c_str())
                       : address.port;
  if (port <= 0 || (address.port != 0 &&
                    !server->bind_to_port(address.host.c_str(), port))) {
    return transport::CannotListenError(listen, address.port);
  }
  return std::unique_ptr<WitnessServer>(
      new WitnessServer(std::move(server), port));
}

WitnessServer::WitnessServer(std::unique_ptr<httplib::SSLServer> server,
                             int port)
    : server_(std::move(server)),
      port_(port),
      thread_([this] { server_->listen_after_bind(); }) {
  // Only a server that runs heeds stop().
  while (!server_->is_running()) std::this_thread::yield();
}

WitnessServer::~WitnessServer() {
  server_->stop();
  thread_.join();
}

absl::StatusOr<std::vector<FedLog>> FeedWitness(
    const std::string& address, const transport::TlsFiles& tls,
    const ledger::VerifierKey& witness, const Archive& archive,
    const Policy& policy) {
  ASSIGN_OR_RETURN(const transport::ListenAddress at,
                   transport::ParseListenAddress(address));
  httplib::SSLClient client(at.host, at.port, tls.certificate, tls.key);
  client.set_ca_cert_path(tls.ca.c_str());
  client.enable_server_certificate_verification(true);
  client.set_connection_timeout(kTimeout);
  client.set_read_timeout(kTimeout);
  std::vector<const LogPolicy*> logs = {&policy.own};
  for (const auto& [city, log] : policy.cities) logs.push_back(&log);
  std::vector<FedLog> fed;
  Feeder feeder(&client, witness, archive);
  for (const LogPolicy* log : logs) {
    ASSIGN_OR_RETURN(const auto head, NewestHead(archive, *log));
    if (!head.has_value()) continue;
    ASSIGN_OR_RETURN(fed.emplace_back(), feeder.Feed(*log, *head));
  }
  return fed;
}

}  // namespace tongchou::audit
