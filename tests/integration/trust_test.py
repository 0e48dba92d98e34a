"""Who may read what, and what is left of it in the province's log; stolen and
revoked certificates; the province's own log at cities and auditor. Prints how
long a revocation took."""

import json
import re
import subprocess
import time

import harness
from harness import (Folder, add_client, answer, node_status, tongchou,
                     until)

NAME = "欧阳测试甲"
PERSON = "369901197001010100"
CUT_SECONDS = 5


def check_digit(digits):
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return "10X98765432"[sum(int(d) * w for d, w in zip(digits, weights)) % 11]


def person_number(number):
    digits = f"36990119700101{number:03d}"
    return digits + check_digit(digits)


def put_persons(province):
    """Three persons, one of them in both cities."""
    for city, numbers in (("360100", (10, 11)), ("360200", (10, 12))):
        for number in numbers:
            tongchou(province, f"operator-{city}", "put", "person",
                     f"AAC002={person_number(number)}", f"AAC003={NAME}",
                     "AAC004=1", "AAC006=19700101",
                     f"AAB301={city[:4]}02")
    until(20, "everything is applied", lambda: all(
        c["applied"] == c["committed"] == 2
        for c in province.status()["cities"]))


def check_officer(province):
    plain = ("person", person_number(10))
    refused = tongchou(province, "officer", *plain, status=1)
    assert "--purpose" in refused, refused
    reason = ("--purpose", "casework", "--document", "赣人社2026-118")
    records = answer(province, "officer", *plain, *reason)["records"]
    assert [r["fields"]["AAC003"] for r in records] == [NAME, NAME], records
    assert all("pseudonym" not in r for r in records)
    tongchou(province, "officer", "person", person_number(99), *reason,
             status=1)


def check_seen(province):
    """What was written at a city a moment ago is in the province's answer,
    which says so when it has to be waited for in vain."""
    committed = answer(province, "operator-360100", "put", "unit",
                       "AAB001=seen", "AAB004=单位", "AAB301=360102")["committed"]
    reason = ("--purpose", "casework", "--document", "赣人社2026-118")
    listed = ("list", "unit", "AAB001=seen", *reason)
    seen = answer(province, "officer", *listed, "--at-least",
                  f"南昌:{committed}")
    assert len(seen["records"]) == 1, seen
    history = answer(province, "officer", "history", "unit", "AAB001=seen",
                     "--province", "--city", "南昌", *reason, "--at-least",
                     f"360100:{committed}")
    assert len(history["records"]) == 1, history
    late = tongchou(province, "officer", *listed, "--at-least",
                    f"360100:{committed + 1}", status=1)
    assert f"{committed} of the {committed + 1} entries" in late, late


def check_analyst(province):
    """Returns the pseudonym of the first person."""
    text = tongchou(province, "analyst", "--format", "json", "list", "person",
                    "--page-size", "1", "--all")
    assert NAME not in text and "19700101" not in text, text
    records = json.loads(text)["records"]
    assert len(records) == 4, records
    fields = records[0]["fields"]
    assert fields["AAC002"] == "369901************", fields
    assert fields["AAC003"] == "欧*", fields
    persons = {r["pseudonym"] for r in records}
    assert len(persons) == 3, persons
    both = next(p for p in persons
                if sum(r["pseudonym"] == p for r in records) == 2)
    one = answer(province, "analyst", "person", "--pseudonym", both)
    assert len(one["records"]) == 2 and NAME not in json.dumps(one), one
    history = answer(province, "analyst", "history", "person", "--province",
                     "--city", "360100", "--entry",
                     str(records[0]["sequence"]))
    assert NAME not in json.dumps(history, ensure_ascii=False), history
    assert history["records"][0]["operation"] == "upsert", history
    for refused in (("list", "person", f"AAC003={NAME}"),
                    ("person", person_number(10)),
                    ("history", "person", f"AAC002={person_number(10)}",
                     "--province", "--city", "360100")):
        text = tongchou(province, "analyst", *refused, status=1)
        assert "analysts" in text, text
    named = answer(province, "officer", "person", "--pseudonym", both,
                   "--purpose", "data-quality", "--document", "S7")
    assert named["records"][0]["fields"]["AAC002"] == person_number(10), named
    return both


def check_access(province):
    everything = answer(province, "admin", "access")["access"]
    assert [r["sequence"] for r in everything] == sorted(
        r["sequence"] for r in everything)
    of_person = answer(province, "admin", "access", "--person",
                       person_number(10))["access"]
    readers = {r["reader"].rsplit("/", 2)[1] for r in of_person}
    assert readers == {"officer", "analyst"}, readers
    officer = [r for r in of_person if "officer" in r["reader"]][0]
    assert officer["purpose"] == "casework", officer
    assert officer["document"] == "赣人社2026-118", officer
    assert officer["call"] == "Query.GetPerson" and officer["records"] == 2
    # Who asked for somebody of whom nothing is known is written down too.
    nobody = answer(province, "admin", "access", "--reader",
                    "officer/demo")["access"]
    assert any(r["records"] == 0 and person_number(99) in r["predicate"]
               for r in nobody), nobody
    tongchou(province, "operator-360100", "--aggregator",
             province.aggregator_address, "indicators", status=1)
    tongchou(province, "operator-360100", "--aggregator",
             province.aggregator_address, "indicators", status=1)
    refused = [r for r in answer(province, "admin", "access")["access"]
               if "refused" in r]
    operator = [r for r in refused if "360100/operator" in r["refused"]]
    assert sum(r["calls"]["Query.GetIndicators"] for r in operator) == 2, refused
    tongchou(province, "officer", "access", status=1)
    table = tongchou(province, "auditor", "access", "--reader", "officer")
    assert "casework" in table, table


def check_own_log(province):
    """Cities follow and cosign; the auditor's copy is clean."""
    def followed():
        node = node_status(province, "360100")
        assert node["province_log_problem"] is None, node
        return node["province_log"] > 5
    until(10, "the node follows", followed)

    def cosigned():
        witnesses = answer(province, "officer", "status")["province_log"]
        return all(w["size"] > 5 for w in witnesses["witnesses"]) \
            and len(witnesses["witnesses"]) == 2
    until(10, "both cities cosign", cosigned)
    province.copy_logs()
    found = json.loads(province.check_logs("verify"))
    assert found["verdict"] == "clean", found
    assert found["province_entries"] > 5, found


def check_witness(province):
    """The audit office cosigns too; a quorum of two cities and the office."""
    province.issue("witness", "audit/witness")
    audit = harness.BIN / "tongchou-audit"
    directory = province.options.dir / "audit"
    policy = directory / "policy.toml"
    port = harness.quickstart.free_ports(1)[0]

    def tls(name):
        return ["--ca", province.pki / "ca.pem", "--cert",
                province.pki / f"{name}.pem", "--key",
                province.pki / f"{name}-key.pem"]
    serve = [audit, "witness", "--dir", directory / "witness", "--policy",
             policy, "--name", "audit.example/witness", "--witness-key",
             directory / "witness-key.pem", "--listen", f"127.0.0.1:{port}",
             *tls("witness")]
    key = harness.run([*serve, "--make-key"]).strip()
    process = subprocess.Popen([str(a) for a in serve],
                               stdout=subprocess.PIPE, text=True)
    assert key in process.stdout.readline()
    assert "serving" in process.stdout.readline()
    feed = [audit, "feed", "--dir", directory / "copy", "--policy", policy,
            "--to", f"127.0.0.1:{port}", "--witness", key, *tls("auditor")]
    try:
        assert "0 before" in harness.run(feed)
        first = harness.run(feed)
        assert "0 before" not in first, first
        put = ("put", "unit", "AAB001=9", "AAB004=x", "AAB301=360102")
        tongchou(province, "operator-360100", *put)
        province.wait_applied([])
        time.sleep(2)
        province.fetch_logs()
        grown = harness.run(feed)
        assert "0 before" not in grown, grown
    finally:
        process.terminate()
        assert process.wait(20) == 0
    witnesses = [key] + [
        (province.options.dir / f"city-{c.code}" / "log-key.pub")
        .read_text().split()[1] for c in province.cities]
    text = policy.read_text()
    listed = ", ".join(f'"{w}"' for w in witnesses)
    policy.write_text(f"witnesses = [{listed}]\nquorum = 3\n" + text)
    found = json.loads(province.check_logs("verify"))
    assert found["verdict"] == "clean", found
    policy.write_text(text)


def node_client(province, code):
    """A thief with the files of a city's node."""
    name = f"thief-{code}"
    text = (province.options.dir / f"operator-{code}.toml").read_text()
    (province.options.dir / f"{name}.toml").write_text(
        text.replace(f"operator-{code}", f"node-{code}"))
    return name


def check_stolen(province, cities):
    """The certificate of 360100's node opens nothing of another city."""
    thief = node_client(province, "360100")
    other = province.node_address["360200"]
    for call in (("status", "--aggregator", province.aggregator_address),
                 ("list", "person"), ("person", person_number(12)),
                 ("access",)):
        tongchou(province, thief, *call, status=1)
    for call in (("get", "person", f"AAC002={person_number(12)}"),
                 ("put", "unit", "AAB001=x", "AAB004=x", "AAB301=360202")):
        text = tongchou(province, thief, "--node", other, *call, "--city",
                        "360200", status=1)
        assert "not for city node of 360100" in text, text
    # It carries no other log than its own.
    text = (province.options.dir / "city-360200" / "node.toml").read_text()
    foreign = province.options.dir / "city-360200" / "foreign.toml"
    foreign.write_text(text.replace("/node-360200", "/node-360100"))
    done = subprocess.run(
        [str(harness.BIN / "tongchou-node"), "restore", "--config",
         str(foreign)], text=True, capture_output=True, check=False,
        cwd=foreign.parent, timeout=60)
    assert done.returncode == 1 and "360100" in done.stderr, done.stderr


def check_revoked_node(province, cities):
    certificate = province.pki / "node-360100.pem"
    state = {c["city"]: c for c in province.status()["cities"]}
    assert state["360100"]["state"] == "live", state
    tongchou(province, "officer", "city", "revoke", certificate, "--reason",
             "x", status=1)
    started = time.monotonic()
    tongchou(province, "admin", "city", "revoke", certificate, "--reason",
             "设备被盗")

    def cut():
        node = node_status(province, "360100")
        return "revoked" in node["uplink"]
    until(CUT_SECONDS, "the stream is cut", cut)
    print(f"ok: revoked and cut off in {time.monotonic() - started:.2f} s")
    before = {c["city"]: c["durable"] for c in province.status()["cities"]}
    tongchou(province, "operator-360200", "put", "unit", "AAB001=2", "AAB004=x",
             "AAB301=360202")
    until(10, "the other city goes on", lambda: next(
        c["durable"] for c in province.status()["cities"]
        if c["city"] == "360200") == before["360200"] + 1)
    time.sleep(1)
    after = {c["city"]: c["durable"] for c in province.status()["cities"]}
    assert after["360100"] == before["360100"], after

    # A new certificate, and the city is back without a restart.
    for suffix in (".pem", "-key.pem"):
        (province.pki / f"node-360100{suffix}").unlink()
    province.issue("node-360100", "city/360100/node")
    back = until(60, "the city is back", lambda: "connected" in
                 node_status(province, "360100")["uplink"])
    print(f"ok: back with a new certificate in {back:.1f} s")


def check_revoked_operator(province):
    """The city's node hears of it by the province's log."""
    add_client(province, "stolen", "city/360100/operator/stolen",
               province.cities[0])
    put = ("put", "unit", "AAB001=3", "AAB004=x", "AAB301=360102")
    tongchou(province, "stolen", *put)
    tongchou(province, "admin", "city", "revoke", province.pki / "stolen.pem",
             "--reason", "手机丢失")

    def refused():
        done = subprocess.run(
            [str(a) for a in province.client("stolen", *put)],
            capture_output=True, text=True, check=False, timeout=60)
        return done.returncode == 1 and "revoked" in done.stderr
    print(f"ok: the node refuses it after "
          f"{until(CUT_SECONDS, 'the node refuses', refused):.2f} s")


def check_logs(province):
    """Neither names nor ID numbers stand in any log."""
    logs = list(province.options.dir.glob("*/log.txt"))
    assert len(logs) == 3, logs
    for log in logs:
        text = log.read_text(errors="replace")
        assert NAME not in text, log
        found = re.search(r"3699011970\d{7}[\dX]", text)
        assert found is None, (log, found)
        assert "serving" in text, log


def main():
    options = harness.options("trust", synthetic=True)
    cities = [Folder("360100"), Folder("360200")]
    with harness.running(options, cities) as province:
        add_client(province, "analyst", "province/analyst/liu")
        add_client(province, "admin", "province/admin/root")
        province.client_config("auditor", None)
        put_persons(province)
        check_officer(province)
        check_analyst(province)
        check_access(province)
        check_own_log(province)
        check_witness(province)
        check_stolen(province, cities)
        check_revoked_node(province, cities)
        check_revoked_operator(province)
        check_logs(province)
        check_seen(province)
    print("ok")


if __name__ == "__main__":
    main()
