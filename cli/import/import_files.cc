#include "cli/import/import_files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "common/base/status.h"
#include "common/records/schema.h"

namespace tongchou::cli {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::vector<std::string>> FilesOf(const std::string& directory,
                                                 const fs::path& leave_out) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (!it->is_regular_file(ignored)) continue;
    if (fs::equivalent(it->path(), leave_out, ignored)) continue;
    files.push_back(it->path().string());
  }
  if (error) {
    return base::FailedPreconditionError("{}: cannot be read: {}", directory,
                                         error.message());
  }
  std::sort(files.begin(), files.end());
  return files;
}

size_t OrderOf(const std::string& type) {
  const auto& types = records::Schema::Get().types();
  const auto found = std::find_if(
      types.begin(), types.end(),
      [&](const records::RecordSchema& schema) { return schema.name == type; });
  return static_cast<size_t>(found - types.begin());
}

}  // namespace

absl::StatusOr<ImportPlan> PlanImport(const std::vector<std::string>& paths,
                                      const records::Profile& profile,
                                      const std::string& leave_out) {
  std::vector<std::string> found;
  for (const std::string& path : paths) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) {
      return base::NotFoundError("{}: no such file or directory", path);
    }
    if (!fs::is_directory(status)) {
      found.push_back(path);
      continue;
    }
    ASSIGN_OR_RETURN(const auto files, FilesOf(path, leave_out));
    found.insert(found.end(), files.begin(), files.end());
  }
  ImportPlan plan;
  for (const std::string& path : found) {
    const std::string name = fs::path(path).filename().string();
    std::string type = records::TypeOfFile(name, profile);
    if (type.empty()) {
      plan.unclaimed.push_back(path);
    } else {
      plan.files.push_back({path, name, std::move(type)});
    }
  }
  std::stable_sort(plan.files.begin(), plan.files.end(),
                   [](const ImportSource& a, const ImportSource& b) {
                     if (a.type == b.type) return a.name < b.name;
                     return OrderOf(a.type) < OrderOf(b.type);
                   });
  return plan;
}

absl::Status DigestFiles(records::Encoding encoding,
                         const std::function<void(uint64_t bytes)>& progress,
                         std::vector<ImportSource>* files) {
  uint64_t done = 0;
  for (ImportSource& file : *files) {
    base::Sha256Stream hash;
    file.encoding = encoding;
    RETURN_IF_ERROR(ReadPieces(file.path, [&](std::string_view piece) {
      if (file.bytes == 0 && piece.starts_with(records::kUtf8ByteOrderMark)) {
        file.encoding = records::Encoding::kUtf8;
      }
      hash.Update(piece);
      file.bytes += piece.size();
      progress(done += piece.size());
      return true;
    }));
    file.sha256 = hash.Finish();
  }
  return absl::OkStatus();
}

absl::Status ReadPieces(const std::string& path,
                        const std::function<bool(std::string_view)>& visit) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) {
    return base::FailedPreconditionError("{}: cannot be read: {}", path,
                                         std::strerror(errno));
  }
  const auto piece = std::make_unique<char[]>(kPieceBytes);
  while (true) {
    const size_t size = std::fread(piece.get(), 1, kPieceBytes, file.get());
    if (std::ferror(file.get()) != 0) {
      return base::FailedPreconditionError("{}: cannot be read: {}", path,
                                           std::strerror(errno));
    }
    if (size == 0) return absl::OkStatus();
    if (!visit({piece.get(), size})) return absl::OkStatus();
  }
}

}  // namespace tongchou::cli
