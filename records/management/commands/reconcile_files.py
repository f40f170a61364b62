"""`manage.py reconcile_files`: compare the files in storage with the rows that name them (docs/operations.md)."""

from argparse import ArgumentParser, ArgumentTypeError
from contextlib import closing
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize
from tqdm import tqdm

from records.attachments.reconcile import NOT_YOUNGER, Reconciliation, UnknownFiles, log_run
from records.attachments.storage import FOLDERS, StorageUnavailable

MINUTES = int(NOT_YOUNGER.total_seconds() // 60)
MAX_LISTED = 20
WRONG_STORAGE_HINT = (
    "Is this the right storage, and is it mounted? Nothing was done. If it is correct, run reconcile_files --force."
)


class Command(BaseCommand):
    help = (
        "Compare the files in storage with the database rows that name them. What an interrupted upload left behind is "
        "removed; a missing file is marked and listed, and the exit code is 1. If it is stopped, run it again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="report what would be done, and do nothing")
        parser.add_argument(
            "--older-than", type=_minutes, default=MINUTES, metavar="MINUTES",
            help=f"ignore files younger than this: they may still be uploading (default {MINUTES})",
        )  # fmt: skip
        parser.add_argument(
            "--force", action="store_true", help="go ahead even if most files would be marked as missing, or removed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start with a dry run: what an empty or wrong mount would do to the rows cannot be undone."""
        older_than = timedelta(minutes=options["older_than"])
        work = Reconciliation(older_than, dry_run=True)
        if options["dry_run"] or not options["force"]:
            self._run(work)
        mismatch = None if options["force"] else work.find_mismatch()
        if options["dry_run"] or mismatch:
            self._print_result(work)
        if mismatch:
            raise CommandError(f"{mismatch} {WRONG_STORAGE_HINT}")
        if not options["dry_run"]:
            work = Reconciliation(older_than)
            self._run_and_log(work)
        if work.lost:
            raise CommandError(_named("missing from storage", work.lost))

    def _run_and_log(self, work: Reconciliation) -> None:
        state = "stopped"
        try:
            self._run(work)
            state = "done"
        finally:
            self._print_result(work)
            log_run(work, state)

    def _run(self, work: Reconciliation) -> None:
        desc = "checking" if work.dry_run else "comparing"
        try:
            with closing(work.run()) as run:
                for _ in tqdm(run, total=len(FOLDERS), unit=" folders", desc=desc, disable=None):
                    pass
        except StorageUnavailable as down:
            raise CommandError(f"{down} What was done before that stays done.") from down
        except UnknownFiles as error:
            raise CommandError(f"{error.__doc__} Nothing in storage was changed.") from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. Run reconcile_files again to continue.", returncode=130) from None

    def _print_result(self, work: Reconciliation) -> None:
        would = "would be " if work.dry_run else ""
        self.stdout.write(
            f"{work.checked:,} file{pluralize(work.checked)} compared; {would}removed: {work.unfinished:,} unfinished "
            f"upload{pluralize(work.unfinished)}, {work.ownerless:,} without a row; found again and {would}scanned "
            f"next: {len(work.found_again):,}; missing: {len(work.lost):,}."
        )
        if work.being_purged:
            self.stdout.write(_named("left to purge_deleted, which has already started on them", work.being_purged))


def _named(what: str, ids: list[Any]) -> str:
    more = [f"  and {len(ids) - MAX_LISTED:,} more"] if len(ids) > MAX_LISTED else []
    return "\n".join([f"{len(ids):,} file{pluralize(ids)} {what}:", *(f"  {pk}" for pk in ids[:MAX_LISTED]), *more])


def _minutes(given: str) -> int:
    if not given.isdigit() or not 0 <= int(given) <= 10**6:
        raise ArgumentTypeError("must be a number of minutes")
    return int(given)
