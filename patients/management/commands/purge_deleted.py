"""`manage.py purge_deleted`: what was deleted long enough ago is removed for good (docs/operations.md)."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from patients.purge import Fate, Purge
from practices.models import Practice

BATCH = 100


class Command(BaseCommand):
    help = (
        f"Remove for good what was deleted more than {settings.RESTORE_DAYS} days ago and neither is on legal hold nor "
        "kept for the practice's years of retention: rows, versions, files in the storage. Stopped anywhere, it goes "
        "on from there when it is called again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument(
            "--batch", type=_batch, default=BATCH, metavar="N", help=f"deletions looked up at once (default {BATCH})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        practices = Practice.objects.order_by("pk").iterator()
        runs = [Purge(practice, dry_run=options["dry_run"], batch=options["batch"]) for practice in practices]
        try:
            with tqdm(total=sum(run.count() for run in runs), unit=" deletions", desc="purging", disable=None) as bar:
                for run in runs:
                    for _ in run.run():
                        bar.update()
        except KeyboardInterrupt:
            raise CommandError("Stopped. Call purge_deleted again to go on.", returncode=130) from None
        finally:
            self._say(runs)
        failed = sum(run.tally.fates[Fate.FAILED] for run in runs)
        if failed:
            raise CommandError(f"{failed:,} could not be removed; the log says why. Call purge_deleted again.")

    def _say(self, runs: list[Purge]) -> None:
        for run in runs:
            if run.tally.fates:
                self.stdout.write(f"{run.practice.name}: {_in_words(run)}")
        if not any(run.tally.fates for run in runs):
            self.stdout.write("Nothing was deleted so long ago.")


def _in_words(run: Purge) -> str:
    fates, rows = run.tally.fates, run.tally.rows
    until = f" (the first until {run.tally.next_at:%Y-%m-%d})" if run.tally.next_at else ""
    named = f" (deletions {', '.join(map(str, run.tally.named))})" if run.tally.named else ""
    would = "would be " if run.dry_run else ""
    return (
        f"{would}removed for good {fates[Fate.REMOVED]:,} with {rows.total():,} rows; kept for "
        f"{run.practice.retention_years} years of retention {fates[Fate.KEPT]:,}{until}; on legal hold "
        f"{fates[Fate.ON_HOLD]:,}; named by what is kept {fates[Fate.NAMED]:,}{named}; failed {fates[Fate.FAILED]:,}."
    )


def _batch(given: str) -> int:
    if not given.isdigit() or not 1 <= int(given) <= 10_000:
        raise ArgumentTypeError("give a number from 1 to 10000")
    return int(given)
