"""Says at the end of a run which tests were left out for want of other people's clients."""

import pytest

from tests.local.clients import absent


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if names := absent():
        terminalreporter.write_line(
            f"not collected: {', '.join(names)} (.ci/clients FOLDER, then EUGPT_TEST_CLIENTS=FOLDER, brings them)"
        )
