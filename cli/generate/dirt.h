// Broken and untidy rows: what real exports contain and imports must find. The
// choice has a random stream of its own, so clean rows are the same with and
// without dirt.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/generate/calibration.h"
#include "cli/generate/layouts.h"
#include "cli/generate/random.h"

namespace tongchou::cli {

class CsvRow;

// For one file. Not thread-safe.
class Dirt {
 public:
  // Stands in UTF-8 text for a byte that no encoding allows.
  static constexpr char kBadByteMark = '\x01';
  static constexpr char kBadByte = '\xff';

  struct Result {
    std::string line;       // without line end
    std::string_view kind;  // reject code, or kind of repair
    bool repaired = false;  // the row stays good after repair
    bool extra = false;     // stands after the clean row, not in its place
  };

  // `percent` of the rows of the file, 0 to 100.
  Dirt(const Layout& layout, const City& city, double percent, Random random);

  // Whether the next row is to be spoilt.
  bool Strikes() { return share_ != 0 && random_.Below(kWhole) < share_; }
  // Spoils a row in exactly one way, which its type allows. `stored`: an
  // earlier delivery brought the record, so that it can be contradicted.
  Result Spoil(const CsvRow& row, bool stored);
  // Plays the part of an earlier delivery's row; whether it was accepted.
  bool LetsPass(const CsvRow& row);

 private:
  static constexpr uint32_t kWhole = 1'000'000;

  const Layout* layout_;
  const City* city_;
  uint32_t share_;  // of kWhole
  Random random_;
};

}  // namespace tongchou::cli
