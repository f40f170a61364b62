"""How much room files may take: of a patient, of a practice, in bytes as they are served. Every row counts, also one
that is being stored or was deleted: its file is there until it is purged."""

from uuid import UUID

from django.conf import settings
from django.db.models import Sum

from core.errors import Full
from core.tenancy import current_practice_id
from practices.models import Practice
from records.models import Attachment


def used_by(patient_id: UUID) -> int:
    return _sum(patient_id=patient_id)


def check_room(*, patient_id: UUID, size: int) -> None:
    """Raises Full, which says of what. It holds for the transaction alone that called `hold_room` before."""
    if used_by(patient_id) + size > settings.PATIENT_FILES_BYTES:
        raise _full("a patient", settings.PATIENT_FILES_BYTES)
    if _sum() + size > settings.PRACTICE_FILES_BYTES:
        raise _full("the practice", settings.PRACTICE_FILES_BYTES)


def hold_room() -> None:
    """Who stores a file waits here for the practice's others, for the rest of the transaction."""
    Practice.objects.select_for_update(no_key=True).get(pk=current_practice_id())


def _sum(**of: UUID) -> int:
    return Attachment.with_deleted.filter(**of).order_by().aggregate(used=Sum("size"))["used"] or 0


def _full(whose: str, most: int) -> Full:
    return Full(f"There is no room for this file: those of {whose} may take {most / settings.MEGABYTE:g} MB together.")
