"""What a lane gives back: status, reason, header fields, and the body in chunks as they come off the network."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Fields:
    """Header fields in order; names match in any case. `get` joins the values of a repeated name."""

    def __init__(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        self._pairs = [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in pairs]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def get(self, name: str) -> str | None:
        """RFC 9110, section 5.3: several fields of one name are a list."""
        values = [value for field, value in self._pairs if field.lower() == name]
        return ", ".join(values) if values else None

    def tokens(self, name: str) -> list[str]:
        """The list in all fields of that name, in lower case; empty elements are left out."""
        return [token for part in (self.get(name) or "").split(",") if (token := part.strip(" \t").lower())]


class Response(NamedTuple):
    """One answer. A chunk is what one network read brought of the body, however the server framed it.

    `reused`: it came over a connection that had carried another request.
    """

    status: int
    reason: str
    fields: Fields
    chunks: Iterator[bytes]
    reused: bool = False

    @property
    def media_type(self) -> str:
        return (self.fields.get("content-type") or "").partition(";")[0].partition(",")[0].strip().lower()

    @property
    def is_framed(self) -> bool:
        """Whether HTTP marks the end of the body, so that a cut cannot look like an end."""
        return "content-length" in self.fields or "transfer-encoding" in self.fields
