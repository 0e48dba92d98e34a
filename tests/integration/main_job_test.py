"""The main job against an independent computation from the raw files.

Generates a small province with broken rows, imports it, and compares every
reject, receipt and figure with oracle.py, which reads nothing but the files.
Then the same folders again (nothing may change), the second day's full dumps,
and the first day's figures as of the first day.
"""

import csv
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys

import harness
from oracle import CODES

DAY1, DAY2 = "2008-10-31", "2008-11-30"
PERSONS = 6000
DIRTY = 20


def digits(day):
    return day.replace("-", "")


def oracle(arguments, output):
    script = pathlib.Path(__file__).with_name("oracle.py")
    subprocess.run([sys.executable, script, *map(str, arguments), "--json",
                    output], check=True)
    return json.loads(output.read_text())


def figure_map(indicators):
    """Zero and absent are one."""
    return {(f["id"], f.get("line", ""), f["city"] or "", f["county"] or "",
             f["insurance"] or "", str(f["period"])): f["value"]
            for f in indicators if f["value"] != 0}


def expect_equal(what, ours, theirs, shown=10):
    if ours == theirs:
        print(f"ok: {what}: {len(ours)} equal")
        return
    lines = []
    for key in sorted(set(ours) | set(theirs), key=str):
        a, b = ours.get(key, "-"), theirs.get(key, "-")
        if a != b:
            lines.append(f"  {key}: product {a}, oracle {b}")
    raise AssertionError(f"{what}: {len(lines)} differ\n"
                         + "\n".join(lines[:shown]))


def rejects_of(province, cities):
    found = {}
    for city in cities:
        path = province.options.dir / f"rejects-{city.code}.csv"
        if not path.exists():
            continue
        with open(path, encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                found[(city.code, row["file"], int(row["line"]))] = row["code"]
    return found


def receipts_of(status, last):
    """The newest receipts of each city, as many as it has files."""
    result = {}
    for city in status["cities"]:
        for receipt in city["files"][-last:]:
            result[(city["city"], receipt["file"])] = {
                key: receipt[key] for key in
                ("read", "inserted", "updated", "unchanged", "deleted",
                 "rejected", "repaired")}
    return result


def oracle_receipts(answer, day):
    return {(f["city"], f["file"]): {
        key: f[key] for key in
        ("read", "inserted", "updated", "unchanged", "deleted", "rejected",
         "repaired")} for f in answer["files"] if f["day"] == day}


def oracle_rejects(answer, day):
    return {(r["city"], r["file"], r["line"]): r["code"]
            for r in answer["rejects"] if r["day"] == day}


def leaf(header, body):
    inner = hashlib.sha256(bytes.fromhex(body)).digest()
    return hashlib.sha256(b"\0" + bytes.fromhex(header) + inner).digest()


def tree_root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree_root(leaves[:split])
                          + tree_root(leaves[split:])).digest()


def check_tree(province, basis):
    """Hashes every entry of one log again, from its exported bytes."""
    one = basis[0]
    copy = province.options.dir / "audit" / "copy"
    lines = harness.run([harness.BIN / "tongchou-audit", "export-entries",
                         "--dir", copy, "--city", one["city"], "--from", "0",
                         "--to", str(one["size"])]).splitlines()
    entries = [json.loads(line) for line in lines]
    leaves = [leaf(e["header"], e["body"]) for e in entries]
    assert len(leaves) == one["size"], (len(leaves), one["size"])
    assert tree_root(leaves).hex() == one["root"], "root of the tree"
    print(f"ok: {len(leaves)} leaf hashes and the root of {one['city']}")
    return entries


def packed_person(number):
    value = int(number[:17]) * 11 + "0123456789X".index(number[17])
    return value.to_bytes(8, "big")


def check_keys(entries, folder):
    """Keys of persons as the layout says, out of the raw file."""
    bodies = "".join(e["body"] for e in entries)
    with open(folder / "person.csv", encoding="gb18030", errors="replace",
              newline="") as file:
        numbers = [row["AAC002"] for row in csv.DictReader(file)]
    checked = 0
    for number in numbers:
        if len(number) != 18 or not number[:17].isdigit():
            continue
        if number[17] not in "0123456789X" or not number.isascii():
            continue
        key = b"\x01" + packed_person(number) + b"\x02"
        checked += key.hex() in bodies
    assert checked > 50, checked
    print(f"ok: {checked} record keys of persons")


def compare_figures(what, answer, expected):
    expect_equal(what, figure_map(answer["indicators"]),
                 figure_map(expected["indicators"]))


def run_day(province, cities, day, last_receipts):
    harness.clear_rejects(province)
    imports = province.import_all()
    status = province.wait_applied(imports)
    return rejects_of(province, cities), receipts_of(status, last_receipts)


def generate(path, day, clock, persons, dirty):
    harness.run([harness.BIN / "tongchou", "generate", "--out", path,
                 "--persons", persons, "--dirty", dirty, "--day", day,
                 "--clock", clock])


def check_manifest():
    """The second day's clean dump changes what its manifest says."""
    options = harness.options("manifest", synthetic=True, clock=DAY1)
    day1, day2 = options.dir / "day1", options.dir / "day2"
    generate(day1, 1, DAY1, 1200, 0)
    generate(day2, 2, DAY2, 1200, 0)
    options.data = day1
    cities = harness.cities(options)
    with harness.running(options, cities) as province:
        province.wait_applied(province.import_all())
    options.clock, options.mode, options.data = DAY2, "snapshot", day2
    cities = harness.cities(options)
    kinds = ("inserted", "updated", "deleted")
    with harness.running(options, cities) as province:
        status = province.wait_applied(province.import_all())
        found = {(city["city"], receipt["file"]):
                 {kind: receipt[kind] for kind in kinds}
                 for city in status["cities"]
                 for receipt in city["files"][-16:]}
    manifest = json.loads((day2 / "manifest.json").read_text())
    told = {(city, name): {kind: file[kind] for kind in kinds}
            for city, files in manifest["cities"].items()
            for name, file in files["files"].items()}
    for kind in kinds:
        assert sum(one[kind] for one in told.values()) > 0, kind
    expect_equal("changes of the second day", found, told)
    shutil.rmtree(options.dir, ignore_errors=True)


def main():
    check_manifest()
    options = harness.options("main-job", synthetic=True, clock=DAY1)
    day1, day2 = options.dir / "day1", options.dir / "day2"
    for path, day, clock in ((day1, 1, DAY1), (day2, 2, DAY2)):
        generate(path, day, clock, PERSONS, DIRTY)
    options.data = day1
    cities = harness.cities(options)
    with harness.running(options, cities) as province:
        expected = oracle([day1, "--clock", digits(DAY1)],
                          options.dir / "oracle1.json")
        rejects, receipts = run_day(province, cities, 1, 16)
        expect_equal("rejects of day 1", rejects, oracle_rejects(expected, 1))
        codes = set(rejects.values())
        expect_equal("receipts of day 1", receipts,
                     oracle_receipts(expected, 1))
        first = province.indicators()
        compare_figures("figures of day 1", first, expected)
        audit = province.audit()
        assert audit["verdict"] == "clean", audit["findings"][:5]
        entries = check_tree(province, first["basis"])
        check_keys(entries, cities[0].folder)
        _, again = run_day(province, cities, 1, 16)
        for key, receipt in again.items():
            changed = sum(receipt[k] for k in
                          ("inserted", "updated", "deleted"))
            assert changed == 0, (key, receipt)
        print("ok: the same files again change nothing")
    options.clock, options.mode, options.data = DAY2, "snapshot", day2
    cities = harness.cities(options)
    with harness.running(options, cities) as province:
        expected = oracle([day1, day2, "--clock", digits(DAY1), "--clock2",
                           digits(DAY2)], options.dir / "oracle2.json")
        rejects, receipts = run_day(province, cities, 2, 16)
        expect_equal("rejects of day 2", rejects, oracle_rejects(expected, 2))
        codes.update(rejects.values())
        assert codes == set(CODES), set(CODES) ^ codes
        expect_equal("receipts of day 2", receipts,
                     oracle_receipts(expected, 2))
        compare_figures("figures of day 2", province.indicators(), expected)
        audit = province.audit()
        assert audit["verdict"] == "clean", audit["findings"][:5]
        as_of = json.loads(harness.run(province.client(
            "officer", "--format", "json", "indicators", "--as-of", DAY1)))
        expect_equal("figures as of day 1",
                     figure_map(as_of["indicators"]),
                     figure_map(first["indicators"]))
    shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
