#include "common/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "common/base/status.h"

namespace tongchou::base {
namespace {

absl::Status ErrnoError(std::string_view action, const std::string& path) {
  const int error = errno;
  const std::string text =
      fmt::format("cannot {} {}: {}", action, path, std::strerror(error));
  if (error == ENOENT) return MakeStatus(absl::StatusCode::kNotFound, text);
  if (error == EACCES) {
    return MakeStatus(absl::StatusCode::kPermissionDenied, text);
  }
  if (error == ENOSPC) {
    return MakeStatus(absl::StatusCode::kResourceExhausted, text);
  }
  return MakeStatus(absl::StatusCode::kInternal, text);
}

// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status WriteAll(int fd, std::string_view content,
                      const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError("write", path);
    content.remove_prefix(static_cast<size_t>(n));
  }
  if (::fsync(fd) != 0) return ErrnoError("sync", path);
  return absl::OkStatus();
}

std::string ParentOf(const std::string& path) {
  std::filesystem::path whole(path);
  if (!whole.has_filename()) whole = whole.parent_path();  // ends with a slash
  const std::string parent = whole.parent_path().string();
  return parent.empty() ? "." : parent;
}

absl::Status Replace(const std::string& path, std::string_view content,
                     mode_t mode) {
  const std::string temporary = path + ".new";
  {
    const Descriptor fd(::open(temporary.c_str(),
                               O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (fd.get() < 0) return ErrnoError("create", temporary);
    if (::fchmod(fd.get(), mode) != 0) return ErrnoError("chmod", temporary);
    RETURN_IF_ERROR(WriteAll(fd.get(), content, temporary));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoError("rename to", path);
  }
  return SyncDirectory(ParentOf(path));
}

}  // namespace

absl::Status SyncDirectory(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0) return ErrnoError("open directory", path);
  if (::fsync(fd.get()) != 0) return ErrnoError("sync directory", path);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return InvalidArgumentError("cannot read {}: it is a directory", path);
  }
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return ErrnoError("open", path);
  std::ostringstream out;
  out << in.rdbuf();
  if (in.bad()) return ErrnoError("read", path);
  return std::move(out).str();
}

absl::Status WriteFileDurably(const std::string& path,
                              std::string_view content) {
  return Replace(path, content, 0644);
}

absl::Status WritePrivateFileDurably(const std::string& path,
                                     std::string_view content) {
  return Replace(path, content, 0600);
}

absl::Status CheckPrivate(const std::string& path) {
  struct stat facts;
  if (::stat(path.c_str(), &facts) != 0) return ErrnoError("read", path);
  if ((facts.st_mode & (S_IRWXG | S_IRWXO)) == 0) return absl::OkStatus();
  return FailedPreconditionError(
      "{}: others than its owner may use this key; say chmod 600 {}", path,
      path);
}

absl::Status MakeDirectories(const std::string& path) {
  const std::string parent = ParentOf(path);
  std::error_code error;
  const bool creates = !std::filesystem::exists(path, error);
  if (creates && !std::filesystem::exists(parent, error)) {
    RETURN_IF_ERROR(MakeDirectories(parent));
  }
  std::filesystem::create_directory(path, error);
  if (error) {
    return InternalError("cannot make directory {}: {}", path, error.message());
  }
  // Also when it is there: a crash may have left it unsynced.
  const absl::Status synced = SyncDirectory(parent);
  return creates || !absl::IsPermissionDenied(synced) ? synced
                                                      : absl::OkStatus();
}

absl::Status RemoveAll(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (!error) return absl::OkStatus();
  return UnavailableError("cannot remove {}: {}", path, error.message());
}

absl::Status Rename(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::rename(from, to, error);
  if (!error) return absl::OkStatus();
  return UnavailableError("cannot rename {} to {}: {}", from, to,
                          error.message());
}

absl::Status CopyDirectory(const std::string& from, const std::string& to,
                           std::string_view immutable) {
  RETURN_IF_ERROR(MakeDirectories(to));
  std::error_code error;
  std::filesystem::directory_iterator files(from, error);
  if (error) return InternalError("cannot list {}: {}", from, error.message());
  for (const auto& file : files) {
    const std::string name = file.path().filename().string();
    const std::string copy = to + "/" + name;
    if (!name.ends_with(immutable)) {
      ASSIGN_OR_RETURN(const std::string content, ReadFile(file.path()));
      RETURN_IF_ERROR(WriteFileDurably(copy, content));
      continue;
    }
    std::filesystem::create_hard_link(file.path(), copy, error);
    if (error) {
      return UnavailableError("cannot link {}: {}", copy, error.message());
    }
  }
  return SyncDirectory(to);
}

absl::Status MakeEmptyDirectory(const std::string& path) {
  RETURN_IF_ERROR(RemoveAll(path));
  return MakeDirectories(path);
}

bool FileExists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace tongchou::base
