"""Brings up a whole province on loopback and does its main job."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(
    os.environ.get("TONGCHOU_BIN", ROOT / "build" / "release" / "bin"))
PROVINCE = "360000"
SPIFFE = "spiffe://tongchou/" + PROVINCE
# Id, heading, insurance. The headings fit a terminal of 80 columns.
KEY_FIGURES = [
    ("K1.1", "参保", "110"), ("K1.6", "征缴万元", ""), ("K2", "转移", ""),
    ("K3.gross", "新增", ""), ("K4", "居民", ""), ("K5", "困难", ""),
    ("K6.amount", "小贷万元", ""), ("K7.families", "零就业", "")]
FEN = {"K1.6", "K6.amount"}
FEN_PER_TEN_THOUSAND_YUAN = 1_000_000
START_SECONDS = 60
PORTS = range(10_000, 1 << 16)
OUTGOING_PORTS = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
APPLY_SECONDS = 1800


class Failure(Exception):
    """One line for the user: what, where, what to do."""


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="deploy/quickstart", description=__doc__,
        epilog="example: deploy/quickstart --once --persons 11000")
    parser.add_argument("--persons", type=int, default=110_000,
                        help="persons to generate (default 110000)")
    parser.add_argument("--data", type=pathlib.Path,
                        help="own exports: one folder per city, named by its "
                        "six-digit code")
    parser.add_argument("--dir", type=pathlib.Path,
                        default=pathlib.Path("tongchou-demo"),
                        help="everything it makes (default ./tongchou-demo)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="write status, figures, basis and verdict there")
    parser.add_argument("--synthetic", action="store_true",
                        help="nodes accept generated ID numbers (default "
                        "with generated data)")
    parser.add_argument("--clock", metavar="DAY",
                        help="business clock of synthetic nodes (default "
                        "2008-10-31 with generated data)")
    parser.add_argument("--on", metavar="DAY",
                        help="day on which validity is judged")
    parser.add_argument("--mode", choices=["upsert", "snapshot"],
                        default="upsert", help="how the files are imported")
    parser.add_argument("--dirty", type=float, default=0, metavar="PERCENT",
                        help="broken rows in generated data")
    parser.add_argument("--once", action="store_true",
                        help="end after the audit instead of running on")
    parser.add_argument("--clean", action="store_true",
                        help="remove --dir first")
    options = parser.parse_args()
    options.dir = options.dir.resolve()
    if options.data is None:
        options.synthetic = True
        options.clock = options.clock or "2008-10-31"
    elif not options.data.is_dir():
        raise Failure(f"{options.data}: is no readable directory")
    if options.clock and not options.synthetic:
        raise Failure("--clock is for synthetic nodes: add --synthetic")
    return options


def run(arguments, **keywords):
    """Runs one of our programs; its output on success."""
    done = subprocess.run([str(a) for a in arguments], text=True,
                          capture_output=True, check=False, **keywords)
    if done.returncode != 0:
        raise Failure(done.stderr.strip() or f"{arguments[0]} failed")
    return done.stdout


def is_free(port):
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count):
    """Ports that stay free until a server takes them: the kernel gives them to
    no outgoing connection, and chance to nobody else who asks."""
    first, last = map(int, OUTGOING_PORTS.read_text().split())
    ports = [port for port in PORTS if not first <= port <= last]
    random.shuffle(ports)
    found = []
    for port in ports:
        if len(found) == count:
            break
        if is_free(port):
            found.append(port)
    if len(found) < count:
        raise Failure(f"no {count} ports of {PORTS.start} to {PORTS.stop - 1} "
                      f"are free besides the outgoing connections' {first} to "
                      f"{last} ({OUTGOING_PORTS}); narrow those")
    return found


def width(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


def print_table(rows):
    """The first row is the heading, the first column text, others numbers."""
    widths = [max(width(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell + " " * (widths[i] - width(cell)) if i == 0
                 else " " * (widths[i] - width(cell)) + cell
                 for i, cell in enumerate(row)]
        print("  ".join(cells).rstrip())


class City:
    def __init__(self, folder):
        self.folder = folder
        self.code = folder.name[:6]
        self.name = folder.name[6:].lstrip("-_ ") or self.code


class Province:
    """Directories, keys, configurations and processes of the demonstration."""

    def __init__(self, options, cities):
        self.options = options
        self.cities = cities
        self.pki = options.dir / "pki"
        self.processes = {}
        ports = free_ports(1 + len(cities))
        self.aggregator_address = f"127.0.0.1:{ports[0]}"
        self.node_address = {
            city.code: f"127.0.0.1:{port}"
            for city, port in zip(cities, ports[1:])}

    def directory(self, name):
        path = self.options.dir / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def issue(self, name, identity):
        if not (self.pki / f"{name}.pem").exists():
            run([BIN / "tongchou", "pki", "issue", "--dir", self.pki, "--out",
                 self.pki / name, "--identity", f"{SPIFFE}/{identity}"])

    def make_certificates(self):
        if not (self.pki / "ca.pem").exists():
            run([BIN / "tongchou", "pki", "init", "--dir", self.pki])
        self.issue("aggregator", "province/aggregator")
        self.issue("officer", "province/officer/demo")
        self.issue("auditor", "audit/auditor/demo")
        for city in self.cities:
            self.issue(f"node-{city.code}", f"city/{city.code}/node")
            self.issue(f"operator-{city.code}",
                       f"city/{city.code}/operator/demo")

    def tls(self, name):
        return ("\n[tls]\n"
                f'ca = "{self.pki}/ca.pem"\n'
                f'certificate = "{self.pki}/{name}.pem"\n'
                f'key = "{self.pki}/{name}-key.pem"\n')

    def aggregator_config(self, keys, witnesses):
        directory = self.directory("province")
        path = directory / "aggregator.toml"

        def table(lines):
            return "".join(f'{code} = "{key}"\n'
                           for code, key in lines.items())

        path.write_text(
            f'province = "{PROVINCE}"\ndata = "data"\n'
            'witness_key = "witness-key.pem"\n'
            'signing_key = "log-key.pem"\npseudonym_key = "pseudonym-key"\n'
            'sign_guard = "guard.json"\n'
            f'listen = "{self.aggregator_address}"\n'
            + self.tls("aggregator") + "\n[cities]\n" + table(keys)
            + "\n[witnesses]\n" + table(witnesses))
        return path

    def node_config(self, city, witness, own):
        directory = self.directory(f"city-{city.code}")
        path = directory / "node.toml"
        synthetic = ""
        if self.options.synthetic:
            synthetic = f'synthetic = true\nsynthetic_seed = "{city.code}"\n'
            if self.options.clock:
                synthetic += f'clock = "{self.options.clock}"\n'
        path.write_text(
            f'province = "{PROVINCE}"\ncity = "{city.code}"\ndata = "data"\n'
            'signing_key = "log-key.pem"\nsign_guard = "guard.json"\n'
            f'listen = "{self.node_address[city.code]}"\n'
            f'aggregator = "{self.aggregator_address}"\n'
            f'witness = "{witness}"\nprovince_key = "{own}"\n'
            'witness_key = "witness-key.pem"\n' + synthetic
            + self.tls(f"node-{city.code}"))
        return path

    def public_key(self, program, config, key_file):
        """Makes the key unless it is there; remembers its public part."""
        public = key_file.with_suffix(".pub")
        if not public.exists():
            public.write_text(
                run([BIN / program, "--config", config, "--make-key"]))
        return public.read_text().strip()

    def configure(self):
        config = self.aggregator_config({}, {})
        witness, own = self.public_key(
            "tongchou-aggregator", config,
            config.parent / "witness-key.pem").split()
        keys, witnesses = {}, {}
        for city in self.cities:
            config = self.node_config(city, witness, own)
            keys[city.code], witnesses[city.code] = self.public_key(
                "tongchou-node", config, config.parent / "log-key.pem").split()
        self.aggregator_config(keys, witnesses)
        policy = (f'province = "{PROVINCE}"\nwitness = "{witness}"\n'
                  f'key = "{own}"\n'
                  + ("synthetic_clock = true\n" if self.options.clock else "")
                  + "".join(f'\n[[city]]\ncode = "{code}"\nkey = "{key}"\n'
                            for code, key in keys.items()))
        (self.directory("audit") / "policy.toml").write_text(policy)
        self.client_config("officer", None)
        for city in self.cities:
            self.client_config(f"operator-{city.code}", city)

    def client_config(self, name, city):
        text = f'aggregator = "{self.aggregator_address}"\n'
        if city is not None:
            text += (f'node = "{self.node_address[city.code]}"\n'
                     f'city = "{city.code}"\n')
        (self.options.dir / f"{name}.toml").write_text(text + self.tls(name))

    def start(self, name, program, config, arguments=()):
        log = open(config.parent / "log.txt", "ab")
        self.processes[name] = (
            subprocess.Popen([str(BIN / program), "--config", str(config),
                              *arguments],
                             stderr=log, stdout=log, cwd=config.parent),
            config.parent / "log.txt")

    def start_all(self):
        self.start("aggregator", "tongchou-aggregator",
                   self.options.dir / "province" / "aggregator.toml")
        for city in self.cities:
            self.start(city.code, "tongchou-node",
                       self.options.dir / f"city-{city.code}" / "node.toml")
        deadline = time.monotonic() + START_SECONDS
        while True:
            self.check_processes()
            states = {c["city"]: c["state"] for c in self.try_status()}
            if all(states.get(c.code) == "live" for c in self.cities):
                return
            if time.monotonic() > deadline:
                missing = [c.code for c in self.cities
                           if states.get(c.code) != "live"]
                raise Failure(f"{', '.join(missing)}: not connected after "
                              f"{START_SECONDS} s; see log.txt in "
                              f"{self.options.dir}")
            time.sleep(0.1)

    def check_processes(self):
        for name, (process, log) in self.processes.items():
            if process.poll() is not None:
                lines = log.read_text(errors="replace").splitlines()
                own = [l for l in lines if l.startswith("tongchou-")]
                raise Failure((own or lines or [f"{name} ended"])[-1])

    def try_status(self):
        try:
            return self.status()["cities"]
        except Failure:
            return []

    def client(self, name, *arguments):
        return [BIN / "tongchou", "--config",
                self.options.dir / f"{name}.toml", *arguments]

    def status(self):
        return json.loads(run(self.client("officer", "--format", "json",
                                          "status")))

    def import_city(self, city):
        rejects = self.options.dir / f"rejects-{city.code}.csv"
        done = subprocess.run(
            [str(a) for a in self.client(
                f"operator-{city.code}", "--format", "json", "import",
                city.folder, "--mode", self.options.mode, "--rejects",
                rejects)],
            text=True, capture_output=True, check=False)
        if not done.stdout.strip().startswith("{"):
            raise Failure(f"{city.code}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def import_all(self):
        workers = os.cpu_count() or 2
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            return list(pool.map(self.import_city, self.cities))

    def wait_applied(self, imports):
        """Waits until what the imports committed is applied."""
        committed = {city.code: done["committed"]
                     for city, done in zip(self.cities, imports)}
        deadline = time.monotonic() + APPLY_SECONDS
        while True:
            self.check_processes()
            status = self.status()
            if all(c["applied"] == c["durable"] == c["committed"]
                   >= committed.get(c["city"], 0)
                   for c in status["cities"]):
                return status
            if time.monotonic() > deadline:
                raise Failure("the province did not catch up; see "
                              f"{self.options.dir}/province/log.txt")
            time.sleep(0.1)

    def indicators(self):
        arguments = ["--format", "json", "indicators"]
        if self.options.on:
            arguments += ["--on", self.options.on]
        return json.loads(run(self.client("officer", *arguments)))

    def copy_logs(self):
        """From nothing; fetch_logs goes on with the copy."""
        shutil.rmtree(self.options.dir / "audit" / "copy", ignore_errors=True)
        self.fetch_logs()

    def fetch_logs(self):
        copy = self.options.dir / "audit" / "copy"
        run([BIN / "tongchou-audit", "fetch", "--dir", copy, "--policy",
             self.options.dir / "audit" / "policy.toml",
             "--aggregator", self.aggregator_address,
             "--ca", self.pki / "ca.pem", "--cert", self.pki / "auditor.pem",
             "--key", self.pki / "auditor-key.pem"])

    def check_logs(self, check, prefix=(), suffix=("--format", "json")):
        """`check` is a command; `prefix` stands before, `suffix` behind it."""
        audit = self.options.dir / "audit"
        done = subprocess.run(
            [*prefix, str(BIN / "tongchou-audit"), check,
             "--dir", str(audit / "copy"),
             "--policy", str(audit / "policy.toml"), *suffix],
            text=True, capture_output=True, check=False)
        if done.returncode == 2:
            raise Failure(done.stderr.strip())
        return done.stdout

    @property
    def report(self):
        return self.options.dir / "audit" / "report.html"

    def audit(self):
        self.copy_logs()
        answer = self.report.with_suffix(".json")
        self.check_logs("report", suffix=("--html", str(self.report),
                                          "--json", str(answer)))
        return json.loads(answer.read_text())

    def stop(self):
        for process, _ in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process, _ in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def find_cities(options):
    if options.data is None:
        options.data = options.dir / "data"
        shutil.rmtree(options.data, ignore_errors=True)
        run([BIN / "tongchou", "generate", "--out", options.data, "--persons",
             options.persons, "--dirty", options.dirty, "--clock",
             options.clock])
    folders = sorted(p for p in options.data.iterdir()
                     if p.is_dir() and re.match(r"\d{6}", p.name))
    if not folders:
        raise Failure(f"{options.data}: no folder is named by a six-digit "
                      "city code, like 360100南昌市")
    return [City(folder) for folder in folders]


def print_cities(cities, status):
    rows = [["城市", "读入", "新增", "更新", "不变", "拒收", "已提交",
             "已持久", "已入库", "滞后"]]
    names = {city.code: city.name for city in cities}
    total = [0] * 8
    for city in status["cities"]:
        files = city["files"]
        counts = [sum(f[k] for f in files)
                  for k in ("read", "inserted", "updated", "unchanged")]
        counts.append(sum(sum(f["rejected"].values()) for f in files))
        counts += [city["committed"], city["durable"], city["applied"]]
        total = [a + b for a, b in zip(total, counts)]
        rows.append([names.get(city["city"], city["city"])]
                    + [f"{n:,}" for n in counts]
                    + [str(city["committed"] - city["applied"])])
    rows.append(["合计"] + [f"{n:,}" for n in total]
                + [str(total[5] - total[7])])
    print_table(rows)


def print_figures(cities, answer):
    newest = {}
    for one in answer["indicators"]:
        if one["county"] is None and one["value"] is not None:
            key = (one["id"], one["city"], one["insurance"] or "",
                   one.get("line", ""))
            newest.setdefault(key, {})[one["period"]] = one["value"]
    year = answer["as_of"][:4]

    def value(figure, insurance, city, line=""):
        periods = newest.get((figure, city, insurance, line), {})
        chosen = periods.get(year)
        if chosen is None:
            days = [p for p in periods if len(p) == 8]
            chosen = periods[max(days)] if days else 0
        if figure in FEN:
            return f"{chosen / FEN_PER_TEN_THOUSAND_YUAN:,.2f}"
        return f"{chosen:,}"

    rows = [["城市"] + [title for _, title, _ in KEY_FIGURES]]
    for city in cities:
        rows.append([city.name] + [value(figure, insurance, city.code)
                                   for figure, _, insurance in KEY_FIGURES])
    rows.append(["全省人次"] + [value(figure, insurance, None)
                                for figure, _, insurance in KEY_FIGURES])
    once = ["全省人数"]
    for figure, _, insurance in KEY_FIGURES:
        known = (figure, None, insurance, "once") in newest
        once.append(value(figure, insurance, None, "once") if known else "")
    rows.append(once)
    print_table(rows)


def serve(province):
    directory = province.options.dir
    print("\nrunning; Ctrl-C ends it. In another terminal:\n"
          f"  {BIN}/tongchou --config {directory}/officer.toml indicators\n"
          f"  {BIN}/tongchou --config {directory}/officer.toml status\n"
          f"  {BIN}/tongchou --config {directory}/operator-"
          f"{province.cities[0].code}.toml --help", flush=True)
    try:
        while True:
            province.check_processes()
            time.sleep(1)
    except KeyboardInterrupt:
        print()


def main_job(options):
    started = time.monotonic()

    def say(text):
        print(f"[{time.monotonic() - started:5.1f} s] {text}", flush=True)

    if options.clean:
        shutil.rmtree(options.dir, ignore_errors=True)
    options.dir.mkdir(parents=True, exist_ok=True)
    cities = find_cities(options)
    say(f"{len(cities)} cities in {options.data}")
    province = Province(options, cities)
    province.make_certificates()
    province.configure()
    try:
        province.start_all()
        say("aggregator and nodes are connected")
        imports = province.import_all()
        say("every file is imported")
        status = province.wait_applied(imports)
        say("everything committed is durable and applied\n")
        print_cities(cities, status)
        answer = province.indicators()
        print(f"\nkey figures as of {answer['as_of']}, year to date: 企业养老参保, "
              "征缴, 农村劳动力\n转移就业, 新增就业, 居民医保, 困难企业职工, "
              "小额贷款, 零就业家庭\n")
        print_figures(cities, answer)
        audit = province.audit()
        print(f"\naudit: {audit['verdict']}: {audit['entries']:,} entries, "
              f"{audit['checkpoints']:,} checkpoints,\n"
              f"       {audit['figures']:,} figures computed again, "
              f"{audit['seconds']:.1f} s\n       {province.report}")
        for finding in audit["findings"][:20]:
            print(f"  {finding['place']}: {finding['text']}")
        if options.json:
            write_json(options.json, status, answer, audit)
        say("done")
        if not options.once:
            serve(province)
        return 0 if audit["verdict"] == "clean" else 1
    finally:
        province.stop()


def write_json(path, status, answer, audit):
    result = {
        "as_of": answer["as_of"], "on": answer["on"],
        "cities": status["cities"], "indicators": answer["indicators"],
        "basis": answer["basis"],
        "audit": {k: audit[k]
                  for k in ("verdict", "entries", "checkpoints", "seconds")}}
    path.write_text(json.dumps(result, ensure_ascii=False) + "\n")


def main():
    # Ended in whatever way, it stops what it started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return main_job(parse_arguments())
    except Failure as failure:
        print(f"quickstart: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1


if __name__ == "__main__":
    sys.exit(main())
