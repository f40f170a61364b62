"""What a patient says about an offer of the waiting list without signing in, by the link in its message."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appointments.messages import tokens
from appointments.messages.tokens import LinkKind
from appointments.models import SlotOffer, WaitingState
from appointments.visit_links.services import LinkNotValid
from appointments.waiting_list import services
from audit import log
from audit.events import AuditEvent
from core.tenancy.scope import practice_scope

OVER = _("This offer is over. It may have expired, or someone else may have taken the time.")


@contextmanager
def opened(token: str) -> Iterator[SlotOffer]:
    """Run the block in the scope of the practice of this link's offer, which is open or was accepted: a second click
    must not say that the time is gone. Raises LinkNotValid."""
    parts = tokens.read(token)
    if parts is None:
        raise LinkNotValid(OVER)
    practice_id, offer_id, mac = parts
    with practice_scope(practice_id):
        offer = _find(offer_id)
        if offer is None or not tokens.is_signed(LinkKind.OFFER, practice_id, offer_id, offer.expires_at, mac):
            raise LinkNotValid(OVER)
        is_open = offer.entry.status == WaitingState.WAITING and offer.is_open(timezone.now())
        if offer.entry.patient.deletion_id or not (is_open or offer.accepted_visit()):
            raise LinkNotValid(OVER)
        yield offer


def _find(offer_id: UUID) -> SlotOffer | None:
    booked = [f"entry__appointment__{name}" for name in ("practice", "office__practice", "doctor__office__practice")]
    found = SlotOffer.objects.with_shown().select_related("entry__patient", *booked)
    offer: SlotOffer | None = found.filter(pk=offer_id).first()
    return offer


def read(token: str) -> SlotOffer:
    """Return the offer of a link, and record that it was opened. Raises LinkNotValid."""
    with opened(token) as offer:
        _record_read(offer)
        return offer


def accept(token: str) -> SlotOffer:
    """Book what is offered, unless it was booked already. Raises LinkNotValid, and what `waiting_list.services.accept`
    raises."""
    return _act(token, services.accept)


def decline(token: str) -> SlotOffer:
    """Let others have the time, unless it was booked already. Raises LinkNotValid, and Conflict if somebody has it by
    now."""
    return _act(token, services.take_back)


def _act(token: str, verb: Callable[..., Any]) -> SlotOffer:
    with opened(token) as offer:
        if offer.accepted_visit():
            _record_read(offer)
            return offer
        verb(by=None, entry_id=offer.entry_id, offer_id=offer.pk)
        return _find(offer.pk) or offer


def _record_read(offer: SlotOffer) -> None:
    log.record_about(AuditEvent.WAITING_LIST_READ, offer.entry, **services.BY_LINK)
