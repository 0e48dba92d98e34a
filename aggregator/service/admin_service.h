// Acts of administrators and the record of reading; tongchou/v1/admin.proto
// says what each call promises.
#pragma once

#include "aggregator/service/query_service.h"
#include "tongchou/v1/admin.grpc.pb.h"

namespace tongchou::aggregator {

// Characters of the reason of an act.
inline constexpr size_t kActReasonCharactersMax = 500;

// Of an office's name and of its contact.
inline constexpr size_t kOfficeCharactersMax = 100;
inline constexpr uint32_t kTokenHoursDefault = 24;
inline constexpr uint32_t kTokenHoursMax = 168;

// Thread-safe.
class AdminService final : public v1::Admin::Service {
 public:
  explicit AdminService(ProvinceParts parts) : parts_(std::move(parts)) {}

  grpc::Status AddCity(grpc::ServerContext* context,
                       const v1::AddCityRequest* request,
                       v1::AddCityResponse* response) override;
  grpc::Status RekeyCity(grpc::ServerContext* context,
                         const v1::RekeyCityRequest* request,
                         v1::RekeyCityResponse* response) override;
  grpc::Status ReleaseCity(grpc::ServerContext* context,
                           const v1::ReleaseCityRequest* request,
                           v1::ReleaseCityResponse* response) override;
  grpc::Status RevokeCertificate(
      grpc::ServerContext* context, const v1::RevokeCertificateRequest* request,
      v1::RevokeCertificateResponse* response) override;
  grpc::Status ListAccess(
      grpc::ServerContext* context, const v1::ListAccessRequest* request,
      grpc::ServerWriter<v1::ListAccessResponse>* writer) override;
  grpc::Status Backup(grpc::ServerContext* context,
                      const v1::BackupRequest* request,
                      grpc::ServerWriter<v1::BackupResponse>* writer) override;

 private:
  absl::Status DoAddCity(const transport::Caller& caller,
                         const v1::AddCityRequest& request,
                         v1::AddCityResponse* response) const;
  absl::Status DoRekey(const transport::Caller& caller,
                       const v1::RekeyCityRequest& request,
                       v1::RekeyCityResponse* response) const;
  // A token for the city, good for so many hours from now; 0 = the default.
  absl::StatusOr<std::string> Invite(const transport::Caller& caller,
                                     uint32_t hours, std::string_view reason,
                                     v1::Invitation* invitation) const;
  absl::Status DoRelease(const transport::Caller& caller,
                         const v1::ReleaseCityRequest& request,
                         v1::ReleaseCityResponse* response) const;
  absl::Status DoRevoke(const transport::Caller& caller,
                        const v1::RevokeCertificateRequest& request) const;
  absl::Status DoListAccess(
      const v1::ListAccessRequest& request,
      const transport::Answers<v1::ListAccessResponse>& answers) const;

  const ProvinceParts parts_;
};

}  // namespace tongchou::aggregator
