"""What a patient says about a visit without signing in: by the link in a message, or by answering "C" to one."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appointments import services
from appointments.messages import tokens
from appointments.messages.planning import ABOUT
from appointments.messages.source import place_and_time
from appointments.messages.tokens import LinkKind
from appointments.models import Appointment, AppointmentStatus
from appointments.visits.machine import Action
from audit import log
from audit.events import AuditEvent
from core.errors import Refusal, Sentence
from core.tenancy.scope import practice_scope
from notifications.messages.sources import on_confirm
from notifications.messages.texts import answer
from notifications.models import Message

NOT_VALID = _("This link no longer works. The appointment may have been moved, cancelled, or be over.")


class LinkNotValid(Refusal):
    """404: made up, or of a visit that was moved, cancelled or has begun, or of an offer that is over."""

    status = 404

    def __init__(self, sentence: Sentence = NOT_VALID) -> None:
        super().__init__(sentence)


@contextmanager
def opened(token: str) -> Iterator[Appointment]:
    """Run the block in the scope of the practice of this link's visit. Raises LinkNotValid."""
    parts = tokens.read(token)
    if parts is None:
        raise LinkNotValid
    practice_id, visit_id, mac = parts
    with practice_scope(practice_id):
        visit = Appointment.objects.with_offices().filter(pk=visit_id).first()
        if visit is None or not tokens.is_signed(LinkKind.VISIT, practice_id, visit_id, visit.starts_at, mac):
            raise LinkNotValid
        if visit.status != AppointmentStatus.SCHEDULED or visit.starts_at <= timezone.now():
            raise LinkNotValid
        yield visit


def read(token: str) -> Appointment:
    """Return the visit of a link, and record that it was opened. Raises LinkNotValid."""
    with opened(token) as visit:
        log.record_about(AuditEvent.APPOINTMENT_READ, visit, via="link")
        return visit


def act(token: str, action: Action) -> Appointment:
    """Confirm or cancel the visit of a link. Raises LinkNotValid, and what services.act_as_patient raises."""
    with opened(token) as visit:
        changed = services.act_as_patient(appointment_id=visit.pk, action=action, via="link")
        found: Appointment = Appointment.objects.with_offices().get(pk=changed.pk)
        return found


@on_confirm(ABOUT)
def confirm_by_sms(message: Message) -> str:
    """Confirm the visit of which the message reminded, and return what to answer."""
    visit = Appointment.objects.with_offices().filter(pk=message.about_id).first()
    try:
        if visit is None:
            raise LinkNotValid
        services.act_as_patient(appointment_id=visit.pk, action=Action.CONFIRM, via="sms")
    except Refusal:
        return answer("over", message.language)
    return answer("confirmed", message.language, **place_and_time(visit.starts_at, visit, message.language or "en"))
