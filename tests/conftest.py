"""What several files of tests share, and what makes every run of them end, however broken the program is."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.local.clients import absent
from tests.support.alarm import ring_after
from tests.support.authority import Authority

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


TOP = Path(__file__).parents[1]
HANGING_SECONDS = 20.0  # a test that failed, and took longer, waited for what never came
ENOUGH = 3  # so many of those in one process, and it stops: the program hangs, and thousands of tests would wait for it
FIXTURE_SECONDS = 60.0
HUNG = pytest.StashKey[int]()


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: Any, settings: Any) -> bool:
    """In the place of pytest-timeout's own, which raises what Hypothesis catches."""
    ring_after(settings.timeout)
    item.cancel_timeout = lambda: ring_after(0)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, Any, Any]:
    """pytest-timeout counts from when the fixtures are there: a server that never starts must not hold the run."""
    if signal.getitimer(signal.ITIMER_REAL)[0]:
        return (yield)  # the test, or another fixture, asks for this one in its own time
    ring_after(FIXTURE_SECONDS)
    try:
        return (yield)
    finally:
        ring_after(0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A program that hangs fails the suite within about its usual time: each process of the run stops by itself.

    Stopped from the one that gives out the tests, the others would first run all that they have been given.
    """
    report = yield
    stash = item.config.stash
    stash[HUNG] = stash.get(HUNG, 0) + (report.failed and report.duration > HANGING_SECONDS)
    if stash[HUNG] >= ENOUGH:
        item.session.shouldstop = f"{ENOUGH} tests waited for what never came; more would only wait, too"
    return report


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
        getattr(options, "lf", False),  # its plugin may be off
        options.stepwise,
        options.collectonly,
    )
    whole = config.args_source is config.ArgsSource.TESTPATHS and options.capture != "no" and not any(chosen)
    if whole and options.numprocesses is None and not hasattr(config, "workerinput"):
        options.numprocesses, options.dist = "auto", "worksteal"


def pytest_xdist_auto_num_workers() -> int:
    """Two a core: the tests mostly wait for processes."""
    return 2 * (os.cpu_count() or 1)
