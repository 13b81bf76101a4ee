"""The life of the local server: listen, announce, run the command or wait for a signal, be gone within two seconds."""

import asyncio
import errno
import functools
import ipaddress
import shlex
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager

from aiohttp import web

from eugpt_cli.local import api_keys, child
from eugpt_cli.local.answers import corpus
from eugpt_cli.local.answers.web_folder import WebFolder
from eugpt_cli.local.client_connection import ClientConnection
from eugpt_cli.local.http_app import Backends, HttpApp
from eugpt_cli.local.quota import TokenQuota
from eugpt_cli.local.rehearsal import scenario
from eugpt_cli.local.rehearsal.recording import RecordingShelf
from eugpt_cli.local.rehearsal.upstream import Upstream
from eugpt_cli.local.server_config import ServeError, ServerConfig, reason
from eugpt_cli.local.service import ResponseService
from eugpt_cli.local.thread_store import ThreadStore

WORKERS = 2
"""Threads that work out answers: more would not be faster."""
GRACE = 0.5
"""Seconds that open requests have to end once the server shuts down."""

Text = Callable[[str], None]


def run(config: ServerConfig, command: Sequence[str], environ: Mapping[str, str], say: Text, note: Text) -> int:
    """Serves until SIGINT or SIGTERM, or as long as `command` runs.

    `say` takes the two export lines (only without a command), `note` everything else, a line a call. Returns the
    command's exit status, or the negative number of the signal that was its end (without a command: ours). Raises
    ServeError.
    """
    return asyncio.run(_run(config, command, environ, say, note))


async def _run(config: ServerConfig, command: Sequence[str], environ: Mapping[str, str], say: Text, note: Text) -> int:
    async with _serving(config, note) as (base_url, key):
        if command:
            return await child.run(command, child.environment(environ, base_url, key))
        received: asyncio.Queue[signal.Signals] = asyncio.Queue()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            child.on_signal(number, functools.partial(received.put_nowait, number))
        say(f"export EUGPT_BASE_URL={shlex.quote(base_url)}")
        say(f"export EUGPT_API_KEY={shlex.quote(key)}")
        if config.interactive:
            note("serving: paste the two lines into another shell; Ctrl-C ends the server")
        return -await received.get()


@asynccontextmanager
async def _serving(config: ServerConfig, note: Text) -> AsyncIterator[tuple[str, str]]:
    """(base URL, key) of a server that listens as long as the block runs."""
    keyring = api_keys.load(config.key, config.keys)
    with ExitStack() as held:
        backends = _backends(config, keyring.exported, note, held)
        workers = ThreadPoolExecutor(WORKERS)
        held.callback(workers.shutdown, wait=False, cancel_futures=True)  # what is not answered yet is not waited for
        app = HttpApp(
            backends,
            keyring,
            workers,
            default_stream=config.default_stream,
            patience=config.patience,
            note=note if config.verbose else None,
        )
        async with _listening(config, app, note) as port:
            yield f"http://{_reachable(config.host)}:{port}/v1", keyring.exported


def _backends(config: ServerConfig, local_key: str, note: Text, held: ExitStack) -> Backends:
    """All that answers, each of them closed when `held` is."""
    if (config.record is None) != (config.upstream is None):
        raise ServeError("--record and --upstream need each other")
    if config.record and config.replay:
        raise ServeError("--record and --replay exclude each other")
    store = ThreadStore(config.state)
    held.callback(store.close)
    projects = corpus.of_projects(config.projects, config.state, note if config.interactive else None)
    web_folder = WebFolder(config.web) if config.web else None
    for project in projects.values():
        held.callback(project.close)
    if web_folder:
        held.callback(web_folder.close)
    upstream = None
    if config.record and config.upstream:
        upstream = Upstream(config.upstream, config.upstream_key, config.record, local_key, note)
    quota = TokenQuota(config.daily_tokens, config.monthly_tokens)
    return Backends(
        ResponseService(store, config.files, projects, web_folder, quota),
        script=scenario.load(config.scenario) if config.scenario else None,
        replay=RecordingShelf(config.replay) if config.replay else None,
        upstream=upstream,
    )


@asynccontextmanager
async def _listening(config: ServerConfig, app: HttpApp, note: Text) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: note(f"serve: {context['message']}") if config.verbose else None)
    manager = web.Server(app.handle, handler_cancellation=True)
    factory = functools.partial(ClientConnection, manager, loop=loop, patience=config.patience)
    try:
        listener = await loop.create_server(factory, config.host, config.port, backlog=512)
    except OSError as error:
        raise _cannot_listen(config, error) from None
    except OverflowError:
        raise ServeError(f"{config.port} is not a port", "ports go from 0 to 65535") from None
    if not _is_loopback(config.host):
        note(f"warning: listening on {config.host}: other machines may try keys, and traffic is not encrypted")
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        manager.pre_shutdown()
        await manager.shutdown(GRACE)


def _cannot_listen(config: ServerConfig, error: OSError) -> ServeError:
    if error.errno == errno.EADDRINUSE:
        return ServeError(
            f"port {config.port} on {config.host} is in use", "choose another with --port, or --port 0 for a free one"
        )
    return ServeError(f"cannot listen on {config.host}:{config.port}: {reason(error)}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reachable(host: str) -> str:
    """The host as a client on this machine writes it in a URL."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return str(address) if address.version == 4 else f"[{address}]"
