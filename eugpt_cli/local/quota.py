"""Token quotas per user: a day and a month in UTC, spent tokens counted by the store."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from eugpt_cli.local.models import ApiError
from eugpt_cli.local.thread_store import ThreadStore


@dataclass(frozen=True)
class TokenQuota:
    """Limits in tokens; None is no limit."""

    daily: int | None
    monthly: int | None

    def check(self, store: ThreadStore, user: str, needed: int, now: datetime) -> None:
        """Raises the 429 ApiError if `needed` more tokens would exceed a limit; it says when the limit resets."""
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        first = today.replace(day=1)
        periods = (
            ("daily", self.daily, today, today + timedelta(days=1)),
            ("monthly", self.monthly, first, (first + timedelta(days=32)).replace(day=1)),
        )
        for name, limit, since, reset in periods:
            if limit is None:
                continue
            used = store.used(user, since.date().isoformat())
            if used + needed > limit:
                raise _exceeded(name, limit, used, needed, reset, now)


def _exceeded(name: str, limit: int, used: int, needed: int, reset: datetime, now: datetime) -> ApiError:
    until = reset.isoformat().replace("+00:00", "Z")
    return ApiError(
        429,
        "insufficient_quota",
        f"{name}_token_limit_exceeded",
        f"{name.capitalize()} token usage limit exceeded: {used} of {limit} tokens used, this request needs {needed};"
        f" resets at {until}",
        extra={
            "period": name,
            "limit": limit,
            "used": used,
            "needed": needed,
            "reset_at": int(reset.timestamp() * 1000),
        },
        headers={"Retry-After": str(int((reset - now).total_seconds()) + 1)},
    )
