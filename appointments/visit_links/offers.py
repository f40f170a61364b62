"""What a patient says about an offer of the waiting list without signing in, by the link in its message."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appointments.messages import tokens
from appointments.messages.tokens import LinkKind
from appointments.models import SlotOffer, WaitingListEntry, WaitingState
from appointments.visit_links.services import LinkNotValid
from appointments.waiting_list import services
from audit import log
from audit.events import AuditEvent
from core.tenancy.scope import practice_scope

OVER = _("This offer is over. It may have expired, or someone else may have taken the time.")


@contextmanager
def opened(token: str) -> Iterator[SlotOffer]:
    """Run the block in the scope of the practice of this link's offer, which is open. Raises LinkNotValid."""
    parts = tokens.read(token)
    if parts is None:
        raise LinkNotValid(OVER)
    practice_id, offer_id, mac = parts
    with practice_scope(practice_id):
        offer = SlotOffer.objects.with_shown().select_related("entry__patient").filter(pk=offer_id).first()
        if offer is None or not tokens.is_signed(LinkKind.OFFER, practice_id, offer_id, offer.expires_at, mac):
            raise LinkNotValid(OVER)
        is_waiting = offer.entry.status == WaitingState.WAITING and not offer.entry.patient.deletion_id
        if not is_waiting or not offer.is_open(timezone.now()):
            raise LinkNotValid(OVER)
        yield offer


def read(token: str) -> SlotOffer:
    """Return the offer of a link, and record that it was opened. Raises LinkNotValid."""
    with opened(token) as offer:
        _record(offer, AuditEvent.WAITING_LIST_READ)
        return offer


def accept(token: str) -> SlotOffer:
    """Book what is offered. Raises LinkNotValid, and what `waiting_list.services.accept` raises."""
    return _act(token, services.accept_by_link, AuditEvent.OFFER_ACCEPTED)


def decline(token: str) -> SlotOffer:
    """Let others have the time. Raises LinkNotValid, and Conflict if somebody has it by now."""
    return _act(token, services.decline_by_link, AuditEvent.OFFER_WITHDRAWN)


def _act(token: str, verb: Callable[[SlotOffer], None], event: AuditEvent) -> SlotOffer:
    with opened(token) as offer, transaction.atomic():
        verb(offer)
        _record(offer, event)
        return offer


def _record(offer: SlotOffer, event: AuditEvent) -> None:
    log.record(
        event,
        practice_id=offer.practice_id,
        patients=[offer.entry.patient_id],
        about=WaitingListEntry._meta.label,
        about_id=offer.entry_id,
        via="link",
    )
