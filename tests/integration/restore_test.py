"""A node that lost its disk, and one that was put back from an old copy.

Real processes. The node must notice, sign and write nothing, bring its log back
from the province, and go on with the next number; the audit stays clean.
"""

import json
import shutil
import subprocess
import time

import harness

DAY = "2008-10-31"
PERSONS = 800
NOTICE_SECONDS = 20


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

    def start(self):
        self.province.start(self.code, "tongchou-node", self.config)

    def status(self):
        done = subprocess.run(
            [str(a) for a in self.province.client(
                f"operator-{self.code}", "--format", "json", "status",
                "--node", self.province.node_address[self.code])],
            capture_output=True, text=True, check=False)
        return json.loads(done.stdout)["node"] if done.returncode == 0 else {}

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
            [str(harness.BIN / "tongchou-node"), "--config", str(self.config),
             "--restore", *arguments],
            cwd=self.directory, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr


def import_one(province, city):
    """What one import changed."""
    done = province.import_city(city)
    return sum(f["inserted"] + f["updated"] + f["deleted"]
               for f in done["files"])


def expect_read_only(city, province, folder, words):
    status = city.wait_for("read-only", lambda s: words in str(s))
    refused = subprocess.run(
        [str(a) for a in province.client(
            f"operator-{city.code}", "import", folder.folder)],
        capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert words in refused.stderr, refused.stderr
    return status


def restored(city, province, folder, before):
    """Restores and starts; what was there before is there, and goes on."""
    exit_code, out, error = city.restore()
    assert exit_code == 0, error
    assert f"restored {before['committed']} entries" in out, out
    assert f"{before['committed']} of {before['committed']}" in error
    city.start()
    after = city.wait_for("connected", lambda s: s["uplink"] == "connected")
    for key in ("committed", "records"):
        assert after[key] == before[key], (key, after, before)
    assert import_one(province, folder) == 0
    return after["committed"]


def main():
    options = harness.options("restore", synthetic=True, clock=DAY)
    options.data = options.dir / "first"
    for name, persons in (("first", PERSONS), ("second", 2 * PERSONS)):
        harness.run([harness.BIN / "tongchou", "generate", "--out",
                     options.dir / name, "--persons", persons, "--dirty", 0,
                     "--day", 1, "--clock", DAY])
    folders = harness.cities(options)
    code = folders[0].code
    second = options.dir / "second" / folders[0].folder.name
    with harness.running(options, folders) as province:
        province.wait_applied(province.import_all())
        city = City(province, code)
        before = city.status()

        exit_code, _, error = city.restore()
        assert exit_code != 0 and "stop the node first" in error, error

        city.stop()
        shutil.rmtree(city.directory / "data")
        (city.directory / "guard.json").unlink()
        city.start()
        expect_read_only(city, province, folders[0], "tongchou-node --restore")
        city.stop()
        entries = restored(city, province, folders[0], before)
        print(f"ok: an empty disk got {entries} entries back")

        city.stop()
        exit_code, out, error = city.restore()
        assert exit_code == 0 and "nothing to restore" in out, (out, error)
        copy = city.directory / "copy"
        shutil.copytree(city.directory / "data", copy)
        city.start()
        city.wait_for("connected", lambda s: s["uplink"] == "connected")
        folders[0].folder = second
        assert import_one(province, folders[0]) > 0
        province.wait_applied([])
        newest = city.status()
        city.stop()
        shutil.rmtree(city.directory / "data")
        copy.rename(city.directory / "data")
        city.start()
        expect_read_only(city, province, folders[0], "--restore")
        city.stop()
        entries = restored(city, province, folders[0], newest)
        print(f"ok: an old copy was replaced by {entries} entries")

        audit = province.audit()
        assert audit["verdict"] == "clean", audit["findings"][:5]
    shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
