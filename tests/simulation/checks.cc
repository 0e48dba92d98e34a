// What must hold of cities and province at all times, and at the end.
#include "common/base/status.h"
#include "common/ledger/bundle.h"
#include "common/ledger/entry_view.h"
#include "tests/simulation/world.h"

namespace tongchou::simulation {

void World::CheckSigned(size_t i, const std::string& note) {
  City& city = *cities_[i];
  const auto head = city.disk.keys().Open(note);
  if (!head.ok()) return Violated(i, "a head without its signature");
  const auto [it, added] = city.signed_roots.emplace(head->size, head->root);
  if (!added && it->second != head->root) {
    Violated(i, "the city signed two histories");
  }
}

void World::CheckTold(size_t i) {
  const auto& positions = streams_[cities_[i]->stream].uplink->positions();
  if (positions.durable > Held(i).log.size()) {
    Violated(i, "durable was told of what the province does not hold");
  }
  if (positions.applied > Held(i).position) {
    Violated(i, "applied was told of what the state does not have");
  }
  if (positions.welcomed && positions.durable < cities_[i]->told_durable) {
    Violated(i, "what was durable is so no more");
  }
  if (positions.welcomed) cities_[i]->told_durable = positions.durable;
}

// The state is what a replay of the log gives.
void World::CheckState(size_t i) {
  const HeldCity& disk = Held(i);
  if (!cities_[i]->ends.contains(disk.position)) {
    return Violated(i, "the state has a part of a transaction");
  }
  std::map<std::string, std::string> state;
  uint64_t counter = 0;
  for (const LogBundle& stored : disk.log.bundles) {
    ledger::Bundle bundle;
    if (!bundle.Decode(stored.bytes).ok()) return Violated(i, "bad bundle");
    for (size_t k = 0; k < bundle.count(); ++k) {
      if (bundle.first_sequence() + k >= disk.position) break;
      ledger::BodyView body;
      TONGCHOU_CHECK(ledger::ReadBody(*bundle.body(k), &body));
      state[std::string(body.key)] = body.record;
      ++counter;
    }
  }
  if (state != disk.state) return Violated(i, "the state is not a replay");
  if (counter != disk.counter) Violated(i, "a counter is not the count");
}

void World::CheckAll() {
  for (size_t i = 0; i < cities_.size(); ++i) {
    const City& city = *cities_[i];
    std::vector<std::string> bodies;
    for (const LogBundle& stored : Held(i).log.bundles) {
      ledger::Bundle bundle;
      if (!bundle.Decode(stored.bytes).ok()) return Violated(i, "bad bundle");
      for (size_t k = 0; k < bundle.count(); ++k) {
        bodies.emplace_back(*bundle.body(k));
      }
    }
    if (bodies != city.told) {
      Violated(i, "the log is not, in order, what clients were told of");
    }
    if (city.disk.log.range.Root() != Held(i).copy.range.Root()) {
      Violated(i, "city and province have different roots");
    }
    CheckState(i);
  }
  CheckShownAreKept();
}

}  // namespace tongchou::simulation
