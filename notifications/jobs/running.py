"""Running a job, and what follows from how it ends."""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Lock
from time import monotonic

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from audit.context import Origin, coming_from
from core.tenancy.scope import installation_scope
from notifications.jobs import leases
from notifications.jobs.errors import Again, GiveUp, LeaseLost, Uncertain
from notifications.jobs.registry import KINDS, JobKind
from notifications.models import Job, JobState

log = structlog.get_logger("praxis.jobs")
UNKNOWN = _("No job is called so in this version of Praxis.")
UNKNOWN_DELAY = timedelta(minutes=5)  # during an update, older workers see jobs that only newer ones know
ERROR_LENGTH = 300

SLICE = 0.002  # seconds of computing, between two rests of a job that may only take a share of the processor
SOON = timedelta(seconds=2)  # a worker with a free thread looks each second
LOOK_SECONDS = 1


@dataclass(eq=False)
class _Pace:
    """Which share of a core a job may take, and this thread's time when it rested last."""

    share: float
    since: float


_paced: set[_Pace] = set()  # those that run in this process
_pace: ContextVar[_Pace | None] = ContextVar("pace", default=None)
_current: ContextVar[Job | None] = ContextVar("job", default=None)
_stop = Event()  # of the worker that this process is
_looking, _next_look = Lock(), 0.0  # for urgent jobs, in time.monotonic()


def run_due(limit: int = 100, now: datetime | None = None) -> list[Job]:
    """Run what is due, in this thread, and return the jobs as they are afterwards. For tests, and `worker --once`."""
    moment, ran = now or timezone.now(), list[Job]()
    recover(moment)
    while len(ran) < limit and (claimed := leases.claim(moment)):
        run(claimed, now)
        ran.append(claimed)
    with installation_scope():
        rows = {row.pk: row for row in Job.objects.filter(pk__in=[job.pk for job in ran])}
    return [rows[job.pk] for job in ran]


def point_of_no_return() -> None:
    """Say in a job that what comes next must not happen twice: should the worker die or an error come up from here on,
    the job ends as uncertain, unless the error is Again or GiveUp. Call it right before, outside of transactions.
    Raises LeaseLost, which means: do not do it. Outside of a job it does nothing."""
    if running := _current.get():
        leases.pass_return(running, timezone.now())


def stopping() -> bool:
    """Return whether the worker was told to stop: long jobs end early, and their next run goes on."""
    return _stop.is_set()


def rest() -> None:
    """Leave the processor to others in a job that may only take a share of it, if it has computed for a slice since it
    did so last; jobs that run at once have their shares in turn. A rest ends when the worker is told to stop."""
    pace = _pace.get()
    if pace and (computed := time.thread_time() - pace.since) >= SLICE:
        _stop.wait(computed * (len(_paced) / pace.share - 1))
        pace.since = time.thread_time()


def somebody_waits() -> bool:
    """Return whether an urgent job finds no free thread, for which a long one should end early. One job of this process
    in a second looks, and the others are told no: where several are long, one of them ends and not all."""
    global _next_look
    with _looking:
        if (now := monotonic()) < _next_look:
            return False
        _next_look = now + LOOK_SECONDS
    with installation_scope():
        return Job.objects.filter(state=JobState.WAITING, urgent=True, run_at__lt=timezone.now() - SOON).exists()


def stop_with(event: Event) -> None:
    """Have `stopping` ask this event, which the worker sets."""
    global _stop
    _stop = event


def run(job: Job, now: datetime | None = None) -> None:
    """Run a claimed job and write down how it ended. `now` is for tests that move time."""
    token = _current.set(job)
    try:
        kind = KINDS.get(job.name)
        if kind is None:
            leases.give_back(job, _now(now) + UNKNOWN_DELAY, _now(now), error=str(UNKNOWN))
        else:
            with coming_from(_origin(job)), translation.override(settings.LANGUAGE_CODE):
                _run(job, kind, now)
    except LeaseLost:
        log.warning("job lease lost", job=job.name, job_id=str(job.pk))
    except DatabaseError:  # how it ended cannot be written: its lease expires
        log.exception("job end not written", job=job.name, job_id=str(job.pk))
        if not connection.in_atomic_block:
            connection.close()
    finally:
        _current.reset(token)


def _run(job: Job, kind: JobKind, now: datetime | None) -> None:
    try:
        if kind.atomic:
            with transaction.atomic():
                _call(job, kind)
                leases.end(job, JobState.DONE, _now(now))
            return
        _call(job, kind)
    except LeaseLost:
        raise
    except (Exception, SystemExit) as error:  # what a command ends with must not end a thread
        _end_badly(job, kind, error, _now(now))
    else:
        leases.end(job, JobState.DONE, _now(now))


def _call(job: Job, kind: JobKind) -> None:
    with leases.scope_of(job), _at_pace(kind):
        kind.function(**job.payload)


@contextmanager
def _at_pace(kind: JobKind) -> Iterator[None]:
    if kind.share >= 1:
        yield
        return
    pace = _Pace(kind.share, time.thread_time())
    token = _pace.set(pace)
    _paced.add(pace)
    try:
        yield
    finally:
        _paced.discard(pace)
        _pace.reset(token)


def _end_badly(job: Job, kind: JobKind, error: BaseException, now: datetime) -> None:
    text, attempt = describe(error), job.attempts + 1
    nothing_happened = job.past_return_at is None or isinstance(error, Again | GiveUp)
    is_last = attempt >= job.max_attempts or isinstance(error, GiveUp)
    if isinstance(error, Uncertain) or not nothing_happened:
        end_with_hook(job, kind, JobState.UNCERTAIN, now, error=text)
    elif is_last:
        end_with_hook(job, kind, JobState.FAILED, now, error=text)
    else:
        wait = error.after if isinstance(error, Again) and error.after else kind.delay(attempt)
        leases.give_back(job, now + wait, now, error=text, attempts=1)
    if not isinstance(error, Again | GiveUp | Uncertain):
        log.error("job error", job=job.name, job_id=str(job.pk), attempt=attempt, exc_info=error)


@transaction.atomic
def end_with_hook(job: Job, kind: JobKind, state: JobState, now: datetime, *, error: str, attempts: int = 1) -> None:
    """End the job and tell the app that it belongs to, in one transaction."""
    leases.end(job, state, now, error=error, attempts=attempts)
    hook = kind.on_failed if state == JobState.FAILED else kind.on_uncertain
    log.error("job ended", job=job.name, job_id=str(job.pk), state=state.value, error=error)
    if hook is None:
        return
    try:
        with transaction.atomic(), leases.scope_of(job):
            hook(**job.payload)
    except Exception:
        log.exception("job hook failed", job=job.name, job_id=str(job.pk))


def recover(now: datetime) -> int:
    """Take the jobs of workers that died: they wait again, or are uncertain. Return how many."""
    taken = 0
    for job in leases.list_expired(now):
        with transaction.atomic():
            if leases.lock_expired(job, now):
                taken += 1
                _recover(job, now)
    return taken


def _recover(job: Job, now: datetime) -> None:
    kind = KINDS.get(job.name)
    if job.past_return_at is None and job.lost + 1 < leases.MAX_LOST:
        leases.give_back(job, job.run_at, now, error=str(leases.DIED), lost=1)
    elif kind is None:
        leases.end(job, JobState.UNCERTAIN, now, error=str(leases.DIED))
    else:
        state = JobState.FAILED if job.past_return_at is None else JobState.UNCERTAIN
        with coming_from(_origin(job)):
            end_with_hook(job, kind, state, now, error=str(leases.DIED))


def _origin(job: Job) -> Origin:
    return Origin(agent=f"manage.py worker {job.name}")


def describe(error: BaseException) -> str:
    """Return what may be stored of an error: the text of our own, otherwise its type and where in our code it was
    raised. Its text might quote a row."""
    if isinstance(error, Again | GiveUp | Uncertain):
        return str(error)[:ERROR_LENGTH]
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_ours(frame.filename)]
    where = f" ({Path(ours[-1].filename).relative_to(settings.BASE_DIR)}:{ours[-1].lineno})" if ours else ""
    return f"{type(error).__name__}{where}"[:ERROR_LENGTH]


def _is_ours(file: str) -> bool:
    return file.startswith(f"{settings.BASE_DIR}/") and "site-packages" not in file


def _now(given: datetime | None) -> datetime:
    return given or timezone.now()
