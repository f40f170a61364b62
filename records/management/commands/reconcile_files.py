"""`manage.py reconcile_files`: the files in the storage and the rows that name them, compared (docs/operations.md)."""

from argparse import ArgumentParser, ArgumentTypeError
from contextlib import closing
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize
from tqdm import tqdm

from audit import trail
from audit.events import Kind
from core.tenancy import installation_scope
from records.files.reconcile import Reconciling, UnknownFiles
from records.files.storing import FOLDERS, StorageDown

MINUTES = 60  # no upload takes that long
SHOWN = 20
IN_DOUBT = (
    "Is it the right storage, and mounted? Nothing was done. If it is as it should be, call reconcile_files --force."
)


class Command(BaseCommand):
    help = (
        "Compare the files in the storage with the rows that name them: what a killed upload has left behind is "
        "removed, a file that is missing is marked and named, and the exit code is 1. Stopped anywhere, it is simply "
        "called again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
        parser.add_argument(
            "--older-than", type=_minutes, default=MINUTES, metavar="MINUTES",
            help=f"leave alone what is younger: it may be on its way (default {MINUTES})",
        )  # fmt: skip
        parser.add_argument(
            "--force", action="store_true", help="also where most files would be marked as missing, or removed"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """A dry run comes first, always: what an empty or a wrong mount would do to the rows is not undone."""
        older_than = timedelta(minutes=options["older_than"])
        work = Reconciling(older_than, dry_run=True)
        if options["dry_run"] or not options["force"]:
            self._run(work)
        doubt = None if options["force"] else work.doubt()
        if options["dry_run"] or doubt:
            self._say(work)
        if doubt:
            raise CommandError(f"{doubt} {IN_DOUBT}")
        if not options["dry_run"]:
            work = Reconciling(older_than)
            self._run_and_tell(work)
        if work.lost:
            raise CommandError(_named("missing in the storage", work.lost))

    def _run_and_tell(self, work: Reconciling) -> None:
        state = "stopped"
        try:
            self._run(work)
            state = "done"
        finally:
            self._say(work)
            _tell(work, state)

    def _run(self, work: Reconciling) -> None:
        desc = "looking" if work.dry_run else "comparing"
        try:
            with closing(work.run()) as run:
                for _ in tqdm(run, total=len(FOLDERS), unit=" folders", desc=desc, disable=None):
                    pass
        except StorageDown as down:
            raise CommandError(f"{down} What was done until then stays done.") from down
        except UnknownFiles as error:
            raise CommandError(f"{error.__doc__} Nothing in the storage was touched.") from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. Call reconcile_files again to go on.", returncode=130) from None

    def _say(self, work: Reconciling) -> None:
        would = "would be " if work.dry_run else ""
        self.stdout.write(
            f"{work.checked:,} file{pluralize(work.checked)} compared; {would}removed: {work.unfinished:,} unfinished "
            f"upload{pluralize(work.unfinished)}, {work.ownerless:,} without a row; found again, and {would}scanned "
            f"next: {len(work.found_again):,}; missing: {len(work.lost):,}."
        )
        if work.being_purged:
            self.stdout.write(_named("left to purge_deleted, which had begun with them", work.being_purged))


def _named(what: str, ids: list[Any]) -> str:
    more = [f"  and {len(ids) - SHOWN:,} more"] if len(ids) > SHOWN else []
    return "\n".join([f"{len(ids):,} file{pluralize(ids)} {what}:", *(f"  {pk}" for pk in ids[:SHOWN]), *more])


def _tell(work: Reconciling, state: str) -> None:
    with installation_scope():
        trail.record(
            Kind.FILES_RECONCILED,
            practice_id=None,
            state=state,
            checked=work.checked,
            unfinished=work.unfinished,
            ownerless=work.ownerless,
            found_again=len(work.found_again),
            lost=len(work.lost),
        )


def _minutes(given: str) -> int:
    if not given.isdigit() or not 0 <= int(given) <= 10**6:
        raise ArgumentTypeError("give a number of minutes")
    return int(given)
