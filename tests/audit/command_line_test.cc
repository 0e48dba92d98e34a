#include "audit/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/policy.h"
#include "tests/audit/answer_json.h"
#include "tests/audit/run_program.h"
#include "tests/audit/test_archive.h"

namespace tongchou::audit {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int kClean = 0;
constexpr int kDiscrepancy = 1;
constexpr int kCouldNotCheck = 2;

class CommandLineTest : public testing::Test {
 protected:
  CommandLineTest() {
    copy_.Write();
    policy_ = copy_.WritePolicy();
  }
  Outcome RunCheck(const std::string& command,
                   const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {command, "--dir", copy_.path(),
                                      "--policy", policy_};
    words.insert(words.end(), more.begin(), more.end());
    return RunProgram(words);
  }
  // Whether a body of the log names the person, in its key or in words.
  static bool Shows(const std::string& directory, uint32_t city,
                    const std::string& person) {
    std::string key;
    records::AppendPerson(person, &key);
    bool shows = false;
    ledger::Bundle bundle;
    const auto read = ReadPieces(
        Archive(directory).bundles(city), [&](std::string_view bytes) {
          EXPECT_TRUE(bundle.Decode(bytes).ok());
          for (size_t i = 0; i < bundle.count(); ++i) {
            const std::string_view body = bundle.body(i).value_or("");
            shows |=
                body.find(person) != body.npos || body.find(key) != body.npos;
          }
          return absl::OkStatus();
        });
    EXPECT_TRUE(read.ok()) << read.status();
    return shows;
  }
  std::string WriteAnswer(const json& answer) {
    const std::string path = copy_.PathOf("answer.json");
    std::ofstream(path) << answer.dump();
    return path;
  }
  // Runs a check with this text as the policy.
  Outcome RunWithPolicy(const std::string& text) {
    std::ofstream(policy_) << text;
    return RunCheck("verify");
  }

  TestArchive copy_;
  std::string policy_;
};

// ---- 0: clean.

TEST_F(CommandLineTest, CleanIsZero) {
  const Outcome verify = RunCheck("verify");
  EXPECT_EQ(verify.exit, kClean) << verify.error;
  EXPECT_THAT(verify.out, HasSubstr("verdict      clean"));
  EXPECT_THAT(verify.out, HasSubstr("entries      24"));
  EXPECT_THAT(verify.out,
              HasSubstr("unwitnessed  360100 entries 0 to 11: seen by the "
                        "province up to 671.8 days after"));
  const Outcome replay = RunCheck("replay");
  EXPECT_EQ(replay.exit, kClean) << replay.error;
  EXPECT_THAT(replay.out, HasSubstr("records      18 compared"));
  const std::string answer = WriteAnswer(AnswerJson(copy_.claims));
  const Outcome check = RunCheck("check-answer", {answer});
  EXPECT_EQ(check.exit, kClean) << check.out << check.error;
}

TEST_F(CommandLineTest, TheReportIsOneLineOfJsonOnRequest) {
  const Outcome replay = RunCheck("replay", {"--format", "json"});
  EXPECT_EQ(replay.exit, kClean);
  EXPECT_EQ(std::count(replay.out.begin(), replay.out.end(), '\n'), 1);
  const json report = json::parse(replay.out);
  EXPECT_EQ(report["verdict"], "clean");
  EXPECT_EQ(report["entries"], 24);
  EXPECT_EQ(report["checkpoints"], 8);
  EXPECT_EQ(report["records"], 18);
  EXPECT_EQ(report["figures"], copy_.claims.figures.size());
  EXPECT_EQ(report["synthetic_clock"], false);
  ASSERT_EQ(report["unwitnessed"].size(), 2u);
  EXPECT_EQ(report["unwitnessed"][0]["city"], "360100");
  EXPECT_EQ(report["unwitnessed"][0]["first"], 0);
  EXPECT_EQ(report["unwitnessed"][0]["end"], 12);
  EXPECT_GT(report["unwitnessed"][0]["seconds"], 365 * 86'400);
  EXPECT_EQ(report["findings_total"], 0);
  EXPECT_EQ(report["findings"], json::array());
}

TEST_F(CommandLineTest, EntriesAreExportedAsLines) {
  const Outcome outcome =
      RunProgram({"export-entries", "--dir", copy_.path(), "--city", "360100",
                  "--from", "2", "--to", "4"});
  EXPECT_EQ(outcome.exit, kClean);
  const size_t end = outcome.out.find('\n');
  const json first = json::parse(outcome.out.substr(0, end));
  EXPECT_EQ(first["sequence"], 2);
  EXPECT_EQ(first["header"], base::HexEncode(copy_.nanchang.entry(2).header));
  EXPECT_EQ(first["body"], base::HexEncode(copy_.nanchang.entry(2).body));
  const json second = json::parse(outcome.out.substr(end));
  EXPECT_EQ(second["sequence"], 3);
}

TEST_F(CommandLineTest, AWithheldBodyIsExportedAsItsHash) {
  copy_.nanchang.entry(4).withheld = true;
  copy_.Write();
  const Outcome outcome =
      RunProgram({"export-entries", "--dir", copy_.path(), "--city", "360100",
                  "--from", "4", "--to", "5"});
  const json entry = json::parse(outcome.out);
  EXPECT_TRUE(entry["body"].is_null());
  EXPECT_EQ(entry["body_hash"],
            base::HexEncode(base::Sha256(copy_.nanchang.entry(4).body).view()));
}

// A redacted copy proves integrity and says so; without the word that it is
// one, missing bodies are a discrepancy.
TEST_F(CommandLineTest, ARedactedCopyIsVerifiedAndProvesNoFigures) {
  const std::string given = copy_.PathOf("given");
  const Outcome redact =
      RunProgram({"redact", "--dir", copy_.path(), "--out", given});
  ASSERT_EQ(redact.exit, kClean) << redact.error;
  EXPECT_THAT(redact.out, AllOf(HasSubstr("360100: 12 bodies withheld"),
                                HasSubstr("province: 1 bodies withheld")));
  const Outcome verify =
      RunProgram({"verify", "--dir", given, "--policy", policy_, "--redacted"});
  EXPECT_EQ(verify.exit, kClean) << verify.out << verify.error;
  EXPECT_THAT(verify.out, HasSubstr("entries      24"));
  EXPECT_THAT(verify.out, HasSubstr("25 bodies withheld: this proves "
                                    "integrity, no figures"));
  const Outcome silent =
      RunProgram({"verify", "--dir", given, "--policy", policy_});
  EXPECT_EQ(silent.exit, kDiscrepancy);
  EXPECT_THAT(silent.out, HasSubstr("its body is missing"));
  const Outcome again =
      RunProgram({"redact", "--dir", copy_.path(), "--out", given});
  EXPECT_EQ(again.exit, kCouldNotCheck);
  EXPECT_THAT(again.error, HasSubstr("name another directory"));
  const Outcome other = RunProgram(
      {"redact", "--dir", copy_.path(), "--out", given, "--city", "361100"});
  EXPECT_EQ(other.exit, kCouldNotCheck);
  EXPECT_THAT(other.error, HasSubstr("holds no such log"));
}

TEST_F(CommandLineTest, SomeBodiesMayBeWithheldAndTheOthersAreChecked) {
  const std::string given = copy_.PathOf("given");
  const Outcome redact =
      RunProgram({"redact", "--dir", copy_.path(), "--out", given, "--city",
                  "360100", "--from", "3", "--to", "5"});
  ASSERT_EQ(redact.exit, kClean) << redact.error;
  EXPECT_EQ(redact.out, "360100: 2 bodies withheld\n");
  const Outcome verify =
      RunProgram({"verify", "--dir", given, "--policy", policy_, "--redacted"});
  EXPECT_EQ(verify.exit, kClean) << verify.out << verify.error;
  EXPECT_THAT(verify.out, HasSubstr("entries      12"));
  EXPECT_THAT(verify.out, HasSubstr("2 bodies withheld"));
}

// Of Nanchang's entries, 1, 3, 4 and the loans name the first person; the
// province's second one says who read of him.
TEST_F(CommandLineTest, OnePersonsBodiesMayBeWithheld) {
  const std::string given = copy_.PathOf("given");
  const Outcome redact = RunProgram({"redact", "--dir", copy_.path(), "--out",
                                     given, "--person", TestPerson(0)});
  ASSERT_EQ(redact.exit, kClean) << redact.error;
  EXPECT_THAT(redact.out, AllOf(HasSubstr("360200: 0 bodies withheld"),
                                HasSubstr("province: 1 bodies withheld")));
  for (const uint32_t city : {kNanchang, kProvinceLog}) {
    EXPECT_FALSE(Shows(given, city, TestPerson(0))) << city;
  }
  EXPECT_TRUE(Shows(given, kNanchang, TestPerson(1)));
  const Outcome verify =
      RunProgram({"verify", "--dir", given, "--policy", policy_, "--redacted"});
  EXPECT_EQ(verify.exit, kClean) << verify.out << verify.error;
  EXPECT_THAT(verify.out, HasSubstr("What the withheld ones say is not"));
  const Outcome replay =
      RunProgram({"replay", "--dir", given, "--policy", policy_});
  EXPECT_EQ(replay.exit, kCouldNotCheck);
  EXPECT_THAT(replay.error, HasSubstr("bodies of 360100 are withheld"));
  const Outcome day = RunProgram(
      {"replay", "--dir", given, "--policy", policy_, "--as-of", "2026-01-31"});
  EXPECT_EQ(day.exit, kCouldNotCheck);
  EXPECT_THAT(day.error, HasSubstr("bodies of 360100 are withheld"));
}

TEST_F(CommandLineTest, OnePersonsBodiesMayBeAllThatIsShown) {
  const std::string given = copy_.PathOf("given");
  const Outcome redact = RunProgram({"redact", "--dir", copy_.path(), "--out",
                                     given, "--keep-person", TestPerson(0)});
  ASSERT_EQ(redact.exit, kClean) << redact.error;
  EXPECT_THAT(redact.out, AllOf(HasSubstr("360200: 12 bodies withheld"),
                                HasSubstr("province: 0 bodies withheld")));
  EXPECT_TRUE(Shows(given, kNanchang, TestPerson(0)));
  EXPECT_FALSE(Shows(given, kNanchang, TestPerson(1)));
  EXPECT_TRUE(Shows(given, kProvinceLog, TestPerson(0)));
  EXPECT_EQ(
      RunProgram({"verify", "--dir", given, "--policy", policy_, "--redacted"})
          .exit,
      kClean);
  EXPECT_EQ(
      RunProgram({"redact", "--dir", copy_.path(), "--out", given, "--person",
                  TestPerson(1), "--keep-person", TestPerson(0)})
          .exit,
      kCouldNotCheck);
}

// A copy that could not be finished is not left behind as if it were one.
TEST_F(CommandLineTest, HalfARedactedCopyIsNone) {
  const std::string path = copy_.archive().bundles(kNanchang);
  const std::string whole = base::ReadFile(path).value();
  std::ofstream(path, std::ios::binary)
      << whole.substr(0, whole.size() / 2) + std::string(64, '\xff');
  const std::string given = copy_.PathOf("given");
  const Outcome redact = RunProgram(
      {"redact", "--dir", copy_.path(), "--out", given, "--city", "360100"});
  EXPECT_NE(redact.exit, kClean);
  EXPECT_FALSE(std::filesystem::exists(given + "/360100"));
}

TEST_F(CommandLineTest, HelpIsZero) {
  EXPECT_EQ(RunProgram({"--help"}).exit, kClean);
}

// ---- 1: discrepancy.

TEST_F(CommandLineTest, ADiscrepancyInALogIsOne) {
  copy_.nanchang.entry(4).body.back() ^= 1;
  copy_.Write();
  for (const char* command : {"verify", "replay"}) {
    const Outcome outcome = RunCheck(command);
    EXPECT_EQ(outcome.exit, kDiscrepancy) << command;
    EXPECT_THAT(outcome.out, HasSubstr("verdict      discrepancy"));
    EXPECT_THAT(outcome.out, HasSubstr("  360100 entries 3 to 5: "));
  }
}

TEST_F(CommandLineTest, ADiscrepancyInAFigureIsOne) {
  copy_.claims.figures.begin()->second = 99;
  copy_.Write();
  EXPECT_EQ(RunCheck("verify").exit, kClean);
  const Outcome outcome = RunCheck("replay", {"--format", "json"});
  EXPECT_EQ(outcome.exit, kDiscrepancy);
  const json report = json::parse(outcome.out);
  EXPECT_EQ(report["verdict"], "discrepancy");
  EXPECT_EQ(report["findings_total"], 1);
  EXPECT_EQ(report["findings"][0]["place"],
            Describe(copy_.claims.figures.begin()->first));
  EXPECT_THAT(report["findings"][0]["text"], HasSubstr("99"));
}

TEST_F(CommandLineTest, ADiscrepancyInAnAnswerIsOne) {
  json answer = AnswerJson(copy_.claims);
  RowOf("K1.1", "360100", &answer)["value"] = 4;
  const Outcome outcome = RunCheck("check-answer", {WriteAnswer(answer)});
  EXPECT_EQ(outcome.exit, kDiscrepancy);
  EXPECT_THAT(outcome.out, HasSubstr("K1.1 city 360100"));
}

TEST_F(CommandLineTest, ADamagedFileOfTheCopyIsOne) {
  std::ofstream(copy_.archive().bundles(kNanchang)) << "\xff\xff\xff\xff";
  const Outcome outcome = RunCheck("verify", {"--format", "json"});
  EXPECT_EQ(outcome.exit, kDiscrepancy);
  const json report = json::parse(outcome.out);
  EXPECT_EQ(report["findings"][0]["place"], "360100 bundles");
  EXPECT_EQ(report["findings"][1]["place"], "360100 entry 0");
}

// ---- 2: could not check.

TEST_F(CommandLineTest, AMissingCopyIsTwo) {
  const std::string nowhere = copy_.PathOf("nowhere");
  for (const char* command : {"verify", "replay"}) {
    const Outcome outcome =
        RunProgram({command, "--dir", nowhere, "--policy", policy_});
    EXPECT_EQ(outcome.exit, kCouldNotCheck) << command;
    EXPECT_THAT(outcome.error, StartsWith("tongchou-audit: "));
    EXPECT_THAT(outcome.error, HasSubstr(nowhere));
  }
  EXPECT_EQ(
      RunProgram({"export-entries", "--dir", nowhere, "--city", "360100"}).exit,
      kCouldNotCheck);
}

TEST_F(CommandLineTest, MissingClaimsAreTwo) {
  std::filesystem::remove_all(copy_.archive().claims_directory());
  EXPECT_EQ(RunCheck("verify").exit, kClean);
  EXPECT_EQ(RunCheck("replay").exit, kCouldNotCheck);
}

TEST_F(CommandLineTest, AnUnreadableAnswerIsTwo) {
  EXPECT_EQ(RunCheck("check-answer", {WriteAnswer({{"as_of", 20081031}})}).exit,
            kCouldNotCheck);
  EXPECT_EQ(RunCheck("check-answer", {copy_.PathOf("nowhere.json")}).exit,
            kCouldNotCheck);
}

TEST_F(CommandLineTest, WrongUsageIsTwo) {
  EXPECT_EQ(RunProgram({}).exit, kCouldNotCheck);
  EXPECT_EQ(RunProgram({"judge"}).exit, kCouldNotCheck);
  EXPECT_EQ(RunProgram({"verify"}).exit, kCouldNotCheck);
  EXPECT_EQ(RunProgram({"verify", "--dir", copy_.path()}).exit, kCouldNotCheck);
  EXPECT_EQ(RunCheck("verify", {"--unknown"}).exit, kCouldNotCheck);
  EXPECT_EQ(RunCheck("verify", {"--format", "xml"}).exit, kCouldNotCheck);
  EXPECT_EQ(RunCheck("check-answer").exit, kCouldNotCheck);
  EXPECT_EQ(RunProgram({"export-entries", "--dir", copy_.path()}).exit,
            kCouldNotCheck);
  EXPECT_EQ(
      RunProgram({"fetch", "--dir", copy_.path(), "--policy", policy_}).exit,
      kCouldNotCheck);
}

TEST_F(CommandLineTest, ACityWithoutAPinnedKeyIsTwo) {
  std::string text = *base::ReadFile(policy_);
  text.erase(text.rfind("[[city]]"));
  const Outcome outcome = RunWithPolicy(text);
  EXPECT_EQ(outcome.exit, kCouldNotCheck);
  EXPECT_THAT(outcome.error, HasSubstr("no key is pinned"));
  EXPECT_THAT(outcome.error, HasSubstr("360200"));
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {(std::istreambuf_iterator<char>(file)), {}};
}

TEST_F(CommandLineTest, TheReportIsAPageOfItsOwn) {
  const std::string html = copy_.PathOf("report.html");
  const std::string json_file = copy_.PathOf("report.json");
  const Outcome clean =
      RunCheck("report", {"--html", html, "--json", json_file});
  EXPECT_EQ(clean.exit, kClean) << clean.error;
  std::string page = ReadAll(html);
  EXPECT_THAT(page, StartsWith("<!DOCTYPE html>"));
  for (const char* words :
       {"未发现问题", "360100 南昌市", "360200 景德镇市", "参保人数",
        "每人一次", "未及时见证的条目", "</html>"}) {
    EXPECT_THAT(page, HasSubstr(words));
  }
  EXPECT_THAT(page, HasSubstr(base::HexEncode(copy_.nanchang.Root(12).view())));
  for (const char* outside : {"http://", "https://", "<script", "src="}) {
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  }
  EXPECT_EQ(json::parse(ReadAll(json_file))["verdict"], "clean");
  // What came from outside is shown as text.
  v1::StoredRecord invented = copy_.claims.records.front();
  invented.set_city(360'300);
  copy_.claims.records.push_back(invented);
  copy_.claims.figures[{"K1.1", false, kNanchang, 360103, "<b>", kTestDay}] = 7;
  copy_.Write();
  const Outcome found = RunCheck("report", {"--html", html});
  EXPECT_EQ(found.exit, kDiscrepancy);
  page = ReadAll(html);
  EXPECT_THAT(page, HasSubstr("发现 2 处问题"));
  EXPECT_THAT(page, HasSubstr("insurance &lt;b&gt; period"));
  EXPECT_EQ(page.find("<b>"), std::string::npos);
  EXPECT_EQ(RunCheck("report", {"--html", "/nowhere/report.html"}).exit,
            kCouldNotCheck);
}

TEST_F(CommandLineTest, AMissingLogIsNotExported) {
  const Outcome outcome = RunCheck(
      "export", {"--tiles", copy_.PathOf("tiles"), "--city", "360300"});
  EXPECT_EQ(outcome.exit, kCouldNotCheck);
  EXPECT_THAT(outcome.error, HasSubstr("fetch it first"));
}

TEST_F(CommandLineTest, AChangedLogIsNotExported) {
  copy_.nanchang.entry(4).body.back() ^= 1;
  copy_.Write();
  const Outcome outcome =
      RunCheck("export", {"--tiles", copy_.PathOf("tiles")});
  EXPECT_EQ(outcome.exit, kDiscrepancy);
  EXPECT_THAT(outcome.error, HasSubstr("another root than the city signed"));
  EXPECT_FALSE(base::FileExists(copy_.PathOf("tiles/360100/checkpoint")));
}

TEST_F(CommandLineTest, ASyntheticClockIsNamed) {
  std::ifstream file(policy_);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(RunWithPolicy("synthetic_clock = true\n" + text).out,
              HasSubstr("times        of a synthetic clock"));
  EXPECT_THAT(RunWithPolicy("synthetic_clock = 1\n" + text).error,
              HasSubstr("synthetic_clock is true or false"));
}

TEST_F(CommandLineTest, ABadPolicyIsTwoAndSaysWhy) {
  const std::string sound = *base::ReadFile(policy_);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = sound;
    const size_t at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    return text.replace(at, from.size(), to);
  };
  const std::map<std::string, std::string> policies = {
      {"missing value", "province = "},
      {"province must be there", ""},
      {"\"36\" is no division code", with("\"360000\"", "\"36\"")},
      {"unknown key \"note\"", "note = 1\n" + sound},
      {"witness must be there", with("witness = ", "#")},
      {"there must be a [[city]]", sound.substr(0, sound.find("[[city]]"))},
      {"is no division code", with("\"360100\"", "\"36010x\"")},
      {"city 360100 is named twice",
       sound + sound.substr(sound.find("[[city]]"))},
      {"key must be there", with("key = ", "#")},
      {"the key of city 360100 must be that of tongchou/360000/360100",
       with(copy_.nanchang.signer().verifier().ToText(),
            copy_.jingdezhen.signer().verifier().ToText())},
      {"witness is no key of a cosigner",
       with(copy_.witness.verifier().ToText(),
            copy_.nanchang.signer().verifier().ToText())}};
  for (const auto& [why, text] : policies) {
    const Outcome outcome = RunWithPolicy(text);
    EXPECT_EQ(outcome.exit, kCouldNotCheck) << why;
    EXPECT_THAT(outcome.error, HasSubstr("policy.toml"));
    EXPECT_THAT(outcome.error, HasSubstr(why));
  }
  std::filesystem::remove(policy_);
  EXPECT_EQ(RunCheck("verify").exit, kCouldNotCheck);
}

}  // namespace
}  // namespace tongchou::audit
