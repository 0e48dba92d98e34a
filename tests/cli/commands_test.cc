#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/table.h"
#include "common/base/file.h"
#include "common/records/id_number.h"
#include "common/transport/server.h"
#include "tests/support/temporary_directory.h"
#include "tongchou/v1/node.grpc.pb.h"
#include "tongchou/v1/query.grpc.pb.h"

namespace tongchou::cli {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr int64_t kCommitTime = 1'225'468'799'000'000;

struct Ran {
  int status = 0;
  std::string out;
  std::string err;
};

Ran Tongchou(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv = {"tongchou"};
  for (const std::string& one : arguments) argv.push_back(one.c_str());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Ran ran;
  ran.status = RunCommandLine(static_cast<int>(argv.size()), argv.data());
  ran.out = testing::internal::GetCapturedStdout();
  ran.err = testing::internal::GetCapturedStderr();
  return ran;
}

v1::Figure MakeFigure(const std::string& id, const std::string& insurance,
                      uint32_t period, int64_t value) {
  v1::Figure figure;
  figure.set_id(id);
  figure.set_insurance(insurance);
  figure.set_period(period);
  figure.set_value(value);
  return figure;
}

class FakeQuery final : public v1::Query::Service {
 public:
  v1::GetIndicatorsRequest asked;
  std::vector<v1::Alarm> alarms;
  std::string problem;
  bool silent_a_year_ago = false;
  bool denies = false;

 private:
  static void Fill(v1::AnswerBasis* basis) {
    v1::CityBasis* city = basis->add_cities();
    city->set_city(360100);
    city->set_size(17);
    city->set_root(std::string(32, '\xab'));
    city->set_commit_time_us(kCommitTime);
    city->set_state(v1::CITY_STATE_LAGGING);
  }

  grpc::Status GetStatus(grpc::ServerContext*,
                         const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override {
    if (denies) return {grpc::StatusCode::PERMISSION_DENIED, "not you"};
    v1::CityStatus* city = response->add_cities();
    city->set_city(360100);
    city->set_name_zh("南昌市");
    city->set_committed_size(20);
    city->set_durable_size(18);
    city->set_applied_size(17);
    city->set_applied_commit_time_us(kCommitTime);
    city->set_state(v1::CITY_STATE_LIVE);
    if (request->with_imports()) {
      v1::ImportReceipt* receipt = city->add_imports();
      receipt->set_file_name("person.csv");
      receipt->set_type(v1::RECORD_TYPE_PERSON);
      receipt->set_rows_read(3);
      v1::NamedCount* rejected = receipt->add_rejected();
      rejected->set_name("ID_CHECK");
      rejected->set_count(2);
      city->add_imports()->set_outcome(v1::IMPORT_OUTCOME_INTERRUPTED);
    }
    v1::CityStatus* silent = response->add_cities();
    silent->set_city(360200);
    silent->set_state(v1::CITY_STATE_NEVER_SEEN);
    silent->set_problem(problem);
    Fill(response->mutable_basis());
    response->mutable_alarms()->Add(alarms.begin(), alarms.end());
    return grpc::Status::OK;
  }

  grpc::Status GetIndicators(
      grpc::ServerContext*, const v1::GetIndicatorsRequest* request,
      grpc::ServerWriter<v1::GetIndicatorsResponse>* writer) override {
    if (request->as_of() != 20071031) asked = *request;
    const uint32_t as_of = request->as_of() == 0 ? 20081031 : request->as_of();
    v1::GetIndicatorsResponse response;
    response.set_as_of(as_of);
    response.set_on(as_of);
    response.add_provisional_cities(360200);
    Fill(response.mutable_basis());
    writer->Write(response);
    v1::GetIndicatorsResponse more;
    const bool before = as_of == 20071031;
    *more.add_figures() = MakeFigure("K1.1", "110", as_of, before ? 80 : 100);
    *more.add_figures() = MakeFigure("K1.6", "", 200810, 123456);
    *more.add_figures() = MakeFigure("K1.6", "", 200710, 61728);
    more.add_figures()->set_id("K4");
    more.mutable_figures(3)->set_period(as_of);
    *more.add_figures() = MakeFigure("K1.1", "110", as_of, 99);
    more.mutable_figures(4)->set_once(true);
    if (before && silent_a_year_ago) {
      *more.add_figures() = more.figures(3);
      more.mutable_figures(5)->set_city(360100);
    }
    writer->Write(more);
    return grpc::Status::OK;
  }

  grpc::Status ListRecords(grpc::ServerContext*,
                           const v1::ListRecordsRequest* request,
                           v1::ListRecordsResponse* response) override {
    v1::RecordView* record = response->add_records();
    record->set_type(request->type());
    record->set_city(360100);
    v1::FieldText* field = record->add_fields();
    field->set_code("AAB004");
    field->set_value(request->page_token().empty() ? "一,厂" : "二厂");
    record->set_sequence(5);
    record->set_commit_time_us(kCommitTime);
    if (request->page_token().empty()) response->set_next_page_token("x");
    Fill(response->mutable_basis());
    return grpc::Status::OK;
  }
};

class FakeNode final : public v1::Node::Service {
 public:
  v1::ImportBegin begin;
  std::string data;
  bool goes_away = false;
  bool rejects = true;
  v1::ImportOutcome outcome = v1::IMPORT_OUTCOME_COMPLETE;
  std::string read_only;

 private:
  using Stream =
      grpc::ServerReaderWriter<v1::ImportResponse, v1::ImportRequest>;

  static void Reject(v1::ImportResponse* response) {
    v1::RejectedRow* row = response->add_rejected();
    row->set_line(2);
    row->set_column("AAB004");
    row->set_code("FORMAT");
    row->set_text("text");
    row->set_value("v\"1");
    row->set_raw("1,\xc4\xcf\xb2\xfd");
  }

  grpc::Status GetNodeStatus(grpc::ServerContext*,
                             const v1::GetNodeStatusRequest*,
                             v1::GetNodeStatusResponse* response) override {
    response->set_city(360100);
    response->set_records(1234);
    response->set_committed_size(20);
    response->set_durable_size(18);
    response->set_applied_size(17);
    response->set_uplink_state("connected");
    response->set_read_only_reason(read_only);
    response->set_clock_us(kCommitTime);
    return grpc::Status::OK;
  }

  grpc::Status Import(grpc::ServerContext*, Stream* stream) override {
    v1::ImportRequest request;
    stream->Read(&request);
    begin = request.begin();
    data.clear();
    while (stream->Read(&request)) data += request.data();
    if (goes_away) return {grpc::StatusCode::UNAVAILABLE, "node is stopping"};
    for (int i = 0; i < begin.files_size(); ++i) {
      v1::ImportResponse response;
      if (rejects) Reject(&response);
      v1::ImportReceipt* receipt =
          response.mutable_file_done()->mutable_receipt();
      receipt->set_file_name(begin.files(i).name());
      receipt->set_rows_read(1);
      receipt->set_outcome(outcome);
      response.mutable_file_done()->set_file(static_cast<uint32_t>(i));
      stream->Write(response);
    }
    v1::ImportResponse last;
    last.mutable_done()->set_committed_size(9);
    stream->Write(last);
    return grpc::Status::OK;
  }
};

class Commands : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(Tongchou({"pki", "init", "--dir", Path("pki")}).status, 0);
    Issue("province", "province/aggregator");
    Issue("node", "city/360100/node");
    Issue("client", "city/360100/operator/zhang");
    const std::string province = Start("province", &query_, &province_server_);
    const std::string node = Start("node", &node_, &node_server_);
    address_ = node;
    province_address_ = province;
    const std::string rest =
        "city = \"360100\"\n[tls]\n"
        "ca = \"pki/ca.pem\"\n"
        "certificate = \"pki/client.pem\"\n"
        "key = \"pki/client-key.pem\"\n";
    const std::string to_node = "node = \"" + node + "\"\n";
    Write("city.toml", to_node + rest);
    const std::string to_province = "aggregator = \"" + province + "\"\n";
    Write("province.toml", to_province + rest);
    Write("client.toml", to_node + to_province + rest);
  }

  std::string Path(const std::string& name) const {
    return directory_.path() + "/" + name;
  }
  void Write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(base::WriteFileDurably(Path(name), content).ok());
  }
  void Issue(const std::string& name, const std::string& who) {
    ASSERT_EQ(Tongchou({"pki", "issue", "--dir", Path("pki"), "--out",
                        Path("pki/" + name), "--identity",
                        "spiffe://tongchou/360000/" + who})
                  .status,
              0);
  }
  std::string Start(const std::string& name, grpc::Service* service,
                    std::unique_ptr<transport::Server>* server) {
    transport::ServerOptions options;
    options.listen = "127.0.0.1:0";
    options.tls = {Path("pki/ca.pem"), Path("pki/" + name + ".pem"),
                   Path("pki/" + name + "-key.pem")};
    options.services = {service};
    auto started = transport::Server::Start(options);
    EXPECT_TRUE(started.ok()) << started.status();
    *server = *std::move(started);
    return "127.0.0.1:" + std::to_string((*server)->port());
  }
  Ran TongchouHere(std::vector<std::string> arguments) {
    arguments.push_back("--config");
    arguments.push_back(Path("client.toml"));
    return Tongchou(arguments);
  }

  // As people of the province, who know no node.
  Ran AtProvince(std::vector<std::string> arguments) {
    arguments.push_back("--config");
    arguments.push_back(Path("province.toml"));
    return Tongchou(arguments);
  }

  TemporaryDirectory directory_;
  FakeQuery query_;
  FakeNode node_;
  std::string address_;  // of the node
  std::string province_address_;
  std::unique_ptr<transport::Server> province_server_;
  std::unique_ptr<transport::Server> node_server_;
};

TEST_F(Commands, WrongUsageIsTwoAndOneLine) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {},
           {"nothing"},
           {"status", "--format", "xml"},
           {"get", "person", "noequals"},
           {"get", "planet", "A=1"},
           {"generate"},
           {"pki", "issue"},
           {"indicators", "--at-least", "360100"},
           {"indicators", "--at-least", "360100:"},
           {"indicators", "--at-least", "360100:-1"},
           {"indicators", "--at-least", "1:1"},
           {"history", "unit", "AAB001=1", "--at-least", "360100:1"},
           {"history", "unit", "AAB001=1", "--province"}}) {
    const Ran ran = Tongchou(arguments);
    EXPECT_EQ(ran.status, 2) << ran.err;
    EXPECT_THAT(ran.err, StartsWith("tongchou: "));
    EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1);
  }
}

TEST_F(Commands, EveryHelpHasAnExample) {
  for (const char* name : {"generate", "import", "put", "get", "history",
                           "person", "list", "status", "indicators", "pki"}) {
    const Ran ran = Tongchou({name, "--help"});
    EXPECT_EQ(ran.status, 0);
    EXPECT_THAT(ran.out, HasSubstr("Example:")) << name;
  }
}

TEST_F(Commands, ExamplesHaveIdNumbersOfASyntheticNode) {
  const std::regex id("[0-9]{17}[0-9X]");
  for (const char* name : {"put", "get", "history", "person"}) {
    const std::string help = Tongchou({name, "--help"}).out;
    std::smatch found;
    ASSERT_TRUE(std::regex_search(help, found, id)) << name;
    EXPECT_EQ(records::CheckIdNumber(found.str(), {20'081'031, true}), "");
    EXPECT_THAT(found.str(), StartsWith("3699"));
  }
}

TEST_F(Commands, StatusAsJsonIsTheContract) {
  const Ran ran = AtProvince({"--format", "json", "status"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  const auto json = nlohmann::json::parse(ran.out);
  const auto city = json["cities"][0];
  EXPECT_EQ(city["city"], "360100");
  EXPECT_EQ(city["committed"], 20);
  EXPECT_EQ(city["durable"], 18);
  EXPECT_EQ(city["applied"], 17);
  EXPECT_EQ(city["state"], "live");
  EXPECT_EQ(city["files"][0]["refused"], nullptr);
  EXPECT_EQ(city["files"][0]["rejected"]["ID_CHECK"], 2);
  EXPECT_FALSE(city["files"][0].contains("interrupted"));
  EXPECT_EQ(city["files"][1]["interrupted"], true);
  EXPECT_EQ(json["cities"][1]["state"], "never_seen");
  EXPECT_EQ(json["basis"][0]["size"], 17);
  EXPECT_EQ(json["basis"][0]["root"].get<std::string>().substr(0, 4), "abab");
  EXPECT_EQ(json["basis"][0]["commit_time"], kCommitTime);
}

TEST_F(Commands, StatusAsTable) {
  const Ran ran = AtProvince({"status"});
  EXPECT_THAT(ran.out, HasSubstr("360100南昌市"));
  EXPECT_THAT(ran.out, HasSubstr("  10-31 23:59\n"));
  EXPECT_THAT(AtProvince({"status", "--format", "csv"}).out,
              HasSubstr(",2008-10-31 23:59:59,"));
}

TEST_F(Commands, AProblemFitsATerminal) {
  query_.problem =
      "its node signs no start: upgrade it; if it is of this release, somebody "
      "else uses its certificate";
  EXPECT_THAT(
      AtProvince({"status"}).out,
      HasSubstr("\n360200: its node signs no start: upgrade it; if it is of "
                "this release, somebody\n  else uses its certificate\n"));
}

v1::Alarm SilentCity() {
  v1::Alarm alarm;
  alarm.set_name("city_silent");
  alarm.set_severity(v1::ALARM_SEVERITY_WARNING);
  alarm.set_city(360100);
  alarm.set_since_us(kCommitTime);
  alarm.set_text(
      "last heard of 61 s ago: the connection to its node broke off in the "
      "middle of a batch");
  alarm.set_meaning("its figures grow old");
  alarm.set_remedy("call the city's office");
  return alarm;
}

TEST_F(Commands, AlarmsFitATerminal) {
  EXPECT_THAT(AtProvince({"status"}).out, EndsWith("\nalarms: none\n"));
  query_.alarms = {SilentCity()};
  EXPECT_THAT(
      AtProvince({"status"}).out,
      EndsWith("\nALARM city_silent, 360100南昌市, warning, since 2008-10-31 "
               "23:59:59\n"
               "  last heard of 61 s ago: the connection to its node broke off "
               "in the middle of\n  a batch\n"
               "  means: its figures grow old\n"
               "  do: call the city's office\n"));
}

TEST_F(Commands, AlarmsAsJsonAreTheContract) {
  query_.alarms = {SilentCity()};
  const Ran ran = AtProvince({"--format", "json", "status"});
  const auto alarm = nlohmann::json::parse(ran.out)["alarms"][0];
  EXPECT_EQ(alarm["alarm"], "city_silent");
  EXPECT_EQ(alarm["severity"], "warning");
  EXPECT_EQ(alarm["city"], "360100");
  EXPECT_EQ(alarm["since"], kCommitTime);
  EXPECT_THAT(alarm["text"], HasSubstr("61 s ago"));
  EXPECT_EQ(alarm["meaning"], "its figures grow old");
  EXPECT_EQ(alarm["remedy"], "call the city's office");
}

TEST_F(Commands, StatusOfTheNodeAsJsonIsTheContract) {
  const Ran ran =
      TongchouHere({"status", "--node", address_, "--format", "json"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_EQ(nlohmann::json::parse(ran.out)["node"].dump(),
            R"({"alarms":[],"applied":17,"certificate_days":0,)"
            R"("city":"360100",)"
            R"("clock":1225468799000000,"committed":20,"durable":18,)"
            R"("province_log":0,"province_log_problem":null,)"
            R"("read_only":null,"records":1234,"uplink":"connected",)"
            R"("volume_warning":""})");
  node_.read_only = "why";
  const Ran stuck =
      TongchouHere({"status", "--node", address_, "--format", "json"});
  EXPECT_EQ(nlohmann::json::parse(stuck.out)["node"]["read_only"], "why");
}

TEST_F(Commands, StatusWithoutAnAggregatorIsTheNodes) {
  node_.read_only = "the disk is full";
  const Ran ran = Tongchou({"status", "--config", Path("city.toml")});
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("360100南昌市"));
  EXPECT_THAT(ran.out, HasSubstr("1,234"));
  EXPECT_THAT(ran.out, HasSubstr("2008-10-31 23:59:59"));
  EXPECT_THAT(ran.out, HasSubstr("\nuplink: connected\n"));
  EXPECT_THAT(ran.out, HasSubstr("\nread-only: the disk is full\n"));
  const Ran csv =
      Tongchou({"status", "--config", Path("city.toml"), "--format", "csv"});
  EXPECT_EQ(csv.out,
            "城市,records,committed,durable,applied,clock,uplink,read-only\n"
            "360100南昌市,1234,20,18,17,2008-10-31 23:59:59,connected,"
            "the disk is full\n");
}

TEST_F(Commands, StatusWithBothIsTheNodesUnlessTheProvinceIsNamed) {
  EXPECT_THAT(TongchouHere({"status"}).out, HasSubstr("\nuplink: connected\n"));
  EXPECT_EQ(TongchouHere({"status", "--aggregator", province_address_}).out,
            AtProvince({"status"}).out);
}

TEST_F(Commands, StatusNamesTheNodeToWhomTheProvinceDoesNotAnswer) {
  query_.denies = true;
  const Ran ran = AtProvince({"status"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("not you"));
  EXPECT_THAT(ran.err, EndsWith("with --node HOST:PORT\n"));
  const Ran city = AtProvince({"status", "--city", "360100"});
  EXPECT_EQ(city.status, 1);
  EXPECT_THAT(city.err, HasSubstr("--node"));
}

TEST_F(Commands, IndicatorsAsJsonAreTheContract) {
  const Ran ran = TongchouHere({"indicators", "K1.1", "--format", "json"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_FALSE(query_.asked.without_counties());
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_EQ(json["as_of"], "2008-10-31");
  EXPECT_EQ(json["final"], false);
  EXPECT_EQ(json["provisional_cities"][0], "360200");
  EXPECT_EQ(json["indicators"][0].dump(),
            R"({"city":null,"county":null,"id":"K1.1","insurance":"110",)"
            R"("period":"20081031","value":100})");
  EXPECT_EQ(json["indicators"][3]["value"], nullptr);
  EXPECT_EQ(json["indicators"][3]["insurance"], nullptr);
  EXPECT_EQ(json["indicators"][4]["line"], "once");
}

TEST_F(Commands, IndicatorsOnOneScreen) {
  const Ran ran = TongchouHere({"indicators"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  EXPECT_TRUE(query_.asked.without_counties());
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(DisplayWidth(line), 80u) << line;
  }
  EXPECT_THAT(ran.out, HasSubstr("+25.0%"));
  EXPECT_THAT(ran.out, HasSubstr("1,234.56"));
  EXPECT_THAT(ran.out, HasSubstr("+100.0%"));
  EXPECT_THAT(ran.out, HasSubstr("景德镇市"));
}

TEST_F(Commands, NoChangeAgainstAYearWithFewerCities) {
  query_.silent_a_year_ago = true;
  const Ran ran = TongchouHere({"indicators"});
  EXPECT_THAT(ran.out, HasSubstr("+100.0%"));
  EXPECT_THAT(ran.out, Not(HasSubstr("+25.0%")));
}

TEST_F(Commands, IndicatorLevels) {
  TongchouHere({"indicators", "K1.1", "--by", "county", "--city", "南昌"});
  EXPECT_EQ(query_.asked.city(), 360100u);
  EXPECT_FALSE(query_.asked.without_counties());
  EXPECT_TRUE(query_.asked.without_cities());
  EXPECT_TRUE(query_.asked.without_province());
  const Ran ran = TongchouHere({"indicators", "K1.6", "--by", "month"});
  EXPECT_TRUE(query_.asked.without_counties());
  EXPECT_TRUE(query_.asked.without_cities());
  EXPECT_FALSE(query_.asked.without_province());
  EXPECT_THAT(ran.out, HasSubstr("200810"));
  EXPECT_THAT(ran.out, Not(HasSubstr("20081031")));
}

TEST_F(Commands, IndicatorsThatShallReflectSomething) {
  for (const std::vector<std::string>& what :
       {std::vector<std::string>{"indicators"}, {"indicators", "K1.1"}}) {
    std::vector<std::string> arguments = what;
    for (const char* one : {"--at-least", "南昌:7", "--at-least", "360200:8"}) {
      arguments.emplace_back(one);
    }
    query_.asked.Clear();
    const Ran ran = TongchouHere(arguments);
    EXPECT_EQ(ran.status, 0) << ran.err;
    ASSERT_EQ(query_.asked.at_least_size(), 2);
    EXPECT_EQ(query_.asked.at_least(0).city(), 360100u);
    EXPECT_EQ(query_.asked.at_least(0).size(), 7u);
    EXPECT_EQ(query_.asked.at_least(1).city(), 360200u);
    EXPECT_EQ(query_.asked.at_least(1).size(), 8u);
  }
}

TEST_F(Commands, ListGoesThroughAllPages) {
  const Ran first = TongchouHere({"list", "unit", "--format", "json"});
  const auto page = nlohmann::json::parse(first.out);
  EXPECT_EQ(page["records"].size(), 1u);
  EXPECT_EQ(page["more"], true);
  const Ran ran = TongchouHere({"list", "unit", "--all", "--format", "json"});
  const auto json = nlohmann::json::parse(ran.out);
  EXPECT_EQ(json["records"].size(), 2u);
  EXPECT_EQ(json["records"][1]["fields"]["AAB004"], "二厂");
  EXPECT_EQ(json["basis"][0]["city"], "360100");
  const Ran csv = TongchouHere({"list", "unit", "--all", "--format", "csv"});
  EXPECT_THAT(csv.out, HasSubstr("\"一,厂\""));
  EXPECT_EQ(std::count(csv.out.begin(), csv.out.end(), '\n'), 3);
}

TEST_F(Commands, ImportOrdersFilesAndKeepsRejects) {
  ASSERT_TRUE(base::MakeDirectories(Path("in")).ok());
  Write("in/person-b.csv", "b");
  Write("in/person-a.csv", "a");
  Write("in/unit.csv", "\xef\xbb\xbfu");
  const Ran ran = TongchouHere({"import", Path("in"), "--rejects",
                                Path("in/rejects.csv"), "--format", "json"});
  ASSERT_EQ(ran.status, 0) << ran.err;
  ASSERT_EQ(node_.begin.files_size(), 3);
  EXPECT_EQ(node_.begin.files(1).name(), "person-a.csv");
  EXPECT_EQ(node_.data, "\xef\xbb\xbfuab");
  EXPECT_EQ(nlohmann::json::parse(ran.out)["committed"], 9);
  const std::string rejects = *base::ReadFile(Path("in/rejects.csv"));
  EXPECT_THAT(rejects,
              StartsWith("\xef\xbb\xbf"
                         "file,line,column,value,code,text,row\r\n"
                         "unit.csv,2,AAB004,\"v\"\"1\",FORMAT,text,\"1,"));
  EXPECT_THAT(rejects, HasSubstr("\"1,南昌\"\r\n"));
  EXPECT_FALSE(base::FileExists(Path("in/rejects.csv.part")));
}

TEST_F(Commands, ImportOrdersFilesNamedSingly) {
  for (const char* name :
       {"person-b.csv", "unit-2.csv", "person-a.csv", "unit-1.csv"}) {
    Write(name, "x");
  }
  const Ran ran = TongchouHere({"import", Path("person-b.csv"),
                                Path("unit-2.csv"), Path("person-a.csv"),
                                Path("unit-1.csv"), "--rejects", Path("r")});
  ASSERT_EQ(ran.status, 0) << ran.err;
  std::vector<std::string> names;
  for (const auto& file : node_.begin.files()) names.push_back(file.name());
  EXPECT_THAT(names, ElementsAre("unit-1.csv", "unit-2.csv", "person-a.csv",
                                 "person-b.csv"));
}

TEST_F(Commands, ImportWithoutRejectsRemovesOldOnes) {
  Write("unit.csv", "u");
  const std::vector<std::string> import = {"import", Path("unit.csv"),
                                           "--rejects", Path("r.csv")};
  ASSERT_EQ(TongchouHere(import).status, 0);
  ASSERT_TRUE(base::FileExists(Path("r.csv")));
  node_.rejects = false;
  const Ran removed = TongchouHere(import);
  EXPECT_EQ(removed.status, 0);
  EXPECT_THAT(removed.err, HasSubstr("removed " + Path("r.csv")));
  EXPECT_FALSE(base::FileExists(Path("r.csv")));
  EXPECT_EQ(TongchouHere(import).err, "");
}

TEST_F(Commands, ImportRemovesNothingButRejects) {
  Write("unit.csv", "u");
  node_.rejects = false;
  const Ran ran =
      TongchouHere({"import", Path("unit.csv"), "--rejects", Path("unit.csv")});
  EXPECT_EQ(ran.err, "");
  EXPECT_TRUE(base::FileExists(Path("unit.csv")));
}

TEST_F(Commands, InterruptedImportsAreMarked) {
  Write("unit.csv", "u");
  node_.rejects = false;
  node_.outcome = v1::IMPORT_OUTCOME_INTERRUPTED;
  const auto import = [this](const std::string& format) {
    return TongchouHere({"import", Path("unit.csv"), "--rejects", Path("r"),
                         "--format", format});
  };
  const Ran json = import("json");
  EXPECT_EQ(json.status, 1);
  EXPECT_EQ(nlohmann::json::parse(json.out)["files"][0]["interrupted"], true);
  EXPECT_THAT(import("table").out, HasSubstr("unit.csv: interrupted\n"));
  EXPECT_THAT(import("csv").out, HasSubstr(",interrupted\nunit.csv,1,"));
  EXPECT_THAT(import("csv").out, EndsWith(",,interrupted\n"));
  node_.outcome = v1::IMPORT_OUTCOME_COMPLETE;
  EXPECT_FALSE(nlohmann::json::parse(import("json").out)["files"][0].contains(
      "interrupted"));
}

TEST_F(Commands, ImportNamesUnclaimedFiles) {
  ASSERT_TRUE(base::MakeDirectories(Path("in")).ok());
  Write("in/unit.csv", "u");
  Write("in/notes.txt", "n");
  const Ran ran =
      TongchouHere({"import", Path("in"), "--rejects", Path("rejects.csv")});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("notes.txt: no record type claims"));
  EXPECT_EQ(node_.begin.files_size(), 1);
}

TEST_F(Commands, ImportGoesOnWithTheSameCommand) {
  Write("unit.csv", "u");
  node_.goes_away = true;
  const Ran ran =
      TongchouHere({"import", Path("unit.csv"), "--rejects", Path("r")});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("run the same command again, it continues"));
  EXPECT_FALSE(base::FileExists(Path("r")));
  EXPECT_FALSE(base::FileExists(Path("r.part")));
}

}  // namespace
}  // namespace tongchou::cli
