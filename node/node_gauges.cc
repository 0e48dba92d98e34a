#include "node/node_gauges.h"

#include <fmt/format.h>

#include <string>

namespace tongchou::node {
namespace {

prometheus::Labels LabelsOf(uint32_t city) {
  return {{"city", fmt::format("{:06}", city)}};
}

prometheus::Gauge& Add(const std::string& name, const std::string& help,
                       uint32_t city, prometheus::Registry* registry) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*registry).Add(
      LabelsOf(city));
}

}  // namespace

NodeGauges::NodeGauges(uint32_t city, bool has_uplink,
                       prometheus::Registry* registry)
    : machine_("tongchou_node", LabelsOf(city), registry),
      committed_(Add("tongchou_node_committed_entries", "Entries fsynced", city,
                     registry)),
      records_(Add("tongchou_node_records", "Records that are not deleted",
                   city, registry)),
      read_only_(Add("tongchou_node_read_only",
                     "1 while nothing may be written", city, registry)) {
  if (!has_uplink) return;
  uplink_.emplace(
      Uplink{Add("tongchou_node_durable_entries",
                 "Entries that the province holds", city, registry),
             Add("tongchou_node_applied_entries",
                 "Entries visible in the unified database", city, registry),
             Add("tongchou_node_province_log_entries",
                 "Entries of the province's own log, verified and cosigned",
                 city, registry),
             Add("tongchou_node_province_log_contradicted",
                 "1 when the province's own log contradicted itself", city,
                 registry)});
}

void NodeGauges::Show(const NodeFacts& facts, std::optional<double> disk_days) {
  machine_.Show(facts.machine, disk_days);
  committed_.Set(static_cast<double>(facts.committed));
  records_.Set(static_cast<double>(facts.records));
  read_only_.Set(facts.read_only_reason.empty() ? 0 : 1);
  if (!uplink_.has_value()) return;
  uplink_->durable.Set(static_cast<double>(facts.uplink.positions.durable));
  uplink_->applied.Set(static_cast<double>(facts.uplink.positions.applied));
  uplink_->province_log.Set(static_cast<double>(facts.province_log_entries));
  uplink_->contradicted.Set(facts.province_log_problem.empty() ? 0 : 1);
}

}  // namespace tongchou::node
