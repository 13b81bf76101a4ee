"""The API key: found in the first of its sources, checked before anything is sent."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from eugpt_cli.errors import ConfigError
from eugpt_cli.system import files
from eugpt_cli.system.streams import reason

UNMASKED = '"\\'  # no key holds these (RFC 6750, section 2.1), and JSON spells them otherwise than the masks do
QUOTES = "\"'`“”‘’"
NAMES = {
    " ": "space",
    "\t": "tab",
    "\r": "carriage return (from a file with Windows line ends?)",
    "\n": "line break",
    '"': "quote",
    "\\": "backslash",
}


class Key(NamedTuple):
    """The key and the source it was found in."""

    value: str
    source: "KeySource"


class KeySource(NamedTuple):
    """Where a key comes from, by the name that messages use; `path` where it is a file."""

    name: str
    read: Callable[[], str]
    path: str | None = None


def find(api_key_file: str | None, environ: Mapping[str, str], profile: Mapping[str, Any]) -> Key:
    """Reads the key from the first source. Raises ConfigError for no source, or a value that cannot be a key."""
    found = source(api_key_file, environ, profile)
    if not found:
        raise ConfigError(
            "no API key",
            hint="export EUGPT_API_KEY=eugpt_… (made at chat.eugpt.ai, Settings → API Keys), "
            "or try it without an account: eugpt serve -- eugpt ask hello",
        )
    value = found.read()
    if problem := _problem(value):
        raise ConfigError(f"the API key in {found.name} {problem}")
    return Key(value, found)


def _problem(value: str) -> str | None:
    """What keeps the value from being a key, and where, without a character of the key itself."""
    if not value:
        return "is empty"
    if value[:7].rstrip().lower() == "bearer":
        return "begins with the word Bearer; give the key alone"
    if value[0] in QUOTES or value[-1] in QUOTES:
        return "is in quotes; give the key without them"
    for position, character in enumerate(value, 1):
        if not "!" <= character <= "~" or character in UNMASKED:
            name = NAMES.get(character) or ("control character" if character < " " or character == "\x7f" else None)
            where = "at its end" if position == len(value) else f"at character {position} of {len(value)}"
            return f"has a {name or 'non-ASCII character'} {where}; copy the key again without it"
    return None


def source(api_key_file: str | None, environ: Mapping[str, str], profile: Mapping[str, Any]) -> KeySource | None:
    """The first source that is set, not yet read."""
    return next(_sources(api_key_file, environ, profile), None)


def _sources(api_key_file: str | None, environ: Mapping[str, str], profile: Mapping[str, Any]) -> Iterator[KeySource]:
    """Yields the sources that are set: option, variables, systemd's credentials, profile."""
    if api_key_file:
        yield _file(api_key_file, api_key_file)
    if environ.get("EUGPT_API_KEY"):
        yield KeySource("EUGPT_API_KEY", lambda: environ["EUGPT_API_KEY"])
    if environ.get("EUGPT_API_KEY_FILE"):
        yield _file("EUGPT_API_KEY_FILE", environ["EUGPT_API_KEY_FILE"])
    credential = f"{environ['CREDENTIALS_DIRECTORY']}/eugpt_api_key" if environ.get("CREDENTIALS_DIRECTORY") else None
    if credential and files.exists(credential):
        yield _file(credential, credential)
    if profile.get("api_key_file"):
        yield _file("api_key_file of the profile", files.expand(str(profile["api_key_file"]), environ))
    if profile.get("api_key_command"):
        yield KeySource("api_key_command of the profile", lambda: _output(profile["api_key_command"], environ))


def _file(name: str, path: str) -> KeySource:
    return KeySource(name, lambda: files.read_key(path), path)


def _output(command: Any, environ: Mapping[str, str]) -> str:
    """The first line that the command prints; a string goes to the shell, a list of words does not."""
    from eugpt_cli.system import subprocesses

    if not command or not isinstance(command, str | list):
        raise ConfigError("api_key_command must be a command line or a list of words")
    words = ["/bin/sh", "-c", command] if isinstance(command, str) else [str(word) for word in command]
    try:
        status, said = subprocesses.capture(words, environ)
    except OSError as error:
        raise ConfigError(f"api_key_command cannot be run: {reason(error)}") from None
    if status:
        raise ConfigError(f"api_key_command failed with {status}")
    return said.partition(b"\n")[0].removesuffix(b"\r").decode("latin-1")
