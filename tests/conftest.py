"""What several files of tests share; at the end of a run, which were left out for want of other people's clients."""

import os

import hypothesis
import pytest

from tests.local.clients import absent

from .authority import Authority

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if names := absent():
        terminalreporter.write_line(
            f"not collected: {', '.join(names)} (.ci/clients FOLDER, then EUGPT_TEST_CLIENTS=FOLDER, brings them)"
        )


def pytest_xdist_auto_num_workers() -> int:
    """Two a core: the tests mostly wait for processes."""
    return 2 * (os.cpu_count() or 1)
