"""Backups of a node's log and of the province's journal, taken while a writer
writes thousands of rows a second, and put back on another machine.

Real processes. A restored node fetches from the province what came later and
goes on with the next number, a restored province gets the end of its own log
from the mirror and the rest from the cities; figures, records and roots are
those from before, and the auditor, with a copy from before, finds nothing.
Prints what a backup and a restoration take.
"""

import contextlib
import json
import re
import shutil
import subprocess
import threading
import time

import harness
import mirror_test
import restore_test
from harness import put_unit, until

DAY = "2008-10-31"
PERSONS = 2_000
WRITTEN_AT_LEAST = 1_000  # a second, beside the backups; also on a busy machine
NODE = harness.BIN / "tongchou-node"
AGGREGATOR = harness.BIN / "tongchou-aggregator"


def command(*arguments, status=0, cwd=None):
    """What was said: standard output, or the one line of an error."""
    done = subprocess.run([str(a) for a in arguments], text=True, cwd=cwd,
                          capture_output=True, check=False, timeout=120)
    assert done.returncode == status, (arguments, done.stdout, done.stderr)
    if status == 0:
        return done.stdout
    own = [l for l in done.stderr.splitlines() if l.startswith("tongchou-")]
    assert len(own) == 1, done.stderr
    return own[0]


def fails(words, *arguments):
    line = command(*arguments, status=1)
    assert words in line, line
    print(f"ok: {line}")


def listed(text):
    """Entries and root of each backup of a node by number."""
    lines = re.findall(r"^(\d+)  .*?(\d+) entries.* root (\w+)$", text, re.M)
    return {int(number): (int(entries), root)
            for number, entries, root in lines}


class Rows:
    """Units for one city, imported file after file until it is stopped."""

    def __init__(self, province, code):
        self.province = province
        self.code = code
        self.folder = province.options.dir / f"rows-{code}"
        self.folder.mkdir()
        self.files = 0
        self.rows = 0
        self.seconds = 0

    def write(self, rows):
        self.files += 1
        path = self.folder / "unit.csv"
        with path.open("w", encoding="utf-8") as out:
            out.write("AAB001,AAB004,AAB301\n")
            for i in range(rows):
                out.write(f"9{self.files:05}{i:06},x,{self.code[:4]}02\n")
        harness.run(self.province.client(
            f"operator-{self.code}", "import", path))
        self.rows += rows

    def write_again(self):
        """What the newest file changes the second time."""
        done = json.loads(harness.run(self.province.client(
            f"operator-{self.code}", "--format", "json", "import",
            self.folder / "unit.csv")))
        return sum(f["inserted"] + f["updated"] for f in done["files"])

    @contextlib.contextmanager
    def going_on(self, rows_a_second):
        stop = threading.Event()
        started = time.monotonic()
        before = self.rows

        def work():
            while not stop.is_set():
                self.write(rows_a_second)
                due = started + (self.rows - before) / rows_a_second
                stop.wait(max(0, due - time.monotonic()))
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self.seconds += time.monotonic() - started


def secrets(directory):
    """What must be in no backup: the keys' own bytes, the guard's note."""
    found = []
    for path in [*directory.glob("*key*.pem"), directory / "guard.json"]:
        lines = path.read_text().splitlines()
        found.append(max(lines, key=len).encode())
    assert len(found) >= 3, found
    return found


def check_without_secrets(backups, directory):
    words = secrets(directory)
    files = [path for path in backups.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not any(word in content for word in words), path
        assert "guard" not in path.name and "key" not in path.name, path


def back_up_while_written(rows, city, backups):
    """Three generations of which two are kept; the city goes on writing."""
    with rows.going_on(5_000):
        for _ in range(3):
            text = command(NODE, "backup", "--config", city.config, "--to",
                           backups, "--keep", 2)
            print(f"ok: {text.strip()}")
            held = listed(text)
            (size, _), = held.values()
            city.wait_for("written on", lambda s: s["committed"] >= size + 5_000)
    rate = rows.rows / rows.seconds
    assert rate > WRITTEN_AT_LEAST, rate
    print(f"ok: {rate:.0f} rows/s were written meanwhile")
    held = listed(command(NODE, "backups", backups, "--verify"))
    assert sorted(held) == [2, 3] and held[2][0] < held[3][0], held
    return held


def move(old, new):
    """Configuration and keys to another machine; neither data nor guard."""
    shutil.copytree(old, new, ignore=shutil.ignore_patterns(
        "data", "guard.json", "log.txt"))
    return new / next(old.glob("*.toml")).name


def check_node(province, city, folder, rows):
    directory = city.directory
    backups = province.options.dir / "backups" / city.code
    held = back_up_while_written(rows, city, backups)
    check_without_secrets(backups, directory)
    before = city.wait_for("durable",
                           lambda s: s["durable"] == s["committed"])
    # A start that the backup knows nothing of.
    city.stop()
    fails("is the city node running", NODE, "backup", "--config", city.config,
          "--to", backups)
    fails("log is there already", NODE, "restore", "--config", city.config,
          "--from", backups)
    city.start()
    city.wait_for("connected", restore_test.is_connected)
    city.kill()

    elsewhere = move(directory, province.options.dir / "elsewhere")
    fails("holds no backup 1", NODE, "restore", "--config", elsewhere, "--from",
          backups, "--backup", 1)
    text = command(NODE, "restore", "--config", elsewhere, "--from", backups,
                   "--backup", 2)
    assert f"{held[2][0]} entries" in text and held[2][1] in text, text
    print(f"ok: {text.strip()}")
    city.directory, city.config = elsewhere.parent, elsewhere
    city.start()
    restore_test.expect_as_before(city, province, folder, before)
    line = restore_test.said(city, "brought the log back")
    assert f"fetched={before['committed'] - held[2][0]} " in line, line
    # Every row that was written meanwhile is there as it was.
    assert rows.write_again() == 0
    print("ok: a node from a backup, on another machine:", line)


def check_whole_backup(province, city, folder):
    """One with every entry, but from before the last start."""
    backups = province.options.dir / "backups" / "whole"
    command(NODE, "backup", "--config", city.config, "--to", backups, "--keep",
            366)
    before = city.status()
    city.stop()
    city.start()
    city.wait_for("connected", restore_test.is_connected)
    city.kill()
    shutil.rmtree(city.directory / "data")
    (city.directory / "guard.json").unlink()
    command(NODE, "restore", "--config", city.config, "--from", backups)
    city.start()
    restore_test.expect_as_before(city, province, folder, before)
    print("ok: a backup with every entry, from before the last start")


def check_move(province, city, folder):
    """New hardware: everything comes along, the guard too; the old machine,
    started once more, gets nowhere and disturbs nothing."""
    city.wait_for("durable", lambda s: s["durable"] == s["committed"])
    before = city.status()
    city.stop()
    old = city.directory
    city.directory = province.options.dir / "new-machine"
    shutil.copytree(old, city.directory,
                    ignore=shutil.ignore_patterns("log.txt"))
    city.config = city.directory / "node.toml"
    city.start()
    restore_test.expect_as_before(city, province, folder, before)
    text = (city.directory / "log.txt").read_text()
    assert "brought the log back" not in text and "read-only" not in text, text

    config = old / "node.toml"
    port = harness.quickstart.free_ports(1)[0]
    config.write_text(config.read_text().replace(
        province.node_address[city.code], f"127.0.0.1:{port}"))
    (old / "log.txt").unlink()
    province.start("old", "tongchou-node", config)
    until(mirror_test.SECONDS, "the old machine is refused",
          lambda: "a clone" in (old / "log.txt").read_text())
    for i in range(3):
        put_unit(province, city.code, f"8{i}")
    city.wait_for("durable", lambda s: s["durable"] == s["committed"])
    process, _ = province.processes.pop("old")
    process.terminate()
    assert process.wait(30) == 0
    assert "brought the log back" not in (old / "log.txt").read_text()
    print("ok: moved to new hardware, the old machine is refused")


def check_bad_backups(province, city):
    root = province.options.dir
    backups = root / "backups" / city.code
    other = next(c for c in province.cities if c.code != city.code)
    config = root / f"city-{other.code}" / "node.toml"
    fails("need a directory of their own", NODE, "backup", "--config", config,
          "--to", backups)
    fails("inside the data directory", NODE, "backup", "--config", config,
          "--to", config.parent / "data" / "backups")
    fails("holds other things", NODE, "backup", "--config", config, "--to",
          root)
    fails("holds no backups", NODE, "backups", root)
    spare = move(config.parent, root / "spare")
    fails(f"this configuration is of tongchou/360000/{other.code}", NODE,
          "restore", "--config", spare, "--from", backups)
    for keep in (0, 367):
        done = subprocess.run(
            [str(a) for a in (NODE, "backup", "--config", config, "--to",
                              root / "x", "--keep", keep)],
            capture_output=True, text=True, check=False)
        assert done.returncode != 0 and "366" in done.stderr, done.stderr
    file = next((backups / "shared_checksum").iterdir())
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    fails(file.name, NODE, "backups", backups, "--verify")


def configure_mirror(province):
    province.configure()
    trial = mirror_test.Trial(province)
    trial.configure()
    return trial


def check_province(trial, rows):
    """The journal while the cities write; restored at another place."""
    province = trial.province
    config = trial.directory / "aggregator.toml"
    backups = province.options.dir / "backups" / "province"
    with rows.going_on(5_000):
        for _ in range(2):
            text = command(AGGREGATOR, "backup", "--config", config, "--to",
                           backups)
            print(f"ok: {text.strip()}")
            (size, _), = listed(text).values()
            until(mirror_test.SECONDS, "written on", lambda: sum(
                c["durable"] for c in province.status()["cities"])
                >= size + 5_000)
    check_without_secrets(backups, trial.directory)
    trial.wait_settled()
    trial.check_audit()
    figures = province.indicators()["indicators"]
    status = {c["city"]: c["durable"] for c in province.status()["cities"]}
    held = listed(command(AGGREGATOR, "backups", backups, "--verify"))
    assert sorted(held) == [1, 2] and held[1][0] < sum(status.values()), held
    trial.kill("aggregator")
    fails("is the aggregator running", AGGREGATOR, "backup", "--config", config,
          "--to", backups)

    elsewhere = move(trial.directory, province.options.dir / "province-2")
    text = command(AGGREGATOR, "restore", "--config", elsewhere, "--from",
                   backups, "--backup", 1)
    print(f"ok: {text.strip()}")
    fails("journal is there already", AGGREGATOR, "restore", "--config",
          elsewhere, "--from", backups)
    started = time.monotonic()
    trial.directory = elsewhere.parent
    trial.data = trial.directory / "data"
    trial.start_aggregator()
    trial.wait_settled()
    took = time.monotonic() - started
    assert province.indicators()["indicators"] == figures
    after = {c["city"]: c["durable"] for c in province.status()["cities"]}
    assert after == status, (after, status)
    trial.check_audit()
    print(f"ok: a province from a backup, at another place: "
          f"{sum(status.values()) - held[1][0]} entries sent again, all "
          f"applied in {took:.1f} s, the same figures, the audit is clean")


def main():
    options = harness.options("backup", synthetic=True, clock=DAY)
    options.data = options.dir / "data"
    harness.run([harness.BIN / "tongchou", "generate", "--out", options.data,
                 "--persons", PERSONS, "--dirty", 0, "--day", 1, "--clock",
                 DAY])
    folders = harness.cities(options)
    for folder in folders[2:]:
        shutil.rmtree(folder.folder)
    folders = folders[:2]
    province = harness.quickstart.Province(options, folders)
    province.make_certificates()
    trial = configure_mirror(province)
    try:
        trial.start_aggregator()
        trial.start_mirror()
        for folder in folders:
            province.start(folder.code, "tongchou-node",
                           options.dir / f"city-{folder.code}" / "node.toml")
        for folder in folders:
            restore_test.City(province, folder.code).wait_for(
                "connected", restore_test.is_connected)
        province.wait_applied(province.import_all())
        city = restore_test.City(province, folders[0].code)
        rows = Rows(province, city.code)
        check_node(province, city, folders[0], rows)
        check_whole_backup(province, city, folders[0])
        check_move(province, city, folders[0])
        check_bad_backups(province, city)
        trial.wait_settled()
        trial.check_audit()
        check_province(trial, Rows(province, folders[1].code))
    finally:
        province.stop()
    shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
