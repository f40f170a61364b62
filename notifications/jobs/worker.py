"""A worker: threads that run jobs, and a loop that keeps their leases and the schedule.

One thread at a time looks for work, under a lock; the others run what they found, or wait for the lock. So an idle
worker asks the database once a second, and a busy one claims a job when it has a thread for it, not before."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone

from notifications.jobs import leases, running, schedule
from notifications.models import Job

POLL_SECONDS = 1.0
RENEWALS = 4  # in the time of a lease
log = structlog.get_logger("praxis.worker")


class Worker:
    def __init__(
        self,
        stop: threading.Event,
        *,
        threads: int,
        lease: timedelta = leases.LEASE,
        grace: float = 8,
        is_orphan: Callable[[], bool] = lambda: False,
        poll: float = POLL_SECONDS,
    ) -> None:
        """It ends when `stop` is set, or once `is_orphan`: what started it is gone. Jobs that run then have `grace`
        seconds to end."""
        self.stop, self._lease, self._grace, self._is_orphan, self._poll = stop, lease, grace, is_orphan, poll
        self._claims: dict[UUID, UUID] = {}
        self._looking = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, name=f"worker {number}", daemon=True) for number in range(threads)
        ]

    def run(self) -> int:
        """Work until told to stop. Return how many jobs had to be left unfinished: their leases expire."""
        running.stop_with(self.stop)
        while not self._try(self._begin) and not self.stop.wait(self._poll):
            pass
        for thread in self._threads:
            thread.start()
        self._keep()
        deadline = time.monotonic() + self._grace
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            self._try(self._renew)
        connection.close()
        if self._claims:
            log.warning("jobs left unfinished", jobs=len(self._claims))
        return len(self._claims)

    def _keep(self) -> None:
        """Do what must happen all the time, however busy the threads are."""
        renew_every = self._lease.total_seconds() / RENEWALS
        renew_at = 0.0
        while not self.stop.is_set():
            self._try(schedule.tick)
            if time.monotonic() >= renew_at:
                self._try(self._renew)
                self._try(lambda: running.recover(timezone.now()))
                renew_at = time.monotonic() + renew_every
            if self._is_orphan():
                self.stop.set()
            self.stop.wait(self._poll)

    def _renew(self) -> None:
        leases.renew(list(self._claims.values()), timezone.now(), lease=self._lease)

    def _work(self) -> None:
        try:
            while claimed := self._next():
                try:
                    running.run(claimed)
                finally:
                    self._claims.pop(claimed.pk, None)
        finally:
            connection.close()

    def _next(self) -> Job | None:
        """Wait for a job and return it; None once told to stop."""
        with self._looking:
            while not self.stop.is_set():
                found: Job | None = self._try(self._claim)
                if found:
                    return found
                self.stop.wait(self._poll)
        return None

    def _claim(self) -> Job | None:
        found = leases.claim(timezone.now(), lease=self._lease)
        if found and found.claimed_by:
            self._claims[found.pk] = found.claimed_by
        return found

    def _begin(self) -> bool:
        schedule.write_table()
        return True

    def _try(self, step: Callable[[], Any]) -> Any:
        """Return what the step returns; None if the database is away, which may be back the next time."""
        try:
            return step()
        except DatabaseError as error:
            log.warning("database unavailable", error=type(error).__name__)
            with suppress(DatabaseError):
                connection.close()
            return None
