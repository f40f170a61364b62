"""Requests for a copy of a chart or for its erasure: entered when they come, due by a day, answered by somebody.

What is asked for is done elsewhere, by what every chart has: the export (records/export/) and the deletion
(patients/deletion/), which keeps what the law says has to be kept.
"""

from datetime import date, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context
from core.errors import Conflict, Forbidden, Invalid
from core.permissions import Permission
from patients.deletion.services import lock_chart_with_deleted
from patients.models import Patient, PrivacyRequest, RefusalReason, RequestKind, RequestState

DAYS = 30  # 45 CFR 164.524(b)(2); a month by Art. 12(3) GDPR
EARLIEST = date(2000, 1, 1)  # a year of two digits is a slip
LONGEST_DAYS = 90  # with what either allows on top


def default_due(received_on: date) -> date:
    return received_on + timedelta(days=DAYS)


@transaction.atomic
def enter(*, by: User, patient_id: UUID, kind: str, received_on: date, due_on: date) -> PrivacyRequest:
    """Enter a request. Raises NotFound, Invalid for days that cannot be, and Conflict if the same is open already."""
    _check_may(by)
    chart = Patient.objects.visible_to(by).get_or_refuse(pk=patient_id)
    lock_chart_with_deleted(chart.pk)
    _check_days(received_on, due_on, today=chart.practice.today())
    if PrivacyRequest.objects.filter(patient=chart, kind=kind, state=RequestState.OPEN).exists():
        raise Conflict(_("This request is already open."))
    with context.done_by(by):
        request: PrivacyRequest = PrivacyRequest.objects.create(
            patient=chart, kind=RequestKind(kind), received_on=received_on, due_on=due_on, entered_by=by
        )
    return request


@transaction.atomic
def answer(*, by: User, request_id: UUID, refusal: str = "") -> PrivacyRequest:
    """Note that a request was done or, with a `refusal`, why it was not. Raises NotFound, and Conflict if somebody has
    answered it, or if a chart that is to be erased is not deleted."""
    _check_may(by)
    request: PrivacyRequest = PrivacyRequest.objects.select_for_update(of=("self",)).get_or_refuse(pk=request_id)
    if not request.is_open:
        raise Conflict(_("This request has been answered already."))
    if request.kind == RequestKind.ERASURE and not refusal and _is_there(request.patient_id):
        raise Conflict(_("The chart is not deleted yet. Delete it first, or say why it is kept."))
    request.state = RequestState.REFUSED if refusal else RequestState.DONE
    request.refusal = RefusalReason(refusal).value if refusal else ""
    request.handled_by, request.handled_at = by, timezone.now()
    with context.done_by(by):
        request.save()
    return request


def _is_there(patient_id: UUID | None) -> bool:
    return patient_id is not None and Patient.objects.filter(pk=patient_id).exists()


def _check_days(received_on: date, due_on: date, *, today: date) -> None:
    if received_on < EARLIEST:
        raise Invalid("received_on", _("Enter a date between 2000 and 2099."))
    if received_on > today:
        raise Invalid("received_on", _("This day is still to come. Enter today or an earlier one."))
    if not received_on <= due_on <= received_on + timedelta(days=LONGEST_DAYS):
        raise Invalid("due_on", _("Enter a day within 90 days after the request was received."))


def _check_may(by: User) -> None:
    if not by.can(Permission.MANAGE_PRIVACY):
        raise Forbidden(_("Only an office manager can answer privacy requests."))
