"""A province on loopback for integration tests, over deploy/quickstart.py."""

import argparse
import contextlib
import importlib.util
import json
import os
import pathlib
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.setdefault(
    "TONGCHOU_BIN", str(ROOT / "build" / "dev" / "bin")))


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


quickstart = _load("quickstart", ROOT / "deploy" / "quickstart.py")
run = quickstart.run
Failure = quickstart.Failure


def options(name, synthetic=False, clock=None, directory=None):
    """In a directory of its own unless one is given."""
    if directory is None:
        directory = pathlib.Path(tempfile.mkdtemp(prefix=f"tongchou-{name}-"))
    return argparse.Namespace(
        dir=directory, data=None, synthetic=synthetic, clock=clock, on=None,
        mode="upsert", json=None, once=True, persons=0, dirty=0)


def cities(opts):
    return quickstart.find_cities(opts)


def clear_rejects(province):
    for path in province.options.dir.glob("rejects-*.csv"):
        path.unlink()


@contextlib.contextmanager
def running(opts, city_list):
    province = quickstart.Province(opts, city_list)
    province.make_certificates()
    province.configure()
    try:
        province.start_all()
        yield province
    finally:
        province.stop()


class Folder:
    """A city, with files to import or without."""

    def __init__(self, code, folder=None):
        self.code = code
        self.name = code
        self.folder = folder


def add_client(province, name, identity, city=None):
    province.issue(name, identity)
    province.client_config(name, city)


def until(seconds, what, done):
    """Seconds until `done` is true."""
    started = time.monotonic()
    while not done():
        assert time.monotonic() - started < seconds, f"not in time: {what}"
        time.sleep(0.05)
    return time.monotonic() - started


def tongchou(province, client, *arguments, status=0):
    """What `tongchou` said: standard output, or the error."""
    done = subprocess.run(
        [str(a) for a in province.client(client, *arguments)], text=True,
        capture_output=True, check=False, timeout=60)
    assert done.returncode == status, (arguments, done.returncode, done.stdout,
                                       done.stderr)
    return done.stdout if status == 0 else done.stderr


def answer(province, client, *arguments):
    return json.loads(tongchou(province, client, "--format", "json",
                               *arguments))


def node_status(province, code):
    """What a node says of itself."""
    return answer(province, f"operator-{code}", "status", "--node",
                  province.node_address[code])["node"]


def try_node_status(province, code):
    """The same; empty while it does not answer."""
    with contextlib.suppress(AssertionError):
        return node_status(province, code)
    return {}


def put_unit(province, code, number, name="x", status=0):
    """A unit of one city; what was said to it."""
    return tongchou(province, f"operator-{code}", "put", "unit",
                    f"AAB001={number}", f"AAB004={name}",
                    f"AAB301={code[:4]}02", status=status)


def try_put_unit(province, code, number, name="x"):
    """Why it was refused; empty when it was taken."""
    try:
        put_unit(province, code, number, name)
    except AssertionError as refused:
        return refused.args[0][-1]
    return ""
