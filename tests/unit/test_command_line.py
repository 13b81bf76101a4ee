"""A command line read by the tables alone is what Typer makes of it, and leads where the run would go."""

import os
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import typer

from eugpt_cli import cli
from eugpt_cli.errors import EugptError
from eugpt_cli.http.route import Route, route_to, target_of
from eugpt_cli.run import headstart
from eugpt_cli.settings import command_line, profile, resolving
from eugpt_cli.settings.catalogue import COMMANDS, Command
from eugpt_cli.settings.option import Option
from eugpt_cli.settings.records import RouteOptions

ODD = ["", "-", "--", "-x", "--nope", "--nope=1", "-h", "--help", "--version", "--base", "---", "-=", "=", "-I=", "é"]
URLS = [
    "https://a.example/v1",
    "https://b.example:8443",
    "http://127.0.0.1:1/v1",
    "https://[::1]/v1",
    "ftp://x",
    "",
    "https://u:p@x.example",
    "http://x.example",
]
PATHS = [os.devnull, "/etc/hostname", "/no/such/file"]
VALUES = [*URLS, *PATHS, "1", "0", "2.5", "-1", "text", "json", "x y", "true", "a", "none"]
NAMES = {flag for command in COMMANDS for option in command.options for flag in option.flags}
VARIABLES = {option.variable for command in COMMANDS for option in command.options if option.variable}
ENVIRONMENT = {
    **{name: [*VALUES] for name in VARIABLES},
    "EUGPT_BASE_URL": URLS,
    "EUGPT_API_KEY": ["", "key", "bad key"],
    "EUGPT_API_KEY_FILE": PATHS,
    "HTTPS_PROXY": ["", "http://127.0.0.1:1", "://"],
    "all_proxy": ["", "127.0.0.1:1"],
    "NO_PROXY": ["*", "a.example"],
    **{name: [*PATHS] for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "EUGPT_CA_FILE", "EUGPT_CLIENT_CERT")},
}
PROFILES = [
    None,
    "",
    'default_profile = "b"\n[profile.b]\nbase_url = "https://profile.example"\napi_key_file = "~/key"\n',
    '[profile.default]\nbase-url = "https://profile.example/v1"\nconnect_timeout = 3\nca_file = "/no/such/file"\n'
    '[profile.a]\nbase_url = "http://localhost"\n[profile.json]\napi_key_command = "true"\n',
    "[profile.default]\nno_such_setting = 1\n",
    "not TOML",
]


class Mute:
    """The console for a help page that nobody reads."""

    def out(self, text: str) -> None:
        pass


def plain(item: tuple[str, Any]) -> tuple[str, Any]:
    """A parameter with its value; a flag that is not given is False in some versions of Typer, and None in others."""
    name, value = item
    return name, list(value) if isinstance(value, tuple) else None if value is False else value


def by_typer(argv: list[str]) -> tuple[Command, dict[str, Any]] | None:
    """The command and its parameters as the program's own parser passes them on; None where it runs nothing."""
    group = typer.main.get_group(cli.app())
    try:
        with group.make_context("eugpt", list(argv), obj=Mute()) as context:
            name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
            assert command
            with command.make_context(name, rest, parent=context) as own:
                return next(row for row in COMMANDS if row.name == name), dict(map(plain, own.params.items()))
    except (typer.TyperException, typer.Exit):
        return None


@st.composite
def spelled(draw: st.DrawFn, options: tuple[Option, ...]) -> list[str]:
    """An option in one of its spellings, with a value if it takes one: mostly."""
    option = draw(st.sampled_from(options))
    flag = draw(st.sampled_from(option.flags))
    fitting = {"seconds": ["1", "0.5"], "wait": ["0"], "number": ["2"], "count": ["3"]}.get(option.kind)
    fitting = fitting or [*option.choices] or (["https://c.example"] if "URL" in option.value_name else ["a", *PATHS])
    value = draw(st.sampled_from([*fitting * 20, *VALUES, *ODD]) | st.text(max_size=3))
    if option.kind == "flag":
        return [draw(st.sampled_from([flag] * 29 + [f"{flag}={value}"]))]
    glued = [f"{flag}{value}"] if len(flag) == 2 else [f"{flag}={value}"]
    return draw(st.sampled_from([*[[flag, value], glued] * 15, [f"{flag}={value}"], [f"{flag}{value}"], [flag]]))


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """A command, then options of its own, options of others, clusters of letters, words, and odd ones."""
    command = draw(
        st.sampled_from([row for row in COMMANDS if row.name in ("ask", "stream", "chat")] * 3 + [*COMMANDS])
    )
    letters = [flag[1] for option in command.options for flag in option.flags if len(flag) == 2] or ["h"]
    cluster = st.lists(st.sampled_from([*letters, *string.ascii_letters[:3]]), min_size=1, max_size=4)
    usual = spelled(command.options)
    odd = st.sampled_from([*VALUES, *ODD, *sorted(NAMES)]).map(lambda word: [word])
    odd |= cluster.map(lambda some: ["-" + "".join(some)])
    words = draw(st.lists(draw(st.sampled_from([usual, usual, usual | odd])), max_size=5))
    words.insert(draw(st.integers(0, len(words))), draw(st.sampled_from([["prompt"], ["prompt"], ["--", "-x"], []])))
    return [command.name, *(part for group in words for part in group)]


@hypothesis.given(command_lines())
@hypothesis.settings(max_examples=1500)
def test_the_tables_read_what_typer_reads(argv: list[str]) -> None:
    line, wanted = command_line.read(argv), by_typer(argv)
    assert (line and (line.command, line.given)) == wanted


@hypothesis.given(st.lists(st.sampled_from([*ODD, *VALUES, *(row.name for row in COMMANDS), "as", "as k"]), max_size=3))
def test_what_does_not_begin_with_a_command_is_left_to_typer(argv: list[str]) -> None:
    line = command_line.read(argv)
    assert line is None or line.command.name == argv[0]
    assert line is None or (line.command, line.given) == by_typer(argv)


def resolved(argv: list[str], environ: Mapping[str, str]) -> tuple[Route, float] | None:
    """Where a run goes, and its time to connect, by way of Typer; None where it ends before."""
    parsed = by_typer(argv)
    if not parsed:
        return None
    command, params = parsed
    try:
        found = profile.load(environ, params["profile"] or environ.get("EUGPT_PROFILE")).values
        options = RouteOptions(resolving.resolve(command.options, params, environ, found), found)
        return route_to(target_of(options.base_url), options, environ), options.connect_timeout
    except EugptError:
        return None


def destination(argv: list[str], environ: Mapping[str, str]) -> tuple[Route, float] | None:
    line = command_line.read(argv)
    try:
        return headstart.destination_of(line, environ) if line else None
    except EugptError:
        return None


environments = st.dictionaries(st.sampled_from(sorted(ENVIRONMENT)), st.integers(0, 99), max_size=3).map(
    lambda some: {name: ENVIRONMENT[name][number % len(ENVIRONMENT[name])] for name, number in some.items()}
)


@hypothesis.given(command_lines(), environments, st.sampled_from([*PROFILES[:4] * 3, *PROFILES]), st.booleans())
@hypothesis.settings(max_examples=1500, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_a_headstart_leads_where_the_run_goes(
    tmp_path: Path, argv: list[str], environ: dict[str, str], text: str | None, keyed: bool
) -> None:
    folder = tmp_path / "eugpt"
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").unlink(missing_ok=True)
    if text is not None:
        (folder / "config.toml").write_text(text)
    environ = {**environ, "XDG_CONFIG_HOME": str(tmp_path), **({"EUGPT_API_KEY": "key"} if keyed else {})}
    found = destination(argv, environ)
    hypothesis.event(f"found: {found is not None}")
    if found:
        assert found == resolved(argv, environ)
        assert found[0].is_direct
        assert found[0].target.scheme == "https"


def test_a_headstart_is_found() -> None:
    """The property above holds also where none is ever found."""
    environ = {"EUGPT_API_KEY": "key"}
    for argv in (["ask", "x"], ["stream", "-Ii", "y", "x"], ["chat", "--", "-x"], ["raw-events", "--type=*", "x"]):
        found = destination(argv, environ)
        assert found is not None
        assert found == resolved(argv, environ)
        assert found[0].target.host == "chat.eugpt.ai"
