"""Runs the attempts of a group one after another inside one job of a cluster: a program by itself.

Run as ``python -I -S carrier.py SUPERVISOR DIR IDLE_S [forward]``. DIR is the run folder of the
first attempt; its subfolder ``carrier`` is where the service leaves word: ``next-*`` names the run
folder of another attempt, ``wish`` a signal for the present one, ``close`` that none will follow.
Each attempt has a supervisor of its own, and with it its own ``claim`` and ``exit.json``: whatever
happens to this program, no attempt runs twice.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time

__all__ = ["Carrier", "main"]

_SET_CHILD_SUBREAPER = 36
_TICK_S, _BEAT_S = 0.25, 2.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGTSTP, signal.SIGCONT, signal.SIGCHLD)
_ENDING = (signal.SIGTERM, signal.SIGINT)


class Carrier:
    """One job of a cluster for several attempts.

    Parameters
    ----------
    supervisor : str
        Program of the supervisor.
    folder : str
        Run folder of the first attempt.
    idle_s : float
        Seconds that it waits for the next attempt.
    forward : bool
        Whether signals reach this program alone, and have to be passed on.
    """

    def __init__(self, supervisor: str, folder: str, idle_s: float, *, forward: bool) -> None:
        self.supervisor, self.first = supervisor, folder
        self.idle_s, self.forward = idle_s, forward
        self.word = f"{folder}/carrier"
        self.done: set[str] = set()
        self.wish = ""
        self.ending = False
        self.beat_at = 0.0

    def run(self) -> int:
        """Run the first attempt, and then whatever comes, until nothing does."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        os.makedirs(self.word, mode=0o700, exist_ok=True)  # noqa: PTH103
        folder: str | None = self.first
        while folder is not None:
            self._run_one(folder)
            folder = self._next()
        self._say("closed", "")
        return 0

    def _run_one(self, folder: str) -> None:
        with open(f"{folder}/cluster.out", "ab") as errors:  # noqa: PTH123
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", self.supervisor, folder],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
            )
        while child.poll() is None:
            number = self._wait()
            if self.forward and number is not None and number != signal.SIGCHLD:
                child.send_signal(number)
            wanted = self._wish_for(folder)
            if wanted is not None:
                child.send_signal(wanted)
        self._end_strays()

    def _wait(self) -> int | None:
        """Sleep for a moment; give the signal that ended it."""
        now = time.monotonic()
        if now - self.beat_at > _BEAT_S:  # a change of ours lets a network disk look again
            self._say("beat", str(time.time_ns()))
            self.beat_at = now
        event = signal.sigtimedwait(_SIGNALS, _TICK_S)
        if event is None:
            return None
        if event.si_signo in _ENDING:
            self.ending = True
            self._say("ending", "")
        return event.si_signo

    def _next(self) -> str | None:
        """Wait for the next attempt; None when there will be none."""
        until = time.monotonic() + self.idle_s
        while not self.ending and time.monotonic() < until:
            for name in sorted(os.listdir(self.word)):  # noqa: PTH208
                if name.startswith("next-") and name not in self.done:
                    self.done.add(name)
                    return self._read(name).strip()
            if os.path.exists(f"{self.word}/close"):  # noqa: PTH110
                return None
            self._wait()
        return None

    def _wish_for(self, folder: str) -> signal.Signals | None:
        """Give a signal that the service wants sent to the present attempt, once."""
        text = self._read("wish")
        if not text or text == self.wish:
            return None
        asked = json.loads(text)
        if asked["folder"] != folder:
            return None
        self.wish = text
        return signal.Signals(asked["signal"])

    def _read(self, name: str) -> str:
        try:
            with open(f"{self.word}/{name}", encoding="utf-8") as stream:  # noqa: PTH123
                return stream.read()
        except OSError:
            return ""

    def _say(self, name: str, text: str) -> None:
        """Leave word for the service; a full disk is no reason to end."""
        with contextlib.suppress(OSError):
            with open(f"{self.word}/{name}.part", "w", encoding="utf-8") as stream:  # noqa: PTH123
                stream.write(text)
            os.rename(f"{self.word}/{name}.part", f"{self.word}/{name}")  # noqa: PTH104

    def _end_strays(self) -> None:
        """Kill what a supervisor that was killed itself has left behind."""
        while pids := _children(os.getpid()):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as stream:  # noqa: PTH123
        return [int(child) for child in stream.read().split()]


def main(argv: list[str]) -> int:
    """Carry the attempts that the arguments and the service name."""
    return Carrier(argv[1], argv[2], float(argv[3]), forward="forward" in argv[4:]).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
