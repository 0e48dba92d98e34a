"""Faults of the machine and the network, at real processes.

Two cities write while one of them, or the province, is stopped, cut off, slowed
down, out of disk, out of time, doubled, or without a valid certificate. Each
ends with every acknowledged unit once in the province's database, none beside
them, and a clean audit, which computes every figure again.

Old copies and lost disks: restore_test, mirror_test. SIGKILL: kill_test.
`fault_test.py --table` prints the rows of docs/reliability.md; names behind it
play only these.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import harness
from faulty_proxy import FaultyProxy
from harness import (Folder, add_client, answer, tongchou, try_node_status,
                     try_put_unit, until)

FAULTY, SOUND = "360100", "360200"
SECONDS = 60
VOLUME_MB = 160
VOLUME_FILES = 4_000
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class Trial:
    """The province, the proxy before it, and what has been acknowledged."""

    def __init__(self, province, proxy):
        self.province = province
        self.proxy = proxy
        self.units = {FAULTY: set(), SOUND: set()}
        self.last = 0
        self.volumes = []

    def home(self, city):
        return self.province.options.dir / (
            "province" if city == "aggregator" else f"city-{city}")

    def start(self, name, environment=None):
        program, config = (("tongchou-aggregator", "aggregator.toml")
                           if name == "aggregator"
                           else ("tongchou-node", "node.toml"))
        kept = dict(os.environ)
        os.environ.update(environment or {})
        try:
            self.province.start(name, program, self.home(name) / config)
        finally:
            os.environ.clear()
            os.environ.update(kept)

    def stop(self, name):
        process, _ = self.province.processes.pop(name)
        process.terminate()
        assert process.wait(30) == 0, name

    def signal(self, name, number):
        self.province.processes[name][0].send_signal(number)

    def try_put(self, city):
        """Nothing, or why not. One that is refused is not there."""
        self.last += 1
        error = try_put_unit(self.province, city, self.last)
        if not error:
            self.units[city].add(str(self.last))
        return error

    def put(self, city, times=3):
        for _ in range(times):
            error = self.try_put(city)
            assert not error, error

    def put_when_ready(self, city):
        until(SECONDS, f"{city} takes a write", lambda: not self.try_put(city))

    def node(self, city):
        return try_node_status(self.province, city)

    def city(self, code):
        return {c["city"]: c for c in self.province.try_status()}.get(code, {})

    def is_applied(self, city):
        there = self.city(city)
        committed = self.node(city).get("committed", -1)
        return there and there["applied"] == there["durable"] == committed

    def await_applied(self, *cities):
        for city in cities or (FAULTY, SOUND):
            until(SECONDS, f"{city} is applied",
                  lambda city=city: self.is_applied(city))

    def check(self):
        """Everything acknowledged once, nothing else, and the audit clean."""
        self.await_applied()
        listed = answer(self.province, "officer", "list", "unit", "--all",
                        "--purpose", "casework", "--document", "S1")["records"]
        found = sorted((r["city"], r["fields"]["AAB001"]) for r in listed)
        expected = sorted((city, unit) for city, units in self.units.items()
                          for unit in units)
        assert found == expected, (found, expected)
        audit = self.province.audit()
        assert audit["verdict"] == "clean", audit["findings"][:5]


def check_stopped_node(trial):
    """SIGSTOP: it lags, the other city does not; SIGCONT: it catches up."""
    trial.put(FAULTY)
    trial.signal(FAULTY, signal.SIGSTOP)
    try:
        trial.put(SOUND)
        trial.await_applied(SOUND)
    finally:
        trial.signal(FAULTY, signal.SIGCONT)
    trial.put(FAULTY)
    return "the other city applied meanwhile; it caught up"


def check_stopped_aggregator(trial):
    trial.signal("aggregator", signal.SIGSTOP)
    try:
        trial.put(FAULTY)
        trial.put(SOUND)
        status = trial.node(FAULTY)
        assert status["committed"] > status["durable"], status
    finally:
        trial.signal("aggregator", signal.SIGCONT)
    return "cities committed meanwhile; it caught up"


def check_cut(trial):
    trial.proxy.set("cut")
    trial.put(FAULTY)
    trial.put(SOUND)
    trial.await_applied(SOUND)
    until(SECONDS, "the node notices",
          lambda: trial.node(FAULTY).get("uplink") != "connected")
    trial.proxy.set("pass")
    return "the city committed meanwhile; it caught up"


def check_half_open(trial):
    """No end of a connection says that it is gone: the node finds out."""
    before = trial.proxy.connections
    trial.proxy.set("hold")
    trial.put(FAULTY)
    # Whoever comes now gets through; what was open stays dead.
    trial.proxy.set("pass")
    took = until(SECONDS, "it connects anew",
                 lambda: trial.proxy.connections > before)
    trial.put(SOUND)
    return f"a new connection after {took:.0f} s"


def check_slow(trial):
    trial.proxy.set("slow")
    trial.put(FAULTY, 5)
    trial.await_applied(FAULTY)
    trial.proxy.set("pass")
    return "applied, later"


def check_corrupt(trial):
    """Bytes that are not what was sent end that connection and no other."""
    for _ in range(5):
        before, spoilt = trial.proxy.connections, trial.proxy.corrupted
        trial.proxy.set("corrupt")
        trial.put(FAULTY, 1)
        until(SECONDS, "a byte is changed",
              lambda spoilt=spoilt: trial.proxy.corrupted > spoilt)
        until(SECONDS, "it connects anew",
              lambda before=before: trial.proxy.connections > before)
        trial.put(SOUND, 1)
    return "5 connections ended, each came again"


def fill(directory):
    """To the last byte."""
    with contextlib.suppress(OSError):
        with open(directory / "filler", "wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
    with contextlib.suppress(OSError):
        with open(directory / "filler", "ab", buffering=0) as file:
            while True:
                file.write(b"x")


def check_full_node(trial):
    volume = trial.home(FAULTY) / "data"
    trial.put(FAULTY)
    fill(volume)
    error = trial.try_put(FAULTY)
    assert "the disk is full" in error, error
    records = tongchou(trial.province, f"operator-{FAULTY}", "get", "unit",
                       f"AAB001={min(trial.units[FAULTY], key=int)}")
    assert "AAB004" in records or "x" in records, records
    trial.put(SOUND)
    trial.await_applied(SOUND)
    (volume / "filler").unlink()
    trial.put_when_ready(FAULTY)
    trial.put(FAULTY)
    return "writes refused, reads served; went on by itself"


def check_full_aggregator(trial):
    volume = trial.home("aggregator") / "data"
    fill(volume)
    trial.put(FAULTY)
    trial.put(SOUND)
    for city in (FAULTY, SOUND):
        status = trial.node(city)
        assert status["durable"] < status["committed"], status
    assert trial.province.try_status(), "it answers nothing"
    (volume / "filler").unlink()
    return "nothing durable meanwhile, queries served; went on by itself"


def write_rows(trial, city, rows):
    path = trial.province.options.dir / "unit.csv"
    units = [f"row{i}" for i in range(rows)]
    path.write_text("AAB001,AAB004,AAB301\n" + "".join(
        f"{unit},x,{city[:4]}02\n" for unit in units), encoding="utf-8")
    tongchou(trial.province, f"operator-{city}", "import", path)
    trial.units[city].update(units)


class Backups:
    """A directory of backups of one city's node."""

    def __init__(self, trial, city, directory):
        self.config = trial.home(city) / "node.toml"
        self.directory = directory

    def take(self):
        """Nothing, or why there is none."""
        done = subprocess.run(
            [str(harness.BIN / "tongchou-node"), "backup", "--config",
             str(self.config), "--to", str(self.directory)],
            capture_output=True, text=True, check=False, timeout=120)
        return done.stderr if done.returncode else ""

    def whole(self):
        """Numbers of those that `restore` would take; each is read."""
        done = subprocess.run(
            [str(harness.BIN / "tongchou-node"), "backups",
             str(self.directory), "--verify"],
            capture_output=True, text=True, check=False, timeout=120)
        if "holds no" in done.stderr:
            return []
        assert done.returncode == 0, done.stderr
        return [line.split()[0] for line in done.stdout.splitlines()]

    def check_tidy(self):
        """Nothing but what belongs to whole backups."""
        numbers = self.whole()
        meta = {path.name: path.read_text(errors="replace")
                for path in (self.directory / "meta").iterdir()}
        private = [p.name for p in (self.directory / "private").iterdir()]
        assert sorted(meta) == sorted(private) == sorted(numbers), (
            meta.keys(), private, numbers)
        for file in (self.directory / "shared_checksum").iterdir():
            assert any(file.name in text for text in meta.values()), file


def take_for_want_of_names(backups):
    """A first backup while files can be made one by one only: the folders that
    it begins with are its own again each time."""
    volume = backups.directory.parent
    names = []
    with contextlib.suppress(OSError):
        for i in range(VOLUME_FILES):
            (volume / f"name{i}").touch()
            names.append(volume / f"name{i}")
    refused = 0
    while error := backups.take():
        assert "No space left on device" in error, error
        refused += 1
        names.pop().unlink()
    assert refused > 5, refused
    assert backups.whole() == ["1"], backups.whole()
    backups.check_tidy()
    for name in names:
        name.unlink()
    return refused


def check_full_backups(trial):
    """At the disk's last byte, and a little before it, step by step."""
    volume = trial.province.options.dir / "backups"
    kept = Backups(trial, FAULTY, volume / "kept")
    begun = Backups(trial, FAULTY, volume / "begun")
    assert not kept.take()
    assert kept.whole() == ["1"]
    write_rows(trial, FAULTY, 20_000)
    fill(volume)
    filler = volume / "filler"
    refused = 0
    for room in (0, 4, 4, 8, 16, 32, 64, 64):
        os.truncate(filler, filler.stat().st_size - (room << 10))
        for backups, numbers in ((kept, ["1"]), (begun, [])):
            error = backups.take()
            assert "the disk is full" in error, (room, error)
            assert backups.whole() == numbers, backups.whole()
            refused += 1
        trial.put(FAULTY, 1)
    filler.unlink()
    for backups, number in ((kept, "2"), (begun, "1")):
        error = backups.take()
        assert not error, error
        assert backups.whole()[-1] == number, backups.whole()
        backups.check_tidy()
    refused += take_for_want_of_names(Backups(trial, FAULTY, volume / "names"))
    return f"{refused} times refused, the earlier one stayed, writes went on; "\
        "taken once there was space, nothing left over"


def check_clock(trial, seconds):
    trial.stop(FAULTY)
    trial.start(FAULTY, {"LD_PRELOAD": FAKETIME,
                         "FAKETIME": f"{seconds:+d}s",
                         "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    until(SECONDS, "it has heard the province's time",
          lambda: "clock says" in trial.node(FAULTY).get("uplink", ""))
    error = trial.try_put(FAULTY)
    assert "clock" in error, error
    trial.put(SOUND)
    trial.stop(FAULTY)
    trial.start(FAULTY)
    trial.put_when_ready(FAULTY)
    return "no commit; the right clock, and it went on"


def check_clock_ahead(trial):
    return check_clock(trial, 600)


def check_clock_behind(trial):
    return check_clock(trial, -600)


def check_clone(trial):
    """A copy of a node beside it, with its keys and certificate."""
    copy = trial.province.options.dir / "city-copy"
    trial.stop(FAULTY)
    shutil.copytree(trial.home(FAULTY), copy)
    trial.start(FAULTY)
    trial.put_when_ready(FAULTY)
    trial.await_applied(FAULTY)
    port = harness.quickstart.free_ports(1)[0]
    config = copy / "node.toml"
    config.write_text(config.read_text().replace(
        trial.province.node_address[FAULTY], f"127.0.0.1:{port}"))
    trial.province.start("copy", "tongchou-node", config)
    until(SECONDS, "the province says it", lambda: "a clone" in
          (trial.city(FAULTY).get("problem") or ""))
    trial.put(SOUND)
    trial.stop("copy")
    trial.put_when_ready(FAULTY)
    return "named a clone, never merged; the true one went on"


def check_expired(trial):
    trial.stop(FAULTY)
    name = trial.province.pki / f"node-{FAULTY}"
    kept = {suffix: pathlib.Path(f"{name}{suffix}").read_bytes()
            for suffix in (".pem", "-key.pem")}
    subprocess.run(
        [str(a) for a in (harness.BIN / "tongchou", "pki", "issue", "--dir",
                          trial.province.pki, "--out", name, "--days", "1",
                          "--identity",
                          f"spiffe://tongchou/360000/city/{FAULTY}/node")],
        check=True, capture_output=True,
        env={**os.environ, "LD_PRELOAD": FAKETIME, "FAKETIME": "-3d"})
    done = subprocess.run(
        [str(harness.BIN / "tongchou-node"), "--config",
         str(trial.home(FAULTY) / "node.toml")],
        cwd=trial.home(FAULTY), capture_output=True, text=True, check=False,
        timeout=30)
    assert done.returncode == 1 and "expired" in done.stderr, done
    for suffix, content in kept.items():
        pathlib.Path(f"{name}{suffix}").write_bytes(content)
    trial.start(FAULTY)
    trial.put_when_ready(FAULTY)
    return "it does not start and says why; with a valid one it went on"


FAULTS = {  # name: (where, how)
    "stopped-node": ("node, SIGSTOP", check_stopped_node),
    "stopped-aggregator": ("aggregator, SIGSTOP", check_stopped_aggregator),
    "cut": ("network", check_cut),
    "half-open": ("network", check_half_open),
    "slow": ("network", check_slow),
    "corrupt": ("network", check_corrupt),
    "full-node": ("node's disk", check_full_node),
    "full-aggregator": ("aggregator's disk", check_full_aggregator),
    "full-backups": ("the backups' disk", check_full_backups),
    "clock-ahead": ("node, 10 minutes", check_clock_ahead),
    "clock-behind": ("node, 10 minutes", check_clock_behind),
    "clone": ("node, twice", check_clone),
    "expired-certificate": ("node", check_expired),
}


def why_not(name, volumes):
    if name.startswith("full-") and not volumes:
        return "no file system can be mounted here"
    needs_time = name.startswith("clock-") or name == "expired-certificate"
    if needs_time and not pathlib.Path(FAKETIME).exists():
        return "faketime is not installed"
    return ""


def mount_volumes(province):
    """Small disks for the node, the aggregator and backups; those that are
    there."""
    mounted = []
    for name in ("province/data", f"city-{FAULTY}/data", "backups"):
        data = province.options.dir / name
        data.mkdir(exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o",
             f"size={VOLUME_MB}m,nr_inodes={VOLUME_FILES}", "tmpfs", str(data)],
            capture_output=True, check=False)
        if done.returncode == 0:
            mounted.append(data)
    return mounted


def play(trial, name, table, volumes):
    where, how = FAULTS[name]
    reason = why_not(name, volumes)
    if reason:
        print(f"skipped: {name}: {reason}", flush=True)
        return
    started = time.monotonic()
    result = how(trial)
    trial.check()
    if table:
        print(f"| {name} | {where} | {result} |", flush=True)
    else:
        print(f"ok: {name}: {result}; {time.monotonic() - started:.1f} s",
              flush=True)


def main():
    table = "--table" in sys.argv[1:]
    names = [a for a in sys.argv[1:] if not a.startswith("--")] or list(FAULTS)
    options = harness.options("fault", synthetic=True)
    province = harness.quickstart.Province(options,
                                           [Folder(FAULTY), Folder(SOUND)])
    province.make_certificates()
    province.configure()
    add_client(province, "admin", "province/admin/root")
    proxy = FaultyProxy(province.aggregator_address)
    config = options.dir / f"city-{FAULTY}" / "node.toml"
    config.write_text(config.read_text().replace(
        f'aggregator = "{province.aggregator_address}"',
        f'aggregator = "127.0.0.1:{proxy.port}"'))
    volumes = mount_volumes(province)
    try:
        province.start_all()
        trial = Trial(province, proxy)
        for name in names:
            play(trial, name, table, volumes)
    finally:
        province.stop()
        proxy.close()
        for volume in volumes:
            subprocess.run(["umount", str(volume)], check=False)
    shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
