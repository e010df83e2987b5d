"""A real Slurm of one node on loopback, with a folder, a key and ports of its own."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.needs import needs
from tests.support.service import free_port
from tests.support.waiting import wait_until

__all__ = ["Slurm", "a_slurm"]

_CONF = """\
ClusterName=nora
SlurmctldHost={node}(127.0.0.1)
SlurmctldPort={ctld}
SlurmdPort={slurmd}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/run/munge.sock
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/run/slurmctld.pid
SlurmdPidFile={root}/run/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=1000,sched_interval=1,bf_interval=1
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
KillWait=15
MinJobAge=300
GresTypes=gpu
NodeName={node} NodeAddr=127.0.0.1 CPUs=64 RealMemory=1000000 State=UNKNOWN Gres=gpu:2
PartitionName=normal Nodes={node} Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=64
PartitionName=gpus Nodes={node} MaxTime=60 State=UP DefMemPerCPU=64
PartitionName=closed Nodes={node} MaxTime=60 State=DOWN DefMemPerCPU=64
"""


class Slurm:
    """The daemons and what speaks to them.

    Parameters
    ----------
    root : Path
        Folder for everything; its path has to be short.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.conf = root / "slurm.conf"
        self.env = {"SLURM_CONF": str(self.conf)}
        self._keeper: subprocess.Popen[str] | None = None
        for name in ("munge", "run", "log", "state", "spool"):
            (root / name).mkdir(mode=0o700 if name == "munge" else 0o755)
        self._configure()

    def _configure(self) -> None:
        key = self.root / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        node = socket.gethostname().partition(".")[0]
        self.conf.write_text(
            _CONF.format(root=self.root, node=node, ctld=free_port(), slurmd=free_port())
        )
        gpus = [self.root / f"gpu{n}" for n in range(2)]
        for path in gpus:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))  # another /dev/null
        (self.root / "gres.conf").write_text("".join(f"Name=gpu File={p}\n" for p in gpus))

    def start(self) -> None:
        """Start all daemons and wait until the node takes jobs."""
        keeper = Path(__file__).with_name("slurm_keeper.py")
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(keeper), str(self.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.tell("start munged")
        wait_until((self.root / "run" / "munge.sock").exists, "munge listens")
        self.tell("start slurmctld")
        self.tell("start slurmd")
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the node takes jobs."""
        wait_until(
            lambda: self.run("sinfo", "-h", "-p", "normal", "-o", "%T") in ("idle", "mixed"),
            "the node takes jobs",
            show=self.logs,
        )

    def wait_saved(self, since: float) -> None:
        """Wait until the controller has written down what came in since then.

        What it has not, it forgets when it is killed; then it gives the number of a job a second
        time, and the node may end the new job in place of the old one.
        """
        state = self.root / "state" / "job_state"
        wait_until(
            lambda: state.exists() and state.stat().st_mtime > since,
            "the controller saves its state",
            show=self.logs,
        )

    def tell(self, order: str) -> None:
        """Let the keeper ``start`` or ``kill`` a daemon."""
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.write(f"{order}\n")
        self._keeper.stdin.flush()
        assert self._keeper.stdout.readline() == "ok\n"

    def stop(self) -> None:
        """End all daemons and whatever they started."""
        if self._keeper is not None:
            self._keeper.communicate(timeout=60)

    def run(self, *command: str) -> str:
        """Run one of Slurm's commands; give what it says."""
        done = subprocess.run(
            command, env=os.environ | self.env, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def logs(self) -> str:
        """Give the ends of all logs."""
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-1500:]}"
            for path in sorted((self.root / "log").iterdir())
        )


@contextmanager
def a_slurm(root: Path) -> Iterator[Slurm]:
    """Run a Slurm in a folder; it needs root, as its daemons switch users."""
    for program in ("slurmctld", "slurmd", "sbatch", "squeue", "munged"):
        needs(program)
    if os.geteuid() != 0:
        pytest.skip("slurmd has to run as root")
    slurm = Slurm(root)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()
        shutil.rmtree(root / "spool", ignore_errors=True)
