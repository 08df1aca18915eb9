"""A real SLURM of one node with a fake GPU, started by hand in a folder and stopped with it.

Needs Debian's ``slurm-wlm`` and ``munge`` and nothing of the system: every daemon runs in the
foreground as this process's child, with its own ports, key, sockets and state.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.processes import free_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "scancel", "sinfo")
PARTITION = "gpu-rtx6000"
PATIENCE = 60.0
"""Seconds for a daemon to answer on a busy machine."""


@dataclass(frozen=True)
class Slurm:
    """A running cluster.

    Attributes:
        folder: with the configuration and the daemons' logs.
        environment: in which SLURM's commands find the cluster.
    """

    folder: Path
    environment: Mapping[str, str]

    def command(self, *arguments: str | Path, check: bool = True) -> str:
        """Runs one of SLURM's commands and gives its output."""
        done = subprocess.run(
            list(map(str, arguments)),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def jobs(self) -> list[str]:
        """Every job or array task that waits or runs, as ``name state id``."""
        return self.command("squeue", "--noheader", "--array", "--format=%j %T %i").splitlines()

    def wait_until_idle(self, seconds: float) -> None:
        """Waits until no job waits or runs."""
        wait_for(lambda: not self.jobs(), seconds, lambda: "\n".join(self.jobs()))


def missing_programs() -> list[str]:
    """What of SLURM is not installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return [name for name in PROGRAMS if not shutil.which(name, path=path)]


def wait_for(
    condition: Callable[[], object], seconds: float, state: Callable[[], str] = lambda: ""
) -> None:
    """Waits for something to become true; fails with the state if it does not."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:.0f} seconds in vain; {state()}"
        time.sleep(0.1)


@contextmanager
def running_slurm(folder: Path) -> Iterator[Slurm]:
    """Starts the cluster; on leaving, ends every job and every daemon."""
    environment = {
        **os.environ,
        "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
        "SLURM_CONF": str(folder / "slurm.conf"),
    }
    slurm = Slurm(folder, environment)
    _configure(folder)
    with ExitStack() as stack:
        munge = ("--foreground", "--force", f"--socket={folder / 'munge.socket'}")
        files = ("key-file", "pid-file", "log-file", "seed-file")
        munge_files = [f"--{name}={folder / f'munge.{name}'}" for name in files]
        stack.enter_context(_daemon(slurm, "munged", *munge, *munge_files))
        wait_for((folder / "munge.socket").exists, PATIENCE, lambda: _log(folder, "munged"))
        stack.enter_context(_daemon(slurm, "slurmctld", "-D"))
        stack.enter_context(_daemon(slurm, "slurmd", "-D", "-N", _host()))
        stack.callback(_end_jobs, slurm)
        wait_for(
            lambda: "idle" in slurm.command("sinfo", "--noheader", "--format=%t", check=False),
            PATIENCE,
            lambda: _log(folder, "slurmctld") + _log(folder, "slurmd"),
        )
        yield slurm
    left = _processes_of(folder)
    for process in left:
        os.kill(process, signal.SIGKILL)
    assert not left, f"SLURM left {len(left)} processes behind"


def _processes_of(folder: Path) -> list[int]:
    """Processes of the cluster and its jobs: they have its configuration in their environment."""
    mark = f"SLURM_CONF={folder}/".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if mark in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def _end_jobs(slurm: Slurm) -> None:
    slurm.command("scancel", f"--user={getpass.getuser()}", "--signal=KILL", "--full", check=False)
    slurm.command("scancel", f"--user={getpass.getuser()}", check=False)
    slurm.wait_until_idle(PATIENCE)


@contextmanager
def _daemon(slurm: Slurm, name: str, *arguments: str) -> Iterator[None]:
    with (slurm.folder / f"{name}.out").open("wb") as log:
        process = subprocess.Popen(
            [name, *arguments], env=slurm.environment, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _configure(folder: Path) -> None:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key-file"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    # A munged that finds its socket's folder closed to others refuses to serve them.
    folder.chmod(0o755)
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
    (folder / "slurm.conf").write_text(_slurm_conf(folder))


def _slurm_conf(folder: Path) -> str:
    user = getpass.getuser()
    settings = {
        "ClusterName": "fathomnet",
        "SlurmctldHost": f"{_host()}(127.0.0.1)",
        "SlurmUser": user,
        "SlurmdUser": user,
        # A requeued job waits until its old credential has expired, two minutes by default.
        "AuthInfo": f"socket={folder / 'munge.socket'},cred_expire=5",
        "SlurmctldPort": free_port(),
        "SlurmdPort": free_port(),
        "StateSaveLocation": folder / "state",
        "SlurmdSpoolDir": folder / "spool",
        "SlurmctldPidFile": folder / "slurmctld.pid",
        "SlurmdPidFile": folder / "slurmd.pid",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_CPU",
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "MpiDefault": "none",
        "ReturnToService": 2,
        "KillWait": 30,
        "SchedulerParameters": "sched_interval=1,batch_sched_delay=1",
        "SlurmdParameters": "config_overrides",
        "GresTypes": "gpu",
    }
    lines = [f"{name}={value}" for name, value in settings.items()]
    node = f"NodeName={_host()} NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000 Gres=gpu:1 State=UNKNOWN"
    partition = f"PartitionName={PARTITION} Nodes={_host()} Default=YES MaxTime=60 State=UP"
    return "\n".join([*lines, node, partition, ""])


def _host() -> str:
    return socket.gethostname().partition(".")[0]


def _log(folder: Path, name: str) -> str:
    path = folder / f"{name}.out"
    return f"{name}: {path.read_text()[-2_000:]}" if path.exists() else ""
