"""Which jobs there are. They are known by name: a function may be renamed while jobs are waiting."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
NAME = "job_name"  # attribute of a registered function


@dataclass(frozen=True)
class JobKind:
    """A registered job. `first_delay` doubles with each attempt that fails, up to `longest_delay`."""

    name: str
    title: Any
    function: Callable[..., Any]
    max_attempts: int
    first_delay: timedelta
    longest_delay: timedelta
    urgent: bool
    share: float
    atomic: bool
    on_failed: Callable[..., Any] | None
    on_uncertain: Callable[..., Any] | None

    def delay(self, attempt: int) -> timedelta:
        """Return how long to wait after this attempt, the first being 1, has failed."""
        return min(self.first_delay * 2 ** min(attempt - 1, 20), self.longest_delay)


@dataclass(frozen=True)
class Rhythm:
    """When a job of the schedule runs: every so often, or each day at a time of day in UTC."""

    every: timedelta | None = None
    daily_at: time | None = None

    def first(self, now: datetime) -> datetime:
        return now if self.every else self.after(now)

    def after(self, now: datetime) -> datetime:
        """Return the next moment. Those that were missed are not made up for."""
        if self.every:
            return now + self.every
        assert self.daily_at
        today = datetime.combine(now.astimezone(UTC), self.daily_at, tzinfo=UTC)
        return today if today > now else today + timedelta(days=1)


KINDS: dict[str, JobKind] = {}
RHYTHMS: dict[str, Rhythm] = {}


def job(
    name: str,
    title: Any = "",
    *,
    max_attempts: int = 8,
    first_delay: timedelta = timedelta(seconds=15),
    longest_delay: timedelta = timedelta(hours=1),
    urgent: bool = False,
    share: float = 1,
    atomic: bool = False,
    on_failed: Callable[..., Any] | None = None,
    on_uncertain: Callable[..., Any] | None = None,
) -> Callable[[Function], Function]:
    """Register a function, which is called with the payload as keywords (ids are texts). The title says to people at a
    practice what it does.

    With `atomic` it and its end are one transaction, so that what it does to the database happens once. `on_failed` and
    `on_uncertain` are called with the same keywords, in the transaction in which the job ends so. An `urgent` job,
    somebody waits for it, comes before all that are not. One that may have very much to do takes no more than its
    `share` of a core if it calls `rest` after each bit of it.
    """

    def register(function: Function) -> Function:
        known = KINDS.get(name)
        if known and known.function.__module__ != function.__module__:
            raise RuntimeError(f"There are two jobs {name}.")
        KINDS[name] = JobKind(
            name,
            title,
            function,
            max_attempts,
            first_delay,
            longest_delay,
            urgent,
            share,
            atomic,
            on_failed,
            on_uncertain,
        )
        setattr(function, NAME, name)
        return function

    return register


def scheduled(
    name: str,
    title: Any = "",
    *,
    every: timedelta | None = None,
    daily_at: time | None = None,
    max_attempts: int = 1,
    **options: Any,
) -> Callable[[Function], Function]:
    """Register a job of the installation that runs `every` so often, or `daily_at` a time in UTC. It never runs twice
    at once: what is due while it still runs is left out, and what was missed while no worker was there runs once."""
    if (every is None) == (daily_at is None):
        raise RuntimeError(f"{name}: say either every= or daily_at=.")

    def register(function: Function) -> Function:
        RHYTHMS[name] = Rhythm(every=every, daily_at=daily_at)
        return job(name, title, max_attempts=max_attempts, **options)(function)

    return register


def title_of(name: str) -> str:
    """Return what a job does, in words; the name of one that this version does not know."""
    known = KINDS.get(name)
    return str(known.title or name) if known else name


def name_of(what: str | Callable[..., Any]) -> str:
    """Return the name of a job; raise LookupError if there is none."""
    name = what if isinstance(what, str) else getattr(what, NAME, "")
    if name not in KINDS:
        raise LookupError(f"No job is called {what!r}: register it with @job, in the `jobs.py` of an app.")
    return name
