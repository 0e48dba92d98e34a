#include "common/ledger/backup.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/base/file.h"
#include "common/base/status.h"
#include "common/ledger/backup_command.h"
#include "common/ledger/log_store.h"
#include "tests/common/ledger/make_commit.h"
#include "tests/support/temporary_directory.h"

namespace tongchou::ledger {
namespace {

constexpr char kOrigin[] = "tongchou/360000/360100";
constexpr int kBundleEntries = 250;

bool GoOn(uint64_t, uint64_t) { return true; }

class BackupTest : public testing::Test {
 protected:
  void SetUp() override {
    LogStoreOptions options;
    options.directory = directory_.path() + "/log";
    auto opened = LogStore::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status();
    log_ = *std::move(opened);
  }

  std::string backups() const { return directory_.path() + "/backups"; }
  void Append(int bundles) {
    const std::vector<int> sizes(bundles, kBundleEntries);
    ASSERT_TRUE(log_->Append(MakeCommit(log_->Head().size(), sizes)).ok());
  }
  // Its number; bytes that were copied.
  std::pair<uint32_t, uint64_t> Write() {
    uint64_t copied = 0;
    const auto number =
        log_->WriteBackup(backups(), kOrigin, [&](uint64_t bytes, uint64_t) {
          copied = bytes;
          return true;
        });
    EXPECT_TRUE(number.ok()) << number.status();
    return {number.value_or(0), copied};
  }
  static LogHead HeadOf(const Backup& backup) {
    LogStoreOptions options;
    options.directory = backup.database_name;
    options.file_system = backup.file_system;
    options.read_only = true;
    const auto opened = LogStore::Open(options);
    EXPECT_TRUE(opened.ok()) << opened.status();
    if (!opened.ok()) return {};
    EXPECT_FALSE((*opened)->PutLocalFact("a", "b").ok());
    return (*opened)->Head();
  }
  LogHead HeadOf(uint32_t number) {
    return HeadOf(FindBackup(backups(), number).value());
  }
  // What FORMAT says beside the log; without a line, the log is from before
  // stores said what they are.
  void Say(const std::string& line) {
    const std::string path = directory_.path() + "/log/FORMAT";
    if (line.empty()) {
      ASSERT_TRUE(base::RemoveAll(path).ok());
    } else {
      ASSERT_TRUE(base::WriteFileDurably(path, line + "\n").ok());
    }
  }
  // By a program whose newest format this is; what lies there then says what.
  absl::Status PutInPlace(uint32_t number, const base::StoreFormat& format) {
    RestoreCommand command;
    command.directory = backups();
    command.number = number;
    command.origin = kOrigin;
    command.database = restored();
    command.format = format;
    return PutBackupInPlace(
        command, [&](const std::string& path) -> absl::StatusOr<std::string> {
          RETURN_IF_ERROR(base::OpenStoreFormat(path, format));
          return std::string("a log");
        });
  }
  std::string restored() const { return directory_.path() + "/restored"; }
  std::string RestoredSays() const {
    return base::ReadFormatLine(restored()).value();
  }
  LogHead HeadOfDirectory(const std::string& name) {
    LogStoreOptions options;
    options.directory = name;
    return LogStore::Open(options).value()->Head();
  }

  TemporaryDirectory directory_;
  std::unique_ptr<LogStore> log_;
};

TEST_F(BackupTest, SaysWhatItHoldsAndGivesItBackElsewhere) {
  Append(40);
  const LogHead first = log_->Head();
  EXPECT_EQ(Write().first, 1u);
  Append(40);
  EXPECT_EQ(Write().first, 2u);
  EXPECT_EQ(HeadOf(1).range, first.range);
  EXPECT_EQ(HeadOf(2).range, log_->Head().range);
  const Backup newest = FindBackup(backups(), 0).value();
  EXPECT_EQ(newest.number, 2u);
  EXPECT_EQ(newest.origin, kOrigin);
  for (const auto& [number, head] :
       {std::pair(1u, first), std::pair(2u, log_->Head())}) {
    const Backup backup = FindBackup(backups(), number).value();
    EXPECT_TRUE(VerifyBackup(backups(), backup, GoOn).ok());
    const std::string to = directory_.path() + "/elsewhere";
    ASSERT_TRUE(RestoreBackup(backups(), backup, to, GoOn).ok());
    EXPECT_EQ(HeadOfDirectory(to).range, head.range);
  }
}

// Files that have not changed are not copied again.
TEST_F(BackupTest, CopiesOnlyWhatIsNew) {
  for (int i = 0; i < 8; ++i) Append(800);
  const uint64_t whole = Write().second;
  Append(1);
  const auto [number, copied] = Write();
  EXPECT_GT(whole, 2u << 20);
  EXPECT_LT(copied, whole / 10);
  EXPECT_GT(FindBackup(backups(), number)->bytes, whole);
  EXPECT_EQ(HeadOf(number).range, log_->Head().range);
}

TEST_F(BackupTest, IsOfOneMomentWhileTheLogGrows) {
  std::atomic<bool> stop = false;
  Append(10);
  std::thread writer([&] {
    while (!stop) {
      EXPECT_TRUE(
          log_->Append(MakeCommit(log_->Head().size(), {kBundleEntries})).ok());
    }
  });
  for (int i = 0; i < 5; ++i) {
    const uint64_t before = log_->Head().size();
    const uint32_t number = Write().first;
    const LogHead head = HeadOf(number);
    EXPECT_GE(head.size(), before);
    EXPECT_EQ(head.range.Root(), log_->RootAt(head.size()).value());
    EXPECT_TRUE(
        VerifyBackup(backups(), FindBackup(backups(), number).value(), GoOn)
            .ok());
  }
  stop = true;
  writer.join();
}

TEST_F(BackupTest, KeepsTheNewest) {
  for (int i = 0; i < 5; ++i) {
    Append(1);
    Write();
  }
  ASSERT_TRUE(PruneBackups(backups(), 2).ok());
  const auto left = ListBackups(backups()).value();
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].number, 4u);
  EXPECT_EQ(HeadOf(5).range, log_->Head().range);
  const absl::Status gone = FindBackup(backups(), 3).status();
  EXPECT_TRUE(absl::IsNotFound(gone));
  EXPECT_NE(base::Message(gone).find("it has 4 to 5"), std::string::npos)
      << gone;
  ASSERT_TRUE(DeleteBackup(backups(), 5).ok());
  EXPECT_EQ(FindBackup(backups(), 0)->number, 4u);
}

// One byte of any file of it.
TEST_F(BackupTest, ADamagedFileIsNamedAndNotGivenBack) {
  Append(100);
  Write();
  const Backup backup = FindBackup(backups(), 1).value();
  int damaged = 0;
  for (const char* folder : {"/shared_checksum", "/private/1"}) {
    for (const auto& file :
         std::filesystem::directory_iterator(backups() + folder)) {
      if (file.file_size() == 0) continue;
      const auto middle = static_cast<std::streamoff>(file.file_size() / 2);
      std::fstream bytes(file.path(), std::ios::in | std::ios::out);
      bytes.seekg(middle);
      const char good = static_cast<char>(bytes.get());
      bytes.seekp(middle);
      bytes.put(static_cast<char>(good ^ 1)).flush();
      const absl::Status found = VerifyBackup(backups(), backup, GoOn);
      EXPECT_TRUE(absl::IsDataLoss(found)) << found;
      EXPECT_NE(base::Message(found).find(file.path().filename().string()),
                std::string::npos)
          << found;
      const absl::Status restored =
          RestoreBackup(backups(), backup, directory_.path() + "/to", GoOn);
      EXPECT_TRUE(absl::IsDataLoss(restored)) << restored;
      bytes.seekp(middle);
      bytes.put(good).flush();
      ++damaged;
    }
  }
  EXPECT_GE(damaged, 3);
  EXPECT_TRUE(VerifyBackup(backups(), backup, GoOn).ok());
}

TEST_F(BackupTest, ADirectoryIsOneDatabases) {
  Append(1);
  Write();
  const absl::Status other =
      log_->WriteBackup(backups(), "tongchou/360000/360200", GoOn).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(other)) << other;
  EXPECT_NE(
      base::Message(other).find("holds backups of tongchou/360000/360100"),
      std::string::npos)
      << other;
  const std::string full = directory_.path();
  const absl::Status used = log_->WriteBackup(full, kOrigin, GoOn).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(used)) << used;
  EXPECT_NE(base::Message(used).find("holds other things"), std::string::npos);
  EXPECT_TRUE(absl::IsInvalidArgument(
      log_->WriteBackup("backups", kOrigin, GoOn).status()));
  EXPECT_TRUE(absl::IsNotFound(ListBackups(full).status()));
}

// A program of the first format would read what it does not know.
TEST_F(BackupTest, OneOfANewerFormatIsRefusedUntouched) {
  Append(1);
  Write();
  Say("tongchou log 2");
  Write();
  const std::string words =
      "backup 2 in " + backups() +
      ": the log has format 2, this program knows formats up to 1; start the "
      "newer release that wrote it";
  int described = 0;
  const BackedUp kind{kLogFormat, [&](const Backup&) {
                        ++described;
                        return std::string("a log");
                      }};
  for (const absl::Status& status :
       {PutInPlace(2, kLogFormat), PrintBackups(backups(), true, kind)}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_EQ(base::Message(status), words);
  }
  EXPECT_EQ(described, 1);
  EXPECT_FALSE(base::FileExists(restored()));
  EXPECT_FALSE(base::FileExists(restored() + ".incoming"));
  EXPECT_TRUE(PutInPlace(1, kLogFormat).ok());
  EXPECT_EQ(RestoredSays(), "tongchou log 1");
}

// An older program beside a server that was updated: the backup may be sound,
// it is not the program's to remove.
TEST_F(BackupTest, OneOfANewerServerStays) {
  Append(1);
  Say("tongchou log 2");
  BackupCommand command;
  command.directory = backups();
  command.data = directory_.path() + "/log";
  const absl::Status taken = TakeBackup(
      command, [&](const BackupProgress&) { return Write().first; },
      {kLogFormat, [](const Backup&) { return std::string("a log"); }});
  EXPECT_TRUE(absl::IsFailedPrecondition(taken)) << taken;
  EXPECT_NE(base::Message(taken).find("the log has format 2"),
            std::string::npos);
  EXPECT_EQ(ListBackups(backups())->size(), 1u);
}

// A newer program would otherwise call it by its own format.
TEST_F(BackupTest, OneOfAnOlderFormatStaysWhatItIs) {
  constexpr base::StoreFormat kSecond{"log", 2};
  Append(1);
  Write();
  Say("");
  Write();
  for (const uint32_t number : {1u, 2u}) {
    ASSERT_TRUE(PutInPlace(number, kSecond).ok()) << number;
    EXPECT_EQ(RestoredSays(), "tongchou log 1") << number;
    EXPECT_EQ(HeadOfDirectory(restored()).range, log_->Head().range);
    ASSERT_TRUE(base::RemoveAll(restored()).ok());
  }
  Say("tongchou log 2");
  Write();
  ASSERT_TRUE(PutInPlace(3, kSecond).ok());
  EXPECT_EQ(RestoredSays(), "tongchou log 2");
}

TEST_F(BackupTest, OneThatWasStoppedDoesNotCount) {
  for (int i = 0; i < 8; ++i) Append(800);
  const absl::Status stopped =
      log_->WriteBackup(backups(), kOrigin,
                        [](uint64_t, uint64_t) { return false; })
          .status();
  EXPECT_TRUE(absl::IsAborted(stopped)) << stopped;
  EXPECT_TRUE(absl::IsNotFound(ListBackups(backups()).status()));
  Write();
  EXPECT_EQ(HeadOf(0).range, log_->Head().range);
}

TEST_F(BackupTest, OneWriterOfADirectory) {
  auto lock = BackupLock::Take(backups());
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(BackupLock::Take(backups()).status()));
  lock = absl::UnknownError("given back");
  EXPECT_TRUE(BackupLock::Take(backups()).ok());
}

}  // namespace
}  // namespace tongchou::ledger
