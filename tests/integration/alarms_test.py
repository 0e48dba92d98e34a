"""The quiet failures, planted one by one in real processes: a stalled applier,
a stalled journal, a stalled writer of a node, a node that stands still, a node
in whose place somebody with its certificate greets. Each is to be seen in status,
log, metrics and health, and to end by itself; a province under load, one that
rebuilds and a node that brings its log back raise none. Prints how long noticing
took.
"""

import itertools
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import grpc

import harness
import rpc
from harness import node_status, put_unit, until
from restore_test import City, is_connected
from rpc import exchange_pb2, query_pb2
from threads import held

DAY = "2008-10-31"
PERSONS = 20_000
NOTICE_SECONDS = 10  # promised
ENDS_SECONDS = 12
SILENT_SECONDS = 90
CITY_SILENT_SECONDS = 60  # common/alarms/alarm.h
UNSIGNED = "its node signs no start: upgrade it"
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"
# Where the test runs the disk is rarely encrypted.
ALWAYS = {"data_not_encrypted"}


class Program:
    """One of the programs, as its operator sees it."""

    def __init__(self, province, name):
        self.province = province
        self.name = name
        folder = "province" if name == "aggregator" else f"city-{name}"
        self.directory = province.options.dir / folder
        self.config = self.directory / (
            "aggregator.toml" if name == "aggregator" else "node.toml")
        self.ops = harness.quickstart.free_ports(1)[0]
        self.config.write_text(f'ops_listen = "127.0.0.1:{self.ops}"\n'
                               + self.config.read_text())

    @property
    def pid(self):
        return self.province.processes[self.name][0].pid

    def alarms(self):
        """Names of the alarms that are on, but for those of the machine."""
        if self.name == "aggregator":
            found = self.province.status()["alarms"]
        else:
            found = node_status(self.province, self.name)["alarms"]
        return {a["alarm"] for a in found} - ALWAYS

    def get(self, path):
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.ops}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    def metric(self, alarm):
        lines = [l for l in self.get("/metrics")[1].splitlines()
                 if l.startswith("tongchou_alarm{") and f'"{alarm}"' in l]
        assert len(lines) == 1, (alarm, lines)
        return float(lines[0].split()[-1])

    def grpc_health(self):
        """What grpc.health.v1 answers."""
        address = (self.province.aggregator_address
                   if self.name == "aggregator"
                   else self.province.node_address[self.name])
        pki = self.province.pki
        who = ("officer" if self.name == "aggregator"
               else f"operator-{self.name}")
        done = subprocess.run(
            ["curl", "-s", "--http2", "--cacert", pki / "ca.pem", "--cert",
             pki / f"{who}.pem", "--key", pki / f"{who}-key.pem", "-H",
             "content-type: application/grpc", "-H", "te: trailers",
             "--data-binary", "@-",
             f"https://{address}/grpc.health.v1.Health/Check"],
            input=bytes(5), capture_output=True, check=True, timeout=20)
        return done.stdout[5:]

    def said(self, words):
        text = (self.directory / "log.txt").read_text(errors="replace")
        return [line for line in text.splitlines() if words in line]

    def began(self):
        """Every alarm that its log says began."""
        return {line.split("alarm begins: ")[1].split()[0]
                for line in self.said("alarm begins: ")} - ALWAYS

    def expect(self, alarm, is_on):
        assert self.metric(alarm) == (1 if is_on else 0), alarm
        assert self.get("/healthz")[0] == (503 if is_on else 200), alarm
        assert self.get("/readyz")[0] == (503 if is_on else 200), alarm
        assert self.grpc_health() == (NOT_SERVING if is_on else SERVING)

    def expect_ends(self, alarm):
        until(ENDS_SECONDS, f"{alarm} ends",
              lambda: alarm not in self.alarms())
        self.expect(alarm, False)
        assert len(self.said(f"alarm begins: {alarm} ")) == 1
        assert len(self.said(f"alarm ends: {alarm} ")) == 1


class Put:
    """One write that may have to wait."""

    def __init__(self, province, code, unit):
        self.thread = threading.Thread(target=put_unit,
                                       args=(province, code, unit))
        self.thread.start()

    def join(self):
        self.thread.join(30)
        assert not self.thread.is_alive()


class Impostor:
    """Has a city's certificate and what everybody can read of its log, but not
    the log's key. Greets every second as a later start of its node."""

    def __init__(self, province, code):
        address = province.aggregator_address
        with rpc.connect(province, "officer", address) as officer:
            status = officer.unary_unary(
                "/tongchou.v1.Query/GetStatus",
                request_serializer=query_pb2.GetStatusRequest.SerializeToString,
                response_deserializer=query_pb2.GetStatusResponse.FromString)(
                    query_pb2.GetStatusRequest())
        [self.city] = [c for c in status.cities if c.city == int(code)]
        self.channel = rpc.connect(province, f"node-{code}", address)
        self.greetings = 0
        self.ends = set()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def greet(self, start):
        """How it ended."""
        hello = exchange_pb2.Hello(
            protocol_version=1, origin=self.city.origin,
            committed_size=self.city.durable_size, start=start,
            incarnation=exchange_pb2.Incarnation(counter=1_000, nonce=1))
        stream = self.channel.stream_stream(
            "/tongchou.v1.Exchange/Replicate",
            request_serializer=exchange_pb2.NodeMessage.SerializeToString,
            response_deserializer=exchange_pb2.ProvinceMessage.FromString)(
                iter([exchange_pb2.NodeMessage(hello=hello)]))
        try:
            return None, str(list(stream))
        except grpc.RpcError as error:
            return error.code(), error.details()

    def run(self):
        # As an earlier release would; and what the city signed, but not for
        # this.
        for start in itertools.cycle(["", self.city.checkpoint]):
            self.ends.add(self.greet(start))
            self.greetings += 1
            if self.done.wait(1):
                return

    def stop(self):
        self.done.set()
        self.thread.join(30)
        assert not self.thread.is_alive()
        self.channel.close()
        unsigned, other = sorted(self.ends, key=lambda end: end[0].name,
                                 reverse=True)
        assert unsigned[0] == grpc.StatusCode.PERMISSION_DENIED, unsigned
        assert UNSIGNED in unsigned[1], unsigned
        assert other[0] == grpc.StatusCode.INVALID_ARGUMENT, other
        assert "start: another first line" in other[1], other
        assert self.greetings > CITY_SILENT_SECONDS / 2, self.greetings


def check_healthy(province, programs, folders):
    """Import, rebuild, a lost disk: behind, but getting on."""
    province.wait_applied(province.import_all())
    process, _ = province.processes.pop("aggregator")
    process.terminate()
    assert process.wait(30) == 0
    shutil.rmtree(programs["aggregator"].directory / "data" / "state")
    province.start("aggregator", "tongchou-aggregator",
                   programs["aggregator"].config)
    until(60, "it rebuilds", lambda: province.try_status() != [])
    city = City(province, folders[0].code)
    city.kill()
    shutil.rmtree(city.directory / "data")
    (city.directory / "guard.json").unlink()
    city.start()
    city.wait_for("the log is back", is_connected)
    province.wait_applied([])
    for name, program in programs.items():
        assert program.began() == set(), (name, program.began())
        assert program.alarms() == set(), (name, program.alarms())
        program.expect("watch_stalled", False)
    print("ok: load, rebuild and a log brought back raise no alarm")


def check_stalled_applier(province, programs, code):
    aggregator = programs["aggregator"]
    with held(aggregator.pid, "apply-read", "apply-work"):
        put_unit(province, code, "81")
        took = until(NOTICE_SECONDS, "apply_stalled",
                     lambda: "apply_stalled" in aggregator.alarms())
        until(3, "health follows",
              lambda: aggregator.get("/healthz")[0] == 503)
        aggregator.expect("apply_stalled", True)
        text = harness.run(province.client("officer", "status"))
        assert "ALARM apply_stalled, critical, since " in text, text
        assert "do: " in text, text
        assert max(harness.quickstart.width(line)
                   for line in text.splitlines()) <= 80, text
    aggregator.expect_ends("apply_stalled")
    province.wait_applied([])
    print(f"ok: a stalled applier is noticed after {took:.1f} s")


def check_stalled_journal(province, programs, code):
    """The node sees it too, and that is not the node's fault."""
    aggregator, node = programs["aggregator"], programs[code]
    with held(aggregator.pid, "journal"):
        put_unit(province, code, "82")
        took = until(NOTICE_SECONDS, "journal_stalled",
                     lambda: "journal_stalled" in aggregator.alarms())
        until(3, "send_stalled", lambda: "send_stalled" in node.alarms())
        aggregator.expect("journal_stalled", True)
        assert node.get("/healthz")[0] == 200
        assert node.grpc_health() == SERVING
    aggregator.expect_ends("journal_stalled")
    until(ENDS_SECONDS, "send_stalled ends", lambda: node.alarms() == set())
    print(f"ok: a stalled journal is noticed after {took:.1f} s")


def check_stalled_node(province, programs, code):
    node = programs[code]
    with held(node.pid, "commit"):
        write = Put(province, code, "83")
        took = until(NOTICE_SECONDS, "commit_stalled",
                     lambda: "commit_stalled" in node.alarms())
        until(3, "health follows", lambda: node.get("/healthz")[0] == 503)
        node.expect("commit_stalled", True)
    write.join()
    node.expect_ends("commit_stalled")
    print(f"ok: a stalled writer is noticed after {took:.1f} s")


def silent_cities(province):
    """What is said of each."""
    return {a["city"]: a["text"] for a in province.status()["alarms"]
            if a["alarm"] == "city_silent"}


def check_silent_cities(province, programs, code, stolen, impostor, started):
    """One stands still as a whole, its connection is open; in the place of the
    other somebody greets."""
    aggregator = programs["aggregator"]
    until(SILENT_SECONDS, "city_silent",
          lambda: len(silent_cities(province)) == 2)
    took = time.monotonic() - started
    said = silent_cities(province)
    assert set(said) == {code, stolen}, said
    assert "the start of its node" in said[stolen] or (
        UNSIGNED in said[stolen]), said
    assert aggregator.get("/healthz")[0] == 200
    # Beside the impostor, whose later starts count for nothing.
    City(province, stolen).start()
    until(ENDS_SECONDS, "who is back is heard",
          lambda: set(silent_cities(province)) == {code})
    node = programs[stolen]
    states = len(node.said("uplink: province="))
    heard = impostor.greetings + 4
    until(ENDS_SECONDS, "he greets on", lambda: impostor.greetings > heard)
    assert len(node.said("uplink: province=")) == states, "its stream ended"
    assert node.said("a clone") == []
    impostor.stop()
    province.processes[code][0].send_signal(signal.SIGCONT)
    until(ENDS_SECONDS, "city_silent ends",
          lambda: aggregator.alarms() == set())
    until(30, "its node is well", lambda: programs[code].alarms() == set())
    print(f"ok: silent cities are noticed after {took:.1f} s")


def main():
    options = harness.options("alarms", synthetic=True, clock=DAY)
    options.data = options.dir / "input"
    harness.run([harness.BIN / "tongchou", "generate", "--out", options.data,
                 "--persons", PERSONS, "--clock", DAY])
    folders = sorted(options.data.iterdir())[:3]
    for folder in set(options.data.iterdir()) - set(folders):
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    cities = harness.cities(options)
    province = harness.quickstart.Province(options, cities)
    province.make_certificates()
    province.configure()
    programs = {name: Program(province, name)
                for name in ["aggregator", *(c.code for c in cities)]}
    try:
        province.start_all()
        check_healthy(province, programs, cities)
        # Where the others write; the last one falls silent meanwhile, and the
        # certificate of the one before it is stolen.
        code, stolen, silent = (c.code for c in cities)
        City(province, stolen).stop()
        impostor = Impostor(province, stolen)
        province.processes[silent][0].send_signal(signal.SIGSTOP)
        started = time.monotonic()
        check_stalled_applier(province, programs, code)
        check_stalled_journal(province, programs, code)
        check_stalled_node(province, programs, code)
        check_silent_cities(province, programs, silent, stolen, impostor,
                            started)
        province.wait_applied([])
        audit = province.audit()
        assert audit["verdict"] == "clean", audit["findings"][:5]
    finally:
        for process, _ in province.processes.values():
            process.send_signal(signal.SIGCONT)
        province.stop()
    shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
