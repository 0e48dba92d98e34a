#include "tests/faults/disk.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace tongchou::faults {
namespace {

namespace fs = std::filesystem;

// Threads that wait for space tell nobody.
constexpr auto kFullAtMost = std::chrono::milliseconds(300);

// The C library's own.
struct Libc {
  template <typename Function>
  static void Find(const char* name, Function** function) {
    void* const found = dlsym(RTLD_NEXT, name);
    if (found == nullptr) std::abort();
    *function = reinterpret_cast<Function*>(found);
  }
  Libc() {
    Find("open", &open);
    Find("write", &write);
    Find("pwrite", &pwrite);
    Find("fsync", &fsync);
    Find("fdatasync", &fdatasync);
    Find("ftruncate", &ftruncate);
    Find("fallocate", &fallocate);
    Find("rename", &rename);
    Find("link", &link);
    Find("unlink", &unlink);
    Find("remove", &remove);
    Find("mkdir", &mkdir);
    Find("close", &close);
  }

  int (*open)(const char*, int, ...);
  ssize_t (*write)(int, const void*, size_t);
  ssize_t (*pwrite)(int, const void*, size_t, off_t);
  int (*fsync)(int);
  int (*fdatasync)(int);
  int (*ftruncate)(int, off_t);
  int (*fallocate)(int, int, off_t, off_t);
  int (*rename)(const char*, const char*);
  int (*link)(const char*, const char*);
  int (*unlink)(const char*);
  int (*remove)(const char*);
  int (*mkdir)(const char*, mode_t);
  int (*close)(int);
};

const Libc& Real() {
  static const Libc libc;
  return libc;
}

// What a file has on the disk.
struct Extent {
  uint64_t written = 0;
  uint64_t synced = 0;
  // What a failed sync should have covered: [begin, end).
  std::vector<std::pair<uint64_t, uint64_t>> never;
};

struct Opened {
  std::string path;
  ino_t inode = 0;
  bool directory = false;
};

// A change of names, until their directory is synced.
struct Unsynced {
  std::string directory;
  std::function<void()> undo;
  std::string kept;  // a second name of what it removed; empty = none
};

// What the caller is to do.
struct Verdict {
  enum class Action { kDo, kFail, kHalf, kPretend } action = Action::kDo;
  int error = 0;
};

std::string Parent(const std::string& path) {
  return fs::path(path).parent_path().string();
}

class State {
 public:
  std::recursive_mutex mutex;  // what it calls comes back here
  std::string root;            // empty: nothing is watched
  Fault fault = Fault::kNone;
  uint64_t at = 0;
  uint64_t operations = 0;
  bool dead = false;
  bool full = false;
  std::chrono::steady_clock::time_point full_until;
  std::string struck;
  std::vector<std::string> names;  // of the operations, without a fault
  std::map<ino_t, Extent> extents;
  std::map<int, Opened> opened;
  std::vector<Unsynced> unsynced;
  uint64_t next_kept = 0;

  bool Watches(const std::string& path) const {
    if (root.empty()) return false;
    if (path == root) return true;
    if (!path.starts_with(root + "/")) return false;
    const std::string name = fs::path(path).filename().string();
    return !name.starts_with("LOG") && name != "LOCK";
  }
  const Opened* Find(int fd) const {
    const auto found = opened.find(fd);
    return found == opened.end() ? nullptr : &found->second;
  }
  Verdict Next(const char* kind, const std::string& path, bool takes_space);
  Verdict Strike(const std::string& what, bool append, bool takes_space);
  void Remember(int fd, const std::string& path, bool directory, bool fresh);
  // Another name of the file, which outlives the first; empty: there is none.
  std::string Keep(const std::string& path);
  void Add(const std::string& path, std::function<void()> undo,
           std::string kept = "");
  void SyncNames(const std::string& directory);
  void Forget();
};

State& Now() {
  static State* const state = new State;
  return *state;
}

Verdict State::Strike(const std::string& what, bool append, bool takes_space) {
  using Action = Verdict::Action;
  if (fault == Fault::kFull && !takes_space) return {};
  struck = what;
  switch (fault) {
    case Fault::kNone:
      return {};
    case Fault::kError:
      return {Action::kFail, EIO};
    case Fault::kDropped:
      return {Action::kPretend, 0};
    case Fault::kFull:
      full = true;
      full_until = std::chrono::steady_clock::now() + kFullAtMost;
      return {append ? Action::kHalf : Action::kFail, ENOSPC};
    case Fault::kKilled:
    case Fault::kPowerTorn:
      dead = true;
      return {append ? Action::kHalf : Action::kFail, EIO};
    case Fault::kPower:
      dead = true;
      return {Action::kFail, EIO};
  }
  std::abort();
}

Verdict State::Next(const char* kind, const std::string& path,
                    bool takes_space) {
  using Action = Verdict::Action;
  if (dead) return {Action::kFail, EIO};
  const uint64_t number = operations++;
  const std::string what = std::string(kind) + " " + path.substr(root.size());
  if (fault == Fault::kNone) names.push_back(what);
  if (full && std::chrono::steady_clock::now() > full_until) full = false;
  if (full && takes_space) return {Action::kFail, ENOSPC};
  if (number != at || !struck.empty()) return {};
  return Strike(what, kind == std::string_view("append"), takes_space);
}

void State::Remember(int fd, const std::string& path, bool directory,
                     bool fresh) {
  struct stat facts;
  if (::fstat(fd, &facts) != 0) return;
  opened[fd] = {path, facts.st_ino, directory};
  if (directory) return;
  const auto size = static_cast<uint64_t>(facts.st_size);
  if (fresh) {
    extents[facts.st_ino] = {};
  } else {
    extents.try_emplace(facts.st_ino, Extent{size, size, {}});
  }
}

std::string State::Keep(const std::string& path) {
  const std::string kept = root + ".kept/" + std::to_string(next_kept++);
  return Real().link(path.c_str(), kept.c_str()) == 0 ? kept : "";
}

void State::Add(const std::string& path, std::function<void()> undo,
                std::string kept) {
  unsynced.push_back({Parent(path), std::move(undo), std::move(kept)});
}

void State::SyncNames(const std::string& directory) {
  std::erase_if(unsynced, [&](const Unsynced& change) {
    if (change.directory != directory) return false;
    if (!change.kept.empty()) Real().unlink(change.kept.c_str());
    return true;
  });
}

void State::Forget() {
  for (const Unsynced& change : unsynced) {
    if (!change.kept.empty()) Real().unlink(change.kept.c_str());
  }
  unsynced.clear();
  extents.clear();
}

int FailWith(int error) {
  errno = error;
  return -1;
}

int Open(const char* name, int flags, mode_t mode) {
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  const std::string path = name;
  if (!state.Watches(path)) return Real().open(name, flags, mode);
  struct stat facts;
  const bool exists = ::stat(name, &facts) == 0;
  const bool directory = exists && S_ISDIR(facts.st_mode);
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (!writes && !directory) return Real().open(name, flags, mode);
  const bool empties = exists && (flags & O_TRUNC) != 0;
  const bool creates = !exists && (flags & O_CREAT) != 0;
  Verdict verdict;
  if (creates) verdict = state.Next("create", path, true);
  if (empties) verdict = state.Next("truncate", path, false);
  if (verdict.action == Verdict::Action::kFail) return FailWith(verdict.error);
  const bool pretend = verdict.action == Verdict::Action::kPretend;
  if (pretend && empties) flags &= ~O_TRUNC;
  const int fd = Real().open(name, flags, mode);
  if (fd < 0) return fd;
  state.Remember(fd, path, directory, creates || (empties && !pretend));
  if (pretend && creates) {
    Real().unlink(name);
  } else if (creates) {
    state.Add(path, [path] { Real().unlink(path.c_str()); });
  }
  return fd;
}

ssize_t Append(int fd, size_t size,
               const std::function<ssize_t(size_t)>& write) {
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  const Opened* const file = state.Find(fd);
  if (file == nullptr) return write(size);
  const Verdict verdict = state.Next("append", file->path, true);
  if (verdict.action == Verdict::Action::kFail) return FailWith(verdict.error);
  if (verdict.action == Verdict::Action::kPretend) {
    return static_cast<ssize_t>(size);
  }
  const bool half = verdict.action == Verdict::Action::kHalf;
  const ssize_t written = write(half ? size / 2 : size);
  if (written > 0) {
    state.extents[file->inode].written += static_cast<uint64_t>(written);
  }
  return half ? FailWith(verdict.error) : written;
}

int Sync(int fd, int (*sync)(int)) {
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  const Opened* const file = state.Find(fd);
  if (file == nullptr) return sync(fd);
  const Verdict verdict = state.Next(
      file->directory ? "sync of a directory" : "sync", file->path, true);
  Extent& extent = state.extents[file->inode];
  if (verdict.action == Verdict::Action::kFail) {
    if (!file->directory && extent.written > extent.synced) {
      extent.never.emplace_back(extent.synced, extent.written);
    }
    return FailWith(verdict.error);
  }
  if (verdict.action == Verdict::Action::kPretend) return 0;
  if (file->directory) {
    state.SyncNames(file->path);
  } else {
    extent.synced = extent.written;
  }
  return 0;
}

int Change(const char* kind, const char* name, bool takes_space,
           const std::function<int(State&, const std::string&)>& change,
           const std::function<int()>& real) {
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  const std::string path = name;
  struct stat facts;
  const bool removes = kind == std::string_view("remove");
  if (!state.Watches(path) || (removes && ::lstat(name, &facts) != 0)) {
    return real();
  }
  const Verdict verdict = state.Next(kind, path, takes_space);
  if (verdict.action == Verdict::Action::kFail) return FailWith(verdict.error);
  if (verdict.action == Verdict::Action::kPretend) return 0;
  return change(state, path);
}

int Remove(const char* name, const std::function<int()>& real) {
  return Change(
      "remove", name, false,
      [&](State& state, const std::string& path) {
        const std::string kept = state.Keep(path);
        const int result = real();
        if (result != 0) return result;
        state.Add(
            path,
            [path, kept] {
              if (!kept.empty()) Real().rename(kept.c_str(), path.c_str());
            },
            kept);
        return 0;
      },
      real);
}

int Rename(const char* from, const char* to) {
  const auto real = [&] { return Real().rename(from, to); };
  return Change(
      "rename", to, false,
      [&](State& state, const std::string& path) {
        const std::string source = from;
        const std::string kept = state.Keep(path);
        const int result = real();
        if (result != 0) return result;
        state.Add(
            path,
            [source, path, kept] {
              Real().rename(path.c_str(), source.c_str());
              if (!kept.empty()) Real().rename(kept.c_str(), path.c_str());
            },
            kept);
        return 0;
      },
      real);
}

int Link(const char* from, const char* to) {
  const auto real = [&] { return Real().link(from, to); };
  return Change(
      "link", to, true,
      [&](State& state, const std::string& path) {
        const int result = real();
        if (result == 0) {
          state.Add(path, [path] { Real().unlink(path.c_str()); });
        }
        return result;
      },
      real);
}

int MakeDirectory(const char* name, mode_t mode) {
  const auto real = [&] { return Real().mkdir(name, mode); };
  struct stat facts;
  if (::stat(name, &facts) == 0) return real();
  return Change(
      "create of a directory", name, true,
      [&](State& state, const std::string& path) {
        const int result = real();
        if (result == 0) {
          state.Add(path, [path] {
            std::error_code ignored;
            fs::remove_all(path, ignored);
          });
        }
        return result;
      },
      real);
}

int Truncate(int fd, off_t size) {
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  const Opened* const file = state.Find(fd);
  if (file == nullptr) return Real().ftruncate(fd, size);
  const Verdict verdict = state.Next("truncate", file->path, false);
  if (verdict.action == Verdict::Action::kFail) return FailWith(verdict.error);
  if (verdict.action == Verdict::Action::kPretend) return 0;
  Extent& extent = state.extents[file->inode];
  extent.written = static_cast<uint64_t>(size);
  extent.synced = std::min(extent.synced, extent.written);
  return Real().ftruncate(fd, size);
}

int Close(int fd) {
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  state.opened.erase(fd);
  return Real().close(fd);
}

// Only the room ahead of the writes, which changes nothing that is read.
int Allocate(int fd, int mode, off_t offset, off_t size) {
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  const Opened* const file = state.Find(fd);
  if (file == nullptr) return Real().fallocate(fd, mode, offset, size);
  const Verdict verdict = state.Next("allocate", file->path, true);
  if (verdict.action == Verdict::Action::kFail) return FailWith(verdict.error);
  return 0;
}

}  // namespace

std::string_view NameOf(Fault fault) {
  switch (fault) {
    case Fault::kNone:
      return "none";
    case Fault::kError:
      return "I/O error";
    case Fault::kFull:
      return "no space";
    case Fault::kKilled:
      return "killed, write torn";
    case Fault::kPower:
      return "power failure";
    case Fault::kPowerTorn:
      return "power failure, writes torn";
    case Fault::kDropped:
      return "silently dropped";
  }
  std::abort();
}

Disk& Disk::Get() {
  static Disk disk;
  return disk;
}

void Disk::Watch(const std::string& root, Fault fault, uint64_t at) {
  Stop();
  std::error_code ignored;
  fs::remove_all(root + ".kept", ignored);
  fs::create_directory(root + ".kept");
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  state.root = root;
  state.fault = fault;
  state.at = at;
  state.operations = 0;
  state.dead = false;
  state.full = false;
  state.struck.clear();
  state.names.clear();
}

void Disk::Heal() {
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  // None comes that has not come yet.
  if (state.struck.empty()) state.fault = Fault::kNone;
  state.dead = false;
  state.full = false;
}

void Disk::LosePower(bool half) {
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  const std::string root = std::exchange(state.root, "");
  for (auto it = state.unsynced.rbegin(); it != state.unsynced.rend(); ++it) {
    it->undo();
  }
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    struct stat facts;
    if (::stat(entry.path().c_str(), &facts) != 0) continue;
    const auto found = state.extents.find(facts.st_ino);
    if (found == state.extents.end() || !entry.is_regular_file()) continue;
    const Extent& extent = found->second;
    const uint64_t torn = (extent.written - extent.synced) / 2;
    fs::resize_file(entry.path(), extent.synced + (half ? torn : 0));
    for (const auto& [begin, end] : extent.never) {
      const uint64_t size = fs::file_size(entry.path());
      if (begin >= size) continue;
      const std::string zeros(std::min(end, size) - begin, '\0');
      const int fd = Real().open(entry.path().c_str(), O_WRONLY, 0);
      if (Real().pwrite(fd, zeros.data(), zeros.size(),
                        static_cast<off_t>(begin)) < 0) {
        std::abort();
      }
      Real().close(fd);
    }
  }
  state.Forget();
  state.root = root;
}

void Disk::Stop() {
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  state.root.clear();
  state.Forget();
}

std::string Disk::struck() {
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  return state.struck;
}

std::vector<std::string> Disk::TakeOperations() {
  State& state = Now();
  const std::lock_guard lock(state.mutex);
  return std::exchange(state.names, {});
}

}  // namespace tongchou::faults

// The names of the C library, found before its own.
extern "C" {

using tongchou::faults::Append;
using tongchou::faults::Real;

int open(const char* name, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  return tongchou::faults::Open(name, flags, mode);
}
ssize_t write(int fd, const void* data, size_t size) {
  return Append(fd, size,
                [&](size_t some) { return Real().write(fd, data, some); });
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  return Append(fd, size, [&](size_t some) {
    return Real().pwrite(fd, data, some, offset);
  });
}
int fsync(int fd) { return tongchou::faults::Sync(fd, Real().fsync); }
int fdatasync(int fd) { return tongchou::faults::Sync(fd, Real().fdatasync); }
int ftruncate(int fd, off_t size) noexcept {
  return tongchou::faults::Truncate(fd, size);
}
int fallocate(int fd, int mode, off_t offset, off_t size) {
  return tongchou::faults::Allocate(fd, mode, offset, size);
}
int rename(const char* from, const char* to) noexcept {
  return tongchou::faults::Rename(from, to);
}
int link(const char* from, const char* to) noexcept {
  return tongchou::faults::Link(from, to);
}
int unlink(const char* name) noexcept {
  return tongchou::faults::Remove(name, [&] { return Real().unlink(name); });
}
int remove(const char* name) noexcept {
  return tongchou::faults::Remove(name, [&] { return Real().remove(name); });
}
int mkdir(const char* name, mode_t mode) noexcept {
  return tongchou::faults::MakeDirectory(name, mode);
}
int close(int fd) { return tongchou::faults::Close(fd); }

}  // extern "C"
