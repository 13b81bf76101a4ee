"""`eugpt config`: every setting, its value and its origin; of the key only the origin."""

from typing import Any, NamedTuple

from eugpt_cli.errors import ConfigError
from eugpt_cli.http.route import proxy_for, target_of
from eugpt_cli.settings import key, resolving
from eugpt_cli.settings.catalogue import COMMANDS
from eugpt_cli.settings.options import PROFILE, Option
from eugpt_cli.settings.profile import Profile, config_path, load
from eugpt_cli.settings.records import ConfigOptions
from eugpt_cli.system.console import Console
from eugpt_cli.text.escapes import brief


class Setting(NamedTuple):
    """One line of the output; `value` is None if the setting has none."""

    name: str
    value: Any
    origin: str


def run(options: ConfigOptions, console: Console) -> int:
    path = config_path(console.environ)
    if options.path:
        if path is None:
            raise ConfigError("no folder for config.toml: HOME and XDG_CONFIG_HOME are unset")
        console.out(path)
        return 0
    found = _settings(options, console)
    if options.json:
        import orjson

        rows = {setting.name: {"value": setting.value, "origin": setting.origin} for setting in found}
        console.out(orjson.dumps({"path": path, "settings": rows}).decode())
    else:
        console.out("\n".join(_lines(found)))
    return 0


def _settings(options: ConfigOptions, console: Console) -> list[Setting]:
    profile = load(console.environ, options.profile)
    found = [_setting(option, profile, console) for option in _options()]
    return [_chosen(options, profile, console), *found, _proxy(found, console), _key(profile, console)]


def _chosen(options: ConfigOptions, profile: Profile, console: Console) -> Setting:
    if not options.profile:
        return Setting("profile", profile.name, "default" if profile.name == "default" else "config.toml")
    by_variable = options.profile == console.environ.get(str(PROFILE.variable))
    return Setting("profile", profile.name, str(PROFILE.variable) if by_variable else PROFILE.flags[-1])


def _options() -> list[Option]:
    """Each option that a variable or a profile can set, once."""
    named = {
        o.name: o for command in COMMANDS for o in command.options if (o.in_profile or o.variable) and o != PROFILE
    }
    return list(named.values())


def _setting(option: Option, profile: Profile, console: Console) -> Setting:
    value, origin = resolving.origin(option, {}, console.environ, profile.values)
    if option.name == "base_url":
        target_of(value)  # one that holds credentials is not told
    return Setting(option.name, value, f"profile {profile.name}" if origin == "profile" else origin)


def _proxy(found: list[Setting], console: Console) -> Setting:
    """The proxy that the way to the service takes, without its credentials."""
    base_url = next(setting.value for setting in found if setting.name == "base_url")
    proxy = proxy_for(target_of(base_url), console.environ)
    return Setting("proxy", proxy and proxy.description, proxy.variable if proxy else "none")


def _key(profile: Profile, console: Console) -> Setting:
    source = key.source(None, console.environ, profile.values)
    return Setting("api_key", "(not shown)" if source else None, source.name if source else "none")


def _lines(found: list[Setting]) -> list[str]:
    values = ["-" if setting.value is None else _formatted(setting.value) for setting in found]
    names, width = max(len(setting.name) for setting in found), max(map(len, values))
    return [f"{s.name:<{names}}  {value:<{width}}  {s.origin}" for s, value in zip(found, values, strict=True)]


def _formatted(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else brief(str(value), 60)
