"""A city changes the key of its log while it runs; a lost disk comes back under
the new key; a city whose keys are gone gets new ones from the province, and
whoever has the old ones writes nothing any more; the auditor follows."""

import json
import pathlib
import shutil
import subprocess

import harness
from harness import (Folder, add_client, node_status, put_unit, tongchou,
                     until)
from join_test import add_door, city_state, join

NODE = harness.BIN / "tongchou-node"
ROTATED, REPLACED = "360100", "360200"


class Units:
    """Writes units one after the other."""

    def __init__(self, province):
        self.province = province
        self.count = 0

    def put(self, city, status=0):
        self.count += 1
        return put_unit(self.province, city, self.count, "厂", status)


def put_when_ready(province, units, city):
    """A node that brings its log back takes no writes meanwhile."""
    def put():
        try:
            units.put(city)
        except AssertionError:
            return False
        return True
    until(40, f"{city} takes a write", put)


def applied(province, city):
    """Entries that the province shows, if it has all of them."""
    try:
        state = city_state(province, city)
    except harness.Failure:
        return None
    live = state.get("state") == "live"
    same = state.get("applied") == state.get("committed")
    return state["applied"] if live and same else None


def await_applied(province, city, entries):
    until(40, f"{city} has {entries} entries",
          lambda: applied(province, city) == entries)


def stop_node(province, city):
    process, _ = province.processes.pop(city)
    process.terminate()
    process.wait(30)


def node_home(province, city):
    return province.options.dir / f"city-{city}"


def start_node(province, city, home=None):
    home = home or node_home(province, city)
    province.start(city, "tongchou-node", home / "node.toml")


def check_clean(province):
    audit = province.audit()
    assert audit["verdict"] == "clean", audit["findings"]


def check_rotation(province, units):
    """Returns how many entries there are."""
    home = node_home(province, ROTATED)
    old = (home / "log-key.pem").read_bytes()
    rotate = [str(NODE), "--config", str(home / "node.toml"), "--rotate-key"]
    key = subprocess.run(rotate, text=True, capture_output=True, check=True)
    again = subprocess.run(rotate, text=True, capture_output=True, check=True)
    assert again.stdout == key.stdout or again.stdout, again
    for _ in range(3):
        units.put(ROTATED)
    until(20, "the new key is in its place",
          lambda: not (home / "log-key.pem.next").exists())
    assert (home / "log-key.pem").read_bytes() != old
    units.put(ROTATED)
    return 2 + 3 + 1 + 1


def check_reconnects(province, units):
    """The node, which has run since before the change, greets anew."""
    process, _ = province.processes.pop("aggregator")
    process.terminate()
    process.wait(30)
    province.start("aggregator", "tongchou-aggregator",
                   province.options.dir / "province" / "aggregator.toml")
    units.put(ROTATED)


def check_lost_disk(province, units, entries):
    stop_node(province, ROTATED)
    shutil.rmtree(node_home(province, ROTATED) / "data")
    start_node(province, ROTATED)
    put_when_ready(province, units, ROTATED)
    await_applied(province, ROTATED, entries + 1)


def rekey(province, home, door):
    """The machine with its keys is gone; another one joins in its place."""
    token = tongchou(province, "admin", "city", "rekey", REPLACED, "--reason",
                     "服务器硬盘损坏，密钥丢失").strip()
    listen = province.node_address[REPLACED]
    done = join(token, door, home, listen)
    assert done.returncode == 0, done.stderr
    assert (home / "log-key.pem.change").exists()
    done = join(token, door, home.parent / "thief", listen)
    assert done.returncode == 1 and "used up" in done.stderr, done


def check_old_machine(province, units):
    """Its certificate went with its keys: it sends nothing any more."""
    start_node(province, REPLACED)
    put_when_ready(province, units, REPLACED)
    until(20, "it is refused", lambda: "revoked when the province replaced" in
          node_status(province, REPLACED)["uplink"])
    stop_node(province, REPLACED)


def check_only_keys_lost(province, units, door, home, again):
    """The data survived: they go on under another key."""
    stop_node(province, REPLACED)
    rekey(province, again, door)
    (home / "data").rename(again / "data")
    start_node(province, REPLACED, again)
    put_when_ready(province, units, REPLACED)
    await_applied(province, REPLACED, 6)
    until(20, "the second change is done",
          lambda: not (again / "log-key.pem.change").exists())


def public_key(home):
    return subprocess.run(
        [str(NODE), "--config", str(home / "node.toml"), "--make-key"],
        text=True, capture_output=True, check=True).stdout.split()[0]


def check_audit(province, homes):
    policy = province.options.dir / "audit" / "policy.toml"
    audit = province.audit()
    assert audit["verdict"] != "clean", audit
    places = {f["place"] for f in audit["findings"]}
    assert f"{REPLACED} keys" in places, audit["findings"]
    assert not any(p.startswith(ROTATED) for p in places), places
    text = policy.read_text().rstrip("\n")
    assert text.split("[[city]]")[-1].count(REPLACED), text
    keys = json.dumps([public_key(home) for home in homes])
    policy.write_text(text + f"\nlater_keys = {keys}\n")
    check_clean(province)


def main():
    options = harness.options("key-change", synthetic=True)
    cities = [Folder(ROTATED), Folder(REPLACED)]
    province = harness.quickstart.Province(options, cities)
    province.make_certificates()
    province.configure()
    door = add_door(province)
    home = pathlib.Path(options.dir) / "new-node"
    try:
        province.start_all()
        add_client(province, "admin", "province/admin/root")
        units = Units(province)
        for city in (ROTATED, REPLACED):
            units.put(city)
            units.put(city)
        entries = check_rotation(province, units)
        await_applied(province, ROTATED, entries)
        check_clean(province)
        check_reconnects(province, units)
        entries += 1
        await_applied(province, ROTATED, entries)
        check_lost_disk(province, units, entries)
        check_clean(province)
        print("ok: rotated, and brought back after a lost disk")
        await_applied(province, REPLACED, 2)
        stop_node(province, REPLACED)
        tongchou(province, "admin", "city", "rekey", "361000", "--reason", "x",
                 status=1)
        rekey(province, home, door)
        check_old_machine(province, units)
        start_node(province, REPLACED, home)
        put_when_ready(province, units, REPLACED)
        # The two from before, the change and that.
        await_applied(province, REPLACED, 4)
        until(20, "the change is done",
              lambda: not (home / "log-key.pem.change").exists())
        again = home.parent / "newer-node"
        check_only_keys_lost(province, units, door, home, again)
        check_audit(province, (home, again))
        print("ok: lost keys replaced")
    finally:
        province.stop()
    print("ok")


if __name__ == "__main__":
    main()
