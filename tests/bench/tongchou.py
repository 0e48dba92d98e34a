"""Eleven nodes and the aggregator, each a process, over mutual TLS."""

import json
import pathlib
import re
import shutil
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]
                       / "integration"))
import harness  # noqa: E402
import speed_test  # noqa: E402


NOWHERE = "127.0.0.1:1"
# A node whose disk was changed has been silent for longer than the province
# waits before it gives a log back.
SILENCE_SECONDS = 3.5


def import_csv(directory, rows):
    """One node, one file in GB 18030: rates and the node's memory; then what
    it takes to bring that node back."""
    options = harness.options("import", synthetic=True, clock=speed_test.DAY,
                              directory=directory)
    done = speed_test.measure(
        options, rows, lambda province: restore_node(province, directory))
    return {"committed": rows / done["committed"],
            "applied": rows / done["applied"], "memory": done["node MB"],
            "restored": rows / done["restored"]}


def restore_node(province, directory):
    """Seconds until a node that lost its disk can start."""
    process, _ = province.processes.pop(speed_test.CITY)
    process.terminate()
    process.wait()
    home = directory / f"city-{speed_test.CITY}"
    shutil.rmtree(home / "data")
    (home / "guard.json").unlink()
    time.sleep(SILENCE_SECONDS)
    started = time.monotonic()
    harness.run([harness.BIN / "tongchou-node", "restore", "--config",
                 home / "node.toml"], cwd=home)
    return {"restored": time.monotonic() - started}


class Folder:
    """A city that has no files to import."""

    def __init__(self, code):
        self.code = str(code)
        self.name = self.code
        self.folder = None


def use_random_salts(path):
    """As every node has them; the demonstration derives them from a seed."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines
                            if not line.startswith("synthetic_seed")))


def metrics(port):
    with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/metrics") as answer:
        return answer.read().decode()


WORK = re.compile(r'^tongchou_work_cpu_seconds_total\{work="(.+)"\} (\S+)$',
                  re.MULTILINE)
PROCESS = re.compile(r"^process_cpu_seconds_total (\S+)$", re.MULTILINE)


class Tongchou:
    name = "tongchou"

    def __init__(self, directory, cities):
        self.directory = directory
        options = harness.options("bench", synthetic=True,
                                  directory=directory)
        self.province = harness.quickstart.Province(
            options, [Folder(city) for city in cities])
        self.ops_ports = {}

    def create(self):
        self.directory.mkdir(parents=True)
        self.province.make_certificates()
        self.province.configure()
        for city in self.province.cities:
            use_random_salts(self.directory / f"city-{city.code}/node.toml")
            self.open_metrics("city", f"city-{city.code}/node.toml")
        self.open_metrics("center", "province/aggregator.toml")
        self.province.start_all()

    def open_metrics(self, kind, config):
        port = harness.quickstart.free_ports(1)[0]
        path = self.directory / config
        path.write_text(f'ops_listen = "127.0.0.1:{port}"\n'
                        + path.read_text())
        self.ops_ports[port] = kind

    def work_seconds(self):
        """Processor time so far by kind of process and of work, as the
        programs count it; the work "rest" is what no account has."""
        found = {}
        for port, kind in self.ops_ports.items():
            text = metrics(port)
            rest = float(PROCESS.search(text)[1])
            for work, seconds in WORK.findall(text):
                found[kind, work] = found.get((kind, work), 0) + float(seconds)
                rest -= float(seconds)
            found[kind, "rest"] = found.get((kind, "rest"), 0) + rest
        return found

    def config(self):
        return {"pki": str(self.province.pki),
                "aggregator": self.province.aggregator_address,
                "nodes": self.province.node_address}

    def processes(self):
        return [p.pid for p, _ in self.province.processes.values()]

    def center_processes(self):
        return [self.province.processes["aggregator"][0].pid]

    def city_processes(self):
        return [self.province.processes[self.province.cities[0].code][0].pid]

    def settle(self):
        """Nothing to ask for: compaction goes on by itself."""

    def counted(self):
        """What the figure says; without any record there is no figure."""
        return sum(f["value"] or 0
                   for f in self.province.indicators()["indicators"]
                   if f["id"] == "K1.1" and f["city"] is None
                   and "line" not in f and f["county"] is None)

    def disk_bytes(self):
        """Everything, logs included."""
        return sum(file.stat().st_size
                   for folder in ("province", *(f"city-{c.code}" for c in
                                                self.province.cities))
                   for file in (self.directory / folder / "data").rglob("*")
                   if file.is_file())

    def rebuild_center(self, expected):
        """An empty aggregator; seconds until it has applied everything."""
        entries = sum(c["committed"] for c in self.province.status()["cities"])
        assert entries >= expected, (entries, expected)
        process, _ = self.province.processes["aggregator"]
        process.terminate()
        process.wait()
        shutil.rmtree(self.directory / "province" / "data")
        self.renew_province_log()
        started = time.monotonic()
        self.province.start("aggregator", "tongchou-aggregator",
                            self.directory / "province" / "aggregator.toml")
        while True:
            applied = sum(c["applied"] for c in self.province.try_status())
            if applied >= entries:
                return time.monotonic() - started
            time.sleep(0.02)

    def rebuild_state(self, entries):
        """The center's database made anew from its journal: seconds until all
        of it is applied, and the processor time of the center alone."""
        process, _ = self.province.processes.pop("aggregator")
        process.terminate()
        process.wait()
        started = time.monotonic()
        self.province.start("aggregator", "tongchou-aggregator",
                            self.directory / "province" / "aggregator.toml",
                            ("--rebuild-state",))
        while sum(c["applied"] for c in self.province.try_status()) < entries:
            time.sleep(0.05)
        return time.monotonic() - started, self.center_cpu_seconds()

    def center_cpu_seconds(self):
        port = next(port for port, kind in self.ops_ports.items()
                    if kind == "center")
        return float(PROCESS.search(metrics(port))[1])

    def renew_province_log(self):
        """The province's own log went with its disk: a new one, with a new
        key, that the auditor is told."""
        home = self.directory / "province"
        for name in ("guard.json", "log-key.pem"):
            (home / name).unlink()
        keys = harness.run([harness.BIN / "tongchou-aggregator", "--config",
                            home / "aggregator.toml", "--make-key"]).split()
        policy = self.directory / "audit" / "policy.toml"
        lines = policy.read_text().splitlines()
        policy.write_text("\n".join(
            f'key = "{keys[1]}"' if line.startswith('key = "tongchou/360000+')
            else line for line in lines) + "\n")

    def restart_city(self, code, connected):
        """A city without the province, or with it again."""
        path = self.directory / f"city-{code}/node.toml"
        address = self.province.aggregator_address
        text = path.read_text()
        before, after = ((NOWHERE, address) if connected
                         else (address, NOWHERE))
        path.write_text(text.replace(f'"{before}"', f'"{after}"'))
        process, _ = self.province.processes[code]
        process.terminate()
        process.wait()
        self.province.start(code, "tongchou-node", path)

    def applied(self, code):
        return max((c["applied"] for c in self.province.try_status()
                    if c["city"] == code), default=0)

    def audit(self):
        """Entries a second of each check on one core; all must be clean."""
        self.province.copy_logs()
        rates = {}
        for check in ("verify", "replay"):
            started = time.monotonic()
            done = json.loads(
                self.province.check_logs(check, ["taskset", "-c", "0"]))
            assert done["verdict"] == "clean", done
            rates[check] = done["entries"] / (time.monotonic() - started)
        return rates

    def stop(self):
        self.province.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
