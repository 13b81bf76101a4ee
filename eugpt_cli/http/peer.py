"""Who answers at the other end of a TLS connection."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Peer(NamedTuple):
    """The version of TLS, and the certificate as `ssl` describes it."""

    version: str | None
    certificate: Mapping[str, Any]
