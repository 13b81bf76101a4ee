"""The checks of doctor, in order. Each builds on what earlier ones found, and returns one finding."""

import os
import ssl
import stat
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from eugpt_cli.api.observer import Observer
from eugpt_cli.api.outcome import Outcome
from eugpt_cli.api.request import build
from eugpt_cli.api.retry import RetryPolicy
from eugpt_cli.http import dial
from eugpt_cli.http.connect_deadline import ConnectDeadline
from eugpt_cli.http.lanes import peer_of, tunnel_of
from eugpt_cli.http.route import Route, route_to, target_of
from eugpt_cli.output.writers import TextWriter
from eugpt_cli.settings import resolving
from eugpt_cli.settings.key import Key, find, source
from eugpt_cli.settings.options import DOCTOR
from eugpt_cli.settings.profile import Profile, load
from eugpt_cli.settings.records import DoctorOptions
from eugpt_cli.system.console import Console

if TYPE_CHECKING:
    from eugpt_cli.http.response import Response

PROMPT = "Reply with the word ok."
SILENCE = 120.0
CLOCK_STATE = "sntp time.apple.com" if sys.platform == "darwin" else "timedatectl"
CLOCK_TOLERANCE = 60.0
EXPIRES_SOON = 14 * 86400.0


class Finding(NamedTuple):
    """What a check found; its mark is ok, warning, failed or skipped."""

    mark: str
    says: str
    hint: str | None = None
    facts: Mapping[str, Any] = {}


class Dated(Observer):
    """Keeps the date of the answer, and when it came by the clock of this machine."""

    date: str | None = None
    at = 0.0

    def answered(self, response: "Response") -> None:
        self.date = response.fields.get("date")
        self.at = time.time()


@dataclass
class Visit:
    """What is known so far: the options as given, then what the checks have made of them."""

    given: Mapping[str, Any]
    console: Console
    profile: Profile = field(init=False)
    options: DoctorOptions = field(init=False)
    route: Route = field(init=False)
    key: Key = field(init=False)
    watch: Dated = field(default_factory=Dated)

    @property
    def hop(self) -> tuple[str, int]:
        """The first machine on the way: the proxy or the service itself."""
        first = self.route.proxy or self.route.target
        return first.host, first.port

    def deadline(self) -> ConnectDeadline:
        return ConnectDeadline(self.options.connect_timeout)


class Check(NamedTuple):
    """One check; it is skipped where one that it `needs` was failed or left out for such a reason."""

    name: str
    look: Callable[[Visit], Finding]
    needs: tuple[str, ...] = ()


def _settings(visit: Visit) -> Finding:
    environ = visit.console.environ
    visit.profile = load(environ, visit.given["profile"] or environ.get("EUGPT_PROFILE"))
    values = resolving.resolve(DOCTOR, visit.given, environ, visit.profile.values)
    visit.options = DoctorOptions(values, visit.profile.values)
    target = target_of(values["base_url"])
    visit.route = Route(target)
    path = visit.profile.path
    held = f"profile {visit.profile.name} of {path}" if path and os.path.exists(path) else "no configuration file"
    return Finding("ok", f"{target.url}; {held}", facts={"url": target.url, "path": path})


def _key(visit: Visit) -> Finding:
    visit.key = find(visit.options.api_key_file, visit.console.environ, visit.options.profile_values)
    value, origin = visit.key
    visit.console.secret = value
    found = f"{len(value)} characters from {origin.name}"
    facts = {"source": origin.name, "characters": len(value)}
    if not value.startswith("eugpt_"):
        return Finding("warning", f"{found}, which do not begin with eugpt_ as EU GPT's keys do", facts=facts)
    return Finding("ok", f"{found}, in the form of EU GPT's keys", facts=facts)


def _files(visit: Visit) -> Finding:
    """Others must not read the key, nor write the configuration, which can name a command."""
    origin = source(visit.options.api_key_file, visit.console.environ, visit.options.profile_values)
    for path, open_to, bits in (
        (origin.path if origin else None, "read by others", stat.S_IRWXG | stat.S_IRWXO),
        (visit.profile.path, "written by others", stat.S_IWGRP | stat.S_IWOTH),
    ):
        if path and os.path.exists(path) and os.stat(path).st_mode & bits:
            return Finding("warning", f"{path} can be {open_to}", f"chmod go= {path}")
    return Finding("ok", "nobody else can read the key or change the configuration")


def _proxy(visit: Visit) -> Finding:
    visit.route = route_to(visit.route.target, visit.options, visit.console.environ)
    return Finding("ok", visit.route.description)


def _dns(visit: Visit) -> Finding:
    host, port = visit.hop
    found = list(dict.fromkeys(row[4][0] for row in dial.resolve(host, port, visit.deadline())))
    return Finding("ok", f"{host} is {', '.join(found)}", facts={"addresses": found})


def _tcp(visit: Visit) -> Finding:
    host, port = visit.hop
    begun = time.monotonic()
    dial.connect(host, port, visit.deadline(), "the proxy " if visit.route.proxy else "").close()
    return Finding("ok", f"{host}:{port} accepts connections ({_milliseconds(begun)} ms)")


def _tunnel(visit: Visit) -> Finding:
    target, proxy = visit.route.target, visit.route.proxy
    if not proxy:
        return Finding("skipped", "no proxy is set")
    tunnel_of(visit.route, visit.options.connect_timeout)
    return Finding("ok", f"the proxy connects to {target.host}:{target.port}")


def _tls(visit: Visit) -> Finding:
    route = visit.route
    if route.target.scheme == "http":
        return Finding("skipped", "plain http, which does not leave this machine")
    version, certificate = peer_of(route, visit.options.connect_timeout)
    issuer = {name: value for part in certificate.get("issuer", ()) for name, value in part}
    expires = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    facts = {
        "version": version,
        "issuer": issuer.get("organizationName") or issuer.get("commonName"),
        "expires": time.strftime("%Y-%m-%d", time.gmtime(expires)),
        "trusted_by": route.trust.description,
    }
    says = "{version}, certificate of {issuer} until {expires}, trusted by {trusted_by}".format(**facts)
    return Finding("warning" if expires - time.time() < EXPIRES_SOON else "ok", says, facts=facts)


def _call(visit: Visit) -> Finding:
    from eugpt_cli.api.exchange import DeliveryPolicy, deliver
    from eugpt_cli.http.client import Client

    options, outcome = visit.options, Outcome()
    with Client(visit.route, visit.key.value, connect_timeout=options.connect_timeout) as client:
        policy = DeliveryPolicy(client, options.timeout or SILENCE, RetryPolicy(0), visit.watch)
        request = build(visit.route.target, PROMPT, stream=False)
        deliver(request, policy, lambda: TextWriter(lambda data: None, None, live=False), outcome)
    took = _milliseconds(outcome.started)
    return Finding("ok", f"{outcome.model or 'the service'} has answered ({took} ms)", facts={"model": outcome.model})


def _clock(visit: Visit) -> Finding:
    """The service's date is compared also where the call was refused."""
    try:
        ahead = visit.watch.at - parsedate_to_datetime(visit.watch.date or "").timestamp()
    except (ValueError, OverflowError):  # also a year that no clock has
        return Finding("skipped", "the service sent no date")
    facts = {"seconds_ahead": round(ahead)}
    if abs(ahead) <= CLOCK_TOLERANCE:
        return Finding("ok", "agrees with the service's", facts=facts)
    side = "ahead of" if ahead > 0 else "behind"
    says = f"this machine's clock is {round(abs(ahead))} s {side} the service's"
    return Finding("warning", says, f"certificates and signatures depend on it; {CLOCK_STATE} shows its state", facts)


def _milliseconds(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


CHECKS = (
    Check("settings", _settings),
    Check("key", _key, ("settings",)),
    Check("files", _files, ("settings",)),
    Check("proxy", _proxy, ("settings",)),
    Check("dns", _dns, ("proxy",)),
    Check("tcp", _tcp, ("dns",)),
    Check("tunnel", _tunnel, ("tcp",)),
    Check("tls", _tls, ("tunnel",)),
    Check("call", _call, ("key", "tls")),
    Check("clock", _clock),
)
