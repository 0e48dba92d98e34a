"""Bad input gets one line that says what to do, an exit status that is not 0,
and damages nothing."""

import shutil
import socket
import subprocess
import time

import harness

DAY = "2008-10-31"


def fails(arguments, *words, status=1, **keywords):
    done = subprocess.run([str(a) for a in arguments], text=True,
                          capture_output=True, check=False, timeout=60,
                          **keywords)
    assert done.returncode == status, (arguments, done.returncode,
                                       done.stderr)
    own = [l for l in done.stderr.splitlines()
           if l.startswith(("tongchou", "quickstart"))]
    assert len(own) == 1, done.stderr
    for word in words:
        assert word in own[0], (word, own[0])
    print(f"ok: {own[0]}")


def check_node_configuration(province, city):
    path = province.options.dir / f"city-{city.code}" / "node.toml"
    good = path.read_text()
    node = harness.BIN / "tongchou-node"

    def with_change(old, new, *words):
        assert old in good, old
        path.write_text(good.replace(old, new))
        fails([node, "--config", path], *words)

    with_change('data = "data"', 'data = "data"\ndatum = "x"', "datum",
                "unknown key")
    with_change('data = "data"', "", "data", "missing")
    with_change('city = "360100"', 'city = "999999"', "999999")
    with_change('sign_guard = "guard.json"', 'sign_guard = "data/guard.json"',
                "sign_guard", "outside")
    with_change("node-360100.pem", "node-360400.pem", "private key")
    with_change("/node-360100", "/node-360400", "360400")
    with_change('synthetic = true\nsynthetic_seed = "360100"\n', "", "clock")
    with_change('synthetic = true\nsynthetic_seed = "360100"\n'
                'clock = "2008-10-31"\n', 'synthetic_seed = "360100"\n',
                "synthetic_seed", "guessed")
    with_change('listen = "', 'listen = "nonsense', "listen")
    path.write_text(good)
    fails([node, "--config", path.parent / "none.toml"], "none.toml")
    return good


def check_free_ports():
    """An outgoing connection once got a server's port before the server."""
    quickstart = harness.quickstart
    first, last = map(int, quickstart.OUTGOING_PORTS.read_text().split())
    ports = quickstart.free_ports(200)
    assert len(set(ports)) == 200, ports
    assert not [p for p in ports if first <= p <= last or p < 1024], ports
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports[0]))
        taken.listen()
        assert not quickstart.is_free(ports[0])
    assert quickstart.is_free(ports[1])
    try:
        quickstart.free_ports(1 << 16)
    except quickstart.Failure as failure:
        assert str(first) in str(failure), failure
    else:
        raise AssertionError("more ports than there are")


def check_port_in_use(province, city):
    path = province.options.dir / f"city-{city.code}" / "node.toml"
    good = path.read_text()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        address = province.node_address[city.code]
        path.write_text(good.replace(address, f"127.0.0.1:{port}"))
        fails([harness.BIN / "tongchou-node", "--config", path], str(port))
    path.write_text(good)


def check_second_process(province, city):
    path = province.options.dir / f"city-{city.code}" / "node.toml"
    fails([harness.BIN / "tongchou-node", "--config", path], "another process")


def check_imports(province, city):
    directory = province.options.dir
    bad = directory / "bad"
    bad.mkdir()
    client = province.client(f"operator-{city.code}")
    (bad / "unit.csv").write_bytes(b"AAB001,AAB004\r\nu1,name\r\n")
    done = subprocess.run([str(a) for a in [*client, "import", bad]],
                          text=True, capture_output=True, check=False,
                          cwd=directory)
    assert done.returncode == 1 and "MISSING_COLUMN" in done.stdout, done
    print("ok: a wrong header refuses the file")
    (bad / "unit.csv").unlink()
    (bad / "notes.txt").write_text("x")
    (bad / "unit-b.csv").write_bytes("AAB001,AAB004,AAB301\r\n"
                                     "u1,单位一,360102\r\n"
                                     "u2,单位二,360202\r\n"
                                     .encode("gb18030"))
    done = subprocess.run([str(a) for a in [*client, "import", bad]],
                          text=True, capture_output=True, check=False,
                          cwd=directory)
    assert done.returncode == 1 and "notes.txt" in done.stderr, done
    rejects = next(directory.glob("rejects*.csv"))
    text = rejects.read_text(encoding="utf-8-sig")
    assert "DIVISION" in text and "单位二" in text, text
    print("ok: an unclaimed file is named, a rejected row is explained")
    fails([*client, "import", bad / "absent.csv"], "absent.csv",
          cwd=directory)


def check_rights(province, cities):
    """A city's people and its node do nothing in another city's log."""
    one, other = cities[0], cities[1]
    text = (province.options.dir / f"operator-{one.code}.toml").read_text()
    foreign = province.options.dir / "foreign.toml"
    foreign.write_text(
        text.replace(province.node_address[one.code],
                     province.node_address[other.code])
        .replace(f'city = "{one.code}"', f'city = "{other.code}"'))
    fails([harness.BIN / "tongchou", "--config", foreign, "put", "unit",
           "AAB001=x", "AAB004=x", f"AAB301={other.code}"], other.code)
    # The own node answers; the province is not for them.
    shown = harness.run(province.client(f"operator-{one.code}", "status"))
    assert one.code in shown and "uplink" in shown, shown
    fails([*province.client(f"operator-{one.code}"), "status", "--aggregator",
           province.aggregator_address], "officer")


def check_foreign_node(province, cities):
    """A node with 360100's certificate cannot write to another's log."""
    one, other = cities[0], cities[1]
    source = province.options.dir / f"city-{one.code}" / "node.toml"
    thief = province.options.dir / "thief"
    thief.mkdir()
    text = source.read_text().replace(f'city = "{one.code}"',
                                      f'city = "{other.code}"')
    (thief / "node.toml").write_text(text)
    fails([harness.BIN / "tongchou-node", "--config", thief / "node.toml"],
          one.code)


def check_no_aggregator(province, city):
    """Local work never waits for the province."""
    process, _ = province.processes.pop("aggregator")
    process.terminate()
    process.wait()
    client = province.client(f"operator-{city.code}")
    out = harness.run([*client, "put", "unit", "AAB001=alone", "AAB004=单位",
                       f"AAB301={city.code}"])
    assert out, "put without a province"
    harness.run([*client, "get", "unit", "AAB001=alone"])
    fails(province.client("officer", "status"),
          province.aggregator_address)
    print("ok: a node works on without the province")
    province.start("aggregator", "tongchou-aggregator",
                   province.options.dir / "province" / "aggregator.toml")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for one in province.try_status():
            if one["city"] == city.code and one["applied"] > 0:
                if one["applied"] == one["committed"]:
                    return
        time.sleep(0.1)
    raise AssertionError("what was written alone did not arrive")


def main():
    check_free_ports()
    options = harness.options("commands", synthetic=True, clock=DAY)
    data = options.dir / "input"
    for name in ("360100南昌市", "360400九江市"):
        (data / name).mkdir(parents=True)
    options.data = data
    cities = harness.cities(options)
    province = harness.quickstart.Province(options, cities)
    province.make_certificates()
    province.configure()
    check_node_configuration(province, cities[0])
    check_port_in_use(province, cities[0])
    try:
        province.start_all()
        check_second_process(province, cities[0])
        check_imports(province, cities[0])
        check_rights(province, cities)
        check_foreign_node(province, cities)
        check_no_aggregator(province, cities[0])
    finally:
        province.stop()
    fails([harness.BIN / "tongchou", "nonsense"], "--help", status=2)
    fails(["python3", harness.ROOT / "deploy" / "quickstart.py", "--data",
           "/nonexistent", "--once"], "nonexistent")
    shutil.rmtree(options.dir, ignore_errors=True)


if __name__ == "__main__":
    main()
