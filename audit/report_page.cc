#include "audit/report_page.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/number_text.h"
#include "common/base/sha256.h"
#include "common/records/division.h"

namespace tongchou::audit {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<title>统筹审计报告</title>
<style>
body { font: 15px/1.6 "Noto Sans CJK SC", "Microsoft YaHei", sans-serif;
       max-width: 60em; margin: 2em auto; padding: 0 1em; color: #1a1a1a; }
h1 { font-size: 1.6em; margin-bottom: 0; }
h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #bbb; }
small { color: #666; font-weight: normal; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { border: 1px solid #ccc; padding: .25em .5em; text-align: left;
         vertical-align: top; overflow-wrap: anywhere; }
th { background: #f2f2f2; }
td.n { text-align: right; font-variant-numeric: tabular-nums;
       white-space: nowrap; }
.verdict { padding: .8em 1em; margin: 1em 0; border-left: .5em solid; }
.clean { background: #eaf5ea; border-color: #2e7d32; }
.discrepancy { background: #fdecea; border-color: #c62828; }
code { font-size: 12px; overflow-wrap: anywhere; }
@media print { body { margin: 0; } h2 { page-break-after: avoid; } }
</style>
</head>
<body>
)";

std::string Escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string CityName(uint32_t city) {
  const std::string name = records::Divisions::Get().Name(city);
  return Escaped(fmt::format("{:06} {}", city, name));
}

struct FigureTitle {
  std::string_view id;
  std::string_view title;
};
// The key figures; their parts are shown under their ids alone.
constexpr std::array kTitles = std::to_array<FigureTitle>({
    {"K1.1", "参保人数"},
    {"K1.4", "净增参保人数"},
    {"K1.5", "缴费人数"},
    {"K1.6", "征缴额（分）"},
    {"K2", "农村劳动力转移人数"},
    {"K3.gross", "城镇新增就业人数"},
    {"K3.net", "城镇净增就业人数"},
    {"K4", "城镇居民医疗保险参保人数"},
    {"K5", "困难企业职工参保人数"},
    {"K6.amount", "小额担保贷款发放额（分）"},
    {"K6.balance", "小额担保贷款余额（分）"},
    {"K7.families", "零就业家庭户数"},
});

std::string_view TitleOf(std::string_view id) {
  for (const FigureTitle& one : kTitles) {
    if (one.id == id) return one.title;
  }
  return "";
}

std::string Conclusion(const AuditSummary& summary) {
  const bool clean = summary.findings.empty();
  return fmt::format(
      "<div class=\"verdict {}\"><strong>{}</strong><br>{}</div>\n",
      clean ? "clean" : "discrepancy",
      clean ? "结论：未发现问题 <small>clean</small>"
            : fmt::format("结论：发现 {} 处问题 <small>discrepancy</small>",
                          base::WithCommas(
                              static_cast<int64_t>(summary.findings.count()))),
      clean
          ? "全部日志的哈希、编号、时间、前后关联、签名与联署均成立；省级数据库"
            "的每条记录和每项指标均已由日志重新算出，并与省里公布的一致。"
          : "下列各处与日志或签名不符，详见“发现的问题”。");
}

std::string Scope(const AuditSummary& summary, const Policy& policy,
                  int64_t made_us) {
  const auto row = [](std::string_view name, const std::string& value) {
    return fmt::format("<tr><th>{}</th><td>{}</td></tr>\n", name, value);
  };
  const auto count = [](uint64_t number) {
    return base::WithCommas(static_cast<int64_t>(number));
  };
  std::string text = "<h2>范围 <small>Scope</small></h2>\n<table>\n";
  text += row("省 Province",
              CityName(static_cast<uint32_t>(std::stoul(policy.province))));
  text += row("审计时间 Made at", base::FormatChinaTime(made_us));
  text += row("指标截止日 As of", std::to_string(summary.as_of));
  text += row("日志条目 Entries", count(summary.entries));
  text += row("签名的日志头 Checkpoints", count(summary.checkpoints));
  text += row("核对的记录 Records", count(summary.records));
  text += row("重新计算的指标 Figures", count(summary.figures));
  text += row("记录摘要 Digest of records",
              "<code>" + summary.records_digest + "</code>");
  text += row("省的联署公钥 Witness key",
              "<code>" + Escaped(policy.witness.ToText()) + "</code>");
  if (summary.synthetic_clock) {
    text += row("时间 Times", "业务时钟为虚拟时钟，未与联署时间比对");
  }
  return text + "</table>\n";
}

std::string Logs(const AuditSummary& summary) {
  std::string text =
      "<h2>各市日志 <small>Logs</small></h2>\n<table>\n<tr><th>市</th>"
      "<th>条目</th><th>日志头</th><th>最后一条的时间</th><th>根哈希</th></"
      "tr>\n";
  for (const AuditedLog& log : summary.logs) {
    text += fmt::format(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td>{}</td><td><code>{}</code></td></tr>\n",
        CityName(log.city), base::WithCommas(static_cast<int64_t>(log.entries)),
        base::WithCommas(static_cast<int64_t>(log.checkpoints)),
        log.entries == 0 ? "" : base::FormatChinaTime(log.last_commit_time_us),
        base::HexEncode(log.root.view()));
  }
  return text + "</table>\n";
}

std::string Unwitnessed(const AuditSummary& summary) {
  if (summary.unwitnessed.empty()) return "";
  std::string text =
      "<h2>未及时见证的条目 <small>Unwitnessed</small></h2>\n<p>下列条目在其"
      "所载时间一小时之后才被省里见到。可能是联络中断，也可能是倒填时间，仅该市"
      "知情；不计为问题。</p>\n<table>\n<tr><th>市</th><th>条目</th>"
      "<th>最长间隔（小时）</th></tr>\n";
  for (const auto& [city, ranges] : summary.unwitnessed) {
    for (const UnwitnessedRange& range : ranges) {
      text += fmt::format(
          "<tr><td>{}</td><td>{} – {}</td><td class=\"n\">{:.1f}</td></tr>\n",
          CityName(city), range.first, range.end - 1,
          static_cast<double>(range.seconds) / 3'600);
    }
  }
  return text + "</table>\n";
}

// Of a day, a month or a year.
uint32_t YearOf(uint32_t period) {
  while (period > 9'999) period /= 100;
  return period;
}

std::string Figures(const AuditSummary& summary) {
  std::string text =
      "<h2>全省指标 <small>Figures of the province, computed from the logs"
      "</small></h2>\n<p>月度和年度指标列出近两年；全部指标均已核对。</"
      "p>\n<table>\n"
      "<tr><th>指标</th><th>险种</th><th>期间</th>"
      "<th>口径</th><th>数值</th></tr>\n";
  for (const auto& [name, value] : summary.computed) {
    if (name.city != 0 || YearOf(name.period) + 1 < YearOf(summary.as_of)) {
      continue;
    }
    text += fmt::format(
        "<tr><td>{} {}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td class=\"n\">{}</td></tr>\n",
        Escaped(name.id), TitleOf(name.id), Escaped(name.insurance),
        name.period, name.once ? "每人一次" : "各市合计",
        value.has_value() ? base::WithCommas(*value) : "—");
  }
  return text + "</table>\n";
}

std::string FindingsOf(const AuditSummary& summary) {
  if (summary.findings.empty()) return "";
  std::string text =
      "<h2>发现的问题 <small>Findings</small></h2>\n<table>\n<tr><th>位置</th>"
      "<th>问题</th></tr>\n";
  for (const Finding& finding : summary.findings.kept()) {
    text += fmt::format("<tr><td>{}</td><td>{}</td></tr>\n",
                        Escaped(finding.place), Escaped(finding.text));
  }
  text += "</table>\n";
  const uint64_t hidden =
      summary.findings.count() - summary.findings.kept().size();
  if (hidden > 0) {
    text += fmt::format("<p>另有 {} 处未列出。</p>\n",
                        base::WithCommas(static_cast<int64_t>(hidden)));
  }
  return text;
}

constexpr std::string_view kFoot =
    R"(<h2>怎样复核 <small>How to check this report</small></h2>
<p>持有审计证书和本页所列公钥的任何人都可以重新取得日志并得出同样的结论：</p>
<pre>tongchou-audit fetch  --dir COPY --policy POLICY --aggregator HOST:PORT ...
tongchou-audit replay --dir COPY --policy POLICY
tongchou-audit export --dir COPY --policy POLICY --tiles DIR</pre>
<p>最后一条命令导出不含个人信息的日志文件（C2SP tlog-tiles），可由他人编写的工具核验。</p>
<h2>证明什么 <small>What this proves</small></h2>
<p>证明谁在何时记录了什么、此后未被改动，以及公布的指标确由这些记录得出；不证明所记录的
内容与事实相符。</p>
</body>
</html>
)";

}  // namespace

std::string FormatPage(const AuditSummary& summary, const Policy& policy,
                       int64_t made_us) {
  std::string page(kHead);
  page += "<h1>统筹审计报告</h1>\n<small>Audit report</small>\n";
  page += Conclusion(summary);
  page += FindingsOf(summary);
  page += Scope(summary, policy, made_us);
  page += Logs(summary);
  page += Unwitnessed(summary);
  page += Figures(summary);
  page += kFoot;
  return page;
}

}  // namespace tongchou::audit
