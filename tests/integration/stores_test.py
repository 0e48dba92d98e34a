"""Stores that earlier releases left: a province, two cities and an auditor's
copy, as they lay on the disk after a clean stop.

    stores_test.py                opens every archive in tests/data/stores
    stores_test.py --make NAME    makes tests/data/stores/NAME.tar.xz

Archives stay in the tree for good. Before a change of a format, --make another
one with the release that still has the old one, unless there is one already
that has all of it; then teach the new release to read it.

Today's programs open each archive and go on with it: entry by entry, record by
record and figure by figure it is what it was, the copies replay clean, and
what is written now lies behind it.
"""

import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

import harness
from harness import Folder, add_client, answer, tongchou, until
from join_test import add_door
from trust_test import person_number

ARCHIVES = harness.ROOT / "tests" / "data" / "stores"
CITIES = ("360100", "360200")
ROTATED = CITIES[0]
LOGS = CITIES + ("0",)  # 0: the province's own
DAY = "2008-10-31"
PERSONS = 110  # of the province; a sixth is in the two cities
DIGEST = 16
SECONDS = 60
READ = ("--purpose", "audit", "--document", "1")
KEPT = ("data", "copy", "policy.toml", "guard.json", "log-key.pem",
        "log-key.pub", "witness-key.pem", "witness-key.pub", "pseudonym-key",
        "expected.json")
# RocksDB's notes, and what is empty between two starts.
LEFT_OUT = re.compile(r"LOG(\.old.*)?|LOCK|ingest")


def key_fields():
    """Record type to the national codes of its key."""
    text = (harness.ROOT / "proto/tongchou/v1/records.proto").read_text()
    keys = {}
    for message in text.split("\nmessage ")[1:]:
        name = re.search(r'option \(record\) = {\s*name: "(\w+)"', message)
        if name:
            keys[name[1]] = [
                code[1] for field in message.split("[(field) = {")[1:]
                if (options := field.split("}]")[0])
                and "key: true" in options
                and (code := re.search(r'code: "(\w+)"', options))]
    return {kind: codes for kind, codes in keys.items() if codes}


def settled(province):
    province.check_processes()
    cities = province.try_status()
    return len(cities) == len(CITIES) and all(
        c["state"] == "live" and c["applied"] == c["durable"] == c["committed"]
        for c in cities)


def entries(copy):
    """Of each log: a digest of every sequence, header and body."""
    return {log: [hashlib.sha256(line.encode()).hexdigest()[:DIGEST]
                  for line in harness.run(
                      [harness.BIN / "tongchou-audit", "export-entries",
                       "--dir", copy, "--city", log]).splitlines()]
            for log in LOGS}


def records(province):
    return {kind: answer(province, "officer", "list", kind, "--all",
                         *READ)["records"] for kind in key_fields()}


def figures(province):
    until(SECONDS, "all is applied", lambda: settled(province))
    return province.indicators()["indicators"]


def sizes(province):
    return {c["city"]: c["durable"] for c in province.status()["cities"]}


def put(province, city, *record):
    tongchou(province, f"operator-{city}", "put", *record)


def put_rare(province, city):
    """Types of which so few people have none."""
    county = f"AAB301={city[:4]}02"
    for record in (
            ("loan", "ACC140=L1", f"AAC002={person_number(1)}", county,
             "ACC141=20000.00", "BCC13X=20080301"),
            ("repayment", "ACC140=L1", "BCC142=20080601", "BCC144=500.00"),
            ("seeker", "ACC200=S1", f"AAC002={person_number(1)}", county),
            ("referral", "ACC220=R1", "ACC200=S1", "ACB210=V1")):
        put(province, city, *record)


def write(province):
    """At least one of everything that stores hold."""
    province.import_all()
    for city in CITIES:
        put_rare(province, city)
        put(province, city, "unit", "AAB001=G1", "AAB004=瓷厂", "AAB065=1",
            "AAB083=40", f"AAB301={city[:4]}02", "--id", "first")
        put(province, city, "unit", "AAB001=G1", "AAB004=瓷厂", "AAB065=1",
            "AAB083=41", f"AAB301={city[:4]}02", "--staff", "张三",
            "--reason", "补录", "--document", "2008-17")
        put(province, city, "vacancy", "ACB210=G2", f"AAB301={city[:4]}02")
        put(province, city, "vacancy", "ACB210=G2", "--delete")
    add_client(province, "admin", "province/admin/root")
    province.issue("gone", f"city/{ROTATED}/operator/gone")
    tongchou(province, "admin", "city", "revoke", province.pki / "gone.pem",
             "--reason", "调离")
    tongchou(province, "admin", "city", "add", "360300", "--name", "萍乡市人社局",
             "--contact", "李明")
    records(province)  # which is written down in the province's log
    home = province.options.dir / f"city-{ROTATED}"
    harness.run([harness.BIN / "tongchou-node", "--config",
                 home / "node.toml", "--rotate-key"])
    until(SECONDS, "the new key signs",
          lambda: not (home / "log-key.pem.next").exists())
    until(SECONDS, "all is applied", lambda: settled(province))


def make(name):
    opts = harness.options("stores", synthetic=True, clock=DAY)
    opts.persons = PERSONS
    cities = [c for c in harness.cities(opts) if c.code in CITIES]
    province = harness.quickstart.Province(opts, cities)
    province.make_certificates()
    province.configure()
    add_door(province)
    try:
        province.start_all()
        write(province)
        restart(province)  # so that part of it lies in tables, part in logs
        for city in CITIES:
            put(province, city, "unit", "AAB001=G3", "AAB004=x",
                f"AAB301={city[:4]}02")
        audit = province.audit()
        assert audit["verdict"] == "clean", audit
        expected = {"figures": figures(province), "sizes": sizes(province),
                    "records": records(province),
                    "entries": entries(opts.dir / "audit" / "copy")}
        lacking = [k for k, found in expected["records"].items() if not found]
        assert not lacking, f"no record of {lacking}"
    finally:
        province.stop()
    (opts.dir / "audit" / "expected.json").write_text(
        json.dumps(expected, ensure_ascii=False))
    pack(opts.dir, ARCHIVES / f"{name}.tar.xz")
    shutil.rmtree(opts.dir)


def pack(directory, archive):
    def keep(info):
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        return None if LEFT_OUT.fullmatch(
            pathlib.PurePath(info.name).name) else info

    with tarfile.open(archive, "w:xz", preset=9) as file:
        for part in ["province", "audit"] + [f"city-{c}" for c in CITIES]:
            for kept in KEPT:
                if (directory / part / kept).exists():
                    file.add(directory / part / kept, f"{part}/{kept}",
                             filter=keep)
    print(f"{archive}: {archive.stat().st_size:,} bytes")


def check_copy(directory, expected):
    """That of the archive, before anything is fetched."""
    copy = directory / "copy"
    assert entries(copy) == expected["entries"]
    for check in ("verify", "replay"):
        harness.run([harness.BIN / "tongchou-audit", check, "--dir", copy,
                     "--policy", directory / "policy.toml"])


def check_node(province, city, expected):
    """Every record at its own node, and every version of one."""
    keys = key_fields()
    count = 0
    for kind, found in expected["records"].items():
        for record in found:
            if record["city"] != city or kind not in keys:
                continue
            name = [f"{code}={record['fields'].get(code, '')}"
                    for code in keys[kind]]
            [here] = answer(province, f"operator-{city}", "get", kind,
                            *name)["records"]
            assert here == record, (here, record)
            count += 1
    versions = answer(province, f"operator-{city}", "history", "unit",
                      "AAB001=G1")["records"]
    assert [v["fields"]["AAB083"] for v in versions] == ["41", "40"], versions
    assert versions[0]["document"] == "2008-17", versions
    return count


def check_goes_on(province, expected):
    before = sizes(province)
    for city in CITIES:
        # Known since then, so it is not written again.
        put(province, city, "unit", "AAB001=G1", "AAB004=其他", "AAB301="
            + city[:4] + "02", "--id", "first")
        put(province, city, "unit", "AAB001=G9", "AAB004=新厂", "AAB065=1",
            "AAB083=1", f"AAB301={city[:4]}02")
    until(SECONDS, "all is applied", lambda: settled(province))
    assert sizes(province) == {c: n + 1 for c, n in before.items()}
    province.fetch_logs()
    copy = province.options.dir / "audit" / "copy"
    for log, lines in entries(copy).items():
        old = expected["entries"][log]
        assert lines[:len(old)] == old and len(lines) > len(old), log
    verdict = json.loads(province.check_logs("replay"))["verdict"]
    assert verdict == "clean", verdict


def restart(province, *options):
    province.stop()
    province.processes.clear()
    for name, program, home in (
            [("aggregator", "tongchou-aggregator", "province")]
            + [(c, "tongchou-node", f"city-{c}") for c in CITIES]):
        kind = program.removeprefix("tongchou-")
        config = province.options.dir / home / f"{kind}.toml"
        log = open(config.parent / "log.txt", "ab")
        province.processes[name] = (
            subprocess.Popen(
                [str(harness.BIN / program), "--config", str(config),
                 *options], stderr=log, stdout=log, cwd=config.parent),
            config.parent / "log.txt")
    until(SECONDS, "all is back", lambda: settled(province))


def check(archive):
    opts = harness.options("stores", synthetic=True, clock=DAY)
    shutil.unpack_archive(archive, opts.dir)
    audit = opts.dir / "audit"
    expected = json.loads((audit / "expected.json").read_text())
    check_copy(audit, expected)
    with harness.running(opts, [Folder(code) for code in CITIES]) as province:
        assert sizes(province) == expected["sizes"]
        assert figures(province) == expected["figures"]
        assert records(province) == expected["records"]
        count = sum(check_node(province, city, expected) for city in CITIES)
        check_goes_on(province, expected)
        after = figures(province), records(province)
        restart(province, "--rebuild-state")
        assert (figures(province), records(province)) == after
    print(f"ok: {archive.name}: {count} records, "
          f"{sum(map(len, expected['entries'].values()))} entries")
    shutil.rmtree(opts.dir)


def main():
    if sys.argv[1:2] == ["--make"]:
        return make(sys.argv[2])
    archives = sorted(ARCHIVES.glob("*.tar.xz"))
    assert archives, f"{ARCHIVES} has no archive"
    for archive in archives:
        check(archive)


if __name__ == "__main__":
    main()
