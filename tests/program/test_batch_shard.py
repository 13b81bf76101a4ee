"""A batch in shares: each item is in one of them, in whatever order the input comes, and GNU parallel runs them."""

import os
import random
import shutil
import subprocess
from itertools import chain
from pathlib import Path

import pytest

from tests.support.batches import Row, by_id, ndjson, numbered, rows, rows_of
from tests.support.forked_program import eugpt
from tests.support.manyserver import serving
from tests.support.program import EUGPT, KEY


def share(items: list[Row], *arguments: str, **env: str) -> list[str]:
    """What a share of the items would send."""
    run = eugpt("batch", "--dry-run", *arguments, stdin=ndjson(items), env=dict(env))
    assert run.returncode == 0, run.stderr
    return [line.partition(b'"input":"')[2].partition(b'"')[0].decode() for line in run.stdout.splitlines()]


@pytest.mark.parametrize("ids", [True, False])
def test_shares_partition_the_input_whatever_its_order(ids: bool) -> None:
    items = numbered(300) if ids else [{"input": item["input"]} for item in numbered(300)]
    in_order = [share(items, "--shard", f"{k}/3") for k in (1, 2, 3)]
    assert sorted(chain(*in_order)) == sorted(item["input"] for item in items)
    assert min(map(len, in_order)) > 60
    random.Random(5).shuffle(items)
    assert [sorted(share(items, "--shard", f"{k}/3")) for k in (1, 2, 3)] == [sorted(found) for found in in_order]


@pytest.mark.parametrize(
    "variables",
    [
        {"SLURM_ARRAY_TASK_ID": "2", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_COUNT": "3"},
        {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_COUNT": "3"},
        {
            "SLURM_ARRAY_TASK_ID": "20",
            "SLURM_ARRAY_TASK_MIN": "10",
            "SLURM_ARRAY_TASK_STEP": "10",
            "SLURM_ARRAY_TASK_COUNT": "3",
        },
        {"JOB_COMPLETION_INDEX": "1", "JOB_COMPLETIONS": "3"},
    ],
)
def test_auto_asks_slurm_and_kubernetes(variables: dict[str, str]) -> None:
    items = numbered(60)
    assert share(items, "--shard", "auto", **variables) == share(items, "--shard", "2/3")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"JOB_COMPLETION_INDEX": "1"}, "JOB_COMPLETIONS is not"),
        ({"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "0"}, "SLURM_ARRAY_TASK_COUNT is not"),
        ({"SLURM_ARRAY_TASK_ID": "x", "SLURM_ARRAY_TASK_COUNT": "2"}, "SLURM_ARRAY_TASK_ID is not"),
    ],
)
def test_auto_that_is_half_there_is_refused(variables: dict[str, str], words: str) -> None:
    run = eugpt("batch", "--dry-run", "--shard", "auto", stdin=b"", env=dict(variables))
    assert run.returncode == 30
    assert words in run.stderr.decode()


@pytest.mark.skipif(not shutil.which("parallel"), reason="GNU parallel is not installed")
def test_gnu_parallel_gives_the_same_rows_as_one_run(tmp_path: Path) -> None:
    items = numbered(200)
    source, whole = tmp_path / "items.ndjson", tmp_path / "whole"
    source.write_bytes(ndjson(items))
    command = [EUGPT, "batch", str(source), "--shard", "{}/4", "-o", str(tmp_path / "rows.{}"), "--resume"]
    with serving() as server:
        environ = {
            "PATH": os.defpath,
            "HOME": str(tmp_path),
            "EUGPT_API_KEY": KEY,
            "EUGPT_BASE_URL": server.base_url,
        }
        for round_ in (1, 2):
            run = subprocess.run(
                [shutil.which("parallel") or "", "-j", "4", *command, ":::", "1", "2", "3", "4"],
                env=environ,
                capture_output=True,
                timeout=120,
                check=False,
            )
            assert run.returncode == 0, run.stderr
            assert len(server.received) == 200, f"round {round_}"
        assert eugpt("batch", str(source), "-o", str(whole), base_url=server.base_url).returncode == 0
    shares = [rows_of(tmp_path / f"rows.{number}") for number in (1, 2, 3, 4)]
    assert all(shares)
    assert facts([*chain(*shares)]) == facts(rows_of(whole))


def facts(found: list[Row]) -> dict[str, Row]:
    """The rows by their ids, without what the clock says."""
    return {name: {**row, "seconds": None, "at": None} for name, row in by_id(found).items()}


def test_a_share_of_nothing_is_a_success() -> None:
    with serving() as server:
        codes = {
            eugpt("batch", "--shard", f"{k}/2", base_url=server.base_url, stdin=ndjson(numbered(1))) for k in (1, 2)
        }
    assert [run.returncode for run in codes] == [0, 0]
    assert sum(len(rows(run.stdout)) for run in codes) == 1


@pytest.mark.parametrize("concurrency", ["1", "8"])
def test_shares_in_one_file_do_not_prune_each_other(concurrency: str, tmp_path: Path) -> None:
    source, output = tmp_path / "items", tmp_path / "rows"
    lines = ndjson(numbered(20)).splitlines(keepends=True)
    source.write_bytes(b"".join(lines))

    def run(shard: str) -> list[str]:
        arguments = ("-o", str(output), "--resume", "--prune", "--ordered", "--shard", shard, "-j", concurrency)
        with serving() as server:
            assert eugpt("batch", str(source), *arguments, base_url=server.base_url).returncode == 0
            return server.inputs()

    assert len(run("1/2") + run("2/2")) == 20
    assert [row["line"] for row in rows_of(output)] == list(range(1, 21))
    assert run("1/2") + run("2/2") == []
    source.write_bytes(b"".join(lines[:5] + lines[6:]))
    assert run("1/2") == []
    assert [row["custom_id"] for row in rows_of(output)] == [f"item-{n}" for n in range(20) if n != 5]
