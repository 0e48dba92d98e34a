"""deploy/nftables: what one address may hold and open is bounded, and others do
not notice.

A province in a network namespace of its own, with two neighbours in theirs, each
at the other end of a cable; one of them floods. Skipped where the machine has no
namespaces or no nftables.
"""

import contextlib
import ctypes
import json
import os
import re
import shutil
import socket
import subprocess
import sys

import harness
from harness import Folder, put_unit, tongchou, until

FILTER = harness.ROOT / "deploy" / "nftables" / "tongchou.nft"
DOCUMENT = harness.ROOT / "docs" / "operations.md"
BLOCK = re.compile(r"```sh packet-filter\n(.*?)^```$", re.M | re.S)
SKIPPED = 77
OWN_NAMESPACE = ("unshare", "--map-root-user", "--net")
CLONE_NEWNET = 0x40000000
CITY = "360100"
AGGREGATOR, NODE, DOOR = 7000, 7001, 7002
# As in the file.
HELD, BURST = 256, 200
# Less than a server waits for a certificate.
FILL_SECONDS = 8
FREED_SECONDS = 20


def run(*command):
    done = subprocess.run([str(part) for part in command], text=True,
                          capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def why_not():
    """Why this machine cannot run the test; empty when it can."""
    for program in ("nft", "ip"):
        if shutil.which(program) is None:
            return f"{program}: run deploy/install-packages tests/packages.txt"
    done = subprocess.run(
        [*OWN_NAMESPACE, "sh", "-ec",
         "ip link add one type veth peer name two; "
         "nft add table inet one; nft add chain inet one two; "
         "nft add rule inet one two ct count 1 accept"],
        text=True, capture_output=True, check=False, timeout=60)
    if done.returncode == 0:
        return ""
    return done.stderr.partition("\n")[0] or "no network namespaces here"


class Neighbour:
    """Another machine. On its cable our addresses end in 1, its own in 2."""

    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    def __init__(self, number):
        self.host = f"10.77.{number}.1"
        self.host6 = f"fd77:{number}::1"
        self.call("unshare", CLONE_NEWNET)
        self.namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.call("setns", self.home, CLONE_NEWNET)
        run("ip", "link", "add", f"cable{number}", "type", "veth", "peer",
            "name", "cable", "netns",
            f"/proc/{os.getpid()}/fd/{self.namespace}")
        self.plug(f"cable{number}", self.host, self.host6)
        with self.inside():
            self.plug("cable", f"10.77.{number}.2", f"fd77:{number}::2")
            run("ip", "route", "add", "default", "via", self.host)

    def call(self, name, *arguments):
        assert getattr(self.libc, name)(*arguments) == 0, (
            name, os.strerror(ctypes.get_errno()))

    @staticmethod
    def plug(device, address, address6):
        run("ip", "link", "set", device, "up")
        run("ip", "address", "add", f"{address}/24", "dev", device)
        run("ip", "address", "add", f"{address6}/64", "dev", device, "nodad")

    @contextlib.contextmanager
    def inside(self):
        """Sockets and processes that are made meanwhile are the neighbour's."""
        self.call("setns", self.namespace, CLONE_NEWNET)
        try:
            yield
        finally:
            self.call("setns", self.home, CLONE_NEWNET)

    def connect(self, port, host, source=None):
        """A connection, or None when it was refused."""
        with self.inside():
            try:
                return socket.create_connection(
                    (host, port), 5, source and (source, 0))
            except ConnectionRefusedError:
                return None


class Flood:
    """Connections of a neighbour to one port, kept."""

    def __init__(self, neighbour, port, host):
        self.neighbour, self.port, self.host = neighbour, port, host
        self.held = []

    def knock(self, times):
        """How often it was refused."""
        made = [self.neighbour.connect(self.port, self.host)
                for _ in range(times)]
        self.held += [one for one in made if one is not None]
        return made.count(None)

    def fill(self):
        """As many as there may be, slowly."""
        def full():
            self.knock(1)
            return len(self.held) == HELD
        until(FILL_SECONDS, "as many as there may be", full)

    def release(self, count):
        for one in self.held[:count]:
            one.close()
        del self.held[:count]

    def run(self):
        """Fast ones are refused, then those that are too many; both counted.
        How many were refused."""
        fast = self.knock(2 * BURST)
        assert len(self.held) >= BURST and fast > 0, (len(self.held), fast)
        assert refused() == {"too_fast": fast, "too_many": 0}
        self.fill()
        before = refused()
        assert self.knock(10) == 10
        assert refused() == before | {"too_many": before["too_many"] + 10}
        return fast + 10


def load():
    """And so begins to count anew."""
    run("nft", "--check", "--file", FILTER)
    run("nft", "--file", FILTER)


def listed(kind, *what):
    answer = json.loads(run("nft", "--json", "list", *what))["nftables"]
    return {entry[kind]["name"]: entry[kind] for entry in answer
            if kind in entry}


def refused():
    counters = listed("counter", "counters", "table", "inet", "tongchou")
    return {name: counter["packets"] for name, counter in counters.items()}


def holders():
    """Addresses that are known to hold connections."""
    sets = listed("set", "table", "inet", "tongchou")
    return [held["elem"] for name, held in sets.items()
            if name.startswith("held") and "elem" in held]


def check_tables():
    """Loaded twice it stands there once, and nobody else's is touched."""
    run("nft", "add table inet other; add chain inet other own; "
        "add rule inet other own counter drop")
    other = run("nft", "list", "table", "inet", "other")
    load()
    once = run("nft", "list", "ruleset")
    load()
    assert run("nft", "list", "ruleset") == once
    assert run("nft", "list", "tables").split("\n")[:-1] == [
        "table inet other", "table inet tongchou"]
    assert run("nft", "list", "table", "inet", "other") == other
    run("nft", "flush", "ruleset")
    print("ok: one table, however often it is loaded", flush=True)


def check_document(home):
    """The commands in docs/operations.md, with another folder than /etc."""
    commands = BLOCK.search(DOCUMENT.read_text()).group(1)
    path, etc = home / "path", home / "etc"
    path.mkdir()
    etc.mkdir()
    shutil.copy("/etc/nftables.conf", etc)
    for name, line in (("apt-get", "true"),
                       ("systemctl", f"nft --file {etc}/nftables.conf")):
        (path / name).write_text(f"#!/bin/sh\n{line}\n")
        (path / name).chmod(0o755)
    subprocess.run(["bash", "-euc", commands.replace("/etc/", f"{etc}/")],
                   cwd=harness.ROOT, check=True, timeout=60,
                   env=os.environ | {"PATH": f"{path}:{os.environ['PATH']}"})
    assert refused() == {"too_fast": 0, "too_many": 0}
    run("nft", "flush", "ruleset")
    print("ok: the commands of the document", flush=True)


def check_plain(flooding, other):
    """A port where somebody only listens, over IPv6, where a neighbour has more
    than one address. What was connected before the table was there goes on."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(
            ("::", DOOR), family=socket.AF_INET6, backlog=2 * HELD + 2 * BURST))
        near = stack.enter_context(flooding.connect(DOOR, flooding.host6))
        far = stack.enter_context(server.accept()[0])
        load()
        for _ in range(2 * BURST):  # from this machine
            stack.enter_context(socket.create_connection(("::1", DOOR)))
        flood = Flood(flooding, DOOR, flooding.host6)
        stack.callback(lambda: flood.release(HELD))
        count = flood.run()
        with flooding.inside():
            run("ip", "address", "add", "fd77:1::3/64", "dev", "cable", "nodad")
        assert flooding.connect(DOOR, flooding.host6, "fd77:1::3") is None
        near.sendall(b"still here")
        assert far.recv(100) == b"still here"
        stack.enter_context(other.connect(DOOR, other.host6))
    print(f"ok: IPv6: {count} refused", flush=True)


def check_province(province, flooding, other):
    """The node and the aggregator: another address and this machine go on, and
    the flood has its places again, some or all."""
    asked = (("put", lambda: put_unit(province, CITY, 1)),
             ("status", lambda: tongchou(province, "officer", "status")))
    for port, (name, ask) in zip((NODE, AGGREGATOR), asked):
        load()
        flood = Flood(flooding, port, flooding.host)
        count = flood.run()
        with other.inside():
            ask()
        ask()
        flood.release(10)
        flood.fill()
        assert flood.knock(5) == 5
        load()
        assert len(listed("table", "tables")) == 1
        print(f"ok: {name}: {count} refused", flush=True)
        flood.release(HELD)


def check_freed(province, flooding):
    """Whoever flooded is served once it ends, and not remembered."""
    load()
    flood = Flood(flooding, NODE, flooding.host)
    flood.run()
    flood.release(HELD)
    with flooding.inside():
        put_unit(province, CITY, 2)
    until(FREED_SECONDS, "it is forgotten", lambda: not holders())
    print("ok: served again, and forgotten", flush=True)


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if sys.argv[1:] != ["inside"]:
        reason = why_not()
        if reason:
            print(f"skipped: {reason}", flush=True)
            sys.exit(SKIPPED)
        os.execvp(OWN_NAMESPACE[0], [*OWN_NAMESPACE, sys.executable, __file__,
                                     "inside"])
    run("ip", "link", "set", "lo", "up")
    flooding, other = Neighbour(1), Neighbour(2)
    options = harness.options("connection-limits", synthetic=True)
    check_tables()
    check_document(options.dir)
    check_plain(flooding, other)
    province = harness.quickstart.Province(options, [Folder(CITY)])
    province.aggregator_address = f"{flooding.host}:{AGGREGATOR}"
    province.node_address[CITY] = f"{flooding.host}:{NODE}"
    province.make_certificates()
    province.configure()
    try:
        province.start_all()
        check_province(province, flooding, other)
        check_freed(province, flooding)
    finally:
        province.stop()
    shutil.rmtree(options.dir)


if __name__ == "__main__":
    main()
