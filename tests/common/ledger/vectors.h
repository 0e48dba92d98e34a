// The published test vectors as JSON, and values out of them.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "common/base/base64.h"
#include "common/ledger/proof.h"

namespace tongchou::ledger {

inline nlohmann::json LoadVectors(const std::string& name) {
  std::ifstream file(std::string(TONGCHOU_TEST_DATA) + "/ledger/" + name);
  return nlohmann::json::parse(file);
}

inline std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(
        static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

inline Hash HashFromHex(const std::string& hex) {
  return Hash::FromView(FromHex(hex));
}

inline Proof ProofFromHex(const nlohmann::json& list) {
  Proof proof;
  for (const std::string hash : list) proof.push_back(HashFromHex(hash));
  return proof;
}

}  // namespace tongchou::ledger
