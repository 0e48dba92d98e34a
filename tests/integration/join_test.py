"""A new city from nothing to streaming with a token; what a token is not good
for; a certificate that renews itself."""

import pathlib
import subprocess
import time

import harness
from harness import Folder, add_client, answer, tongchou, until

NODE = harness.BIN / "tongchou-node"
CITY = "361100"
JOIN_SECONDS = 60


def join(token, province_address, directory, listen):
    return subprocess.run(
        [str(a) for a in (NODE, "join", "--token", token, "--province",
                          province_address, "--dir", directory, "--listen",
                          listen)],
        text=True, capture_output=True, check=False, timeout=60)


def add_door(province):
    """The aggregator's configuration with a port for new nodes."""
    port = harness.quickstart.free_ports(1)[0]
    path = province.options.dir / "province" / "aggregator.toml"
    path.write_text(path.read_text() + f"""
[join]
listen = "127.0.0.1:{port}"
authority = "{province.pki}/ca.pem"
authority_key = "{province.pki}/ca-key.pem"
""")
    return f"127.0.0.1:{port}"


def start_node(home):
    log = open(home / "log.txt", "ab")
    return subprocess.Popen([str(NODE), "--config", str(home / "node.toml")],
                            stdout=log, stderr=log, cwd=home)


def city_state(province, code):
    states = {c["city"]: c for c in province.status()["cities"]}
    return states.get(code, {"state": "none"})


def check_refused(token, door, directory, listen, word):
    done = join(token, door, directory, listen)
    assert done.returncode == 1, done
    lines = done.stderr.strip().splitlines()
    assert lines and word in lines[-1], done.stderr


def check_join(province, door, home, listen):
    """Returns the process of the new node."""
    started = time.monotonic()
    add = ("city", "add", CITY, "--name", "上饶市人社局", "--contact",
           "李明,13800000000")
    token = tongchou(province, "admin", *add).strip()
    assert len(token) == 68, token
    # The fingerprint in the token is that of another province.
    wrong = token[:-8] + ("A" * 8 if token[-8:] != "A" * 8 else "B" * 8)
    check_refused(wrong, door, home, listen, "connected")
    # A secret that nobody gave out.
    wrong = token[:8] + ("AAAAAAAA" if token[8:16] != "AAAAAAAA"
                         else "BBBBBBBB") + token[16:]
    check_refused(wrong, door, home, listen, "unknown, used up")
    check_refused("no token", door, home, listen, "68 characters")
    done = join(token, door, home, listen)
    assert done.returncode == 0, done.stderr
    process = start_node(home)
    until(JOIN_SECONDS, "the new city is live",
          lambda: city_state(province, CITY)["state"] == "live")
    print(f"ok: from nothing to streaming in "
          f"{time.monotonic() - started:.1f} s")
    other = home.parent / "again"
    check_refused(token, door, other, listen, "used up")
    check_refused(token, door, home, listen, "a node already")
    tongchou(province, "admin", *add, status=1)  # it is a city now
    tongchou(province, "admin", "city", "add", "999900", "--name", "x",
             "--contact", "y", status=2)
    tongchou(province, "officer", "city", "add", "361000", "--name", "x",
             "--contact", "y", status=1)
    return process


def check_cut_off(province, door, home, listen):
    """Before the token is spent the place is tried; after it, what to do is
    said."""
    token = tongchou(province, "admin", "city", "add", "361000", "--name",
                     "抚州市人社局", "--contact", "李明,13800000000").strip()
    (home / "join.probe").mkdir(parents=True)
    check_refused(token, door, home, listen, "join.probe")
    (home / "join.probe").rmdir()
    (home / "ca.pem").mkdir()
    check_refused(token, door, home, listen, "the token is used up: keep the")
    assert not (home / "node.toml").exists()
    check_refused(token, door, home, listen, "unknown, used up")


def check_streams(province, listen):
    add_client(province, "operator-new", f"city/{CITY}/operator/demo", None)
    path = province.options.dir / "operator-new.toml"
    path.write_text(f'node = "{listen}"\ncity = "{CITY}"\n' + path.read_text())
    tongchou(province, "operator-new", "put", "unit", "AAB001=1", "AAB004=厂",
             f"AAB301={CITY[:4]}02")
    until(20, "it is applied",
          lambda: city_state(province, CITY).get("applied") == 1)

    def cosigned():
        status = answer(province, "officer", "status")
        return CITY in {w["city"] for w in status["province_log"]["witnesses"]}
    until(20, "it cosigns the province's log", cosigned)


def check_renewal(province, home, process):
    """A certificate with a day left is replaced, key and all, by itself."""
    process.terminate()
    process.wait(20)
    harness.run([harness.BIN / "tongchou", "pki", "issue", "--dir",
                 province.pki, "--out", home / "node", "--identity",
                 f"spiffe://tongchou/360000/city/{CITY}/node", "--days", "1"])
    old = (home / "node.pem").read_text()
    process = start_node(home)
    until(20, "the certificate is renewed",
          lambda: (home / "node.pem").read_text() != old)
    node = answer(province, "operator-new", "status", "--node",
                  harness_listen(home))["node"]
    assert node["certificate_days"] in (89, 90), node
    process.terminate()
    process.wait(20)
    process = start_node(home)
    until(20, "it connects with the new one",
          lambda: city_state(province, CITY)["state"] == "live")
    return process


def harness_listen(home):
    for line in (home / "node.toml").read_text().splitlines():
        if line.startswith("listen"):
            return line.split('"')[1]
    raise AssertionError("no listen")


def check_restart(province):
    """The province remembers whom it let in."""
    process, _ = province.processes.pop("aggregator")
    process.terminate()
    process.wait(30)
    province.start("aggregator", "tongchou-aggregator",
                   province.options.dir / "province" / "aggregator.toml")

    def live():
        try:
            return city_state(province, CITY)["state"] == "live"
        except harness.Failure:
            return False
    until(30, "the city is back", live)


def main():
    options = harness.options("join", synthetic=True)
    cities = [Folder("360100")]
    province = harness.quickstart.Province(options, cities)
    province.make_certificates()
    province.configure()
    door = add_door(province)
    home = pathlib.Path(options.dir) / "new-city"
    listen = f"127.0.0.1:{harness.quickstart.free_ports(1)[0]}"
    process = None
    try:
        province.start_all()
        add_client(province, "admin", "province/admin/root")
        process = check_join(province, door, home, listen)
        check_cut_off(province, door, home.parent / "cut-off", listen)
        check_streams(province, listen)
        process = check_renewal(province, home, process)
        check_restart(province)
    finally:
        if process is not None:
            process.terminate()
            process.wait(20)
        province.stop()
    print("ok")


if __name__ == "__main__":
    main()
