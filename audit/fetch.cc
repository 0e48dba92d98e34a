#include "audit/fetch.h"

#include <string>
#include <string_view>

#include "audit/claims.h"
#include "audit/log_keys.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/exchange/key_changes.h"
#include "common/ledger/bundle.h"
#include "common/transport/grpc_status.h"
#include "tongchou/v1/audit.grpc.pb.h"
#include "tongchou/v1/query.grpc.pb.h"

namespace tongchou::audit {
namespace {

// Records and figures come by two calls; while cities write, their bases can
// differ. So often they are asked for again.
constexpr int kClaimAttempts = 8;

// Claims are whole or not there: a part of them would look like records that
// the province lacks.
constexpr std::string_view kUnfinished = ".new";

// Where the copy of a log ends.
struct CopyEnd {
  uint64_t size = 0;
  uint64_t bundle_bytes = 0;
  uint64_t checkpoint_bytes = 0;
};

absl::StatusOr<CopyEnd> FindEnd(const Archive& archive, uint32_t city) {
  CopyEnd end;
  ASSIGN_OR_RETURN(
      end.bundle_bytes,
      ReadPieces(archive.bundles(city), [&](std::string_view bytes) {
        ASSIGN_OR_RETURN(const ledger::BundleRange range,
                         ledger::PeekBundle(bytes));
        end.size = range.first_sequence + range.count;
        return absl::OkStatus();
      }));
  ASSIGN_OR_RETURN(end.checkpoint_bytes,
                   ReadPieces(archive.checkpoints(city), [](std::string_view) {
                     return absl::OkStatus();
                   }));
  return end;
}

class LogFetch {
 public:
  LogFetch(v1::Audit::Stub* stub, const Archive& archive,
           const FetchOptions& options)
      : stub_(*stub), archive_(archive), options_(options) {}

  absl::Status Fetch(uint32_t city, const std::string& origin, uint64_t size) {
    RETURN_IF_ERROR(base::MakeDirectories(archive_.city_directory(city)));
    ASSIGN_OR_RETURN(CopyEnd end, FindEnd(archive_, city));
    ASSIGN_OR_RETURN(
        PieceWriter bundles,
        PieceWriter::Open(archive_.bundles(city), end.bundle_bytes));
    ASSIGN_OR_RETURN(
        PieceWriter checkpoints,
        PieceWriter::Open(archive_.checkpoints(city), end.checkpoint_bytes));
    if (end.size > size) {
      return base::DataLossError(
          "the province shows {} entries and showed {} before: what is here "
          "proves it, keep the copy",
          size, end.size);
    }
    if (end.size == size) return absl::OkStatus();
    v1::ReadLogRequest request;
    request.set_origin(origin);
    request.set_from_size(end.size);
    // Not further: the province's own log is fetched last and has receipts for
    // what was listed.
    request.set_to_size(size);
    grpc::ClientContext context;
    const auto reader = stub_.ReadLog(&context, request);
    v1::ReadLogResponse response;
    while (reader->Read(&response)) {
      RETURN_IF_ERROR(Keep(response, &bundles, &checkpoints, &end.size));
      if (options_.progress != nullptr) {
        options_.progress({city, end.size, size});
      }
    }
    RETURN_IF_ERROR(checkpoints.Sync());
    RETURN_IF_ERROR(bundles.Sync());
    return transport::FromGrpc(reader->Finish());
  }

 private:
  // Checkpoints first: bundles in the copy are never ahead of their heads.
  absl::Status Keep(const v1::ReadLogResponse& response, PieceWriter* bundles,
                    PieceWriter* checkpoints, uint64_t* size) {
    for (const std::string& note : response.checkpoints()) {
      RETURN_IF_ERROR(checkpoints->Write(note));
    }
    RETURN_IF_ERROR(checkpoints->Flush());
    for (const std::string& bytes : response.bundles()) {
      ASSIGN_OR_RETURN(const ledger::BundleRange range,
                       ledger::PeekBundle(bytes));
      *size = range.first_sequence + range.count;
      RETURN_IF_ERROR(bundles->Write(bytes));
    }
    return absl::OkStatus();
  }

  v1::Audit::Stub& stub_;
  const Archive& archive_;
  const FetchOptions& options_;
};

// Saves a stream of answers beside `path`, which Finish replaces; returns the
// basis of the first message.
template <typename Response, typename Reader>
absl::StatusOr<ClaimedBasis> SaveStream(Reader* reader,
                                        const std::string& path) {
  ASSIGN_OR_RETURN(PieceWriter file,
                   PieceWriter::Open(path + std::string(kUnfinished), 0));
  ClaimedBasis basis;
  Response response;
  for (bool first = true; reader->Read(&response); first = false) {
    if (first) {
      ASSIGN_OR_RETURN(basis, ReadBasis(response.basis()));
    }
    RETURN_IF_ERROR(file.Write(response.SerializeAsString()));
  }
  RETURN_IF_ERROR(transport::FromGrpc(reader->Finish()));
  RETURN_IF_ERROR(file.Sync());
  return basis;
}

absl::Status Finish(const std::string& path) {
  return base::Rename(path + std::string(kUnfinished), path);
}

bool SameSizes(const ClaimedBasis& a, const ClaimedBasis& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [city, claim] : a) {
    const auto other = b.find(city);
    if (other == b.end() || other->second.size != claim.size) return false;
  }
  return true;
}

absl::Status FetchClaims(const std::shared_ptr<grpc::Channel>& channel,
                         v1::Audit::Stub* audit, const Archive& archive) {
  RETURN_IF_ERROR(base::MakeDirectories(archive.claims_directory()));
  const auto query = v1::Query::NewStub(channel);
  for (int attempt = 0; attempt < kClaimAttempts; ++attempt) {
    grpc::ClientContext records_context;
    const auto records = audit->ReadRecords(&records_context, {});
    ASSIGN_OR_RETURN(const ClaimedBasis of_records,
                     SaveStream<v1::ReadRecordsResponse>(
                         records.get(), archive.claimed_records()));
    grpc::ClientContext figures_context;
    const auto figures = query->GetIndicators(&figures_context, {});
    ASSIGN_OR_RETURN(const ClaimedBasis of_figures,
                     SaveStream<v1::GetIndicatorsResponse>(
                         figures.get(), archive.claimed_figures()));
    if (!SameSizes(of_records, of_figures)) continue;
    RETURN_IF_ERROR(Finish(archive.claimed_records()));
    return Finish(archive.claimed_figures());
  }
  return base::UnavailableError(
      "the cities write faster than records and figures can be read together; "
      "fetch again at a quieter time");
}

}  // namespace

absl::Status Fetch(const std::shared_ptr<grpc::Channel>& channel,
                   const Policy& policy, const Archive& archive,
                   const FetchOptions& options) {
  const auto audit = v1::Audit::NewStub(channel);
  if (options.with_claims) {
    RETURN_IF_ERROR(FetchClaims(channel, audit.get(), archive));
  }
  grpc::ClientContext context;
  v1::ListLogsResponse logs;
  RETURN_IF_ERROR(transport::FromGrpc(audit->ListLogs(&context, {}, &logs)));
  LogFetch fetch(audit.get(), archive, options);
  for (const v1::LogSummary& log : logs.logs()) {
    const bool own = log.origin() == policy.own.origin;
    if (options.city != 0 && log.city() != options.city && !own) continue;
    const auto known = policy.cities.find(log.city());
    if (!own && (known == policy.cities.end() ||
                 known->second.origin != log.origin())) {
      return base::FailedPreconditionError(
          "the province holds the log {} of city {}, which the policy does not "
          "name; add its key to the policy",
          log.origin(), log.city());
    }
    if (!own) {
      RETURN_IF_ERROR(
          base::MakeDirectories(archive.city_directory(log.city())));
      RETURN_IF_ERROR(WriteKeyChanges(
          archive, log.city(), exchange::ReadKeyChanges(log.key_changes())));
    }
    if (absl::Status status = fetch.Fetch(own ? kProvinceLog : log.city(),
                                          log.origin(), log.size());
        !status.ok()) {
      return base::Annotate(status, log.origin());
    }
  }
  return absl::OkStatus();
}

}  // namespace tongchou::audit
