"""Where requests go: a base URL to a target, and the way there, with its proxy and the certificates to trust."""

import re
from binascii import b2a_base64
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from eugpt_cli.errors import ConfigError


class Target(NamedTuple):
    """Where requests go: scheme, host, port, and the path of the endpoint."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def base_url(self) -> str:
        """What a service is known by: the base URL in one spelling, its path included."""
        return self.url.removesuffix("/responses")

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = {"https": 443, "http": 80}[self.scheme]
        return f"{self.scheme}://{host}{'' if self.port == standard else f':{self.port}'}{self.path}"


def target_of(base: str) -> Target:
    """A base URL to the endpoint. Raises ConfigError for one that would expose the key or cannot be used."""
    if any(ord(c) <= 32 or ord(c) >= 127 for c in base):
        raise ConfigError("the base URL holds a space, a control character or a non-ASCII character")
    try:
        parts = urlsplit(base)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _unreadable(base) from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError("the base URL holds credentials", hint="put the key into EUGPT_API_KEY")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise ConfigError(
            f"the base URL {base} cannot be used", hint="it looks like https://chat.eugpt.ai/v1, with its scheme"
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(f"the key is not sent over plain http to {host}", hint="use https")
    if port == 0:
        raise ConfigError("the base URL names port 0")
    path = parts.path.rstrip("/") or "/v1"
    if path.endswith("/responses"):
        raise ConfigError(
            "the base URL ends in /responses, which eugpt adds itself",
            hint=f"use {base.rstrip('/').removesuffix('/responses')}",
        )
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), f"{path}/responses")


def _unreadable(base: str) -> ConfigError:
    host = base.partition("://")[2].partition("/")[0]
    if host.count(":") > 1 and "[" not in host:
        return ConfigError("the base URL has an IPv6 address without brackets", hint=f"write https://[{host}]/v1")
    return ConfigError("the base URL cannot be read", hint="it looks like https://chat.eugpt.ai/v1")


class Proxy(NamedTuple):
    """An HTTP proxy that is asked to CONNECT; `authorization` is the value of its header."""

    host: str
    port: int
    authorization: str | None = None


class Route(NamedTuple):
    """The way to a target: through which proxy, and whose certificates to trust (neither: the system's)."""

    target: Target
    proxy: Proxy | None = None
    ca_file: str | None = None
    ca_folder: str | None = None


def route_to(target: Target, ca_file: str | None, environ: Mapping[str, str]) -> Route:
    """The way that --ca-file and the variables of the environment describe. Raises ConfigError."""
    if target.scheme == "http":  # loopback: the key does not leave the machine
        return Route(target)
    found = proxy_for(target, environ)
    if ca_file:
        return Route(target, found, ca_file)
    return Route(target, found, environ.get("SSL_CERT_FILE") or None, environ.get("SSL_CERT_DIR") or None)


def proxy_for(target: Target, environ: Mapping[str, str]) -> Proxy | None:
    """HTTPS_PROXY or ALL_PROXY (lower case first, as curl has it), unless NO_PROXY names the host."""
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    name = next((name for name in names if environ.get(name)), None)
    if name is None or _is_excepted(target, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    value = environ[name].strip()
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, 80 if parts.port is None else parts.port
    except ValueError:
        host = None
    if not host or not port or parts.scheme != "http" or any(not "!" <= character <= "~" for character in value):
        raise ConfigError(f"{name} cannot be used", hint="it looks like http://proxy.example.org:3128")
    return Proxy(host, port, _basic(parts.username, parts.password))


def _basic(user: str | None, password: str | None) -> str | None:
    if user is None:
        return None
    pair = f"{unquote(user)}:{unquote(password or '')}"
    return "Basic " + b2a_base64(pair.encode(), newline=False).decode()


def _is_excepted(target: Target, exceptions: str) -> bool:
    for item in exceptions.replace(",", " ").split():
        name, _, port = item.rpartition(":") if item.count(":") == 1 else (item, "", "")
        name = name.strip("[]").lstrip("*").lstrip(".").lower()
        if port and port != str(target.port):
            continue
        if item == "*" or (name and (target.host == name or target.host.endswith(f".{name}"))):
            return True
        if "/" in item and _in_network(target.host, item):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None
