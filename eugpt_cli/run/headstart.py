"""Begins to connect before Typer is loaded, where there is no doubt where the first request of the run will go.

Three round trips pass before the first byte of an answer. Those of TCP and TLS can pass while the program loads.
Nothing is decided here: what is unusual is left alone, and what is wrong is met again, and worded, where it belongs.
`http.preconnect` uses the connection only if it is the very one that the run would begin.
"""

import os
from collections.abc import Mapping
from contextlib import suppress

from eugpt_cli.http.route import Route, route_to, target_of
from eugpt_cli.settings import key, profile, resolving
from eugpt_cli.settings.command_line import CommandLine
from eugpt_cli.settings.records import RouteOptions
from eugpt_cli.system import streams

# Nothing is sent then, or not at once; --schema forks this process, which wants no other thread beside it.
UNCERTAIN = ("dry_run", "curl", "each_line", "schema")


def begin(line: CommandLine, environ: Mapping[str, str]) -> None:
    """Connects in a thread, if it is certain where to. Raises nothing."""
    with suppress(Exception):
        if destination := destination_of(line, environ):
            from eugpt_cli.http import preconnect

            preconnect.begin(*destination)


def destination_of(line: CommandLine, environ: Mapping[str, str]) -> tuple[Route, float] | None:
    """The route of the first request, and its time to connect in seconds; None where in doubt. Raises EugptError."""
    if not _sends_at_once(line) or not _is_plain(profile.config_path(environ)):
        return None
    found = profile.load(environ, line.given["profile"] or environ.get("EUGPT_PROFILE")).values
    options = RouteOptions(resolving.resolve(line.command.options, line.given, environ, found))
    target = target_of(options.base_url)
    if target.scheme == "http" or not key.source(options.api_key_file, environ, found):
        return None
    route = route_to(target, options, environ)
    certain = route.is_direct and _is_plain(route.trust.file) and _is_plain(route.trust.bundle)
    return (route, options.connect_timeout) if certain else None


def _sends_at_once(line: CommandLine) -> bool:
    """Whether it is one turn, with something to send that nobody has to be waited for."""
    given = line.given
    if "prompt" not in given or any(given.get(name) for name in UNCERTAIN):
        return False
    if not streams.are_open():  # the socket would get the number of a standard stream
        return False
    reads = not given["no_stdin"] and streams.has_input()
    if reads and not streams.is_readable():  # its writer may take longer than a connection is kept
        return False
    return reads or given["prompt"] not in (None, "", "-")


def _is_plain(path: str | None) -> bool:
    """Whether the file can be read a second time, as a pipe cannot; also if there is none."""
    return not path or os.path.isfile(path) or not os.path.exists(path)
