"""Releases that know different types of records, over the same data.

The older programs know no vacancies and no industry of a unit. A newer node
sends both to an older aggregator: they are stored, hashed, served to auditors
of either release and not interpreted, and status says so. The same disk under
a newer aggregator, and again under the older one. An older node under a newer
aggregator, and on the disk of a newer one. Then every store says that it is of
a newer format than any: each program refuses it in one line and leaves it as
it is. An older aggregator takes a node's word for its start. A node that signs
neither that nor heartbeats is refused by a newer one, which says so; it works on,
and what it wrote comes once it is upgraded.
"""

import json
import shutil
import subprocess

import harness
from harness import Folder, until

NEWER, OLDER = "360100", "360200"  # release of the node
UNSIGNED = "its node signs no start: upgrade it"
SECONDS = 60


class Trial:
    def __init__(self, province):
        self.province = province
        self.dir = province.options.dir
        self.policy = self.dir / "audit" / "policy.toml"

    def config(self, name):
        return (self.dir / "province" / "aggregator.toml"
                if name == "aggregator"
                else self.dir / f"city-{name}" / "node.toml")

    def restart(self, name, release):
        self.stop(name)
        self.start(name, release)
        until(SECONDS, f"{name} is back", self.settled)

    def start(self, name, release):
        program = ("tongchou-aggregator" if name == "aggregator"
                   else "tongchou-node")
        self.province.start(name, program + release, self.config(name))

    def stop(self, name):
        process, _ = self.province.processes.pop(name)
        process.terminate()
        assert process.wait(30) == 0

    def settled(self):
        self.province.check_processes()
        cities = self.province.try_status()
        return len(cities) == 2 and all(
            c["state"] == "live"
            and c["applied"] == c["durable"] == c["committed"]
            for c in cities)

    def put(self, code, *record):
        harness.run(self.province.client(f"operator-{code}", "put", *record))

    def put_unit(self, code, name):
        self.put(code, "unit", f"AAB001={name}", "AAB004=x", "AAB022=C",
                 "AAB065=1", "AAB083=7", f"AAB301={code[:4]}02")

    def put_vacancy(self, code, number):
        self.put(code, "vacancy", f"ACB210={number}", "ACB21D=3",
                 f"AAB301={code[:4]}02")

    def uninterpreted(self):
        until(SECONDS, "all is applied", self.settled)
        return {c["city"]: c["uninterpreted"]
                for c in self.province.status()["cities"]}

    def status_text(self):
        return harness.run(self.province.client("officer", "status"))

    def get(self, *name):
        """A record at the province, field code to value."""
        answer = json.loads(harness.run(self.province.client(
            "officer", "--format", "json", "list", *name, "--purpose", "audit",
            "--document", "1")))
        return [record["fields"] for record in answer["records"]]

    def heads(self):
        """K5: what the units with AAB065 say under AAB083."""
        figures = self.province.indicators()["indicators"]
        return sum(f["value"] or 0 for f in figures
                   if f["id"] == "K5.heads" and f["city"] and not f["county"])

    def audit(self, release):
        copy = self.dir / "audit" / f"copy{release}"
        shutil.rmtree(copy, ignore_errors=True)
        pki = self.province.pki
        program = harness.BIN / f"tongchou-audit{release}"
        harness.run([program, "fetch", "--dir", copy, "--policy", self.policy,
                     "--aggregator", self.province.aggregator_address, "--ca",
                     pki / "ca.pem", "--cert", pki / "auditor.pem", "--key",
                     pki / "auditor-key.pem"])
        harness.run([program, "replay", "--dir", copy, "--policy",
                     self.policy])

    def audit_by_both(self):
        self.audit("")
        self.audit("-older")


def newer_node_and_older_aggregator(trial):
    trial.put_unit(NEWER, "U1")
    trial.put_vacancy(NEWER, "V1")
    trial.put_vacancy(NEWER, "V2")
    trial.put_vacancy(NEWER, "V1")
    assert trial.uninterpreted() == {NEWER: 2, OLDER: 0}
    assert "2 entries could not be interpreted; update the aggregator" in (
        trial.status_text())
    [unit] = trial.get("unit", "AAB001=U1")
    assert unit["AAB083"] == "7" and "AAB022" not in unit, unit
    assert trial.heads() == 7
    trial.audit_by_both()
    print("ok: an older aggregator keeps what it does not know")


def aggregator_upgraded(trial):
    trial.restart("aggregator", "")
    assert trial.uninterpreted() == {NEWER: 0, OLDER: 0}
    assert "interpreted" not in trial.status_text()
    [unit] = trial.get("unit", "AAB001=U1")
    assert unit["AAB083"] == "7" and unit["AAB022"] == "C", unit
    numbers = {v["ACB210"] for v in trial.get("vacancy")}
    assert numbers == {"V1", "V2"}, numbers
    assert trial.heads() == 7
    trial.audit_by_both()
    print("ok: a newer one on the same disk interprets it")


def older_node_and_newer_aggregator(trial):
    trial.put_unit(NEWER, "U2")
    try:
        trial.put_vacancy(OLDER, "V3")
        raise AssertionError("an older node took a type that it cannot know")
    except harness.Failure as refused:
        assert "vacancy" in str(refused) or "type" in str(refused), refused
    harness.run(trial.province.client(
        f"operator-{OLDER}", "put", "unit", "AAB001=U3", "AAB004=x",
        "AAB065=1", "AAB083=5", f"AAB301={OLDER[:4]}02"))
    assert trial.uninterpreted() == {NEWER: 0, OLDER: 0}
    assert trial.heads() == 7 + 7 + 5
    print("ok: an older node under a newer aggregator")


def unsigned_node_and_newer_aggregator(trial):
    trial.stop(OLDER)
    trial.start(OLDER, "-unsigned")

    def problem():
        [city] = [c for c in trial.province.status()["cities"]
                  if c["city"] == OLDER]
        return city["problem"] or ""
    until(SECONDS, "it is refused", lambda: UNSIGNED in problem())
    until(SECONDS, "it says so", lambda: UNSIGNED in harness.try_node_status(
        trial.province, OLDER).get("uplink", ""))
    trial.put(OLDER, "unit", "AAB001=U3", "AAB004=y", "AAB065=1", "AAB083=5",
              f"AAB301={OLDER[:4]}02")
    assert trial.get("unit", "AAB001=U3")[0]["AAB004"] == "x"
    trial.restart(OLDER, "-older")
    until(SECONDS, "what it wrote comes", lambda: trial.get(
        "unit", "AAB001=U3")[0]["AAB004"] == "y")
    print("ok: a node that signs no start works on, and is taken once it does")


def downgraded(trial):
    """Both the node and the aggregator, and up again."""
    trial.restart("aggregator", "-older")
    assert trial.uninterpreted() == {NEWER: 2, OLDER: 0}
    trial.restart(NEWER, "-older")
    trial.put(NEWER, "unit", "AAB001=U4", "AAB004=x", "AAB065=1", "AAB083=1",
              f"AAB301={NEWER[:4]}02")
    assert trial.uninterpreted() == {NEWER: 2, OLDER: 0}
    assert trial.heads() == 20
    trial.restart(NEWER, "")
    trial.restart("aggregator", "")
    assert trial.uninterpreted() == {NEWER: 0, OLDER: 0}
    assert {v["ACB210"] for v in trial.get("vacancy")} == {"V1", "V2"}
    assert trial.heads() == 20
    trial.audit_by_both()
    print("ok: down and up again, nothing is lost")


def everything_in(directory):
    """Without RocksDB's own notes."""
    return {str(p): p.read_bytes() for p in sorted(directory.rglob("*"))
            if p.is_file() and not p.name.startswith("LOG")}


def refuses(arguments, touched, *words):
    before = everything_in(touched)
    done = subprocess.run([str(a) for a in arguments], text=True,
                          capture_output=True, check=False, timeout=SECONDS)
    assert done.returncode not in (0, None), arguments
    own = [l for l in done.stderr.splitlines() if l.startswith("tongchou")]
    assert len(own) == 1, done.stderr
    for word in words:
        assert word in own[0], (word, own[0])
    assert everything_in(touched) == before, f"{touched} was changed"
    print(f"ok: {own[0]}")


def newer_stores_are_refused(trial):
    for name in list(trial.province.processes):
        trial.stop(name)
    node = [harness.BIN / "tongchou-node", "--config", trial.config(NEWER)]
    aggregator = [harness.BIN / "tongchou-aggregator", "--config",
                  trial.config("aggregator")]
    audit = [harness.BIN / "tongchou-audit", "verify", "--policy",
             trial.policy, "--dir"]
    stores = [
        (node, trial.dir / f"city-{NEWER}" / "data" / "log", "log"),
        (node, trial.dir / f"city-{NEWER}" / "data" / "state",
         "record-index"),
        (aggregator, trial.dir / "province" / "data" / "journal", "journal"),
        (aggregator, trial.dir / "province" / "data" / "state",
         "unified-database"),
        (audit + [trial.dir / "audit" / "copy"], trial.dir / "audit" / "copy",
         "audit-copy")]
    for arguments, store, what in stores:
        file = store / "FORMAT"
        good = file.read_text()
        assert good.startswith(f"tongchou {what} 1"), good
        file.write_text(f"tongchou {what} 2\n")
        refuses(arguments, store, str(store), what, "format 2",
                "formats up to 1", "newer release")
        file.write_text(good)
    for arguments, guard in (
            (node, trial.dir / f"city-{NEWER}" / "guard.json"),
            (aggregator, trial.dir / "province" / "guard.json")):
        good = guard.read_text()
        guard.write_text(good.replace('"format": 1', '"format": 2'))
        assert guard.read_text() != good
        newer = guard.read_text()
        done = subprocess.run([str(a) for a in arguments], text=True,
                              capture_output=True, check=False,
                              timeout=SECONDS)
        assert done.returncode != 0
        assert f"{guard}: the sign guard has format 2" in done.stderr
        assert guard.read_text() == newer
        guard.write_text(good)
    # As they were, they are opened.
    for name in ("aggregator", NEWER, OLDER):
        trial.start(name, "")
    until(SECONDS, "all is back", trial.settled)
    assert trial.heads() == 20


def main():
    opts = harness.options("upgrade")
    province = harness.quickstart.Province(opts, [Folder(NEWER),
                                                  Folder(OLDER)])
    province.make_certificates()
    province.configure()
    trial = Trial(province)
    try:
        trial.start("aggregator", "-older")
        trial.start(NEWER, "")
        trial.start(OLDER, "-older")
        until(SECONDS, "both cities are connected", trial.settled)
        newer_node_and_older_aggregator(trial)
        aggregator_upgraded(trial)
        older_node_and_newer_aggregator(trial)
        unsigned_node_and_newer_aggregator(trial)
        downgraded(trial)
        newer_stores_are_refused(trial)
    finally:
        province.stop()
    shutil.rmtree(opts.dir)


if __name__ == "__main__":
    main()
