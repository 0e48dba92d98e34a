"""Holds single threads of a running program, as a hanging disk or lock would."""

import contextlib
import ctypes
import os
import pathlib

_SEIZE, _INTERRUPT, _DETACH = 0x4206, 0x4207, 17
_WALL = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long] * 4


def _ptrace(request, thread):
    if _libc.ptrace(request, thread, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ptrace: this test has to hold "
                      "threads of its own child processes")


def named(pid, name):
    tasks = pathlib.Path(f"/proc/{pid}/task")
    return [int(task.name) for task in tasks.iterdir()
            if (task / "comm").read_text().strip() == name]


@contextlib.contextmanager
def held(pid, *names):
    """The threads of these names stand still meanwhile; the others go on."""
    threads = [thread for name in names for thread in named(pid, name)]
    assert len(threads) == len(names), (names, threads)
    for thread in threads:
        _ptrace(_SEIZE, thread)
        _ptrace(_INTERRUPT, thread)
        os.waitpid(thread, _WALL)
    try:
        yield
    finally:
        for thread in threads:
            _ptrace(_DETACH, thread)
