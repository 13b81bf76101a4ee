"""`--cors ORIGIN`: lets the pages of one origin (`*`: of any) call the server from a browser."""

from aiohttp import web

from eugpt_cli.local.server_config import ServeError

EXPOSED = "x-request-id, retry-after"
"""Response fields that a page may read."""
MAX_AGE = "600"
"""Seconds for which a browser need not ask again."""


def origin_headers(origin: str | None) -> dict[str, str]:
    """The fields of every response; none without an origin. Raises ServeError for what is no origin."""
    if origin is None:
        return {}
    scheme, separator, host = origin.partition("://")
    is_origin = separator and scheme.isalpha() and host and not set(host) & set("/?#@ ,") and host.isprintable()
    if origin != "*" and not is_origin:
        raise ServeError(f"--cors: {origin!r} is not an origin", "give an origin such as http://localhost:5173, or *")
    vary = {} if origin == "*" else {"Vary": "Origin"}
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED, **vary}


def preflight(request: web.BaseRequest) -> web.Response:
    """The answer to a browser's preflight request; it allows the fields that the browser names."""
    asked = request.headers.get("Access-Control-Request-Headers", "")
    named = ", ".join(name for name in (part.strip() for part in asked.split(",")) if _is_token(name))
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": named or "authorization, content-type",
            "Access-Control-Max-Age": MAX_AGE,
        },
    )


def _is_token(name: str) -> bool:
    return bool(name) and name.isascii() and name.replace("-", "").replace("_", "").isalnum()
