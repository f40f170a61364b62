"""`manage.py audit_verify`: whether the trail is what was written. In core/, for it reaches across the practices."""

from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize
from django.utils import timezone
from tqdm import tqdm

from audit.arguments import add_span
from audit.events import Kind
from audit.models import Event
from audit.trail import record
from audit.verify import Exported, Tampered, Verification
from audit.verify_export import last_seals
from core.tenancy import installation_scope

SEALED_WITHIN = timedelta(minutes=5)


class Command(BaseCommand):
    help = (
        "Check every row of the trail and every seal. The first that is not what was written is named, and the exit "
        "code is 1. Nothing is written but the event that this was done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_span(parser)
        parser.add_argument(
            "--seal", type=Path, metavar="FILE", help="an earlier export or its last seals: they must still be there"
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
            Kind.TRAIL_VERIFIED,
            practice_id=practice_id,
            intact=finding is None,
            events=verification.events,
            seals=verification.seals,
        )
        if finding:
            raise CommandError(f"The trail is not what was written. {finding}")
        self._tell(verification)

    def _tell(self, verification: Verification) -> None:
        events, seals = verification.events, verification.seals
        said = f"{events:,} event{pluralize(events)} and {seals:,} seal{pluralize(seals)} are what was written."
        self.stdout.write(self.style.SUCCESS(said))
        waiting, oldest = verification.waiting
        if oldest and oldest < timezone.now() - SEALED_WITHIN:
            said = (
                f"{waiting:,} event{pluralize(waiting)} wait{pluralize(waiting, 's,')} to be sealed, "
                f"the oldest since {oldest:%Y-%m-%d %H:%M} UTC: run audit_seal."
            )
            self.stderr.write(self.style.WARNING(said))


def _read(path: Path) -> Exported:
    try:
        with path.open("rb") as lines:
            seals = {UUID(practice_id): seal for practice_id, seal in last_seals(lines).items()}
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} holds lines that are none of an export.") from error
    if not seals:
        raise CommandError(f"{path} holds no seal.")
    return seals
