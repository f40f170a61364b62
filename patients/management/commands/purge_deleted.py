"""`manage.py purge_deleted`: permanently remove what was deleted long enough ago (docs/operations.md)."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from core.idempotency.services import remove_expired
from core.tenancy.scope import practice_scope
from patients.deletion.purge import BATCH, Purge, PurgeOutcome
from practices.models import Practice


class Command(BaseCommand):
    help = (
        f"Permanently remove what was deleted more than {settings.RESTORE_DAYS} days ago and is neither on legal hold "
        "nor kept for the practice's record retention: rows, versions and stored files. If stopped, run it again to "
        "continue."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="show what would be removed, without removing it")
        parser.add_argument(
            "--batch", type=_batch, default=BATCH, metavar="N", help=f"deletions loaded at once (default {BATCH})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        practices = Practice.objects.order_by("pk").iterator()
        runs = [Purge(practice, dry_run=options["dry_run"], batch=options["batch"]) for practice in practices]
        try:
            with tqdm(total=sum(run.count() for run in runs), unit=" deletions", desc="purging", disable=None) as bar:
                for run in runs:
                    for _ in run.run():
                        bar.update()
            if not options["dry_run"]:
                _remove_kept_answers(run.practice for run in runs)
        except KeyboardInterrupt:
            raise CommandError("Stopped. Run purge_deleted again to continue.", returncode=130) from None
        finally:
            self._print_summary(runs)
        failed = sum(run.tally.outcomes[PurgeOutcome.FAILED] for run in runs)
        if failed:
            raise CommandError(f"{failed:,} could not be removed; see the log. Run purge_deleted again.")

    def _print_summary(self, runs: list[Purge]) -> None:
        for run in runs:
            if run.tally.outcomes:
                self.stdout.write(f"{run.practice.name}: {_summary(run)}")
        if not any(run.tally.outcomes for run in runs):
            self.stdout.write("Nothing to remove.")


def _remove_kept_answers(practices: Iterable[Practice]) -> None:
    """Remove the answers to requests with an Idempotency-Key that are kept no longer."""
    for practice in practices:
        with practice_scope(practice.pk):
            remove_expired()


def _summary(run: Purge) -> str:
    outcomes, rows = run.tally.outcomes, run.tally.rows
    until = f" (first until {run.tally.next_at:%Y-%m-%d})" if run.tally.next_at else ""
    referenced = f" (deletions {', '.join(map(str, run.tally.referenced))})" if run.tally.referenced else ""
    removed = "would be removed" if run.dry_run else "removed"
    return (
        f"{removed}: {outcomes[PurgeOutcome.REMOVED]:,} ({rows.total():,} rows); "
        f"kept for {run.practice.retention_years} years: {outcomes[PurgeOutcome.KEPT]:,}{until}; "
        f"on legal hold: {outcomes[PurgeOutcome.ON_HOLD]:,}; "
        f"referenced by kept rows: {outcomes[PurgeOutcome.REFERENCED]:,}{referenced}; "
        f"failed: {outcomes[PurgeOutcome.FAILED]:,}."
    )


def _batch(given: str) -> int:
    if not given.isdigit() or not 1 <= int(given) <= 10_000:
        raise ArgumentTypeError("give a number from 1 to 10000")
    return int(given)
