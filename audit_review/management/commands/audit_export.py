"""`manage.py audit_export`: the trail of all practices, or of one, as a file for an outside reviewer."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from audit.events import AuditEvent
from audit.log import record
from audit.seals.export import lines
from audit.seals.sealing import Sealing
from audit_review.management.arguments import add_span
from core.tenancy.scope import installation_scope


class Command(BaseCommand):
    help = (
        "Seal the trail and write it as JSON Lines, which audit/seals/verify_export.py checks on any machine. "
        "The last event in it is this export."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_span(parser)
        parser.add_argument("--output", type=Path, metavar="FILE", help="write here (mode 600), not to standard output")
        parser.add_argument(
            "--emails", action="store_true", help="add the emails of sign-ins in plain text, on their own lines"
        )

    @installation_scope()
    def handle(self, *args: Any, **options: Any) -> None:
        practice_id, since, emails = options["practice"], options["since"], options["emails"]
        with _target(options["output"]) as file:
            record(AuditEvent.TRAIL_EXPORTED, practice_id=practice_id, emails=emails, since=since)
            for finding in Sealing().run(practice_id):
                self.stderr.write(self.style.ERROR(f"Left out: {finding}"))
            with (
                tqdm(unit=" events", desc="exporting", disable=None) as bar,
                closing(lines(practice_id=practice_id, since=since, emails=emails, seen=bar.update)) as exported,
            ):
                file.writelines(line + b"\n" for line in exported)
        if options["output"]:
            self.stdout.write(self.style.SUCCESS(f"Wrote {options['output']}."))


@contextmanager
def _target(path: Path | None) -> Iterator[IO[bytes]]:
    """Open the output. A file appears under its name only once it is complete; until then an older one stays."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    try:
        file = NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)  # noqa: SIM115 - of mode 600
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with file:
            yield file.file
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except BaseException:
        Path(file.name).unlink(missing_ok=True)
        raise
