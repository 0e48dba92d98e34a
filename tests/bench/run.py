#!/usr/bin/env python3
"""Measures Tongchou beside PostgreSQL's logical replication.

Both systems do the same work with the same rows, in turn, several times: load,
updates, single-row commits, the way of a lone commit to the center, a new
center. After each round both must hold the same rows. Tongchou alone: an
import of a file, the audit, queries while a load runs, a city that returns.
Prints a table of medians; --json and --markdown write it.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import postgres
import tongchou

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["TONGCHOU_BIN"])
CITIES = [360100, 360200, 360300, 360400, 360500, 360600, 360700, 360800,
          360900, 361000, 361100]
PARTS = ["load", "audit", "update", "single", "latency", "rebuild", "storm",
         "return", "import"]
# Only where it is asked for: takes long.
GROWTH = "growth"
TICKS = os.sysconf("SC_CLK_TCK")
QUIET_CPU = 0.05   # of one core
QUIET_SECONDS = 1.0
SETTLE_SECONDS = 600


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="tests/bench/run", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000,
                        help="rows of the load over all cities "
                        "(default 1000000)")
    parser.add_argument("--repeats", type=int, default=5,
                        help="rounds of each system (default 5)")
    parser.add_argument("--seconds", type=float, default=5,
                        help="of each timed part (default 5)")
    parser.add_argument("--quick", action="store_true",
                        help="tiny: shows only that it runs and that both "
                        "systems end with the same rows")
    parser.add_argument("--system", choices=["tongchou", "postgres"],
                        help="only this one")
    parser.add_argument("--parts", default=",".join(PARTS),
                        help="comma-separated (default all: "
                        f"{', '.join(PARTS)})")
    parser.add_argument("--slices", type=int, default=5,
                        help=f"of the part \"{GROWTH}\", which is not among "
                        "the default ones: so many loads of ROWS each into "
                        "one database, then an update of the first of them, "
                        "then the center's database made anew from its "
                        "journal (default 5)")
    parser.add_argument("--sessions", type=int, default=2,
                        help="loading connections per city (default 2)")
    parser.add_argument("--dir", type=pathlib.Path,
                        help="where the databases lie (default: temporary)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rows, arguments.repeats, arguments.seconds = 22_000, 1, 0.5
    arguments.parts = arguments.parts.split(",")
    return arguments


def descendants(pids):
    """The processes and their children, as far as they still run."""
    found = set(pids)
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    queue = list(found)
    while queue:
        for child in parents.get(queue.pop(), ()):
            if child not in found:
                found.add(child)
                queue.append(child)
    return found


def cpu_seconds(pids):
    """User and system time of running processes and of reaped children."""
    total = 0
    for pid in descendants(pids):
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(
                ")", 1)[1].split()
        except OSError:
            continue
        own, reaped = fields[11:13], fields[13:15] if pid in pids else []
        total += sum(map(int, own + reaped))
    return total / TICKS


def resident_bytes(pids):
    """Memory of processes; shared pages count once per process."""
    total = 0
    for pid in descendants(pids):
        try:
            for line in pathlib.Path(
                    f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:
            continue
    return total


class Round:
    """One system, from nothing to the end of all parts."""

    def __init__(self, system, arguments, directory):
        self.system = system
        self.arguments = arguments
        self.config = directory / f"{system.name}.json"
        self.config.write_text(json.dumps(system.config()))
        self.rows_per_city = arguments.rows // len(CITIES)
        self.figures = {}
        self.digest = None
        self.compression = None
        self.windows = {}
        self.budget = {}  # µs/row by load, kind of process and of work
        self.growth_table = []

    def begin(self, job, **options):
        command = [str(BIN / "tongchou-bench"), "--peer", self.system.name,
                   "--config", str(self.config)]
        for name, value in options.items():
            command.append(f"--{name}")
            if value is not True:
                command.append(str(value))
        return subprocess.Popen(command + [job], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    @staticmethod
    def end(process):
        out, error = process.communicate()
        if process.returncode:
            raise SystemExit(f"tests/bench/run: {error.strip()}")
        return json.loads(out)

    def drive(self, job, **options):
        return self.end(self.begin(job, **options))

    def settled(self, started):
        """Seconds until the servers are idle; the wait is not counted."""
        self.system.settle()
        deadline = time.monotonic() + SETTLE_SECONDS
        last, since = cpu_seconds(self.system.processes()), time.monotonic()
        while time.monotonic() < deadline:
            time.sleep(0.25)
            now = cpu_seconds(self.system.processes())
            if now - last > QUIET_CPU * QUIET_SECONDS:
                last, since = now, time.monotonic()
            elif time.monotonic() - since >= QUIET_SECONDS:
                return since - started
        raise SystemExit(f"{self.system.name} does not come to rest")

    def load(self, name, **options):
        before = cpu_seconds(self.system.processes())
        work_before = self.system.work_seconds()
        started = time.monotonic()
        done = self.drive("load", rows=self.rows_per_city,
                          sessions=self.arguments.sessions, **options)
        cpu = cpu_seconds(self.system.processes()) - before
        work = self.system.work_seconds()
        settled = self.settled(started)
        cpu_settled = cpu_seconds(self.system.processes()) - before
        rows = done["rows"]
        self.compression = round(done["compression"], 2)
        self.figures[f"{name} committed"] = rows / done["committed_seconds"]
        self.figures[f"{name} durable"] = rows / done["durable_seconds"]
        self.figures[f"{name} applied"] = rows / done["applied_seconds"]
        self.figures[f"{name} settled"] = rows / settled
        self.figures[f"{name} CPU"] = cpu / rows * 1e6
        self.figures[f"{name} CPU settled"] = cpu_settled / rows * 1e6
        self.budget[name] = {
            key: (seconds - work_before.get(key, 0)) / rows * 1e6
            for key, seconds in work.items()}

    def run(self):
        parts = self.arguments.parts
        total = self.rows_per_city * len(CITIES)
        if "load" in parts:
            self.load("load")
            assert self.system.counted() == total, self.system.counted()
            self.figures["disk"] = self.system.disk_bytes() / total
            self.figures["city memory"] = resident_bytes(
                self.system.city_processes()) / 1e6
            self.figures["center memory"] = resident_bytes(
                self.system.center_processes()) / 1e6
        if "rebuild" in parts:
            self.rebuild("rebuild", total)
        if "audit" in parts and self.system.name == "tongchou":
            for check, rate in self.system.audit().items():
                self.figures[f"audit {check}"] = rate
        if "update" in parts:
            self.load("update", update=True, version=1)
            assert self.system.counted() == 0, self.system.counted()
        if "load" in parts:
            self.digest = self.drive("digest")
            assert self.digest["rows"] == total, self.digest
        if "update" in parts and "rebuild" in parts:
            self.rebuild("rebuild after updates", total)
        if "single" in parts:
            self.single()
        if "latency" in parts:
            done = self.drive("latency", first=100_000_000,
                              seconds=self.arguments.seconds)
            self.figures["visible p50"] = done["visible_p50_ms"]
            self.figures["visible p99"] = done["visible_p99_ms"]
        if self.system.name != "tongchou":
            return
        if GROWTH in parts:
            self.growth()
        if "storm" in parts:
            self.storm()
        if "return" in parts:
            self.city_returns()
        if "import" in parts:
            done = tongchou.import_csv(
                self.system.directory.with_name("import"), self.arguments.rows)
            for name, value in done.items():
                self.figures[f"import {name}"] = value

    def growth(self):
        """What a change costs while the database grows."""
        rows = self.rows_per_city * len(CITIES)
        for i in range(self.arguments.slices):
            self.load(GROWTH, first=i * self.rows_per_city)
            self.add_growth("load", (i + 1) * rows)
        total = self.arguments.slices * rows
        assert self.system.counted() == total, self.system.counted()
        alone = self.center_alone("the center alone, loads", total, total)
        self.load(GROWTH, update=True, version=1)
        self.add_growth("update", total)
        assert self.system.counted() == total - rows, self.system.counted()
        both = self.center_alone("the center alone, loads and update", total,
                                 total + rows)
        self.grown("the center alone, update", total, *(
            with_update - without
            for with_update, without in zip(both, alone)))

    def center_alone(self, work, total, changes):
        """Its database made anew from its journal; must be the same after.
        Changes, seconds until applied, CPU until then and until settled."""
        before = self.drive("digest")
        started = time.monotonic()
        seconds, cpu = self.system.rebuild_state(changes)
        self.settled(started)
        figures = (changes, seconds, cpu, self.system.center_cpu_seconds())
        self.grown(work, total, *figures)
        after = self.drive("digest")
        assert after == before, (after, before)
        return figures

    def add_growth(self, work, total):
        rows = self.rows_per_city * len(CITIES)
        self.grown(work, total, rows, rows / self.figures[f"{GROWTH} applied"],
                   self.figures[f"{GROWTH} CPU"] * rows / 1e6,
                   self.figures[f"{GROWTH} CPU settled"] * rows / 1e6)

    def grown(self, work, total, changes, seconds, cpu, cpu_settled):
        self.growth_table.append({
            "work": work, "rows": total, "rate": changes / seconds,
            "us": cpu / changes * 1e6, "settled us": cpu_settled / changes * 1e6,
            "center": resident_bytes(self.system.center_processes()),
            "disk": self.system.disk_bytes()})
        print(f"{work}, {total:,} rows: {self.growth_table[-1]}",
              file=sys.stderr, flush=True)

    def storm(self):
        """Queries by ten clients, 500 a second, while a load runs: first as
        fast as it goes, then at about half of that."""
        for name, first, pace in (("storm", 20_000_000, 0),
                                  ("paced storm", 22_000_000, STORM_PACE)):
            seconds = 1 + self.arguments.rows / STORM_PACE
            storm = self.begin("storm", rows=self.rows_per_city, rate=500,
                               clients=10, seconds=seconds)
            time.sleep(0.5)
            self.drive("load", rows=self.rows_per_city, first=first, pace=pace,
                       sessions=self.arguments.sessions)
            done = self.end(storm)
            self.windows[name] = done["windows"]
            if self.windows[name]:  # a tiny load can be over at once
                self.figures[f"{name} p99"] = done["query_p99_ms"]
                self.figures[f"{name} stall"] = done["stall_seconds"]

    def city_returns(self):
        """A city that worked alone comes back; how do the others fare?"""
        code = str(CITIES[-1])
        rows = self.rows_per_city
        target = self.system.applied(code) + rows
        self.system.restart_city(code, connected=False)
        self.drive("load", rows=rows, first=40_000_000, only=code, local=True)
        others = self.begin("latency", first=70_000_000, without=code,
                            seconds=self.arguments.seconds)
        time.sleep(0.5)
        self.system.restart_city(code, connected=True)
        started = time.monotonic()
        while self.system.applied(code) < target:
            time.sleep(0.01)
        self.figures["return rate"] = rows / (time.monotonic() - started)
        done = self.end(others)
        self.figures["return visible p99"] = done["visible_p99_ms"]
        self.figures["return visible max"] = done["visible_max_ms"]

    def rebuild(self, name, total):
        """A new center must end with the same rows."""
        before = self.drive("digest")
        self.figures[name] = total / self.system.rebuild_center(total)
        after = self.drive("digest")
        assert after == before, (after, before)

    def single(self):
        kinds = [("single", {}, 50_000_000)]
        if self.system.name == "tongchou":
            kinds += [("unary", {"unary": True}, 60_000_000),
                      ("shared", {"one-connection": True}, 70_000_000)]
        for name, options, first in kinds:
            done = self.drive("single", first=first, sessions=8,
                              seconds=self.arguments.seconds, **options)
            rows = done["rows"]
            self.figures[f"{name} committed"] = (
                rows / done["committed_seconds"])
            self.figures[f"{name} durable"] = rows / done["durable_seconds"]
            self.figures[f"{name} applied"] = rows / done["applied_seconds"]
        if self.system.name == "postgres":
            # A client of PostgreSQL has a connection of its own.
            for stage in ["committed", "durable", "applied"]:
                self.figures[f"shared {stage}"] = self.figures[
                    f"single {stage}"]


# Name, figure, unit, goal (as a ratio to PostgreSQL), whether less is better.
TABLE = [
    ("load until committed", "load committed", "rows/s", None, False),
    ("load until durable", "load durable", "rows/s", None, False),
    ("load until applied", "load applied", "rows/s", 3.0, False),
    ("load until settled", "load settled", "rows/s", None, False),
    ("load, CPU of all servers", "load CPU", "us/row", None, True),
    ("load, CPU of all servers until settled", "load CPU settled", "us/row",
     None, True),
    ("updates until applied", "update applied", "rows/s", 3.0, False),
    ("updates until settled", "update settled", "rows/s", None, False),
    ("updates, CPU of all servers", "update CPU", "us/row", None, True),
    ("updates, CPU of all servers until settled", "update CPU settled",
     "us/row", None, True),
    ("single commits, one connection a city, committed", "shared committed",
     "commits/s", 4.0, False),
    ("single commits, one connection a city, durable", "shared durable",
     "commits/s", 3.0, False),
    ("single commits, one connection a city, applied", "shared applied",
     "commits/s", None, False),
    ("single commits, one connection a client, committed", "single committed",
     "commits/s", 4.0, False),
    ("single commits, one connection a client, durable", "single durable",
     "commits/s", 3.0, False),
    ("single commits, one connection a client, applied", "single applied",
     "commits/s", None, False),
    ("unary commits, committed", "unary committed", "commits/s", None, False),
    ("unary commits, durable", "unary durable", "commits/s", None, False),
    ("lone commit until visible, p50", "visible p50", "ms", 1.0, True),
    ("lone commit until visible, p99", "visible p99", "ms", 1.0, True),
    ("new center from the cities", "rebuild", "rows/s", 2.0, False),
    ("new center, every row updated once", "rebuild after updates", "rows/s",
     None, False),
    ("disk, both ends", "disk", "bytes/row", 1 / 0.6, True),
    ("memory of a city", "city memory", "MB", None, True),
    ("memory of the center", "center memory", "MB", None, True),
]
# The same without a peer: the goal is a value.
ALONE = [
    ("import of a CSV file until committed", "import committed", "rows/s",
     200_000, False),
    ("import of a CSV file until applied", "import applied", "rows/s", None,
     False),
    ("memory of the city that imported", "import memory", "MB", 300, True),
    ("that city, brought back from the province", "import restored",
     "entries/s", 300_000, False),
    ("audit verify, one core", "audit verify", "entries/s", 1_000_000, False),
    ("audit replay, one core", "audit replay", "entries/s", 300_000, False),
    ("500 queries/s during a load: p99", "storm p99", "ms", 20, True),
    ("500 queries/s during a load: longest stall", "storm stall", "s", 1,
     True),
    ("the same, load at 150,000 rows/s: p99", "paced storm p99", "ms", 20,
     True),
    ("the same, load at 150,000 rows/s: longest stall", "paced storm stall",
     "s", 1, True),
    ("a city returns: its entries until applied", "return rate", "rows/s",
     None, False),
    ("a city returns: others' lone commits, p99", "return visible p99", "ms",
     None, True),
    ("a city returns: others' lone commits, max", "return visible max", "ms",
     1_000, True),
]
STORM_PACE = 150_000  # rows/s


def conditions(arguments, rounds):
    model = next((line.split(":", 1)[1].strip() for line in
                  open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": f"{os.cpu_count()} x {model}",
        "memory_gb": round(memory / 2**30),
        "kernel": platform.release(),
        "postgres": postgres.as_user(
            [postgres.BIN / "postgres", "--version"]).stdout.split()[2],
        "rows": arguments.rows // len(CITIES) * len(CITIES),
        "cities": len(CITIES), "transaction_rows": 1000,
        "sessions_per_city": arguments.sessions,
        "repeats": arguments.repeats,
        "seconds_per_timed_part": arguments.seconds,
        "zstd_1_compression_of_rows": next(
            (one.compression for done in rounds.values() for one in done
             if one.compression), None),
    }


def rows_of_table(rounds):
    def spread(system, figure):
        values = [r.figures[figure] for r in rounds.get(system, ())
                  if figure in r.figures]
        if not values:
            return None
        return {"median": statistics.median(values), "min": min(values),
                "max": max(values)}

    for work, figure, unit, goal, less in TABLE:
        ours, theirs = spread("tongchou", figure), spread("postgres", figure)
        if ours is None and theirs is None:
            continue
        ratio = None
        if ours and theirs and ours["median"] and theirs["median"]:
            ratio = ours["median"] / theirs["median"]
            ratio = 1 / ratio if less else ratio
        yield {"work": work, "tongchou": ours, "postgres": theirs,
               "unit": unit, "ratio": ratio, "goal": goal}
    for work, figure, unit, goal, less in ALONE:
        ours = spread("tongchou", figure)
        if ours is None:
            continue
        ratio = None
        if goal and ours["median"]:
            ratio = goal / ours["median"] if less else ours["median"] / goal
        yield {"work": work, "tongchou": ours, "postgres": None, "unit": unit,
               "ratio": ratio, "goal": 1.0 if goal else None}


def shown(spread):
    if spread is None:
        return "-"
    digits = 2 if spread["median"] < 100 else 0
    return "{:,.{d}f} ({:,.{d}f}-{:,.{d}f})".format(
        spread["median"], spread["min"], spread["max"], d=digits)


def windows_table(rounds):
    """How the last round's loads went on under queries."""
    done = next((one.windows for one in reversed(rounds.get("tongchou", ()))
                 if one.windows), {})
    lines = []
    for name, windows in done.items():
        lines += ["", f"{name}:", "",
                  "| second | applied, changes/s | queries | p99, ms |",
                  "|---:|---:|---:|---:|"] + [
            f"| {w['second']:.1f} | {w['applied_per_second']:,.0f} | "
            f"{w['queries']} | {w['p99_ms']:.1f} |" for w in windows]
    return lines


def growth_table(rounds):
    """Of the last round."""
    done = next((one.growth_table for one in
                 reversed(rounds.get("tongchou", ())) if one.growth_table), [])
    if not done:
        return []
    return ["", "| work | rows in the end | changes/s until applied | CPU of "
            "all servers until applied, us/change | until settled | memory of "
            "the center, MB | disk, both ends, GB |",
            "|---|---:|---:|---:|---:|---:|---:|"] + [
        f"| {one['work']} | {one['rows']:,} | {one['rate']:,.0f} | "
        f"{one['us']:.2f} | {one['settled us']:.2f} | "
        f"{one['center'] / 1e6:,.0f} | "
        f"{one['disk'] / 1e9:.1f} |" for one in done]


def budget(rounds):
    """Rows of the budget: process, work, µs of processor time per row of each
    load (medians), sums included."""
    done = [one.budget for one in rounds.get("tongchou", ()) if one.budget]
    loads = sorted(set().union(*done)) if done else []
    found = {}
    for load in loads:
        budgets = [one[load] for one in done if load in one]
        for kind, work in set().union(*budgets):
            values = [one.get((kind, work), 0) for one in budgets]
            found.setdefault((kind, work), {})[load] = statistics.median(
                values)
        for kind in {kind for kind, _ in set().union(*budgets)}:
            found.setdefault((kind, "sum"), {})[load] = statistics.median(
                sum(v for (k, _), v in one.items() if k == kind)
                for one in budgets)
    order = ["rest", "sum"]
    return loads, [
        {"process": kind, "work": work, **found[kind, work]}
        for kind, work in sorted(found, key=lambda one: (
            one[0] != "city", one[1] in order, one[1] == "sum", one[1]))
        if max(found[kind, work].values()) >= 0.005]


def budget_table(rounds):
    loads, rows = budget(rounds)
    if not rows:
        return []
    lines = ["", "Processor time, us/row:", "",
             "| process | work | " + " | ".join(loads) + " |",
             "|---|---|" + "---:|" * len(loads)]
    return lines + [
        f"| {one['process']} | {one['work']} | "
        + " | ".join(f"{one.get(load, 0):.2f}" for load in loads) + " |"
        for one in rows]


def markdown(results, about, rounds):
    lines = ["| work | Tongchou | PostgreSQL | unit | ratio | goal |",
             "|---|---:|---:|---|---:|---:|"]
    for one in results:
        ratio = "" if one["ratio"] is None else f"{one['ratio']:.2f}"
        goal = "" if one["goal"] is None else f"{one['goal']:.2f}"
        lines.append(f"| {one['work']} | {shown(one['tongchou'])} | "
                     f"{shown(one['postgres'])} | {one['unit']} | {ratio} | "
                     f"{goal} |")
    lines += ["", "Medians (least-most). " + ", ".join(
        f"{k.replace('_', ' ')}: {v}" for k, v in about.items()) + "."]
    lines += windows_table(rounds)
    lines += growth_table(rounds)
    lines += budget_table(rounds)
    return "\n".join(lines) + "\n"


def measure(arguments, directory):
    rounds = {}
    systems = {"tongchou": tongchou.Tongchou, "postgres": postgres.Postgres}
    if arguments.system:
        systems = {arguments.system: systems[arguments.system]}
    for number in range(arguments.repeats):
        for name, kind in systems.items():
            system = kind(directory / f"{name}-{number}", CITIES)
            try:
                system.create()
                one = Round(system, arguments, directory)
                one.run()
                rounds.setdefault(name, []).append(one)
                print(f"round {number + 1}, {name}: " + ", ".join(
                    f"{k} {v:,.2f}" for k, v in one.figures.items()),
                    file=sys.stderr, flush=True)
            finally:
                system.stop()
        digests = {name: done[-1].digest for name, done in rounds.items()}
        if len(set(map(str, digests.values()))) != 1:
            raise SystemExit(f"the rows differ: {digests}")
    return rounds


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(
            prefix="tongchou-bench-", dir=arguments.dir) as name:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        rounds = measure(arguments, directory)
    results = list(rows_of_table(rounds))
    about = conditions(arguments, rounds)
    text = markdown(results, about, rounds)
    print(text, end="")
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")
    if arguments.json:
        arguments.json.write_text(json.dumps(
            {"conditions": about, "results": results,
             "budget": budget(rounds)[1]}, indent=1) + "\n",
            encoding="utf-8")


if __name__ == "__main__":
    main()
