"""`eugpt serve -- COMMAND`: the command as a child that finds the server in its environment."""

import asyncio
import functools
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from eugpt_cli.local.server_config import ServeError, reason

_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
FORWARDED = (signal.SIGTERM, signal.SIGHUP)


async def run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Runs the command to its end: its exit status, or the negative number of the signal that killed it.

    Forwards SIGTERM and SIGHUP, and ignores SIGINT, which the child gets from the terminal itself.
    Raises ServeError with exit_code 127 (not found) or 126 (not executable).
    """
    received: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in FORWARDED:
        on_signal(number, functools.partial(received.put_nowait, number))
    on_signal(signal.SIGINT, lambda: None)
    child = await _started(command, environ)
    forwarding = asyncio.create_task(_forward(received, child))
    try:
        return await child.wait()
    finally:
        forwarding.cancel()


def on_signal(number: signal.Signals, callback: Callable[[], None]) -> None:
    """Calls back on a signal; one that was ignored from the start (nohup) stays ignored."""
    if signal.getsignal(number) is not signal.SIG_IGN:
        asyncio.get_running_loop().add_signal_handler(number, callback)


async def _started(command: Sequence[str], environ: Mapping[str, str]) -> asyncio.subprocess.Process:
    path = shutil.which(command[0], path=environ.get("PATH", os.defpath))
    try:
        return await asyncio.create_subprocess_exec(*command, executable=path, env=dict(environ))
    except FileNotFoundError:
        raise ServeError(f"{command[0]}: command not found", exit_code=127) from None
    except OSError as error:
        raise ServeError(f"{command[0]}: {reason(error)}", exit_code=126) from None


async def _forward(received: asyncio.Queue[signal.Signals], child: asyncio.subprocess.Process) -> None:
    while True:
        number = await received.get()
        if child.returncode is None:
            child.send_signal(number)


def state_folder(state: Path | None, held: ExitStack) -> Path:
    """The XDG_STATE_HOME of the command: in the server's state folder, or one that is gone when `held` closes.

    The names of conversations in it belong to this server, and the user's own are left alone.
    """
    if state is None:
        return Path(held.enter_context(tempfile.TemporaryDirectory(prefix="eugpt-serve-", ignore_cleanup_errors=True)))
    folder = state.resolve() / "command"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ServeError(f"cannot use the state in {folder}: {reason(error)}") from None
    return folder


def environment(environ: Mapping[str, str], base_url: str, key: str, state: Path) -> dict[str, str]:
    """The child's environment: ours, the server's address and key, its own state folder, a PATH with `eugpt`.

    Proxies are told to leave loopback alone.
    """
    made = {**environ, "EUGPT_BASE_URL": base_url, "EUGPT_API_KEY": key, "XDG_STATE_HOME": str(state)}
    path = environ.get("PATH", os.defpath)
    if shutil.which("eugpt", path=path) is None:
        made["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), path])
    if any(environ.get(name) for name in _PROXIES):
        for name in ("NO_PROXY", "no_proxy"):
            made[name] = ",".join(filter(None, [environ.get(name), "127.0.0.1,localhost,::1"]))
    return made
