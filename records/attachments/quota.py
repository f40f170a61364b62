"""How much space files may take up, per patient and per practice, in bytes as served. Every row counts, also those
being stored or deleted: the file exists until it is purged."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from core.errors import QuotaExceeded
from core.tenancy.scope import current_practice_id
from practices.models import Practice
from records.models import Attachment

PATIENT_FULL = _("This file doesn't fit: a patient's files can take up %(size)s MB in total.")
PRACTICE_FULL = _("This file doesn't fit: the practice's files can take up %(size)s MB in total.")


def used_bytes(patient_id: UUID) -> int:
    return _sum(patient_id=patient_id)


def check_quota(*, patient_id: UUID, size: int) -> None:
    """Raise QuotaExceeded, which names the quota. The result holds only after `lock_quota` in the same transaction."""
    if used_bytes(patient_id) + size > settings.PATIENT_FILES_BYTES:
        raise _exceeded(PATIENT_FULL, settings.PATIENT_FILES_BYTES)
    if _sum() + size > settings.PRACTICE_FILES_BYTES:
        raise _exceeded(PRACTICE_FULL, settings.PRACTICE_FILES_BYTES)


def lock_quota() -> None:
    """Lock the practice's quota until the end of the transaction."""
    Practice.objects.select_for_update(no_key=True).get(pk=current_practice_id())


def _sum(**of: UUID) -> int:
    return Attachment.with_deleted.filter(**of).order_by().aggregate(used=Sum("size"))["used"] or 0


def _exceeded(sentence: Any, max_bytes: int) -> QuotaExceeded:
    return QuotaExceeded(sentence % {"size": f"{max_bytes / settings.MEGABYTE:g}"})
