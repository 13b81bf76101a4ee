"""Where requests go: a base URL to a target; the way there, its proxy, whom to trust on it, and who we are."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from eugpt_cli.errors import ConfigError

LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")  # of a name's labels


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
    def authority(self) -> str:
        """Host and, unless it is the scheme's own, port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        standard = {"https": 443, "http": 80}[self.scheme]
        return host if self.port == standard else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def target_of(base: str) -> Target:
    """A base URL to the endpoint. Raises ConfigError for one that would expose the key or cannot be used."""
    if any(ord(c) <= 32 or ord(c) >= 127 for c in base):
        raise ConfigError("the base URL contains a space, a control character or a non-ASCII character")
    try:
        parts = urlsplit(base)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _unreadable(base) from None
    if parts.username is not None or parts.password is not None:
        raise ConfigError("the base URL contains credentials", hint="put the key in EUGPT_API_KEY")
    if parts.scheme not in ("http", "https") or not _is_host(host) or parts.query or parts.fragment:
        raise ConfigError(
            f"the base URL {base} cannot be used", hint="write it with its scheme, such as https://chat.eugpt.ai/v1"
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
    return ConfigError("the base URL cannot be read", hint="write it in the form https://chat.eugpt.ai/v1")


PROXY_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


class Proxy(NamedTuple):
    """A proxy, and the variable that names it; user and password decoded."""

    scheme: str
    host: str
    port: int
    variable: str
    user: str | None = None
    password: str = ""

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def description(self) -> str:
        """Without its credentials."""
        return f"{self.scheme}://{self.authority}"


class Trust(NamedTuple):
    """Whose certificates are trusted: those of `file` alone, otherwise the store, of which a half may be replaced."""

    file: str | None = None
    bundle: str | None = None
    folder: str | None = None

    @property
    def description(self) -> str:
        return self.file or " and ".join(filter(None, (self.bundle, self.folder))) or "the system"


class ClientCertificate(NamedTuple):
    """Who we are: a PEM file, and where it does not hold the key that of the key."""

    path: str
    key: str | None = None


class Route(NamedTuple):
    """The way to a target: through which proxy, whom to trust, and as whom."""

    target: Target
    proxy: Proxy | None = None
    trust: Trust = Trust()
    identity: ClientCertificate | None = None

    @property
    def is_direct(self) -> bool:
        """Whether neither a proxy nor a client certificate is used; plain http, which is loopback, uses none."""
        return not self.proxy and not self.identity

    @property
    def description(self) -> str:
        way = f"through the proxy {self.proxy.description} ({self.proxy.variable})" if self.proxy else "directly"
        return f"{way}, as {self.identity.path}" if self.identity else way


class Credentials(Protocol):
    """What the options say of the way."""

    @property
    def ca_file(self) -> str | None: ...
    @property
    def client_cert(self) -> str | None: ...
    @property
    def client_key(self) -> str | None: ...


def route_to(target: Target, options: Credentials, environ: Mapping[str, str]) -> Route:
    """The way that the options and the variables of the environment describe. Raises ConfigError."""
    if options.client_key and not options.client_cert:
        raise ConfigError("--client-key needs a certificate", hint="give the certificate with --client-cert")
    if target.scheme == "http":
        return Route(target)
    found = proxy_for(target, environ)
    identity = ClientCertificate(options.client_cert, options.client_key) if options.client_cert else None
    if options.ca_file:
        return Route(target, found, Trust(options.ca_file), identity)
    bundle, folder = environ.get("SSL_CERT_FILE") or None, environ.get("SSL_CERT_DIR") or None
    return Route(target, found, Trust(None, bundle, folder), identity)


def proxy_for(target: Target, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy of the environment, unless NO_PROXY names the host. Raises ConfigError.

    There is none for plain http, which is the loopback: the key does not leave the machine.
    """
    names = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")  # lower case first, as curl has it
    name = next((name for name in names if environ.get(name)), None)
    if (
        target.scheme == "http"
        or name is None
        or _is_excepted(target, environ.get("no_proxy") or environ.get("NO_PROXY") or "")
    ):
        return None
    value = environ[name].strip()
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, PROXY_PORTS.get(parts.scheme, 0) if parts.port is None else parts.port
    except ValueError:
        host = None
    if not host or not port or parts.scheme not in PROXY_PORTS or any(not "!" <= letter <= "~" for letter in value):
        raise ConfigError(
            f"{name} cannot be used",
            hint="write it in the form http://proxy.example.org:3128; the other schemes are https, socks5 and socks5h",
        )
    user = None if parts.username is None else unquote(parts.username)
    return Proxy(parts.scheme, host, port, name, user, unquote(parts.password or ""))


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


def _is_host(host: str) -> bool:
    """Whether it can be an address or a name: a name's labels are of letters, digits and inner hyphens."""
    if ":" in host or _is_ipv4(host):
        return True
    labels = host.removesuffix(".").split(".")
    return all(map(_is_label, labels)) and not labels[-1].isdigit()


def _is_label(label: str) -> bool:
    return 0 < len(label) < 64 and LETTERS.issuperset(label) and not (label.startswith("-") or label.endswith("-"))


def _is_ipv4(host: str) -> bool:
    """Four numbers up to 255, without leading zeros: to some programs those are octal."""
    numbers = host.split(".")
    return len(numbers) == 4 and all(
        0 < len(number) < 4 and number.isdecimal() and str(int(number)) == number and int(number) < 256
        for number in numbers
    )


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or (host.startswith("127.") and _is_ipv4(host))
