"""A node that lost its disk, and one that was put back from an old copy.

Real processes. The node must notice, sign and write nothing, bring its log back
from the province by itself, and go on with the next number; the audit stays
clean.
"""

import os
import pty
import shutil
import subprocess
import time

import harness
from harness import put_unit, try_node_status

DAY = "2008-10-31"
PERSONS = 800
NOTICE_SECONDS = 60


class City:
    """One city's node, apart from the others."""

    def __init__(self, province, code):
        self.province = province
        self.code = code
        self.directory = province.options.dir / f"city-{code}"
        self.config = self.directory / "node.toml"

    def stop(self):
        process, _ = self.province.processes.pop(self.code)
        process.terminate()
        assert process.wait(30) == 0

    def kill(self):
        process, _ = self.province.processes.pop(self.code)
        process.kill()
        process.wait(30)

    def start(self):
        self.province.start(self.code, "tongchou-node", self.config)

    def status(self):
        return try_node_status(self.province, self.code)

    def wait_for(self, what, accept):
        deadline = time.monotonic() + NOTICE_SECONDS
        while time.monotonic() < deadline:
            self.province.check_processes()
            status = self.status()
            if status and accept(status):
                return status
            time.sleep(0.1)
        raise AssertionError(f"{what}: {status}")

    def restore(self, *arguments):
        done = subprocess.run(
            [str(harness.BIN / "tongchou-node"), "restore", "--config",
             str(self.config), *arguments],
            cwd=self.directory, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def restore_at_terminal(self):
        """The same where standard error is a terminal, which shows progress."""
        here, terminal = pty.openpty()
        done = subprocess.run(
            [str(harness.BIN / "tongchou-node"), "restore", "--config",
             str(self.config)],
            cwd=self.directory, stdout=subprocess.PIPE, stderr=terminal,
            text=True, check=False)
        os.close(terminal)
        shown = b""
        try:
            while piece := os.read(here, 65536):
                shown += piece
        except OSError:  # how a terminal ends
            pass
        os.close(here)
        return done.returncode, done.stdout, shown.decode()


def import_one(province, city):
    """What one import changed."""
    done = province.import_city(city)
    return sum(f["inserted"] + f["updated"] + f["deleted"]
               for f in done["files"])


def is_connected(status):
    return status["uplink"] == "connected" and not status.get("read_only")


def expect_as_before(city, province, folder, before):
    """What was there before is there, and the next number is the next."""
    after = city.wait_for("connected", is_connected)
    for key in ("committed", "records"):
        assert after[key] == before[key], (key, after, before)
    assert import_one(province, folder) == 0
    committed = city.status()["committed"]  # the receipts of the import
    put_unit(province, city.code, f"9{committed}")
    city.wait_for("the next number", lambda s:
                  s["durable"] == s["committed"] == committed + 1)


def check_by_hand(city, province, folder):
    """The restore command still does it, and says how far it is."""
    before = city.status()
    exit_code, _, error = city.restore()
    assert exit_code != 0 and "stop the node first" in error, error
    city.stop()
    exit_code, out, error = city.restore()
    assert exit_code == 0 and "nothing to restore" in out, (out, error)
    shutil.rmtree(city.directory / "data")
    (city.directory / "guard.json").unlink()
    exit_code, out, error = city.restore_at_terminal()
    assert exit_code == 0, error
    assert f"restored {before['committed']} entries" in out, out
    assert f"{before['committed']:,} of {before['committed']:,}" in error, error
    city.start()
    expect_as_before(city, province, folder, before)
    print(f"ok: restore: {out.strip()}")


def said(city, words):
    """The last line of the node's log with these words."""
    lines = (city.directory / "log.txt").read_text().splitlines()
    return [line for line in lines if words in line][-1]


def check_empty_disk(city, province, folder):
    """SIGKILL, an empty disk, a normal start: it heals itself."""
    before = city.status()
    city.kill()
    shutil.rmtree(city.directory / "data")
    (city.directory / "guard.json").unlink()
    city.start()
    expect_as_before(city, province, folder, before)
    print("ok: an empty disk:", said(city, "brought the log back"))


def check_old_copy(city, province, folder, second):
    """The same from an old copy, of which only the end is fetched."""
    city.stop()
    copy = city.directory / "copy"
    shutil.copytree(city.directory / "data", copy)
    city.start()
    old = city.wait_for("connected", is_connected)
    folder.folder = second
    assert import_one(province, folder) > 0
    newest = city.wait_for("durable", lambda s: s["durable"] == s["committed"])
    city.kill()
    shutil.rmtree(city.directory / "data")
    copy.rename(city.directory / "data")
    city.start()
    expect_as_before(city, province, folder, newest)
    line = said(city, "brought the log back")
    assert f"fetched={newest['committed'] - old['committed']} " in line, line
    print("ok: an old copy:", line)


def check_without_province(city, province):
    """An empty node asks first; one that was welcomed goes on alone."""
    aggregator = province.options.dir / "province" / "aggregator.toml"

    def stop_aggregator():
        process, _ = province.processes.pop("aggregator")
        process.terminate()
        assert process.wait(30) == 0

    stop_aggregator()
    put_unit(province, city.code, "91")
    before = city.status()
    city.stop()
    city.start()
    city.wait_for("it serves", lambda s: True)
    put_unit(province, city.code, "92")
    assert city.status()["committed"] == before["committed"] + 1
    # All of it is to be at the province before the disk is lost.
    province.start("aggregator", "tongchou-aggregator", aggregator)
    before = city.wait_for("durable", lambda s: is_connected(s) and
                           s["durable"] == s["committed"])
    stop_aggregator()
    city.kill()
    shutil.rmtree(city.directory / "data")
    (city.directory / "guard.json").unlink()
    city.start()
    city.wait_for("it serves", lambda s: s["committed"] == 0)
    text = put_unit(province, city.code, "93", status=1)
    assert "has not said yet whether it holds" in text, text
    province.start("aggregator", "tongchou-aggregator", aggregator)
    after = city.wait_for("connected", is_connected)
    assert after["committed"] == before["committed"], (after, before)
    print("ok: an empty node waits for the province's word")


def main():
    options = harness.options("restore", synthetic=True, clock=DAY)
    options.data = options.dir / "first"
    for name, persons in (("first", PERSONS), ("second", 2 * PERSONS)):
        harness.run([harness.BIN / "tongchou", "generate", "--out",
                     options.dir / name, "--persons", persons, "--dirty", 0,
                     "--day", 1, "--clock", DAY])
    folders = harness.cities(options)
    second = options.dir / "second" / folders[0].folder.name
    with harness.running(options, folders) as province:
        province.wait_applied(province.import_all())
        city = City(province, folders[0].code)
        check_by_hand(city, province, folders[0])
        check_empty_disk(city, province, folders[0])
        check_old_copy(city, province, folders[0], second)
        check_without_province(city, province)
        province.wait_applied([])
        audit = province.audit()
        assert audit["verdict"] == "clean", audit["findings"][:5]
    shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
