"""Doing what a key stands for once (draft-ietf-httpapi-idempotency-key-header), in three steps: reserve the key, keep
the answer in the transaction that did the work, or release the key because nothing was done.

A process may die in between. Then the work was rolled back with its answer, and whoever comes with the key once
ABANDONED has passed takes the reservation over; should the first still be running after all, it fails at `keep`.
"""

from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.errors import Conflict, Refusal
from core.idempotency.models import KeptAnswer

RETENTION = timedelta(hours=24)
ABANDONED = timedelta(minutes=5)
REMOVED_AT_ONCE = 20
STILL_RUNNING = _("The first request with this Idempotency-Key is still being processed. Please try again in a moment.")
OTHER_REQUEST = _("This Idempotency-Key was already used for a different request.")


class KeyReused(Refusal):
    """422: the key stands for another request."""

    status = 422


class StillRunning(Conflict):
    """409: another request with this key is being processed."""

    retry_after = 1  # seconds

    def __init__(self) -> None:
        super().__init__(STILL_RUNNING)


def reserve(*, user_id: UUID, key: str, request: str) -> KeptAnswer:
    """Return what is known of this key: a new reservation, or with `is_done` the answer of the first request. `request`
    is a hash of what is asked. Raises KeyReused if it was another request, and StillRunning."""
    key_hash = sha256(key.encode()).hexdigest()
    known: KeptAnswer | None = KeptAnswer.objects.filter(user_id=user_id, key_hash=key_hash).first()
    if known is None:
        return _reserve_new(user_id, key_hash, request)
    if known.expires_at > timezone.now():
        if known.request != request:
            raise KeyReused(OTHER_REQUEST)
        if known.is_done:
            return known
        if known.began_at > timezone.now() - ABANDONED:
            raise StillRunning
    return _take_over(known, request)


def _reserve_new(user_id: UUID, key_hash: str, request: str) -> KeptAnswer:
    remove_expired(limit=REMOVED_AT_ONCE)
    now = timezone.now()
    new = KeptAnswer(user_id=user_id, key_hash=key_hash, request=request, began_at=now, expires_at=now + RETENTION)
    try:
        with transaction.atomic():
            new.save(force_insert=True)
    except IntegrityError as error:  # another request with this key came in between
        raise StillRunning from error
    return new


@transaction.atomic
def _take_over(known: KeptAnswer, request: str) -> KeptAnswer:
    """Reserve the key of an expired answer, or of a process that died."""
    row = _lock(known)
    if row is None:
        raise StillRunning
    row.request, row.answer, row.is_done, row.began_at = request, {}, False, timezone.now()
    row.expires_at = row.began_at + RETENTION
    row.save()
    return row


def _lock(known: KeptAnswer) -> KeptAnswer | None:
    """Return the row, locked; None if it has changed hands."""
    same = KeptAnswer.objects.select_for_update().filter(pk=known.pk, began_at=known.began_at, is_done=known.is_done)
    row: KeptAnswer | None = same.first()
    return row


@transaction.atomic(savepoint=False)
def keep(reserved: KeptAnswer, answer: dict[str, Any]) -> None:
    """Store the answer; call this in the transaction that did the work, if there is one. Raises Conflict if the
    reservation was taken over."""
    row = _lock(reserved)
    if row is None:
        raise StillRunning
    row.answer, row.is_done = answer, True
    row.save(update_fields={"answer", "is_done", "updated_at"})


@transaction.atomic
def release(reserved: KeptAnswer) -> None:
    """Forget the key: nothing was done, so the request may be sent again."""
    row = _lock(reserved)
    if row is not None:
        row.delete()


def remove_expired(*, limit: int | None = None) -> int:
    """Remove the practice's answers that are kept no longer, and return how many. Each request with a key removes
    some; the nightly purge removes all."""
    expired = KeptAnswer.objects.filter(expires_at__lt=timezone.now()).only("pk", "practice_id")
    rows = list(expired[:limit] if limit else expired)
    for row in rows:
        row.delete()
    return len(rows)
