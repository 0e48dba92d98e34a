// What a power cut leaves of a database that is open.
#pragma once

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <string>

namespace tongchou::aggregator {

// The directory as it is at one moment: while it is copied nothing is merged
// and nothing removed.
inline void CopyAfterPowerCut(rocksdb::DB* db, const std::string& from,
                              const std::string& to) {
  ASSERT_TRUE(db->PauseBackgroundWork().ok());
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  ASSERT_TRUE(db->ContinueBackgroundWork().ok());
  std::filesystem::remove(to + "/LOCK");
}

}  // namespace tongchou::aggregator
