"""The nursery of supervisors: a small program that forks one for each attempt, ready at once.

Run as ``python -I -S nursery.py SHIM FD``. A message on the socket FD names a run folder; the
answer is the pid of its supervisor, with a pidfd. It ends when the other side of the socket does;
the supervisors live on, in sessions of their own.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import os
import signal
import socket
import sys
import traceback
from types import ModuleType

__all__ = ["main"]

_EARLY_SIGNALS = (signal.SIGTERM, signal.SIGTSTP, signal.SIGCONT)
_MOST = 1 << 16
_PLACE = 3


def _load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("shim", path)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018
    module = importlib.util.module_from_spec(spec)
    sys.modules["shim"] = module
    spec.loader.exec_module(module)
    return module


def _grow_up(shim: ModuleType, folder: str) -> None:
    """Become the supervisor of a run folder; signals that come before it listens are kept."""
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        errors = os.open(f"{folder}/shim.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for handle, place in ((nothing, 0), (errors, 1), (errors, 2)):
            os.dup2(handle, place)
        os.closerange(3, 64)
        code = shim.Shim(folder).run()
    except BaseException:  # noqa: BLE001 - the end of a process
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _moved(handle: int) -> int:
    """Give the socket a low number: its own may be any that was free in the service."""
    if handle == _PLACE:
        return handle
    os.dup2(handle, _PLACE, inheritable=False)
    os.close(handle)
    return _PLACE


def _bear(shim: ModuleType, sock: socket.socket, folder: str) -> None:
    pid = os.fork()
    if pid == 0:
        _grow_up(shim, folder)
    handle = os.pidfd_open(pid)  # nobody has reaped it yet
    try:
        socket.send_fds(sock, [json.dumps(pid).encode()], [handle])
    finally:
        os.close(handle)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main(argv: list[str]) -> int:
    """Fork supervisors until nobody asks any more."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _EARLY_SIGNALS)
    shim = _load(argv[1])
    sock = socket.socket(fileno=_moved(int(argv[2])))
    os.environ.clear()
    os.environ["PATH"] = os.defpath
    gc.freeze()
    sock.settimeout(2.0)
    while True:
        _reap()
        try:
            message = sock.recv(_MOST)
        except TimeoutError:
            continue
        if not message:
            return 0
        _bear(shim, sock, message.decode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
