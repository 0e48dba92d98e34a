"""A province on loopback for integration tests, over deploy/quickstart.py."""

import argparse
import contextlib
import importlib.util
import os
import pathlib
import tempfile

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
