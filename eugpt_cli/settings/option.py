"""What the tables of options are made of."""

from typing import Any, NamedTuple


class Option(NamedTuple):
    """One option of one or more commands: `kind` is text, flag, seconds, wait, number, or one of the `choices`.

    `wait`: seconds from 0. `in_profile`: a profile may set it, as may its `variable`. `access`: where the value names a
    file, whether the run reads it ("read") or writes it ("write").
    """

    name: str
    flags: tuple[str, ...]
    help: str
    kind: str = "text"
    metavar: str | None = None
    repeatable: bool = False
    variable: str | None = None
    default: Any = None
    choices: tuple[str, ...] = ()
    in_profile: bool = False
    access: str = ""

    @property
    def value_name(self) -> str:
        """The name of the value in a synopsis, empty for a flag."""
        return self.metavar or {"seconds": "SECONDS", "number": "N"}.get(self.kind) or "|".join(self.choices)

    @property
    def default_words(self) -> str:
        """The default in words, empty where there is none."""
        if self.default is None:
            return ""
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default)
