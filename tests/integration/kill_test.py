"""SIGKILLs at random moments change nothing.

An undisturbed run of a small province gives the reference: roots, sizes, a
digest of all records, every figure and the receipts. Then the same input is
imported while nodes, the aggregator and the importer are killed at random
moments and started again; the outcome must be the reference, bit for bit.
"""

import json
import random
import shutil
import subprocess
import sys
import threading
import time

import harness
from harness import until

DAY = "2008-10-31"
PERSONS = 90_000
CITIES = ("360100", "360400", "360700")
SEEDS = (11, 12, 13)
KILLS_EACH = 5  # of every kind and seed
KILLS_MIN = 10  # of every kind over all seeds


def outcome(province):
    status = province.status()
    answer = province.indicators()
    audit = province.audit()
    assert audit["verdict"] == "clean", audit["findings"][:5]
    return {
        "basis": [{k: b[k] for k in ("city", "size", "root", "commit_time")}
                  for b in answer["basis"]],
        "indicators": answer["indicators"],
        "files": [[c["city"], c["files"]] for c in status["cities"]],
        "records": audit["records_digest"],
    }


class Disturbed:
    """Imports all cities while a killer is at work."""

    def __init__(self, province, cities, reference, seed):
        self.province = province
        self.cities = cities
        self.sizes = {b["city"]: b["size"] for b in reference["basis"]}
        self.random = random.Random(seed)
        self.importers = {}
        self.unfinished = {city.code for city in cities}
        self.lock = threading.Lock()
        self.kills = {"node": 0, "aggregator": 0, "importer": 0}
        self.errors = []

    def durable(self, code):
        for city in self.province.try_status():
            if city["city"] == code:
                return city["durable"]
        return 0

    def import_until_done(self, city):
        try:
            while not self.import_once(city):
                time.sleep(0.2)
        except Exception as error:  # shown by the main thread
            self.errors.append(error)
        with self.lock:
            self.unfinished.discard(city.code)

    def import_once(self, city):
        arguments = [str(a) for a in self.province.client(
            f"operator-{city.code}", "--format", "json", "import",
            city.folder)]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE,
                                   cwd=self.province.options.dir)
        with self.lock:
            self.importers[city.code] = process
        process.communicate()
        if process.returncode == 0:
            return True
        # Killed behind its last receipt it must not be taken up again: that
        # would be another command.
        if process.returncode < 0:
            time.sleep(1)
            return self.durable(city.code) == self.sizes[city.code]
        return False

    def importer_runs(self):
        with self.lock:
            return not self.unfinished or any(
                self.importers[code].poll() is None
                for code in self.unfinished if code in self.importers)

    def kill(self, kind):
        with self.lock:
            codes = sorted(self.unfinished)
        if kind == "importer":
            until(10, "an importer", self.importer_runs)
            running = [self.importers[c] for c in codes
                       if c in self.importers
                       and self.importers[c].poll() is None]
            if running:
                self.random.choice(running).kill()
                self.kills[kind] += 1
            return
        name = kind
        if kind == "node":
            name = self.random.choice(codes or
                                      [c.code for c in self.cities])
        process, _ = self.province.processes[name]
        process.kill()
        process.wait()
        self.kills[kind] += 1
        self.restart(name)

    def restart(self, name):
        directory = self.province.options.dir
        if name == "aggregator":
            self.province.start(name, "tongchou-aggregator",
                                directory / "province" / "aggregator.toml")
        else:
            self.province.start(name, "tongchou-node",
                                directory / f"city-{name}" / "node.toml")

    def run(self):
        threads = [threading.Thread(target=self.import_until_done,
                                    args=(city,)) for city in self.cities]
        for thread in threads:
            thread.start()
        for _ in range(KILLS_EACH):
            kinds = ["node", "aggregator", "importer"]
            self.random.shuffle(kinds)
            for kind in kinds:
                time.sleep(self.random.uniform(0.03, 0.3))
                self.kill(kind)
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]
        # One more at the aggregator, between durable and applied.
        self.kill("aggregator")
        until(120, "all applied", self.all_applied)

    def all_applied(self):
        self.province.check_processes()
        status = {c["city"]: c for c in self.province.try_status()}
        return all(status.get(code, {}).get("applied") == size
                   for code, size in self.sizes.items())


def main():
    seeds = tuple(int(a) for a in sys.argv[1:]) or SEEDS
    options = harness.options("kill", synthetic=True, clock=DAY)
    data = options.dir / "input"
    harness.run([harness.BIN / "tongchou", "generate", "--out", data,
                 "--persons", PERSONS, "--clock", DAY])
    for folder in list(data.iterdir()):
        if folder.is_dir() and folder.name[:6] not in CITIES:
            shutil.rmtree(folder)
    options.data = data
    cities = harness.cities(options)
    with harness.running(options, cities) as province:
        province.wait_applied(province.import_all())
        reference = outcome(province)
    total = {"node": 0, "aggregator": 0, "importer": 0}
    for seed in seeds:
        for name in ["province", *[f"city-{c}" for c in CITIES]]:
            shutil.rmtree(options.dir / name / "data")
            (options.dir / name / "guard.json").unlink(missing_ok=True)
        with harness.running(options, cities) as province:
            disturbed = Disturbed(province, cities, reference, seed)
            disturbed.run()
            result = outcome(province)
        for part, expected in reference.items():
            assert result[part] == expected, (
                f"seed {seed}: {part} differs: "
                f"{json.dumps(result[part])[:400]} instead of "
                f"{json.dumps(expected)[:400]}")
        for kind, count in disturbed.kills.items():
            total[kind] += count
        print(f"ok: seed {seed}: {disturbed.kills}", flush=True)
    print(f"ok: killed {total}")
    if seeds == SEEDS:
        assert min(total.values()) >= KILLS_MIN, total
    shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
