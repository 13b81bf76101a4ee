"""Keys and quotas: whose key it is, what it opens, and how much it may spend."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from .conftest import Start

PROJECT = "1c8b9a7f-2d3e-4f5a-9b8c-7d6e5f4a3b2c"

KEYS = f"""
[[keys]]
key = "eugpt_old"
state = "revoked"

[[keys]]
key = "eugpt_late"
expires = 2020-01-01T00:00:00Z

[[keys]]
key = "eugpt_ada"
user = "ada"
projects = ["{PROJECT.upper()}"]

[[keys]]
key = "eugpt_bob"
user = "bob"
projects = []

[[keys]]
key = "eugpt_past"
state = "expired"

[[keys]]
key = "eugpt_fresh"
expires = 2999-01-01
"""


def test_states_of_keys(start: Start, tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text(KEYS)
    server = start(keys=str(tmp_path / "keys.toml"))
    assert server.key == "eugpt_ada", "the first usable key is exported"
    codes = {}
    for key in ("eugpt_old", "eugpt_late", "eugpt_past", "eugpt_none", "eugpt_fresh"):
        response = server.post({"input": "Hello."}, key)
        codes[key] = (response.status_code, response.json().get("error", {}) and response.json()["error"]["code"])
    assert codes == {
        "eugpt_old": (401, "revoked_api_key"),
        "eugpt_late": (401, "expired_api_key"),
        "eugpt_past": (401, "expired_api_key"),
        "eugpt_none": (401, "invalid_api_key"),
        "eugpt_fresh": (200, None),
    }


def test_projects_have_members(start: Start, tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text(KEYS)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("The audit took nine weeks.")
    server = start(keys=str(tmp_path / "keys.toml"), projects={PROJECT: str(tmp_path / "docs")})
    question = {"input": "How long did the audit take?", "project_id": PROJECT}
    assert "nine weeks" in server.post(question, "eugpt_ada").json()["output_text"]
    refused = server.post(question, "eugpt_bob")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_a_member")
    unknown = server.post({**question, "project_id": PROJECT[::-1]}, "eugpt_ada")
    assert unknown.status_code == 400
    missing = server.post({**question, "project_id": PROJECT.replace("1c8b", "1c8c")}, "eugpt_ada")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "project_not_found")


@pytest.mark.parametrize("option", ["daily_tokens", "monthly_tokens"])
def test_quota_is_429_and_says_when_it_resets(start: Start, tmp_path: Path, option: str) -> None:
    server = start(**{option: 30}, state=str(tmp_path / "state"), key="eugpt_test")
    for _ in range(20):
        response = server.post({"input": "My shelf holds five blue books."})
        if response.status_code != 200:
            break
    assert response.status_code == 429
    error = response.json()["error"]
    assert error["type"] == "insufficient_quota"
    assert error["limit"] == 30
    assert error["used"] > 10
    now = datetime.now(UTC)
    reset = datetime.fromtimestamp(error["reset_at"] / 1000, UTC)
    assert reset > now
    assert (reset.hour, reset.minute) == (0, 0)
    assert reset.day == 1 or option == "daily_tokens"
    assert abs(int(response.headers["retry-after"]) - (reset - now).total_seconds()) < 60
    server.stop()
    again = start(**{option: 30}, state=str(tmp_path / "state"), key="eugpt_test")
    assert again.post({"input": "My shelf holds five blue books."}).status_code == 429, "a restart forgives nothing"


def test_quota_smaller_than_the_request_refuses_the_first(start: Start) -> None:
    assert start(daily_tokens=2).post({"input": "One two three four."}).status_code == 429
