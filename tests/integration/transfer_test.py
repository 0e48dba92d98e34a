"""A city without its line: what the province lacks goes there on a stick, and
the acknowledgement comes back.

Real processes; the line is a forwarder that can be cut. Files that were cut,
changed, mixed up, brought twice or to the wrong place end with one line that
says so, and nothing is lost; the audit is clean at the end.
"""

import hashlib
import shutil
import socket
import threading

import backup_test
import harness
import restore_test
from harness import Folder, put_unit

DAY = "2008-10-31"
LONELY = "360400"
ROWS = 800_000
WINDOW_BYTES = 16 << 20
NODE = backup_test.NODE
AGGREGATOR = backup_test.AGGREGATOR
fails = backup_test.fails
command = backup_test.command


class Line:
    """Carries bytes to the aggregator, unless it is cut."""

    def __init__(self, target):
        host, port = target.split(":")
        self.target = (host, int(port))
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.open = True
        self.sockets = []
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                if not self.open:
                    near.close()
                    continue
                try:
                    far = socket.create_connection(self.target)
                except OSError:
                    near.close()
                    continue
                self.sockets += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self.carry, args=(a, b),
                                 daemon=True).start()

    @staticmethod
    def carry(source, sink):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        with self.lock:
            self.open = False
            for one in self.sockets:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            self.sockets.clear()

    def mend(self):
        with self.lock:
            self.open = True


def messages(path):
    """The magic and the messages of a file."""
    content = path.read_bytes()
    at, found = 4, []
    while length := int.from_bytes(content[at:at + 4], "big"):
        found.append(content[at + 4:at + 4 + length])
        at += 4 + length
    assert content[at + 4:] == hashlib.sha256(content[:at + 4]).digest()
    return content[:4], found


def write(path, magic, found):
    content = magic + b"".join(
        len(one).to_bytes(4, "big") + one for one in found) + bytes(4)
    path.write_bytes(content + hashlib.sha256(content).digest())
    return path


def flipped(one, at):
    changed = bytearray(one)
    changed[at] ^= 1
    return bytes(changed)


class Trial:
    def __init__(self, province, line):
        self.province = province
        self.line = line
        self.stick = province.options.dir / "stick"
        self.stick.mkdir()
        self.city = restore_test.City(province, province.cities[0].code)
        self.config = province.options.dir / "province" / "aggregator.toml"
        self.units = 0

    def put(self, count):
        for _ in range(count):
            self.units += 1
            put_unit(self.province, self.city.code, f"9{self.units}")
        return self.city.status()["committed"]

    def durable(self):
        return next(c["durable"] for c in self.province.status()["cities"]
                    if c["city"] == self.city.code)

    def export(self, name, *arguments):
        path = self.stick / name
        text = command(NODE, "export", "--config", self.city.config, "--to",
                       path, *arguments)
        print(f"ok: {text.strip()}")
        return path

    def take(self, path):
        text = command(AGGREGATOR, "import", path, "--config", self.config)
        print(f"ok: {text.strip()}")
        return path.with_name(path.name + ".ack")

    def accept(self, path):
        text = command(NODE, "accept", path, "--config", self.city.config)
        print(f"ok: {text.strip()}")

    def refused(self, words, path):
        """Nothing is taken, and no acknowledgement is written."""
        before = self.durable()
        fails(words, AGGREGATOR, "import", path, "--config", self.config,
              "--acknowledgement", self.stick / "none.ack")
        assert self.durable() == before
        assert not (self.stick / "none.ack").exists()

    def not_accepted(self, words, path, config=None):
        before = self.city.status()["durable"]
        fails(words, NODE, "accept", path, "--config",
              config or self.city.config)
        assert self.city.status()["durable"] == before


def check_there_and_back(trial):
    """The line is cut; figures grow by what came on the stick."""
    fails("is connected", NODE, "accept", export_held(trial), "--config",
          trial.city.config)
    trial.line.cut()
    trial.city.wait_for("without its line",
                        lambda s: s["uplink"] != "connected")
    committed = trial.put(20)
    assert trial.durable() == committed - 20
    path = trial.export("first")
    acknowledged = trial.take(path)
    assert trial.durable() == committed
    assert trial.city.status()["durable"] == committed - 20
    trial.accept(acknowledged)
    status = trial.city.status()
    assert status["durable"] == committed and not status["read_only"], status
    fails("nothing new", AGGREGATOR, "import", path, "--config", trial.config)
    return path, acknowledged


def export_held(trial):
    """An export of everything while the line is there, and its answer."""
    trial.city.wait_for("connected", restore_test.is_connected)
    path = trial.export("held", "--from", 0)
    fails("nothing new", AGGREGATOR, "import", path, "--config", trial.config)
    # An import takes the place of a live stream, which begins anew.
    trial.province.wait_applied([])
    trial.city.wait_for("connected", restore_test.is_connected)
    return path.with_name(path.name + ".ack")


def check_order(trial):
    """A second file without the first one is a gap; behind it, it fits."""
    committed = trial.put(5)
    second = trial.export("second")
    trial.put(5)
    third = trial.export("third", "--from", committed)
    trial.refused("a gap", third)
    trial.take(second)
    acknowledged = trial.take(third)
    assert trial.durable() == committed + 5
    trial.accept(acknowledged)
    trial.not_accepted("acknowledged before",
                       second.with_name(second.name + ".ack"))


def check_bad_exports(trial, other_code):
    trial.put(5)
    good = trial.export("good")
    magic, found = messages(good)
    content = good.read_bytes()
    bad = trial.stick / "bad"
    bad.write_bytes(content[:-50])
    trial.refused("was not copied whole", bad)
    bad.write_bytes(flipped(content, len(content) // 2))
    trial.refused("changed on its way", bad)
    bad.write_bytes(b"no stick of ours")
    trial.refused("is no file of tongchou-node export", bad)
    trial.refused("cannot read", trial.stick / "absent")
    # By somebody who mends the checksum.
    batch = found[-1]
    trial.refused(str(bad), write(bad, magic, found[:-1] +
                                  [flipped(batch, len(batch) // 3)]))
    trial.refused("checkpoint", write(bad, magic, found[:-1] +
                                      [flipped(batch, len(batch) - 10)]))
    trial.refused("does not begin with a greeting",
                  write(bad, magic, found[1:]))
    trial.refused("no batch", write(bad, magic, [found[0], found[0]]))
    hello = found[0].replace(trial.city.code.encode(), other_code.encode(), 1)
    trial.refused(f"tongchou/360000/{other_code}",
                  write(bad, magic, [hello] + found[1:]))
    unknown = found[0].replace(trial.city.code.encode(), b"361100", 1)
    trial.refused("not configured", write(bad, magic, [unknown] + found[1:]))
    trial.take(good)


def check_bad_acknowledgements(trial, acknowledged, other_config):
    magic, (one,) = messages(acknowledged)
    bad = trial.stick / "bad.ack"
    trial.not_accepted("is no file of tongchou-aggregator import",
                       trial.stick / "good")
    trial.not_accepted("another city", acknowledged, other_config)
    trial.put(1)
    newest = trial.take(trial.export("newest"))
    magic, (one,) = messages(newest)
    at = one.rindex(b"\n") - 20  # in the last signature line
    trial.not_accepted(str(bad), write(bad, magic, [flipped(one, at)]))
    trial.accept(newest)


def check_restarted(trial, acknowledged):
    """After a start a greeting goes first: it might be an old copy."""
    trial.city.stop()
    trial.city.start()
    trial.city.wait_for("it serves", lambda s: True)
    committed = trial.put(5)
    assert trial.city.status()["durable"] == committed - 5
    trial.not_accepted("another start", acknowledged)
    greeting = trial.export("greeting")
    assert len(messages(greeting)[1]) == 1
    trial.accept(trial.take(greeting))
    assert trial.durable() == committed - 5
    trial.accept(trial.take(trial.export("behind")))
    assert trial.city.status()["durable"] == trial.durable() == committed


def check_never_had_a_line(trial, lonely):
    """A city that has no line at all: even its first write waits for a stick.
    More is sent than may be under way at a time."""
    province = trial.province
    there, trial.city = trial.city, restore_test.City(province, lonely)
    rows = backup_test.Rows(province, lonely)
    trial.city.wait_for("it serves", lambda s: s["committed"] == 0)
    text = put_unit(province, lonely, "1", status=1)
    assert "has not said yet whether it holds" in text, text
    trial.accept(trial.take(trial.export("hello")))
    rows.write(ROWS)
    path = trial.export("rows")
    assert path.stat().st_size > WINDOW_BYTES, path.stat()
    trial.accept(trial.take(path))
    status = trial.city.status()
    assert status["durable"] == status["committed"] > ROWS, status
    state = next(c["state"] for c in province.status()["cities"]
                 if c["city"] == lonely)
    assert state == "stale", state  # it was not heard of
    trial.city = there


def check_line_back(trial):
    committed = trial.put(1)
    trial.line.mend()
    trial.city.wait_for("the line is back", lambda s: s["uplink"] ==
                        "connected" and s["durable"] == committed)
    # A file from before, found in a drawer.
    fails("nothing new", AGGREGATOR, "import", trial.stick / "first",
          "--config", trial.config)
    assert trial.durable() == committed
    trial.province.wait_applied([])
    audit = trial.province.audit()
    assert audit["verdict"] == "clean", audit["findings"][:5]
    print("ok: the line is back, the audit is clean")


def main():
    options = harness.options("transfer", synthetic=True, clock=DAY)
    options.data = options.dir / "data"
    harness.run([harness.BIN / "tongchou", "generate", "--out", options.data,
                 "--persons", 500, "--dirty", 0, "--day", 1, "--clock", DAY])
    folders = harness.cities(options)
    for folder in folders[2:]:
        shutil.rmtree(folder.folder)
    folders = folders[:2]
    province = harness.quickstart.Province(options, folders)
    province.cities.append(Folder(LONELY))
    province.node_address[LONELY] = "127.0.0.1:%d" % (
        harness.quickstart.free_ports(1)[0])
    province.make_certificates()
    province.configure()
    province.cities.pop()
    line, none = (Line(province.aggregator_address) for _ in range(2))
    none.cut()
    for code, to in ((folders[0].code, line), (LONELY, none)):
        config = options.dir / f"city-{code}" / "node.toml"
        config.write_text(config.read_text().replace(
            f'aggregator = "{province.aggregator_address}"',
            f'aggregator = "{to.address}"'))
    try:
        province.start_all()
        province.wait_applied(province.import_all())
        province.start(LONELY, "tongchou-node", config)
        trial = Trial(province, line)
        other = folders[1].code
        _, acknowledged = check_there_and_back(trial)
        check_order(trial)
        check_bad_exports(trial, other)
        check_bad_acknowledgements(
            trial, acknowledged, options.dir / f"city-{other}" / "node.toml")
        check_restarted(trial, acknowledged)
        check_never_had_a_line(trial, LONELY)
        check_line_back(trial)
    finally:
        province.stop()
    shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
