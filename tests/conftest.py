"""What several files of tests share; at the end of a run, which were left out for want of other people's clients."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

from tests.local.clients import absent
from tests.support.authority import Authority

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


TOP = Path(__file__).parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Stops a run that would test other code than this checkout's; lets signals end what the tests start.

    A shell starts a background job with SIGINT and SIGQUIT ignored, and every process of the job inherits that.
    """
    for signum, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, handler)
    if hasattr(config, "workerinput") or "EUGPT_TEST_PROGRAM" in os.environ:
        return
    words = [sys.executable, "-P", "-c", "import eugpt_cli; print(eugpt_cli.__file__)"]
    found = subprocess.run(words, cwd=TOP.root, capture_output=True, text=True, check=False).stdout.strip()
    if not found or not Path(found).is_relative_to(TOP):
        raise pytest.UsageError(
            f"the tests would run {found or 'no eugpt_cli at all'}, not this checkout; run pip install -e '.[test]', "
            "or name another program by EUGPT_TEST_PROGRAM"
        )


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if names := absent():
        terminalreporter.write_line(
            f"not collected: {', '.join(names)} (.ci/clients FOLDER, then EUGPT_TEST_CLIENTS=FOLDER, brings them)"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """The whole suite runs in parallel; a choice of tests, or a debugger, has one process that can be watched."""
    options = config.option
    chosen = (
        options.keyword,
        options.markexpr,
        options.usepdb,
        options.trace,
        options.lf,
        options.stepwise,
        options.collectonly,
    )
    whole = config.args_source is config.ArgsSource.TESTPATHS and options.capture != "no" and not any(chosen)
    if whole and options.numprocesses is None and not hasattr(config, "workerinput"):
        options.numprocesses, options.dist = "auto", "worksteal"


def pytest_xdist_auto_num_workers() -> int:
    """Two a core: the tests mostly wait for processes."""
    return 2 * (os.cpu_count() or 1)
