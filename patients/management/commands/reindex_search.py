"""`manage.py reindex_search`: search and sign-in under a new SEARCH_INDEX_KEY (docs/operations.md)."""

from argparse import ArgumentParser
from contextlib import closing
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from audit import trail
from audit.events import Kind
from core.encryption.rows import BATCH_ROWS, batch_size
from core.tenancy import installation_scope
from patients.reindex import Reindexing

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Build the search index and the index of the accounts' emails anew after SEARCH_INDEX_KEY has changed, while "
        "the application serves. Until it is through, search and sign-in do not find what it has not reached yet. "
        "Stopped anywhere, it is simply called again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--batch-size", type=batch_size, default=BATCH_ROWS, metavar="ROWS",
            help=f"rows that are locked and rewritten at once (default {BATCH_ROWS})",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        work = Reindexing(batch_rows=options["batch_size"])
        total, looked_at, state = work.count(), 0, "stopped"
        _record("begun", rows=total)
        try:
            with (
                tqdm(total=total, unit=" rows", desc="reindexing", disable=None) as bar,
                closing(work.run()) as run,
            ):
                for size in run:
                    bar.update(size)
                    looked_at += size
            state = "done"
        except KeyboardInterrupt:
            raise CommandError(
                f"Stopped after {work.changed:,} rows; their index is new. Call reindex_search again to go on.",
                returncode=130,
            ) from None
        finally:
            _record(state, rows=work.changed, failed=len(work.failed))
        self.stdout.write(f"The index of {work.changed:,} of {total:,} rows was another and is new now.")
        if work.failed:
            raise CommandError(
                "\n".join([f"{len(work.failed):,} rows have no new index:", *map("  {}".format, work.failed[:SHOWN])])
            )
        if looked_at < total:
            raise CommandError(f"{total - looked_at:,} rows were busy. Call reindex_search again.")
        self.stdout.write(self.style.SUCCESS("Search and sign-in find everything."))


def _record(state: str, **counts: Any) -> None:
    with installation_scope():
        trail.record(Kind.INDEX_REBUILT, practice_id=None, state=state, **counts)
