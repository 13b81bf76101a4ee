"""A request as a curl command for a POSIX shell, as --curl prints it."""

import shlex
from collections.abc import Iterator, Mapping

from eugpt_cli.api.request import ACCEPT, Request
from eugpt_cli.http.route import Route

LONGEST_WORD = 100_000  # bytes; Linux takes 128 KiB for one argument of a command
PROXY_VARIABLES = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")  # that curl reads


def curl(request: Request, route: Route, environ: Mapping[str, str], max_time: float | None = None) -> str:
    """A command for a POSIX shell that sends the same, the same way; key and proxy stay variables."""
    body = request.body.decode()  # one line: all its line ends are escaped
    if len(request.body) <= LONGEST_WORD:
        data = f"--data-binary {shlex.quote(body)}"
    else:
        data = f"--data @- <<'EOF'\n{body}\nEOF"  # of standard input --data drops the line ends
    words = [
        "curl",
        *(["-N"] if request.stream else []),
        "-gsS",
        *_way(route, environ),
        *(["--max-time", f"{max_time:g}"] if max_time else []),
        shlex.quote(request.target.url),
        '-H "Authorization: Bearer $EUGPT_API_KEY"',
        "-H 'Content-Type: application/json'",
        f"-H 'Accept: {ACCEPT[request.stream]}'",
        data,
    ]
    return " ".join(words)


def _way(route: Route, environ: Mapping[str, str]) -> Iterator[str]:
    """The proxy by its variable, which may hold a password; curl would also take one where eugpt takes none."""
    if route.proxy:
        yield f'--proxy "${route.proxy.variable}"'
    elif any(environ.get(name) for name in PROXY_VARIABLES):
        yield "--noproxy '*'"
    paths = {"--cacert": route.trust.file}
    if route.identity:
        paths |= {"--cert": route.identity.path, "--key": route.identity.key}
    for option, path in paths.items():
        if path:
            yield f"{option} {shlex.quote(path)}"
