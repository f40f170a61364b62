"""Confirm pending registrations as new charts, merge them into existing ones, decline or reopen them (docs/adr/0014).

If two people handle one registration, or merge two registrations into one chart, the first wins."""

from typing import Any
from uuid import UUID

from django.db.models import TextChoices
from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import Role
from accounts.users.services import set_newcomer_active
from audit import context, log
from audit.events import AuditEvent
from core.errors import Conflict, Forbidden, Invalid, Refusal
from core.permissions import Permission
from notifications.messages.planning import plan
from notifications.models import MessageKind
from patients.chart_rows import chart_not_found, exclusive, lock_charts, move_rows
from patients.models import ChartStatus, Patient
from patients.registrations.matching import match_reasons
from patients.restriction.services import check_regular_access

# Sent in the transaction with the declined `chart`; receivers in other apps (appointments/) clean up.
registration_declined = Signal()

BUSY = _("Someone else is working on this registration. Please try again.")
ALREADY_HANDLED = {
    ChartStatus.CONFIRMED: _("This registration has already been confirmed."),
    ChartStatus.DECLINED: _("This registration has already been declined."),
    ChartStatus.MERGED: _("This registration has already been merged into a chart."),
}
COPIED_IF_EMPTY = (
    "email",
    "phone",
    "date_of_birth",
    "primary_doctor_id",
)  # copied from the registration if the chart has none


class ChartsDiffer(Refusal):
    """409: nothing suggests that registration and chart belong to the same person. `charts` are the two."""

    status = 409

    def __init__(self, *charts: Patient) -> None:
        super().__init__(_("The date of birth, phone and name are all different."))
        self.charts = charts


class DeclineReason(TextChoices):
    """Why a registration was declined. There is no free text, which might contain patient details in the audit
    trail."""

    UNKNOWN = "unknown", _("Not a known patient")
    TWICE = "twice", _("Registered twice")
    ELSEWHERE = "elsewhere", _("Patient of another practice")
    OTHER = "other", _("Another reason")


def confirm_registration(*, patient_id: UUID, by: User) -> Patient:
    """Confirm the pending chart as a new one. Raises NotFound, and Conflict if it has already been handled."""
    with exclusive(BUSY), context.done_by(by):
        registration = _get_pending(lock_charts(patient_id), patient_id)
        _set_status(registration, ChartStatus.CONFIRMED)
        _log(AuditEvent.REGISTRATION_CONFIRMED, registration)
        plan(MessageKind.REGISTERED, about=Patient._meta.label, about_id=registration.pk, patient_id=registration.pk)
    return registration


def merge_registration(*, patient_id: UUID, into: UUID, by: User, require_match: bool = False) -> Patient:
    """Move the registration's account, and all rows that refer to its pending chart, to the chart `into`.

    The registration keeps its own data; its row is returned and refers to that chart from then on. The audit trail
    lists what the two have in common.

    Raises NotFound if either is not a registration or a confirmed chart of the practice; Conflict if the registration
    has already been handled or the chart has an account; ChartRestricted if `by` has no regular access to either, since
    the account would get permanent access to the chart; ChartsDiffer, with `require_match`, if they have nothing in
    common."""
    if patient_id == into:
        raise Invalid("patientId", _("A registration can't be merged into itself."))
    with exclusive(BUSY):
        charts = lock_charts(patient_id, into)
        registration, chart = _get_pending(charts, patient_id), charts.get(into)
        if chart is None or chart.status != ChartStatus.CONFIRMED:
            raise chart_not_found(into)
        check_regular_access(by, registration)
        check_regular_access(by, chart)
        if chart.user_id is not None:
            raise Conflict(_("This chart already has an account."))
        because = match_reasons(registration, chart)
        if require_match and not because:
            raise ChartsDiffer(registration, chart)
        move_rows(registration, chart)
        account, registration.user_id = registration.user_id, None
        registration.merged_into = chart
        _set_status(registration, ChartStatus.MERGED)
        _copy_missing_fields(chart, registration, account)
        _log(AuditEvent.REGISTRATION_MERGED, registration, chart, into=chart.pk, because=because)
    return registration


def decline_registration(*, patient_id: UUID, by: User, reason: str = "") -> Patient:
    """Decline the registration: deactivate its account, end its sessions and cancel its upcoming appointments.

    `reason` is a DeclineReason. Raises NotFound, Conflict if it has already been handled, and ChartRestricted if `by`
    has no regular access to it."""
    with exclusive(BUSY):
        registration = _get_pending(lock_charts(patient_id), patient_id)
        check_regular_access(by, registration)
        _set_status(registration, ChartStatus.DECLINED)
        account = registration.user
        if account is not None and account.role == Role.PATIENT:  # people who now work here keep their account
            set_newcomer_active(user=account, by=by, is_active=False)
        registration_declined.send(sender=Patient, chart=registration, by=by)
        _log(AuditEvent.REGISTRATION_DECLINED, registration, **({"reason": reason} if reason else {}))
    return registration


def reopen_registration(*, patient_id: UUID, by: User) -> Patient:
    """Make a declined registration pending again and reactivate its account. Its appointments stay cancelled.

    Only office managers may do this, since they may have deactivated the account themselves. Raises NotFound, Conflict
    if it is not declined, ChartRestricted like declining, and Forbidden."""
    if not by.can(Permission.MANAGE_USERS):
        raise Forbidden(_("Only an office manager can reopen a declined registration."))
    with exclusive(BUSY):
        registration = lock_charts(patient_id).get(patient_id)
        if registration is None:
            raise chart_not_found(patient_id)
        if registration.status != ChartStatus.DECLINED:
            raise Conflict(_("This registration is not declined."))
        check_regular_access(by, registration)
        _set_status(registration, ChartStatus.PENDING)
        account = registration.user
        if account is not None and account.role == Role.PATIENT:
            set_newcomer_active(user=account, by=by, is_active=True)
        _log(AuditEvent.REGISTRATION_REOPENED, registration)
    return registration


# --- Helpers ----------------------------------------------------------------------------------------------------------


def _get_pending(charts: dict[UUID, Patient], patient_id: UUID) -> Patient:
    registration = charts.get(patient_id)
    if registration is None:
        raise chart_not_found(patient_id)
    if registration.status != ChartStatus.PENDING:
        raise Conflict(ALREADY_HANDLED[ChartStatus(registration.status)])
    return registration


def _set_status(registration: Patient, status: ChartStatus) -> None:
    registration.status = status
    registration.save(update_fields={"status", "user", "merged_into", "updated_at"})


def _copy_missing_fields(chart: Patient, registration: Patient, account: UUID | None) -> None:
    filled = [name for name in COPIED_IF_EMPTY if not getattr(chart, name) and getattr(registration, name)]
    for name in filled:
        setattr(chart, name, getattr(registration, name))
    chart.user_id = account
    chart.save(update_fields={"user", "updated_at", *(name.removesuffix("_id") for name in filled)})


def _log(kind: AuditEvent, registration: Patient, *others: Patient, **details: Any) -> None:
    log.record(
        kind,
        practice_id=registration.practice_id,
        patients=[chart.pk for chart in (registration, *others)],
        about=Patient._meta.label,
        about_id=registration.pk,
        **details,
    )
