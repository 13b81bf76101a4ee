"""Runs the local server: listens, announces itself, runs the command or awaits a signal, ends within two seconds."""

import asyncio
import errno
import functools
import shlex
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, suppress

from aiohttp import web

from eugpt_cli.local import api_keys, child
from eugpt_cli.local.addresses import is_loopback, reachable
from eugpt_cli.local.answers import corpus
from eugpt_cli.local.answers.web_folder import WebFolder
from eugpt_cli.local.api_keys import Keyring
from eugpt_cli.local.client_connection import ClientConnection
from eugpt_cli.local.http_app import HttpApp
from eugpt_cli.local.quota import TokenQuota
from eugpt_cli.local.rehearsal.assembly import Rehearsal, refuse_combinations
from eugpt_cli.local.request_input import UploadedFiles
from eugpt_cli.local.responder import Backends, Responder
from eugpt_cli.local.server_config import ServeError, ServerConfig, reason
from eugpt_cli.local.service import ResponseService
from eugpt_cli.local.thread_store import ThreadStore

WORKERS = 2
"""Threads that compute answers; more would not be faster."""
GRACE = 0.5
"""Seconds for open requests to end when the server shuts down."""

LineSink = Callable[[str], None]


def run(config: ServerConfig, command: Sequence[str], environ: Mapping[str, str], say: LineSink, note: LineSink) -> int:
    """Serves until SIGINT or SIGTERM, or as long as `command` runs.

    `say` gets the two export lines (only without a command), `note` every other line. Returns the
    command's exit status, or the negative number of the signal that ended it (without a command: the server). Raises
    ServeError.
    """
    return asyncio.run(_run(config, command, environ, say, note))


async def _run(
    config: ServerConfig, command: Sequence[str], environ: Mapping[str, str], say: LineSink, note: LineSink
) -> int:
    refuse_combinations(config)
    with ExitStack() as held:
        keyring = api_keys.load(config.key, config.keys)
        rehearsal = Rehearsal(config, keyring.exported, note, held)
        async with _serving(config, keyring, rehearsal, note, held) as base_url:
            if command:
                place = child.state_folder(config.state, held)
                status = await child.run(command, child.environment(environ, base_url, keyring.exported, place))
            else:
                status = await _until_signal(config, base_url, keyring.exported, say, note)
        return rehearsal.verdict(status)


async def _until_signal(config: ServerConfig, base_url: str, key: str, say: LineSink, note: LineSink) -> int:
    received: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        child.on_signal(number, functools.partial(received.put_nowait, number))
    say(f"export EUGPT_BASE_URL={shlex.quote(base_url)}")
    say(f"export EUGPT_API_KEY={shlex.quote(key)}")
    if config.interactive:
        note("serving: paste the two lines into another shell; Ctrl-C ends the server")
    return -await received.get()


@asynccontextmanager
async def _serving(
    config: ServerConfig, keyring: Keyring, rehearsal: Rehearsal, note: LineSink, held: ExitStack
) -> AsyncIterator[str]:
    """Yields the base URL of a server that listens while the block runs."""
    service = _service(config, note, held)
    workers = ThreadPoolExecutor(WORKERS)
    held.callback(workers.shutdown, wait=False, cancel_futures=True)  # what is not answered yet is not waited for
    responder = Responder(
        Backends(service, rehearsal.scenario, rehearsal.shelf, rehearsal.upstream),
        keyring,
        workers,
        default_stream=config.default_stream,
        patience=config.patience,
        reads_all=rehearsal.log is not None,
        note=note,
    )
    app = HttpApp(responder, note, verbose=config.verbose, log=rehearsal.log, origin=config.cors)
    async with _listening(config, app, note) as port:
        yield f"http://{reachable(config.host)}:{port}/v1"
    if rehearsal.upstream:
        await rehearsal.upstream.close(GRACE)


def _service(config: ServerConfig, note: LineSink, held: ExitStack) -> ResponseService:
    """The engine with its stores; `held` closes them."""
    store = ThreadStore(config.state)
    held.callback(store.close)
    projects = corpus.of_projects(config.projects, config.state, note if config.interactive else None)
    for project in projects.values():
        held.callback(project.close)
    web_folder = WebFolder(config.web) if config.web else None
    if web_folder:
        held.callback(web_folder.close)
    quota = TokenQuota(config.daily_tokens, config.monthly_tokens)
    return ResponseService(store, UploadedFiles(config.files), projects, web_folder, quota)


@asynccontextmanager
async def _listening(config: ServerConfig, app: HttpApp, note: LineSink) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: note(f"serve: {context['message']}") if config.verbose else None)
    manager = web.Server(app.handle, handler_cancellation=True)
    factory = functools.partial(ClientConnection, manager, loop=loop, patience=config.patience)
    try:
        listener = await _listener(factory, config)
    except OSError as error:
        raise _cannot_listen(config, error) from None
    except OverflowError:
        raise ServeError(f"{config.port} is not a port", "give a port from 0 to 65535") from None
    if not is_loopback(config.host):
        note(f"warning: listening on {config.host}: other machines may try keys, and traffic is not encrypted")
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        manager.pre_shutdown()
        await manager.shutdown(GRACE)


async def _listener(factory: Callable[[], ClientConnection], config: ServerConfig) -> asyncio.Server:
    """Listens. With `--state` and a free port, it listens on the port of the last run, if that is still free.

    Names of conversations belong to a base URL, and that has the port in it.
    """
    loop = asyncio.get_running_loop()
    if config.port == 0 and config.state:
        note = config.state / "port"
        with suppress(OSError, ValueError, OverflowError):
            return await loop.create_server(factory, config.host, int(note.read_text("ascii")), backlog=512)
        listener = await loop.create_server(factory, config.host, 0, backlog=512)
        with suppress(OSError):
            note.write_text(str(listener.sockets[0].getsockname()[1]), "ascii")
        return listener
    return await loop.create_server(factory, config.host, config.port, backlog=512)


def _cannot_listen(config: ServerConfig, error: OSError) -> ServeError:
    if error.errno == errno.EADDRINUSE:
        return ServeError(
            f"port {config.port} on {config.host} is in use", "choose another with --port, or --port 0 for a free one"
        )
    return ServeError(f"cannot listen on {config.host}:{config.port}: {reason(error)}")
