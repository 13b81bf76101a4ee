"""The API key: found in the first of its sources, checked before anything is sent."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from eugpt_cli import files
from eugpt_cli.errors import ConfigError


class Key(NamedTuple):
    """The key and the source it was found in."""

    value: str
    source: str


def find(api_key_file: str | None, environ: Mapping[str, str], profile: Mapping[str, Any]) -> Key:
    """--api-key-file, EUGPT_API_KEY, EUGPT_API_KEY_FILE, systemd's credentials, the profile. Raises ConfigError."""
    key = _first(api_key_file, environ, profile)
    if not key.value or any(not "!" <= character <= "~" for character in key.value):
        raise ConfigError(f"the API key of {key.source} is empty or holds a space, a control or a non-ASCII character")
    return key


def _first(api_key_file: str | None, environ: Mapping[str, str], profile: Mapping[str, Any]) -> Key:
    credential = f"{environ['CREDENTIALS_DIRECTORY']}/eugpt_api_key" if environ.get("CREDENTIALS_DIRECTORY") else None
    if api_key_file:
        return Key(files.read_key(api_key_file), api_key_file)
    if environ.get("EUGPT_API_KEY"):
        return Key(environ["EUGPT_API_KEY"], "EUGPT_API_KEY")
    if environ.get("EUGPT_API_KEY_FILE"):
        return Key(files.read_key(environ["EUGPT_API_KEY_FILE"]), "EUGPT_API_KEY_FILE")
    if credential and files.exists(credential):
        return Key(files.read_key(credential), credential)
    if profile.get("api_key_file"):
        return Key(files.read_key(files.expand(str(profile["api_key_file"]), environ)), "api_key_file of the profile")
    if profile.get("api_key_command"):
        return Key(_output(profile["api_key_command"]), "api_key_command of the profile")
    raise ConfigError(
        "no API key",
        hint="export EUGPT_API_KEY=eugpt_…, or try it without an account: eugpt serve -- eugpt ask hello",
    )


def _output(command: Any) -> str:
    """The first line that the command prints; a string goes to the shell, a list of words does not."""
    import subprocess

    if not command or not isinstance(command, str | list):
        raise ConfigError("api_key_command is a command line or a list of words")
    try:
        done = subprocess.run(
            command if isinstance(command, str) else [str(word) for word in command],
            shell=isinstance(command, str),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=False,
        )
    except OSError as error:
        raise ConfigError(f"api_key_command cannot be run: {(error.strerror or str(error)).lower()}") from None
    if done.returncode:
        raise ConfigError(f"api_key_command failed with {done.returncode}")
    return done.stdout.partition(b"\n")[0].removesuffix(b"\r").decode("latin-1")
