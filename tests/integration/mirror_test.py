"""A province that lost its disk, or was put back from an old copy, with a
mirror of its own log.

Real processes, killed while the cities write. Without the mirror nothing is
taken after a start and no head is shown; with it the own log comes back, the
same key goes on, the cities send their entries again and cosign, and the
auditor, with the old key and an earlier copy, finds nothing. A mirror that
holds less than was signed is refused. Prints how long coming back took.
"""

import contextlib
import json
import shutil
import subprocess
import threading
import time
import urllib.request

import harness
from harness import Folder, node_status, put_unit, until

SECONDS = 40


class Writer:
    """Puts units at one city, one after the other, until it is stopped."""

    def __init__(self, province, code):
        self.province = province
        self.code = code
        self.count = 0

    def put(self):
        self.count += 1
        put_unit(self.province, self.code, f"{self.code}{self.count}")

    @contextlib.contextmanager
    def going_on(self):
        stop = threading.Event()

        def work():
            while not stop.is_set():
                self.put()
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


class Trial:
    """The province, its mirror, and what has to hold of both."""

    def __init__(self, province):
        self.province = province
        self.directory = province.options.dir / "province"
        self.data = self.directory / "data"
        self.policy = province.options.dir / "audit" / "policy.toml"
        self.ops = harness.quickstart.free_ports(1)[0]
        self.writers = [Writer(province, c.code) for c in province.cities]

    def configure(self):
        self.province.issue("mirror", "audit/mirror")
        self.province.issue("admin", "province/admin/root")
        self.province.client_config("admin", None)
        path = self.directory / "aggregator.toml"
        path.write_text(f'ops_listen = "127.0.0.1:{self.ops}"\n'
                        + path.read_text() + "\n[mirror]\nrequired = true\n")

    def start_aggregator(self):
        self.province.start("aggregator", "tongchou-aggregator",
                            self.directory / "aggregator.toml")
        until(SECONDS, "the aggregator answers",
              lambda: self.province.try_status() != [])

    def start_mirror(self, name="mirror"):
        pki = self.province.pki
        folder = self.province.directory(name)
        self.province.processes[name] = (
            subprocess.Popen(
                [str(a) for a in (
                    harness.BIN / "tongchou-audit", "mirror", "--dir",
                    folder / "data", "--policy", self.policy, "--aggregator",
                    self.province.aggregator_address, "--ca", pki / "ca.pem",
                    "--cert", pki / "mirror.pem", "--key",
                    pki / "mirror-key.pem")],
                stdout=open(folder / "log.txt", "ab"),
                stderr=subprocess.STDOUT),
            folder / "log.txt")

    def kill(self, name):
        process, _ = self.province.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name):
        process, _ = self.province.processes.pop(name)
        process.terminate()
        assert process.wait(30) == 0

    def own_log(self):
        return self.province.status()["province_log"]

    def node(self, code):
        return node_status(self.province, code)

    def metric(self, name):
        text = urllib.request.urlopen(
            f"http://127.0.0.1:{self.ops}/metrics", timeout=10).read().decode()
        line = next(l for l in text.splitlines() if l.startswith(name + " "))
        return float(line.split()[1])

    def put_all(self, count):
        for writer in self.writers:
            for _ in range(count):
                writer.put()

    def wait_settled(self):
        """Everything is taken, shown, and cosigned by both cities."""
        self.province.wait_applied([])

        def cosigned():
            log = self.own_log()
            return (log["problem"] is None and log["signed"] == log["size"]
                    and len(log["witnesses"]) == len(self.province.cities)
                    and all(w["size"] == log["size"]
                            for w in log["witnesses"]))
        until(SECONDS, "the cities cosign the newest head", cosigned)

    def check_audit(self):
        """The copy is continued; the key is the one pinned at the start."""
        self.province.fetch_logs()
        found = json.loads(self.province.check_logs("replay"))
        assert found["verdict"] == "clean", found["findings"][:5]
        return found["province_entries"]


def check_nothing_without_the_mirror(trial):
    for city in trial.province.cities:
        trial.province.start(
            city.code, "tongchou-node",
            trial.province.options.dir / f"city-{city.code}" / "node.toml")
    code = trial.province.cities[0].code
    until(SECONDS, "the node is told why",
          lambda: "mirror" in trial.node(code)["uplink"])
    refusal = put_unit(trial.province, code, "1", status=1)
    assert "has not said yet" in refusal, refusal
    log = trial.own_log()
    assert log["size"] == log["signed"] == 0 and "mirror" in log["problem"], log
    assert trial.metric("tongchou_province_log_signed") == 0
    done = subprocess.run(
        [str(a) for a in trial.province.client(
            "officer", "list", "unit", "--purpose", "casework", "--document",
            "S1")], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "held" in done.stderr, done.stderr
    trial.start_mirror()
    for city in trial.province.cities:
        until(SECONDS, "the node is welcome",
              lambda: trial.node(city.code)["uplink"] == "connected")
    trial.put_all(5)
    trial.wait_settled()
    until(SECONDS, "the metrics say it", lambda: trial.metric(
        "tongchou_province_log_signed") == 1 and trial.metric(
            "tongchou_province_mirror_entries") == trial.own_log()["signed"])
    trial.check_audit()
    print("ok: nothing is taken after a start before the mirror is there")


def check_no_head_without_the_mirror(trial):
    before = trial.own_log()["signed"]
    trial.kill("mirror")
    trial.put_all(5)
    trial.province.wait_applied([])
    until(SECONDS, "the status says it",
          lambda: "away" in (trial.own_log()["problem"] or ""))
    log = trial.own_log()
    assert before <= log["signed"] < log["size"], log
    until(SECONDS, "the metric says it",
          lambda: trial.metric("tongchou_province_log_signed") == 0)
    text = harness.run(trial.province.client("officer", "status"))
    assert "away for" in text and "kept by the mirror" in text, text
    for city in trial.province.cities:
        assert trial.node(city.code)["province_log"] == log["signed"]
    trial.start_mirror()
    trial.wait_settled()
    trial.check_audit()
    print("ok: entries are taken, no head is shown while the mirror is away")


def check_comes_back(trial, what, lose):
    """Killed while the cities write; `lose` does something to the disk. What
    was in no head yet may be lost: at most a second."""
    known = trial.own_log()
    durable = {c["city"]: c["durable"] for c in trial.province.status()["cities"]}
    with contextlib.ExitStack() as writing:
        for writer in trial.writers:
            writing.enter_context(writer.going_on())
        until(SECONDS, "the log grows while it is killed",
              lambda: trial.own_log()["signed"] > known["signed"] + 5)
        trial.kill("aggregator")
        lose()
        started = time.monotonic()
        trial.start_aggregator()
        until(SECONDS, "the own log is whole again",
              lambda: trial.own_log()["problem"] is None
              and trial.own_log()["size"] > known["signed"])
        took = time.monotonic() - started
        until(SECONDS, "the cities are back", lambda: all(
            c["durable"] >= durable[c["city"]]
            for c in trial.province.status()["cities"]))
    trial.wait_settled()
    entries = trial.check_audit()
    assert entries > known["signed"], (entries, known)
    print(f"ok: {what}: {known['signed']} entries of the own log back in "
          f"{took:.1f} s, {entries} now, the audit is clean")


def lose_data(trial):
    shutil.rmtree(trial.data)


def lose_data_and_guard(trial):
    shutil.rmtree(trial.data)
    (trial.directory / "guard.json").unlink()


def put_old_copy_back(trial):
    shutil.rmtree(trial.data)
    shutil.copytree(trial.directory / "old", trial.data)


def keep_old_copy(trial):
    trial.stop("aggregator")
    shutil.copytree(trial.data, trial.directory / "old")
    trial.start_aggregator()
    trial.wait_settled()


def check_revoked(trial):
    done = subprocess.run(
        [str(a) for a in trial.province.client("stolen", "status")],
        capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "revoked" in done.stderr, done.stderr


def revoke_one(trial):
    trial.province.issue("stolen", "province/officer/stolen")
    trial.province.client_config("stolen", None)
    harness.run(trial.province.client(
        "admin", "city", "revoke", trial.province.pki / "stolen.pem",
        "--reason", "x"))
    check_revoked(trial)


def check_shorter_mirror(trial):
    """An empty mirror beside an empty disk: the guard knows better."""
    trial.wait_settled()
    known = trial.own_log()
    trial.kill("mirror")
    trial.kill("aggregator")
    lose_data(trial)
    trial.start_aggregator()
    trial.start_mirror("empty")
    log = trial.province.options.dir / "empty" / "log.txt"
    until(SECONDS, "the empty mirror is refused",
          lambda: "not the newest mirror" in log.read_text())
    assert trial.own_log()["size"] == 0, trial.own_log()
    trial.kill("empty")
    trial.start_mirror()
    trial.wait_settled()
    assert trial.own_log()["signed"] > known["signed"]
    trial.check_audit()
    print("ok: a mirror that holds less than was signed is refused")


def main():
    options = harness.options("mirror", synthetic=True)
    province = harness.quickstart.Province(
        options, [Folder("360100"), Folder("360200")])
    province.make_certificates()
    province.configure()
    trial = Trial(province)
    trial.configure()
    try:
        trial.start_aggregator()
        check_nothing_without_the_mirror(trial)
        check_no_head_without_the_mirror(trial)
        revoke_one(trial)
        keep_old_copy(trial)
        check_comes_back(trial, "an empty disk", lambda: lose_data(trial))
        check_revoked(trial)
        check_comes_back(trial, "an old copy",
                         lambda: put_old_copy_back(trial))
        check_comes_back(trial, "an empty disk and no guard",
                         lambda: lose_data_and_guard(trial))
        check_revoked(trial)
        check_shorter_mirror(trial)
        trial.stop("mirror")
    finally:
        province.stop()
    shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
