"""Both lanes under the same tests: `lane` where the service speaks plain http, `introduced` where it speaks TLS."""

from collections.abc import Iterator

import pytest

from tests.support.authority import Authority
from tests.support.forked_program import FORKER
from tests.support.program import DEFAULTS
from tests.support.rawserver import DEFAULT_TLS


@pytest.fixture(scope="session", autouse=True)
def _forker_ends() -> Iterator[None]:
    yield
    FORKER.close()


@pytest.fixture(params=["direct", "httpx"])
def lane(request: pytest.FixtureRequest, authority: Authority) -> Iterator[str]:
    """Directly over plain http, or over TLS as a client with a certificate, which httpx carries."""
    if request.param == "httpx":
        DEFAULT_TLS.append(authority.server("127.0.0.1", wants_client=True))
        DEFAULTS.update(EUGPT_CA_FILE=authority.file, EUGPT_CLIENT_CERT=authority.client)
    yield request.param
    DEFAULT_TLS.clear()
    DEFAULTS.clear()


@pytest.fixture(params=["direct", "httpx"])
def introduced(request: pytest.FixtureRequest, authority: Authority) -> Iterator[None]:
    """With a client certificate, so that httpx carries the requests, and without."""
    if request.param == "httpx":
        DEFAULTS.update(EUGPT_CLIENT_CERT=authority.client)
    yield
    DEFAULTS.clear()
