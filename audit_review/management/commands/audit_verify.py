"""`manage.py audit_verify`: checks that the audit trail of all practices, or of one, is unaltered."""

from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize
from django.utils import timezone
from tqdm import tqdm

from audit.events import AuditEvent
from audit.log import record
from audit.models import Event
from audit.seals.verify import Exported, Tampered, Verification
from audit.seals.verify_export import last_seals
from audit_review.management.arguments import add_span
from core.tenancy.scope import installation_scope

SEALED_WITHIN = timedelta(minutes=5)


class Command(BaseCommand):
    help = (
        "Check every row of the trail and every seal. The first one that was altered is reported, and the exit code is "
        "1. Nothing is written except the event that records this check."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_span(parser)
        parser.add_argument(
            "--seal",
            type=Path,
            metavar="FILE",
            help="an earlier export or its last seals, which must still be in the trail",
        )

    @installation_scope()
    def handle(self, *args: Any, **options: Any) -> None:
        practice_id, since = options["practice"], options["since"]
        exported = _read(options["seal"]) if options["seal"] else {}
        of_practice = {} if practice_id is None else {"practice_id": practice_id}
        total = None if since else Event.objects.filter(**of_practice).count()
        finding = None
        with tqdm(total=total, unit=" events", desc="checking", disable=None) as bar:
            verification = Verification(seen=bar.update)
            try:
                verification.run(practice_id=practice_id, since=since, exported=exported)
            except Tampered as error:
                finding = error.finding
        record(
            AuditEvent.TRAIL_VERIFIED,
            practice_id=practice_id,
            intact=finding is None,
            events=verification.events,
            seals=verification.seals,
        )
        if finding:
            raise CommandError(f"The trail was altered. {finding}")
        self._report(verification)

    def _report(self, verification: Verification) -> None:
        events, seals = verification.events, verification.seals
        message = f"{events:,} event{pluralize(events)} and {seals:,} seal{pluralize(seals)} are intact."
        self.stdout.write(self.style.SUCCESS(message))
        waiting, oldest = verification.waiting
        if oldest and oldest < timezone.now() - SEALED_WITHIN:
            message = (
                f"{waiting:,} event{pluralize(waiting)} wait{pluralize(waiting, 's,')} to be sealed, "
                f"the oldest since {oldest:%Y-%m-%d %H:%M} UTC: run audit_seal."
            )
            self.stderr.write(self.style.WARNING(message))


def _read(path: Path) -> Exported:
    try:
        with path.open("rb") as lines:
            seals = {UUID(practice_id): seal for practice_id, seal in last_seals(lines).items()}
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} contains lines that are not part of an export.") from error
    if not seals:
        raise CommandError(f"{path} contains no seal.")
    return seals
