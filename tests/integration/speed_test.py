"""The floor of speed: one million enrolment rows into one node.

Prints rows a second from the start of the import until everything is applied
at the province, and the node's resident memory. The floors are asserted only
of an optimised build on a machine that is not busy: TONGCHOU_SPEED=assert.
"""

import os
import random
import shutil
import time

import harness

DAY = "2008-10-31"
CITY = "360100"
ROWS = int(os.environ.get("TONGCHOU_SPEED_ROWS", "100000"))
ROWS_PER_SECOND = 100_000
NODE_RESIDENT_MB = 300


def check_character(digits):
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[sum(int(d) * w for d, w in zip(digits, weights)) % 11]


def write_rows(path, rows):
    """Enrolments in an order that is not that of their keys."""
    source = random.Random(7)
    counties = ["360102", "360103", "360104", "360111", "360112", "360121"]
    with open(path, "w", encoding="gb18030", newline="") as file:
        file.write("AAC002,AAE140,AAC001,AAB001,AAB301,AAC008,AAC031,AAC084,"
                   "AAC028,AAC030,AAC049,AAE031\r\n")
        numbers = list(range(rows))
        source.shuffle(numbers)
        for number in numbers:
            day = number // 900 % 28 + 1
            month = number // (900 * 28) % 12 + 1
            year = 1930 + number // (900 * 28 * 12) % 60
            division = 369901 + number // (900 * 28 * 12 * 60)
            body = f"{division}{year}{month:02}{day:02}{number % 900 + 1:03}"
            file.write(
                f"{body}{check_character(body)},110,P{number:012},"
                f"U{source.randrange(5000):08},{source.choice(counties)},1,1,"
                f"{source.randrange(2)},{source.randrange(2)},"
                f"200{source.randrange(8)}0{source.randrange(1, 10)}15,"
                f"200{source.randrange(8)}0{source.randrange(1, 10)},\r\n")


def resident_mb(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return 0


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(options, rows, finish=None):
    """Imports so many rows into one node; seconds, MB and seconds of CPU.
    `finish` gets the running province and gives more figures."""
    folder = options.dir / "input" / CITY
    folder.mkdir(parents=True)
    write_rows(folder / "enrolment.csv", rows)
    options.data = options.dir / "input"
    cities = harness.cities(options)
    with harness.running(options, cities) as province:
        started = time.monotonic()
        imports = province.import_all()
        committed = time.monotonic() - started
        status = province.wait_applied(imports)
        applied = time.monotonic() - started
        done = status["cities"][0]["files"][0]
        assert done["inserted"] == rows, done
        node, center = (province.processes[name][0]
                        for name in (CITY, "aggregator"))
        figures = {"committed": committed, "applied": applied,
                   "node MB": resident_mb(node),
                   "center MB": resident_mb(center),
                   "node CPU": cpu_seconds(node),
                   "center CPU": cpu_seconds(center)}
        if finish is not None:
            figures.update(finish(province))
    shutil.rmtree(options.dir, ignore_errors=True)
    return figures


def main():
    done = measure(harness.options("speed", synthetic=True, clock=DAY), ROWS)
    rate = ROWS / done["applied"]
    print(f"{ROWS} rows: committed after {done['committed']:.1f} s, applied "
          f"after {done['applied']:.1f} s: {rate:,.0f} rows/s; node "
          f"{done['node MB']:.0f} MB, aggregator {done['center MB']:.0f} MB "
          f"resident at most; CPU: node {done['node CPU']:.1f} s, aggregator "
          f"{done['center CPU']:.1f} s")
    if os.environ.get("TONGCHOU_SPEED") == "assert":
        assert rate >= ROWS_PER_SECOND, rate
        assert done["node MB"] <= NODE_RESIDENT_MB, done


if __name__ == "__main__":
    main()
