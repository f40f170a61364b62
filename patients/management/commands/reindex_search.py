"""`manage.py reindex_search`: rebuild the indexes after SEARCH_INDEX_KEY has changed (docs/operations.md)."""

from argparse import ArgumentParser
from contextlib import closing
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from audit import log
from audit.events import AuditEvent
from core.encryption.batch_rewrite import BATCH_ROWS, batch_size
from core.tenancy.scope import installation_scope
from patients.search_reindex import Reindexing

MAX_FAILURES_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Rebuild the search index and the index of account emails after SEARCH_INDEX_KEY has changed, while the "
        "application is running. Until it has finished, search and sign-in do not find what it has not reached yet. "
        "If stopped, run it again to continue."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--batch-size", type=batch_size, default=BATCH_ROWS, metavar="ROWS",
            help=f"rows locked and rewritten at once (default {BATCH_ROWS})",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        work = Reindexing(batch_rows=options["batch_size"])
        total, processed, state = work.count(), 0, "stopped"
        _record("begun", rows=total)
        try:
            with (
                tqdm(total=total, unit=" rows", desc="reindexing", disable=None) as bar,
                closing(work.run()) as run,
            ):
                for size in run:
                    bar.update(size)
                    processed += size
            state = "done"
        except KeyboardInterrupt:
            raise CommandError(
                f"Stopped after rebuilding {work.changed:,} rows. Run reindex_search again to continue.",
                returncode=130,
            ) from None
        finally:
            _record(state, rows=work.changed, failed=len(work.failed))
        self.stdout.write(f"Rebuilt the index of {work.changed:,} of {total:,} rows.")
        if work.failed:
            raise CommandError(
                "\n".join(
                    [
                        f"{len(work.failed):,} rows could not be rebuilt:",
                        *map("  {}".format, work.failed[:MAX_FAILURES_SHOWN]),
                    ]
                )
            )
        if processed < total:
            raise CommandError(f"{total - processed:,} rows were locked. Run reindex_search again.")
        self.stdout.write(self.style.SUCCESS("Search and sign-in find everything again."))


def _record(state: str, **counts: Any) -> None:
    with installation_scope():
        log.record(AuditEvent.INDEX_REBUILT, practice_id=None, state=state, **counts)
