"""`manage.py audit_seal`: seals the audit trail of every practice."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.template.defaultfilters import pluralize

from audit.seals.sealing import Sealing
from core.tenancy.scope import installation_scope
from core.termination import set_on_termination


class Command(BaseCommand):
    help = (
        "Seal what was added to the trail since the last run, in every practice. A row that was altered after it was "
        "written is reported and left out, and the exit code is 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--every", type=int, metavar="SECONDS", help="repeat until SIGTERM or Ctrl-C")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["every"] is None:
            if self._seal():
                raise CommandError("Part of the trail was not sealed.")
        elif options["every"] < 1:
            raise CommandError("--every must be at least 1 second.")
        else:
            self._keep_sealing(options["every"])

    @installation_scope()
    def _seal(self) -> int:
        """Return how many rows had to be left out."""
        sealing, left_out = Sealing(), 0
        for finding in sealing.run():
            left_out += 1
            self.stderr.write(self.style.ERROR(str(finding)))
        if sealing.events or not left_out:
            events, seals = sealing.events, sealing.seals
            self.stdout.write(f"Sealed {events:,} event{pluralize(events)} under {seals:,} seal{pluralize(seals)}.")
        return left_out

    def _keep_sealing(self, seconds: int) -> None:
        stop = set_on_termination()
        while not stop.is_set():
            try:
                self._seal()
            except DatabaseError as error:  # it may be back on the next round
                self.stderr.write(self.style.ERROR(f"The database does not answer: {type(error).__name__}."))
            connection.close()
            stop.wait(seconds)
