"""`eugpt serve`: makes a ServerConfig of the options; imports the server itself only when it is wanted."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from eugpt_cli.errors import ConfigError, OutputError, UsageError
from eugpt_cli.local.server_config import OUTPUT_FAILED, ServeError, ServerConfig
from eugpt_cli.settings.records import ServeOptions
from eugpt_cli.system.console import Console
from eugpt_cli.system.installation import how_to_add


def run(options: ServeOptions, console: Console) -> int:
    """Serves as the options say: the command's exit status, or the negative number of the signal that was the end.

    `options` has an attribute per flag (`default_stream`, `daily_tokens`, …) and `command`, the words after `--`.
    127 and 126 are a shell's answers to a command that is not found or not executable. Raises ConfigError, and
    UsageError for a port without its flag.
    """
    if len(options.command) == 1 and options.command[0].isdecimal():
        raise UsageError(f"{options.command[0]} is no command", hint=f"eugpt serve --port {options.command[0]}")
    try:
        from eugpt_cli.local import server
    except ModuleNotFoundError as error:
        raise ConfigError(f"serve needs the package {error.name}", hint=how_to_add("serve")) from None
    try:
        with console.without_heartbeat():
            return server.run(_config(options, console), options.command, console.environ, console.out, console.note)
    except ServeError as error:
        if error.exit_code is None:
            raise ConfigError(error.message, hint=error.hint) from None
        if error.exit_code == OUTPUT_FAILED:
            raise OutputError(error.message) from None
        console.error(f"eugpt: serve: {error.message}")
        return error.exit_code


def _config(options: ServeOptions, console: Console) -> ServerConfig:
    return ServerConfig(
        host=options.host,
        port=_port(options),
        default_stream=str(options.default_stream).lower() != "false",
        key=options.key,
        keys=_path(options.keys),
        state=_path(options.state),
        projects=_pairs("--project", options.project),
        web=_path(options.web),
        files=_pairs("--file", options.file),
        daily_tokens=options.daily_tokens,
        monthly_tokens=options.monthly_tokens,
        scenario=_path(options.scenario),
        record=_path(options.record),
        upstream=options.upstream,
        upstream_key=console.environ.get("EUGPT_API_KEY"),
        ca_file=_path(options.ca_file),
        replay=_path(options.replay),
        journal=_path(options.journal),
        strict=bool(options.strict),
        cors=options.cors,
        verbose=bool(options.verbose),
        interactive=console.is_terminal(2),
    )


def _port(options: ServeOptions) -> int:
    """The default is 8399, and a free port for a command, so that two runs do not collide."""
    if options.port is not None:
        return int(options.port)
    return 0 if options.command else 8399


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)


def _pairs(flag: str, values: Sequence[str] | None) -> dict[str, Path]:
    """The UUID=PATH values of a repeatable flag."""
    pairs = {}
    for value in values or ():
        name, _, path = value.partition("=")
        try:
            pairs[str(UUID(name))] = Path(path)
        except ValueError:
            path = ""
        if not path:
            raise ConfigError(f"{flag} {value}: not of the form UUID=PATH")
    return pairs
