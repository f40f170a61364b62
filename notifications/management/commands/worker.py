"""`manage.py worker`: runs what is due (docs/operations.md, "The worker")."""

import os
import threading
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize
from django.utils import autoreload, timezone

from core.termination import set_on_termination
from notifications.jobs import leases, run_due, schedule, status, tick
from notifications.jobs.registry import RHYTHMS, title_of
from notifications.jobs.worker import Worker
from notifications.models import JobState, Schedule

GRACE_SECONDS = 8  # containers are killed after ten
BATCH = 100
NICE = 5  # whoever waits for a page comes first


class Command(BaseCommand):
    help = (
        "Run background jobs and the schedule until SIGTERM or Ctrl-C: messages, seals of the audit trail, file scans, "
        "purges. Several workers share the work."
    )
    requires_system_checks = ()  # the server has run them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="run what is due now, and end; exit code 1: a failure")
        parser.add_argument(
            "--status", action="store_true", help="show queue, schedule and failures; exit code 1: late"
        )
        parser.add_argument(
            "--threads", type=int, default=min(settings.WORKER_THREADS, settings.SERVER_THREADS), metavar="N",
            help="jobs at the same time (WORKER_THREADS, %(default)s)",
        )  # fmt: skip
        parser.add_argument(
            "--lease", type=float, default=leases.LEASE.total_seconds(), metavar="SECONDS",
            help="how long jobs of a worker that was killed wait (default %(default)s)",
        )  # fmt: skip
        parser.add_argument(
            "--grace", type=float, default=GRACE_SECONDS, metavar="SECONDS",
            help="how long jobs in progress may take to end when it is told to stop (default %(default)s)",
        )  # fmt: skip
        parser.add_argument("--parent", type=int, metavar="PID", help="end when this process, its parent, has ended")
        parser.add_argument("--reload", action="store_true", help="restart whenever code changes")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["status"]:
            self._show_status()
        elif options["once"]:
            self._run_once()
        else:
            self._check(options)
            self._work(options)

    def _check(self, options: dict[str, Any]) -> None:
        if not 1 <= options["threads"] <= settings.SERVER_THREADS:  # each has a connection of the pool
            raise CommandError(f"--threads must be from 1 to {settings.SERVER_THREADS} (SERVER_THREADS).")
        if options["lease"] < 1 or options["grace"] < 0:
            raise CommandError("--lease must be at least 1 second, --grace at least 0.")

    def _work(self, options: dict[str, Any]) -> None:
        keywords = {name: options[name] for name in ("threads", "grace")}
        keywords["lease"] = timedelta(seconds=options["lease"])
        os.nice(max(0, NICE - os.nice(0)))
        parent = options["parent"]
        if options["reload"]:
            autoreload.run_with_reloader(_run_reloaded, parent, keywords)
            return
        keywords["is_orphan"] = lambda: parent is not None and os.getppid() != parent
        worker = Worker(set_on_termination(), **keywords)
        if options["verbosity"]:
            self.stdout.write(f"The worker runs with {options['threads']} threads (press Ctrl-C to stop).")
        left = worker.run()
        if options["verbosity"]:
            unfinished = f"; {left} unfinished job{pluralize(left)} will be run again" if left else ""
            self.stdout.write(f"The worker has stopped{unfinished}.")

    def _run_once(self) -> None:
        schedule.write_table()
        tick()
        ran = bad = 0
        while jobs := run_due(BATCH):
            ran += len(jobs)
            bad += sum(job.state not in (JobState.DONE, JobState.RUNNING) for job in jobs)
        self.stdout.write(f"{ran:,} job{pluralize(ran)} run, {bad:,} of them without success.")
        if bad:
            raise CommandError("Some jobs failed: manage.py worker --status names them.")

    def _show_status(self) -> None:
        late, counts, now = status.lateness(), status.count_by_state(), timezone.now()
        self.stdout.write("Queue: " + ", ".join(f"{counts[state]:,} {state}" for state in JobState.values))
        self.stdout.write(f"The job that is due longest has waited {_rounded(late.queue)}.\n\nSchedule (UTC)")
        rows = {row.name: row for row in Schedule.objects.all()}
        for name in sorted(RHYTHMS):
            row = rows.get(name)
            last = f"{row.last_run_at:%Y-%m-%d %H:%M:%S}" if row and row.last_run_at else "never"
            following = f"{row.next_run_at:%Y-%m-%d %H:%M:%S}" if row else "when a worker starts"
            overdue = "  overdue" if row and now - row.next_run_at > status.SCHEDULE_LATE else ""
            self.stdout.write(f"  {name:34}last {last:20} next {following}{overdue}  {title_of(name)}")
        self._show_bad_ends()
        if late.is_late:
            raise CommandError("The worker is late, or none is running.")

    def _show_bad_ends(self) -> None:
        for number, job in enumerate(status.list_bad_ends()):
            if not number:
                self.stdout.write("\nThe last that did not end well")
            what = f"{job.name} ({title_of(job.name)})  {job.pk}"
            self.stdout.write(f"  {job.finished_at:%Y-%m-%d %H:%M:%S}  {what}  {job.state}: {job.last_error}")


def _run_reloaded(ancestor: int | None, keywords: dict[str, Any]) -> None:
    """Run in a thread of the process that the reloader starts again and again. Ending it ends the reloader."""

    def is_orphan() -> bool:
        try:
            os.kill(ancestor or os.getppid(), 0)
        except ProcessLookupError:
            return True
        return False

    Worker(threading.Event(), is_orphan=is_orphan, **keywords).run()
    os._exit(0)


def _rounded(span: timedelta) -> str:
    return str(timedelta(seconds=int(span.total_seconds())))
