"""A province under a steady load: memory, descriptors and threads stay flat.

    soak_test.py [SECONDS]      one hour unless it is said

Two cities import files that change every record, single writes and queries go
on beside them. The first third warms up caches and memtables; from then on the
last sixth is compared with the second one behind it. Ends with a clean audit.
"""

import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import harness
from harness import Folder, put_unit, tongchou, until

CITIES = ("360100", "360200")
UNITS = 500
SAMPLE_SECONDS = 2
# What caches and memtables of named sizes may still take; a leak of an hour is
# more.
NODE_MB_MAX = 48
AGGREGATOR_MB_MAX = 256
DESCRIPTORS_MAX = 8
THREADS_MAX = 4


def measure(process):
    """Resident MB, descriptors, threads."""
    folder = pathlib.Path(f"/proc/{process.pid}")
    status = dict(line.split(":", 1) for line in
                  (folder / "status").read_text().splitlines())
    return (int(status["VmRSS"].split()[0]) / 1024,
            len(list((folder / "fd").iterdir())), int(status["Threads"]))


class Load:
    """One round: an import and a write at each city, and every query."""

    def __init__(self, province):
        self.province = province
        self.rounds = 0
        self.rows = 0

    def run(self):
        self.rounds += 1
        for city in CITIES:
            self.import_units(city)
            put_unit(self.province, city, 0, f"单位{self.rounds}")
        for query in (("status",), ("indicators",),
                      ("list", "unit", "--page-size", "100", "--purpose",
                       "casework", "--document", "S1")):
            tongchou(self.province, "officer", *query)

    def import_units(self, city):
        folder = self.province.options.dir / f"dump-{city}"
        folder.mkdir(exist_ok=True)
        lines = ["AAB001,AAB004,AAB301"] + [
            f"{i},单位{i}第{self.rounds}版,{city[:4]}02"
            for i in range(1, UNITS + 1)]
        (folder / "unit.csv").write_text("\n".join(lines) + "\n", "utf-8")
        done = subprocess.run(
            [str(a) for a in self.province.client(
                f"operator-{city}", "--format", "json", "import", folder,
                "--encoding", "utf-8")],
            capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        self.rows += sum(f["inserted"] + f["updated"]
                         for f in json.loads(done.stdout)["files"])


def play(province, seconds):
    """Samples of every process, by name."""
    load = Load(province)
    samples = {name: [] for name in province.processes}
    end = time.monotonic() + seconds
    following = 0.0
    while time.monotonic() < end:
        load.run()
        province.check_processes()
        if time.monotonic() < following:
            continue
        following = time.monotonic() + SAMPLE_SECONDS
        for name, (process, _) in province.processes.items():
            samples[name].append(measure(process))
    assert load.rows >= 2 * UNITS * load.rounds, load.rows
    print(f"{load.rounds} rounds, {load.rows:,} rows changed")
    return samples


def check_flat(name, samples):
    assert len(samples) >= 12, f"{len(samples)} samples: too short"
    sixth = len(samples) // 6
    before, after = samples[2 * sixth:3 * sixth], samples[-sixth:]
    problems = []
    memory = AGGREGATOR_MB_MAX if name == "aggregator" else NODE_MB_MAX
    for index, (what, limit) in enumerate((("MB", memory),
                                           ("descriptors", DESCRIPTORS_MAX),
                                           ("threads", THREADS_MAX))):
        first = statistics.median(s[index] for s in before)
        last = statistics.median(s[index] for s in after)
        print(f"{name}: {first:.0f} -> {last:.0f} {what}", flush=True)
        if last - first > limit:
            problems.append(f"{name}: {first:.0f} -> {last:.0f} {what}")
    return problems


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3600
    options = harness.options("soak", synthetic=True)
    cities = [Folder(code) for code in CITIES]
    with harness.running(options, cities) as province:
        samples = play(province, seconds)
        until(120, "everything is applied", lambda: all(
            c["applied"] == c["committed"] for c in province.try_status()))
        audit = province.audit()
        assert audit["verdict"] == "clean", audit["findings"][:5]
        problems = [problem for name, taken in samples.items()
                    for problem in check_flat(name, taken)]
        assert not problems, problems
    shutil.rmtree(options.dir, ignore_errors=True)
    print("ok")


if __name__ == "__main__":
    main()
