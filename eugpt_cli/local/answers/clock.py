"""The current_datetime tool: reads the clock, in UTC or in a city's time zone, and the Gregorian calendar."""

import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from eugpt_cli.local.answers.languages import AROUND_THE_CLOCK, CLOCK
from eugpt_cli.local.answers.prose import content_words


@dataclass(frozen=True)
class ClockAnswer:
    """An answer, and the time zone whose clock it read (None: the calendar was enough)."""

    text: str
    zone: str | None = "UTC"


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?:{'|'.join(_MONTHS)})[a-z]*"
_DAY = (
    r"(?:\d{4}-\d\d?-\d\d?|\d\d?\.\d\d?\.\d{4}|christmas(?: day| eve)?|new year(?:'s)?(?: day)?"
    r"|today|tomorrow|yesterday"
    rf"|\d\d?(?:st|nd|rd|th)?(?: of)? {_MONTH}(?:,? \d{{4}})?|{_MONTH} \d\d?(?:st|nd|rd|th)?(?:,? \d{{4}})?)"
)
_ISO = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)")
_DOTTED = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})")
_NAMED = re.compile(rf"(?:(\d\d?)(?:st|nd|rd|th)?(?: of)? )?({_MONTH})(?: (\d\d?)(?:st|nd|rd|th)?\b)?(?:,? (\d{{4}}))?")
_FEASTS = {"christmas eve": (12, 24), "christmas": (12, 25), "new year": (1, 1)}
_SHIFTS = {"today": 0, "tomorrow": 1, "yesterday": -1}

_BETWEEN = re.compile(rf"how many (?:days|weeks) .*?\b(?:between|from) ({_DAY}) (?:and|to|until|till) ({_DAY})", re.I)
_UNTIL = re.compile(rf"how (?:many days|long)\b.{{0,30}}?\b(?:until|till|before|since) ({_DAY})", re.I)
_WEEKDAY = re.compile(rf"(?:what|which) (?:week)?day\b.{{0,40}}?\b({_DAY})\W*$", re.I)
_DATE_OF = re.compile(r"(?:what|which)\b.{0,30}?\b(?:date|day)\b.{0,30}?\b(today|tomorrow|yesterday)\b", re.I)
_IN = re.compile(r"(?:what|which) (?:date|day)\b.{0,20}?\bin (\d{1,4}) (day|week)s?\W*$", re.I)
_AGO = re.compile(r"(?:what|which) (?:date|day)\b.{0,20}?\b(\d{1,4}) (day|week)s? ago\W*$", re.I)
_LEAP = re.compile(r"^\W*(?:is|was|will) (\d{4}) (?:be )?a leap year\W*$", re.I)
_PLACE = re.compile(r"\b(?:in|à|en|a|w|i) ([^\W\d_]+(?:[ -][^\W\d_]+)?)\W*$", re.I)


def clock_answer(question: str, now: datetime, calendar: bool = True) -> ClockAnswer | None:
    """The answer of the clock or the calendar to a question; None if it asks for something else."""
    asked = " ".join(question.split())
    if len(asked) > 200:
        return None
    for pattern, rule in _RULES if calendar else ():
        match = pattern.search(asked)
        if match:
            try:
                return rule([group for group in match.groups() if group], now)
            except (ValueError, OverflowError):
                return None
    return _clock(asked, now)


def _clock(asked: str, now: datetime) -> ClockAnswer | None:
    match = CLOCK.search(asked)
    if match is None:
        return None
    rest = asked[: match.start()] + " " + asked[match.end() :]
    place = _PLACE.search(rest)
    city = place.group(1) if place and place.group(1)[0].isupper() else ""
    if place and city:
        rest = rest[: place.start()]
    if set(content_words(rest)) - AROUND_THE_CLOCK:
        return None
    zone = _zones().get(city.lower().replace(" ", "_"), "UTC")
    local = now.astimezone(zoneinfo.ZoneInfo(zone)) if zone != "UTC" else now
    unknown = f" The time zone of {city} is not known here." if city not in ("", "UTC") and zone == "UTC" else ""
    return ClockAnswer(f"It is {_named(local.date())}, {local:%H:%M:%S} {local:%Z}.{unknown}", zone)


@cache
def _zones() -> dict[str, str]:
    """The system's time zones, by city in lower case."""
    return {name.rsplit("/", 1)[1].lower(): name for name in sorted(zoneinfo.available_timezones()) if "/" in name}


def _named(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B %Y}"


def _short(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _between(days: list[str], now: datetime) -> ClockAnswer:
    first, last = (_day(text, now.date()) for text in days)
    return ClockAnswer(f"From {_short(first)} to {_short(last)} it is {_days((last - first).days)}.", None)


def _until(days: list[str], now: datetime) -> ClockAnswer:
    today = now.date()
    day = _day(days[0], today)
    if day < today:
        return ClockAnswer(f"{_short(day)} was {_days((today - day).days)} ago.")
    return ClockAnswer(f"It is {_days((day - today).days)} until {_named(day)}.")


def _days(count: int) -> str:
    return f"{count} day" if abs(count) == 1 else f"{count} days"


def _weekday(days: list[str], now: datetime) -> ClockAnswer:
    day = _day(days[0], now.date())
    return ClockAnswer(f"{_short(day)} {'was' if day < now.date() else 'is'} a {day:%A}.", None)


def _relative(words: list[str], now: datetime) -> ClockAnswer:
    shift = _SHIFTS[words[0].lower()]
    if shift == 0:
        return ClockAnswer(f"It is {_named(now.date())}, {now:%H:%M:%S} UTC.")
    verb = "is" if shift > 0 else "was"
    return ClockAnswer(f"{words[0].capitalize()} {verb} {_named(now.date() + timedelta(days=shift))} (UTC).")


def _later(words: list[str], now: datetime) -> ClockAnswer:
    return ClockAnswer(f"That is {_named(now.date() + _span(words))} (UTC).")


def _earlier(words: list[str], now: datetime) -> ClockAnswer:
    return ClockAnswer(f"That was {_named(now.date() - _span(words))} (UTC).")


def _span(words: list[str]) -> timedelta:
    return timedelta(days=int(words[0]) * (7 if words[1].lower() == "week" else 1))


def _leap(words: list[str], now: datetime) -> ClockAnswer:
    year = int(words[0])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return ClockAnswer(f"{'Yes' if leap else 'No'}, {year} is {'a' if leap else 'not a'} leap year.", None)


def _day(text: str, today: date) -> date:
    """The day that a text names; without a year, the next such day. Raises ValueError."""
    low = text.lower()
    if match := _ISO.fullmatch(low):
        return date(int(match[1]), int(match[2]), int(match[3]))
    if match := _DOTTED.fullmatch(low):
        return date(int(match[3]), int(match[2]), int(match[1]))
    if low in _SHIFTS:
        return today + timedelta(days=_SHIFTS[low])
    for feast, (month, day) in _FEASTS.items():
        if low.startswith(feast):
            return _next(month, day, today)
    named = _NAMED.fullmatch(low)
    if named is None:
        raise ValueError(text)
    month, day = _MONTHS.index(named[2][:3]) + 1, int(named[1] or named[3] or 1)
    return date(int(named[4]), month, day) if named[4] else _next(month, day, today)


def _next(month: int, day: int, today: date) -> date:
    this_year = date(today.year, month, day)
    return this_year if this_year >= today else date(today.year + 1, month, day)


_RULES: tuple[tuple[re.Pattern[str], Callable[[list[str], datetime], ClockAnswer]], ...] = (
    (_BETWEEN, _between),
    (_UNTIL, _until),
    (_DATE_OF, _relative),
    (_IN, _later),
    (_AGO, _earlier),
    (_WEEKDAY, _weekday),
    (_LEAP, _leap),
)
