"""`manage.py audit_export`: the trail for somebody outside. In core/, for it reaches across the practices."""

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

from audit.arguments import add_span
from audit.events import Kind
from audit.export import lines
from audit.seals import Sealing
from audit.trail import record
from core.tenancy import installation_scope


class Command(BaseCommand):
    help = (
        "Seal the trail and write it as JSON Lines, which audit/verify_export.py checks on any machine. That it was "
        "exported is the last that it tells."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_span(parser)
        parser.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output; of mode 600")
        parser.add_argument("--emails", action="store_true", help="emails of sign-ins in clear, in lines of their own")

    @installation_scope()
    def handle(self, *args: Any, **options: Any) -> None:
        practice_id, since, emails = options["practice"], options["since"], options["emails"]
        with _target(options["output"]) as file:
            record(Kind.TRAIL_EXPORTED, practice_id=practice_id, emails=emails, since=since)
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
    """Where the lines go. A file of that name is there when it is whole, or stays what it was."""
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
