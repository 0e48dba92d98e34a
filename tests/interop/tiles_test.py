"""Exported logs hold before a program that shares no code with ours, and what
was tampered with does not."""

import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]
                       / "integration"))
import harness  # noqa: E402

CHECK = pathlib.Path(__file__).with_name("check_tiles.py")
DAY = "2008-10-31"


def check(directory, log_key, witness_key):
    return subprocess.run(
        [sys.executable, CHECK, directory, log_key, witness_key],
        capture_output=True, text=True, check=False)


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def main():
    options = harness.options("tiles", synthetic=True, clock=DAY)
    options.data = options.dir / "input"
    harness.run([harness.BIN / "tongchou", "generate", "--out", options.data,
                 "--persons", 1500, "--dirty", 0, "--day", 1, "--clock", DAY])
    cities = harness.cities(options)
    out = options.dir / "tiles"
    export = [harness.BIN / "tongchou-audit", "export", "--dir",
              options.dir / "audit" / "copy", "--policy",
              options.dir / "audit" / "policy.toml", "--tiles", out]
    with harness.running(options, cities) as province:
        status = province.wait_applied(province.import_all())
        province.copy_logs()
        told = harness.run(export)
    sizes = {city["city"]: city["committed"] for city in status["cities"]}
    witness = (options.dir / "province" / "witness-key.pub").read_text().split()[0]
    keys = {code: (options.dir / f"city-{code}" / "log-key.pub")
            .read_text().split()[0] for code in sizes}
    for code, size in sizes.items():
        assert f"{out / code}: {size} entries" in told, told
        done = check(out / code, keys[code], witness)
        assert done.returncode == 0, done.stderr
        assert f" {size} entries" in done.stdout, done.stdout
    print(f"ok: {len(sizes)} logs, {sum(sizes.values())} entries")

    again = subprocess.run([str(a) for a in export], capture_output=True,
                           text=True, check=False)
    assert again.returncode == 2 and "exists" in again.stderr, again.stderr

    code = max(sizes, key=sizes.get)
    other = next(c for c in sizes if c != code)
    assert sizes[code] > 256
    attacks = {
        "root": lambda d: flip(d / "tile/entries/000", 100),
        "tiles of level 0": lambda d: flip(d / "tile/0/000", 0),
        "tiles of level 1": lambda d: flip(next(
            file for file in (d / "tile/1").rglob("*") if file.is_file()), 0),
        "signature by": lambda d: (d / "checkpoint").write_text(
            (d / "checkpoint").read_text().replace(
                f"\n{sizes[code]}\n", f"\n{sizes[code] - 1}\n")),
        "no signature by": lambda d: shutil.copy(
            out / other / "checkpoint", d / "checkpoint"),
    }
    for words, attack in attacks.items():
        copy = options.dir / "attacked"
        shutil.copytree(out / code, copy)
        attack(copy)
        done = check(copy, keys[code], witness)
        assert done.returncode != 0 and words in done.stderr, (words, done)
        shutil.rmtree(copy)
    print(f"ok: {len(attacks)} attacks are seen")
    shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
