"""Lifting a restriction where its primary doctor is gone or away: one person of the practice asks, with a reason, and
another agrees; one of the two is an office manager. Neither can do it alone, and the trail names both (docs/adr/0010).
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import Role
from audit import log
from audit.events import AuditEvent
from audit.queries import was_done_to
from core.errors import Conflict, Forbidden, NotFound
from core.permissions import Permission
from patients.models import LiftRequest, Patient
from patients.restriction import services as restriction
from practices.services import current_practice

OPEN_FOR = timedelta(days=3)
NEW_FOR, BEGINNING = timedelta(days=30), timedelta(days=1)
DOCTOR_IS_THERE = _("The primary doctor is there and can lift the restriction.")
NOT_RESTRICTED = _("This chart is not restricted.")
NOT_YOURS = _("Only office managers and doctors of the practice can ask for this or agree to it.")
TOO_NEW = _("An account that was opened in the last 30 days can't take part in this.")
CHANGED_HANDS = _("An account whose email somebody else changed in the last 30 days can't take part in this.")
SOMEBODY_ELSE = _("A second person must agree: not the one who asked.")
A_MANAGER = _("One of the two has to be an office manager.")
NO_OPEN_REQUEST = _("Nobody asks for this any more.")

# Functions of apps above that say whether a doctor is away at present.
ABSENCE_CHECKS: list[Callable[[User], bool]] = []


def may_take_part(user: User) -> bool:
    return restriction.may_break_glass(user)


def is_newcomer(user: User) -> bool:
    """Return whether the account was opened lately, unless with the practice itself: an office manager could have
    opened it for nobody but themselves, to be the second person too."""
    practice = current_practice()
    return user.created_at > max(timezone.now() - NEW_FOR, practice.created_at + BEGINNING)


def has_changed_hands(user: User) -> bool:
    """Return whether somebody else has changed the email of the account lately: they could have sent themselves the
    link to its password, and be the second person too."""
    since = timezone.now() - NEW_FOR
    return was_done_to(user.pk, AuditEvent.EMAIL_CHANGED, practice_id=current_practice().pk, since=since)


def is_doctor_unavailable(chart: Patient) -> bool:
    """Return whether the chart's primary doctor cannot lift its restriction now: there is none, they have left, are no
    doctor any more, or are away."""
    doctor = chart.primary_doctor
    if doctor is None or not doctor.is_active or doctor.role != Role.DOCTOR:
        return True
    return any(is_away(doctor) for is_away in ABSENCE_CHECKS)


def open_request(chart: Patient) -> LiftRequest | None:
    """Return the request that is open for this chart."""
    asked: LiftRequest | None = (
        LiftRequest.objects.filter(patient=chart, expires_at__gt=timezone.now()).prefetch_related("asked_by").first()
    )
    return asked


@transaction.atomic
def request_lift(*, patient_id: UUID, by: User, reason: str) -> LiftRequest:
    """Ask to lift the restriction. Raises NotFound, Forbidden, and Conflict if the primary doctor can do it, the chart
    is not restricted, or somebody asks already."""
    chart = _checked(patient_id, by)
    LiftRequest.objects.filter(patient=chart, expires_at__lte=timezone.now()).delete()
    if LiftRequest.objects.filter(patient=chart).exists():
        raise Conflict(_("Somebody has asked for this already."))
    asked = LiftRequest(patient=chart, asked_by=by, reason=reason, expires_at=timezone.now() + OPEN_FOR)
    asked.save(force_insert=True)
    _log(AuditEvent.LIFT_ASKED, chart, request=[asked.pk])
    return asked


@transaction.atomic
def agree(*, patient_id: UUID, by: User) -> Patient:
    """Lift the restriction that somebody else has asked to lift. Raises NotFound, Forbidden and Conflict as
    `request_lift` does."""
    chart = _checked(patient_id, by)
    asked = open_request(chart)
    if asked is None:
        raise Conflict(NO_OPEN_REQUEST)
    first = asked.asked_by
    if first.pk == by.pk:
        raise Forbidden(SOMEBODY_ELSE)
    if not (first.is_active and may_take_part(first)):
        raise Conflict(NO_OPEN_REQUEST)
    if not any(person.can(Permission.RESTRICT_CHARTS) for person in (first, by)):
        raise Forbidden(A_MANAGER)
    asked.delete()
    return restriction.set_restricted(chart, to=False, kind=AuditEvent.UNRESTRICTED, asked_by=[first.pk])


@transaction.atomic
def withdraw(*, patient_id: UUID, by: User) -> None:
    """Take back one's own request, or another's as an office manager. Raises NotFound and Forbidden."""
    chart = restriction.lock(patient_id)
    asked: LiftRequest | None = LiftRequest.objects.filter(patient=chart).first()
    if asked is None:
        raise NotFound(NO_OPEN_REQUEST, about=Patient._meta.label, about_id=patient_id)
    if asked.asked_by_id != by.pk and not by.can(Permission.RESTRICT_CHARTS):
        raise Forbidden(NOT_YOURS)
    asked.delete()
    _log(AuditEvent.LIFT_WITHDRAWN, chart)


def _checked(patient_id: UUID, by: User) -> Patient:
    chart = restriction.lock(patient_id)
    if not may_take_part(by):
        raise Forbidden(NOT_YOURS)
    if is_newcomer(by):
        raise Forbidden(TOO_NEW)
    if has_changed_hands(by):
        raise Forbidden(CHANGED_HANDS)
    if not chart.restricted:
        raise Conflict(NOT_RESTRICTED)
    if not is_doctor_unavailable(chart):
        raise Conflict(DOCTOR_IS_THERE)
    return chart


def _log(kind: AuditEvent, chart: Patient, **details: Any) -> None:
    """Log the event without the reason, which may tell about the patient."""
    label = Patient._meta.label
    log.record(kind, practice_id=chart.practice_id, patients=[chart.pk], about=label, about_id=chart.pk, **details)
