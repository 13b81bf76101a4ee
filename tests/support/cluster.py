"""Clusters of one machine: a Slurm of the distribution's packages, and an sshd that answers under two names."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

SBIN = "/usr/sbin:/usr/bin:/sbin:/bin"
SLURM = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "sinfo")
HOSTS = ("localhost", "127.0.0.1")
PATIENCE_SECONDS = 60
CONFIGURATION = """\
ClusterName=eugpt
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
KillWait=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def program(name: str) -> str | None:
    return shutil.which(name, path=SBIN)


def has_slurm() -> bool:
    """Whether it is installed, and may be run: slurmd starts jobs as root only."""
    return all(map(program, SLURM)) and os.geteuid() == 0


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(listener.getsockname()[1]) for listener in listeners]


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """One node; yields the environment in which sbatch and the others find it."""
    (folder / "state").mkdir()
    (folder / "spool").mkdir()
    host = socket.gethostname().partition(".")[0]
    configuration = CONFIGURATION.format(host=host, user=getpass.getuser(), ports=free_ports(2), folder=folder)
    (folder / "slurm.conf").write_text(configuration)
    (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o400)
    environ = {"PATH": SBIN, "SLURM_CONF": str(folder / "slurm.conf")}
    names = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    munged = ["munged", "--force", "--foreground", *(f"--{flag}={folder}/munge.{name}" for flag, name in names.items())]
    with ExitStack() as stack:
        stack.enter_context(daemon(munged, environ, folder))
        await_path(folder / "munge.socket")
        stack.enter_context(daemon(["slurmctld", "-D", "-i"], environ, folder))
        stack.enter_context(daemon(["slurmd", "-D"], environ, folder))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "idle" not in ask(["sinfo", "-h", "-o", "%T"], environ):
            assert time.monotonic() < deadline, "the node is not up"
            time.sleep(0.2)
        try:
            yield environ
        finally:
            ask(["scancel", "--full", "--signal=KILL", "--user", getpass.getuser()], environ)
            while ask(["squeue", "-h"], environ).strip() and time.monotonic() < deadline + PATIENCE_SECONDS:
                ask(["scancel", "--user", getpass.getuser()], environ)
                time.sleep(0.2)


@contextmanager
def sshd(folder: Path, **environ: str) -> Iterator[str]:
    """Yields the lines of a file for --sshloginfile: two hosts, whose commands find these variables."""
    (port,) = free_ports(1)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    variables = " ".join(f'"{name}={value}"' for name, value in environ.items())
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"PermitRootLogin yes\nPasswordAuthentication no\nAuthorizedKeysFile {folder}/user.pub\nSetEnv {variables}\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with daemon([str(program("sshd")), "-D", "-e", "-f", str(folder / "sshd_config")], {"PATH": SBIN}, folder):
        options = f"-F none -p {port} -i {folder}/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        yield "".join(f"ssh -q {options} {host}\n" for host in HOSTS)


@contextmanager
def daemon(command: list[str], environ: dict[str, str], folder: Path) -> Iterator[None]:
    log = folder / f"{Path(command[0]).name}.log"
    path = program(command[0]) or command[0]
    with log.open("wb") as out, subprocess.Popen([path, *command[1:]], env=environ, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.terminate()


def await_path(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.05)


def ask(command: list[str], environ: dict[str, str]) -> str:
    """What a command prints; a failure is none of ours to judge."""
    done = subprocess.run(
        [program(command[0]) or command[0], *command[1:]],
        env=environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip
    return done.stdout
