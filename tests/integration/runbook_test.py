"""Plays docs/operations.md: breaks a province in each way that the runbook
names, runs the commands that stand there, as they stand there, and expects the
province to be well again.

A block of the document that begins with

    ```sh MACHINE NAME

is played by the function NAME here (with _ for -), on that machine; no block may
be without one, and none may be played that is not there. Paths and addresses of
the document are replaced by those of the test, and `systemctl` by a script that
starts and stops the real programs.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import harness
from harness import Folder, add_client, try_node_status, try_put_unit, until
from join_test import add_door
from mirror_test import Trial

DOCUMENT = harness.ROOT / "docs" / "operations.md"
CITY, OTHER = "360100", "360200"
PATIENCE = 40
DISK = "200m"
BLOCK = re.compile(r"^( *)```sh (node|province) ([a-z-]+)\n(.*?)^ *```$",
                   re.M | re.S)

SYSTEMCTL = """#!/bin/bash
# systemctl start|stop UNIT, on the machine of whom it is on the path.
set -eu
pid=$RUNBOOK_MACHINE/$2.pid
runs() { grep -qs '^State:.[^Z]' "/proc/$1/status"; }
case $1 in
  start)
    cd "$RUNBOOK_MACHINE"
    setsid "$TONGCHOU_BIN/$2" --config "${2#tongchou-}.toml" \\
      >>log.txt 2>&1 </dev/null &
    echo $! >"$pid" ;;
  stop)
    kill "$(cat "$pid")"
    while runs "$(cat "$pid")"; do sleep 0.05; done ;;
esac
"""


def blocks():
    """(machine, name) to the commands."""
    found = {}
    for indent, machine, name, body in BLOCK.findall(DOCUMENT.read_text()):
        assert (machine, name) not in found, (machine, name)
        found[machine, name] = "".join(
            line.removeprefix(indent) for line in body.splitlines(True))
    return found


class Machine:
    """A machine with one service, and who works at it."""

    def __init__(self, runbook, kind, directory, unit, client):
        self.kind = kind
        self.directory = directory
        self.unit = unit
        self.runbook = runbook
        self.client = client
        self.desk = runbook.province.directory(f"desk-{kind}")

    @property
    def data(self):
        return self.directory / "data"

    @property
    def pid(self):
        return int((self.directory / f"{self.unit}.pid").read_text())

    def environment(self):
        return os.environ | {
            "PATH": f"{self.runbook.path}:{harness.BIN}:{os.environ['PATH']}",
            "TONGCHOU_CONFIG": str(self.client),
            "RUNBOOK_MACHINE": str(self.directory)}

    def systemctl(self, verb):
        subprocess.run(["systemctl", verb, self.unit], check=True, timeout=60,
                       env=self.environment())

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        until(10, "it is gone", lambda: "State:\tZ" in self.state())

    def state(self):
        try:
            return pathlib.Path(f"/proc/{self.pid}/status").read_text()
        except FileNotFoundError:
            return "State:\tZ"


class Runbook:
    """The province of the test and the document that is played on it."""

    def __init__(self, province):
        self.province = province
        self.blocks = blocks()
        self.played = set()
        self.path = province.directory("path")
        script = self.path / "systemctl"
        script.write_text(SYSTEMCTL)
        script.chmod(0o755)
        self.door = add_door(province)
        home = province.options.dir
        add_client(province, "admin", "province/admin/root")
        self.node = Machine(self, "node", home / f"city-{CITY}",
                            "tongchou-node", home / "office.toml")
        self.aggregator = Machine(self, "province", home / "province",
                                  "tongchou-aggregator", home / "admin.toml")
        # As in the document, an office asks its node and not the province.
        operator = (home / f"operator-{CITY}.toml").read_text()
        (home / "office.toml").write_text("".join(
            line for line in operator.splitlines(True)
            if not line.startswith("aggregator")))
        for name in ("dump", "rejects"):
            province.directory(name)
        self.units = 0

    def words(self, machine):
        """What stands in the document, and what stands for it here."""
        home = self.province.options.dir
        pki = self.province.pki
        return {
            "/etc/tongchou/node-key.pem": pki / f"node-{CITY}-key.pem",
            "/etc/tongchou/node.pem": pki / f"node-{CITY}.pem",
            "/etc/tongchou": machine.directory,
            "/srv/tongchou": machine.data,
            "/srv/dump": home / "dump",
            "/srv/rejects": home / "rejects",
            "/var/lib/tongchou-guard": machine.directory,
            "--dir pki": f"--dir {pki}",
            "HOST:7002": self.door,
            "node.nanchang.example": "localhost"}

    def play(self, kind, name, words=()):
        """Runs the block; what it printed."""
        machine = self.node if kind == "node" else self.aggregator
        text = self.blocks[kind, name]
        self.played.add((kind, name))
        for word, here in [*dict(words).items(),
                           *self.words(machine).items()]:
            text = text.replace(word, str(here))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], cwd=machine.desk,
            env=machine.environment(), text=True, capture_output=True,
            check=False, timeout=120)
        assert done.returncode == 0, (name, text, done.stdout, done.stderr)
        return done.stdout

    def try_put(self, city=CITY):
        """What was said when it was refused; empty when it was taken."""
        self.units += 1
        return try_put_unit(self.province, city, self.units, "厂")

    def put(self, city=CITY):
        until(PATIENCE, "a write is taken", lambda: self.try_put(city) == "")

    def status_of_node(self):
        return try_node_status(self.province, CITY)

    def city(self, code=CITY):
        return {c["city"]: c for c in self.province.status()["cities"]}[code]

    def await_well(self):
        """Everything is applied, every city is live, nothing is read-only."""
        def well():
            try:
                cities = self.province.status()["cities"]
            except harness.Failure:
                return False
            node = self.status_of_node()
            return (node.get("uplink") == "connected"
                    and node["read_only"] is None
                    and all(c["state"] == "live"
                            and c["applied"] == c["durable"] == c["committed"]
                            for c in cities)
                    and self.city()["committed"] == node["committed"])
        until(PATIENCE, "all is well", well)

    def alarms(self):
        return {a["alarm"] for a in self.province.status()["alarms"]}


def lose(machine):
    machine.kill()
    shutil.rmtree(machine.data)
    (machine.directory / "guard.json").unlink()


def province_unreachable(book):
    book.aggregator.systemctl("stop")
    book.put()
    until(PATIENCE, "the node sees it", lambda: "connected"
          != book.status_of_node()["uplink"])
    said = book.play("node", "province-unreachable")
    assert "uplink: " in said and "uplink: connected" not in said, said
    book.aggregator.systemctl("start")


@contextlib.contextmanager
def small_disk(directory):
    """Its data on a disk of their own; False where nobody may mount one."""
    data = directory / "data"
    aside = directory / "data-aside"
    shutil.copytree(data, aside)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}",
                           "tmpfs", str(data)], check=False,
                          capture_output=True)
    if done.returncode != 0:
        shutil.rmtree(aside)
        yield False
        return
    try:
        shutil.copytree(aside, data, dirs_exist_ok=True)
        yield True
    finally:
        shutil.rmtree(aside)
        shutil.copytree(data, aside)
        subprocess.run(["umount", str(data)], check=True)
        shutil.copytree(aside, data, dirs_exist_ok=True)
        shutil.rmtree(aside)


def disk_full(book):
    dump = book.province.options.dir / "dump"
    (dump / "unit.csv").write_text(
        "AAB001,AAB004,AAB301\nD1,厂,360102\n", encoding="gb18030")
    book.node.systemctl("stop")
    with small_disk(book.node.directory) as mounted:
        ballast = book.node.data / "ballast"
        book.node.systemctl("start")
        if mounted:
            free = shutil.disk_usage(book.node.data).free
            ballast.write_bytes(bytes(free - (50 << 20)))
            until(PATIENCE, "it is refused",
                  lambda: "the disk is full" in book.try_put())
            until(10, "the alarm", lambda: "disk_full" in {
                a["alarm"] for a in book.status_of_node()["alarms"]})
            ballast.unlink()
        else:
            until(PATIENCE, "it serves", book.status_of_node)
        said = book.play("node", "disk-full")
        assert "unit" in said, said
        book.put()
        until(15, "no alarm any more", lambda: "disk_full" not in {
            a["alarm"] for a in book.status_of_node()["alarms"]})
        book.node.systemctl("stop")
    book.node.systemctl("start")
    return "" if mounted else " (without a full one: nothing can be mounted)"


def state_rebuilt(book):
    before = book.status_of_node()["records"]
    said = book.play("node", "state-rebuilt")
    assert str(before) in said, (before, said)
    said = book.play("province", "state-rebuilt")
    assert f"{CITY}南昌市" in said, said
    book.put()


def disk_lost(book):
    before = book.status_of_node()["committed"]
    lose(book.node)
    said = book.play("node", "disk-lost")
    assert "committed" in said, said
    book.await_well()
    assert book.status_of_node()["committed"] == before
    book.put()


def disk_lost_by_hand(book):
    book.await_well()
    lose(book.node)
    book.node.systemctl("start")
    until(PATIENCE, "it serves", book.status_of_node)
    said = book.play("node", "disk-lost-by-hand")
    assert "restore" in said, said
    book.put()


def old_copy_put_back(book):
    """The same commands."""
    book.node.systemctl("stop")
    copy = book.node.directory / "copy"
    shutil.copytree(book.node.data, copy)
    book.node.systemctl("start")
    book.put()
    book.await_well()
    book.node.kill()
    shutil.rmtree(book.node.data)
    copy.rename(book.node.data)
    book.play("node", "disk-lost")
    book.put()


def keys_rotated(book):
    key = book.node.directory / "log-key.pem"
    old = key.read_bytes()
    said = book.play("node", "keys-rotated")
    assert said.startswith(f"tongchou/360000/{CITY}+"), said
    book.put()
    until(PATIENCE, "the new key is in its place", lambda: not
          key.with_name("log-key.pem.next").exists() and
          key.read_bytes() != old)
    book.put()


def make_fork(book):
    """Both sides of it are signed while the province is away."""
    home = book.node.directory
    kept = ("data", "guard.json")

    def sign_alone(name):
        """One more entry that the province does not have; kept as `name`."""
        book.node.systemctl("start")
        until(PATIENCE, "connected", lambda:
              book.status_of_node().get("uplink") == "connected")
        book.aggregator.systemctl("stop")
        book.put()
        size = book.status_of_node()["committed"]
        guard = home / "guard.json"
        until(PATIENCE, "it is signed", lambda:
              f"\\n{size}\\n" in guard.read_text())
        book.node.systemctl("stop")
        book.aggregator.systemctl("start")
        until(PATIENCE, "the province answers", book.province.try_status)
        keep(name)

    def keep(name):
        for one in kept:
            copy = shutil.copytree if one == "data" else shutil.copy
            copy(home / one, home / f"{name}-{one}")

    def put_back(name):
        shutil.rmtree(home / "data")
        for one in kept:
            (home / f"{name}-{one}").replace(home / one)
        # Or else it would be refused as a clone before anybody looks at it.
        book.aggregator.systemctl("stop")
        for _ in range(3):
            book.node.systemctl("start")
            until(PATIENCE, "it serves", book.status_of_node)
            book.node.systemctl("stop")
        book.aggregator.systemctl("start")

    book.node.systemctl("stop")
    keep("before")
    sign_alone("first")
    put_back("before")
    sign_alone("second")
    book.node.systemctl("start")
    book.await_well()
    book.node.systemctl("stop")
    put_back("first")
    book.node.systemctl("start")


def quarantined(book):
    make_fork(book)
    until(PATIENCE, "it is quarantined",
          lambda: book.city()["state"] == "quarantined")
    until(10, "the alarm", lambda: "city_quarantined" in book.alarms())
    before = book.city()["durable"]
    book.play("node", "quarantined")
    book.play("province", "quarantined")
    book.play("node", "quarantine-released")
    book.await_well()
    assert book.city()["durable"] == before
    book.put()


def certificate_renewed(book):
    certificate = book.province.pki / f"node-{CITY}.pem"
    old = certificate.read_text()
    (book.aggregator.desk / f"node-{CITY}-old.pem").write_text(old)
    book.play("province", "certificate-renewed",
              {"--out node-360100": f"--out {book.node.desk}/node-360100",
               "node.nanchang.example": "127.0.0.1"})
    book.play("node", "certificate-renewed")
    assert certificate.read_text() != old
    book.play("province", "certificate-revoked")
    book.await_well()
    book.put()


def administrator_leaves(book):
    add_client(book.province, "zhang", f"city/{CITY}/operator/zhang",
               book.province.cities[0])
    shutil.copy(book.province.pki / "zhang.pem", book.aggregator.desk)
    book.play("province", "administrator-leaves")

    def refused():
        done = subprocess.run(
            [str(a) for a in book.province.client("zhang", "status", "--node",
                                                  book.province.node_address[
                                                      CITY])],
            capture_output=True, text=True, check=False, timeout=60)
        return "revoked" in done.stderr
    until(PATIENCE, "the node refuses him", refused)


def province_disk_lost(book):
    """With a mirror, from now on."""
    trial = Trial(book.province)
    trial.province.issue("mirror", "audit/mirror")
    config = book.aggregator.directory / "aggregator.toml"
    config.write_text(config.read_text() + "\n[mirror]\nrequired = true\n")
    book.aggregator.systemctl("stop")
    trial.start_mirror()
    book.aggregator.systemctl("start")
    book.await_well()

    def kept():
        log = book.province.status()["province_log"]
        return log["mirror"]["size"] == log["signed"] == log["size"]
    until(PATIENCE, "the mirror keeps it", kept)
    before = book.province.status()["province_log"]["signed"]
    lose(book.aggregator)
    said = book.play("province", "province-disk-lost")
    assert "own log:" in said, said
    book.await_well()
    assert book.province.status()["province_log"]["signed"] >= before
    book.put()


def keys_lost(book):
    """The last: the city lives in another directory after it."""
    book.await_well()
    book.node.kill()
    token = book.play("province", "keys-lost").strip().splitlines()[-1]
    address = book.province.node_address[CITY]
    new = book.province.options.dir / "new-machine"
    new.mkdir()
    book.node.directory = new
    book.play("node", "keys-lost", {
        "TOKEN": token, "node.nanchang.example":
        f"localhost --listen {address}"})
    book.put()


PROCEDURES = (province_unreachable, state_rebuilt, disk_full, disk_lost,
              disk_lost_by_hand, old_copy_put_back, keys_rotated, quarantined,
              certificate_renewed, administrator_leaves, province_disk_lost,
              keys_lost)


def main():
    options = harness.options("runbook", synthetic=True)
    province = harness.quickstart.Province(options, [Folder(CITY),
                                                     Folder(OTHER)])
    province.make_certificates()
    province.configure()
    book = Runbook(province)
    try:
        book.aggregator.systemctl("start")
        book.node.systemctl("start")
        province.start(OTHER, "tongchou-node",
                       options.dir / f"city-{OTHER}" / "node.toml")
        book.put()
        book.put(OTHER)
        book.await_well()
        for procedure in PROCEDURES:
            started = time.monotonic()
            note = procedure(book) or ""
            book.await_well()
            print(f"ok: {procedure.__name__.replace('_', ' ')}{note}: "
                  f"{time.monotonic() - started:.1f} s", flush=True)
        missing = set(book.blocks) - book.played
        assert not missing, f"{DOCUMENT}: nobody plays {missing}"
    finally:
        province.stop()
        for machine in (book.node, book.aggregator):
            with contextlib.suppress(OSError, ValueError):
                os.kill(machine.pid, signal.SIGTERM)
    shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
