"""Restricted charts: who has access, and emergency access ("breaking the glass", 45 CFR 164.312(a)(2)(ii);
docs/adr/0010).

The patient and the primary doctor have regular access to a restricted chart. Everyone else in the practice sees the
name, and the appointments without reason and notes.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import log
from audit.events import AuditEvent
from core.errors import Conflict, Forbidden, Sentence
from core.permissions import Permission
from core.tenancy.compiled import CompiledQuery
from core.tenancy.models import PracticeModel
from patients.models import EmergencyAccess, Patient, PatientQuerySet
from patients.restriction import alerts

EMERGENCY = timedelta(minutes=60)
MINUTES = int(EMERGENCY.total_seconds() // 60)
NO_EMERGENCY_ACCESS = _("Only doctors and office managers of the practice can open a restricted chart in an emergency.")
NOT_BY_EMERGENCY = _(
    "Emergency access is not enough for this. Only the primary doctor can lift the restriction, "
    "or the administrator of this server if there is none."
)


class ChartRestricted(Forbidden):
    """403: the chart is closed to this person. `patients` names it for the audit trail."""

    def __init__(self, chart: Patient, by: User, detail: Sentence = "") -> None:
        super().__init__(detail or _explain_access(by))
        self.about, self.about_id = Patient._meta.label, chart.pk
        self.patients = [chart.pk]


def may_break_glass(user: User) -> bool:
    """Return whether the user may open restricted charts in an emergency. Platform superusers may not."""
    return user.can(Permission.BREAK_GLASS) and user.practice_id is not None


def _explain_access(by: User) -> Sentence:
    if may_break_glass(by):
        return _(
            "This chart is restricted. In an emergency, give a reason to open it for %(minutes)d minutes; "
            "the practice's managers are alerted."
        ) % {"minutes": MINUTES}
    return _("This chart is restricted to the patient and their primary doctor.")


# --- Access: one rule, as querysets, flags and checks -----------------------------------------------------------------


def _with_emergency(charts: PatientQuerySet, user: User) -> PatientQuerySet:
    """Annotate each chart with the id of the user's live emergency access, if any."""
    accesses = EmergencyAccess.objects.live().filter(opened_by=user, patient=OuterRef("pk"))
    return charts.annotate(emergency=Subquery(accesses.values("pk")[:1]))


def _regular_access(user: User) -> Q:
    """Match the charts the user may read without an emergency. The current role counts: a former doctor has no access,
    even as the primary doctor. A program has none to any restricted chart."""
    if user.is_program:
        return Q(restricted=False)
    own = Q(restricted=False) | Q(user=user)
    if user.can(Permission.WRITE_RECORDS):
        own |= Q(primary_doctor=user)
    return own


def _accessible_to(user: User) -> Q:
    opened = _regular_access(user)
    if user.can(Permission.BREAK_GLASS):
        opened |= Q(emergency__isnull=False)
    return opened


def inaccessible_to(user: User) -> PatientQuerySet:
    """Return the charts the user has no access to, including deleted ones."""
    restricted: PatientQuerySet = Patient.with_deleted.filter(restricted=True)
    return _with_emergency(restricted, user).exclude(_accessible_to(user)).order_by()


def without_regular_access(user: User) -> PatientQuerySet:
    """Return the charts the user has no access to, or only emergency access; including deleted ones."""
    restricted: PatientQuerySet = Patient.with_deleted.filter(restricted=True)
    return restricted.exclude(_regular_access(user)).order_by()


def accounts_inaccessible_to(user: User) -> QuerySet[Any, UUID | None]:
    """Return the ids of the accounts of charts without regular access: their email and phone are part of the chart, and
    setting a new password would give longer access than an emergency does."""
    return without_regular_access(user).exclude(user=None).values_list("user", flat=True)


def resolve_access(user: User, charts: Iterable[Patient]) -> list[Patient]:
    """Set `is_accessible` and `emergency_id` of the charts for the user. Makes one query if any is restricted."""
    charts = list(charts)
    restricted = {chart.pk for chart in charts if chart.restricted}
    if restricted:
        found = _with_emergency(Patient.with_deleted.filter(pk__in=restricted), user).filter(_accessible_to(user))
        opened: dict[UUID, UUID | None] = dict(found.values_list("pk", "emergency"))
        for chart in charts:
            chart.is_accessible, chart.emergency_id = chart.pk in opened, opened.get(chart.pk)
    return charts


visible_chart = CompiledQuery[Patient](lambda person, *, pk: Patient.objects.visible_to(person).filter(pk=pk))
visible_key = CompiledQuery[Patient](
    lambda person, *, pk: Patient.objects.visible_to(person).filter(pk=pk).only("restricted")
)


def check_access(user: User, chart: Patient) -> Patient:
    """Return the chart with access resolved for the user. Raises ChartRestricted."""
    resolve_access(user, [chart])
    if chart.is_closed:
        raise ChartRestricted(chart, user)
    return chart


def get_accessible_chart(user: User, patient_id: UUID) -> Patient:
    """Return the chart with this id if the user may read it. Raises NotFound and ChartRestricted."""
    return check_access(user, visible_key(user, pk=patient_id).get_or_refuse())


def check_regular_access(user: User, chart: Patient) -> None:
    """Raise ChartRestricted unless the user has access without an emergency. Emergency access lasts an hour and is
    reviewed, so it must not be used to get access for longer."""
    check_access(user, chart)
    if without_regular_access(user).filter(pk=chart.pk).exists():
        raise ChartRestricted(chart, user, NOT_BY_EMERGENCY)


def emergency_details(charts: Iterable[Patient]) -> dict[str, Any]:
    """Return details for the audit trail: the emergency accesses that gave access to these charts."""
    found = list(dict.fromkeys(chart.emergency_id for chart in charts if chart.emergency_id))
    return {"emergency": found} if found else {}


# --- Restricting ------------------------------------------------------------------------------------------------------


@transaction.atomic
def restrict(*, patient_id: Any, by: User) -> Patient:
    """Restrict the chart to the patient and the primary doctor; no change if it already is. Raises NotFound, and
    ChartRestricted if `by` is neither an office manager nor the primary doctor."""
    chart = lock(patient_id)
    _check_may_restrict(chart, by)
    return set_restricted(chart, to=True, kind=AuditEvent.RESTRICTED)


@transaction.atomic
def lift_restriction(*, patient_id: Any, by: User) -> Patient:
    """Open the chart to the practice again. Raises NotFound, and ChartRestricted if `by` has no regular access:
    otherwise lifting the restriction would be a way to read the chart without a review.

    Platform superusers may do it, in case the primary doctor has left."""
    chart = lock(patient_id)
    _check_may_restrict(chart, by)
    if not by.is_superuser:
        check_regular_access(by, chart)
    return set_restricted(chart, to=False, kind=AuditEvent.UNRESTRICTED)


def may_restrict(user: User, chart: Patient) -> bool:
    is_own_patient = chart.primary_doctor_id == user.pk and user.can(Permission.RESTRICT_OWN_PATIENTS)
    return is_own_patient or user.can(Permission.RESTRICT_CHARTS)


def may_lift(user: User, chart: Patient) -> bool:
    has_regular_access = not without_regular_access(user).filter(pk=chart.pk).exists()
    return may_restrict(user, chart) and (user.is_superuser or has_regular_access)


def _check_may_restrict(chart: Patient, by: User) -> None:
    if not may_restrict(by, chart):
        raise ChartRestricted(chart, by, _("Only an office manager or the primary doctor can restrict a chart."))


def lock(patient_id: Any) -> Patient:
    """Return the chart, locked so that restricting, lifting and breaking the glass cannot overlap; with those that were
    merged into it, in the order in which an undo locks them. Raises NotFound."""
    of_person = Q(pk=patient_id) | Q(merged_into=patient_id)
    list(Patient.objects.select_for_update(of=("self",)).filter(of_person).order_by("pk").only("pk"))
    chart: Patient = Patient.objects.active().select_for_update().get_or_refuse(pk=patient_id)
    return chart


def set_restricted(chart: Patient, *, to: bool, kind: AuditEvent, **details: Any) -> Patient:
    """Charts that were merged into this one are of the same person, and are closed and opened with it."""
    if chart.restricted != to:
        chart.restricted = to
        chart.save(update_fields={"restricted", "updated_at"})
        Patient.objects.filter(merged_into=chart).update(restricted=to)
        _log(kind, chart, **details)
    return chart


# --- Breaking the glass -----------------------------------------------------------------------------------------------


@transaction.atomic
def break_glass(*, patient_id: Any, by: User, reason: str) -> tuple[EmergencyAccess, bool]:
    """Give `by` emergency access to this restricted chart and alert the practice's admins.

    Returns the access and whether it is new; a live one is reused. Raises NotFound, Forbidden, and Conflict if `by`
    already has access without it."""
    if not may_break_glass(by):
        raise Forbidden(NO_EMERGENCY_ACCESS)
    chart = lock(patient_id)
    resolve_access(by, [chart])
    if chart.emergency_id:
        return EmergencyAccess.objects.get(pk=chart.emergency_id), False
    if not chart.is_closed:
        raise Conflict(_("You already have access to this chart."))
    now = timezone.now()
    access: EmergencyAccess = EmergencyAccess.objects.create(
        patient=chart, opened_by=by, reason=reason, created_at=now, expires_at=now + EMERGENCY
    )
    _log(AuditEvent.GLASS_BROKEN, chart, emergency=[access.pk])
    transaction.on_commit(lambda: alerts.send(access), robust=True)
    return access, True


@transaction.atomic
def sign_off(*, access_id: Any, by: User, note: str = "") -> EmergencyAccess:
    """Sign off an emergency access after review. Raises NotFound, Forbidden for one's own, Conflict if it is already
    signed off."""
    access: EmergencyAccess = EmergencyAccess.objects.select_for_update().get_or_refuse(pk=access_id)
    if access.opened_by_id == by.pk:
        raise Forbidden(_("You can't sign off your own emergency access."))
    if access.reviewed_at is not None:
        raise Conflict(_("This emergency access has already been signed off."))
    access.reviewed_by, access.reviewed_at, access.note = by, timezone.now(), note
    access.save(update_fields={"reviewed_by", "reviewed_at", "note", "updated_at"})
    _log(AuditEvent.EMERGENCY_REVIEWED, access, emergency=[access.pk])
    return access


def _log(kind: AuditEvent, row: PracticeModel, **details: Any) -> None:
    """Log the event, without reason and note, which may contain details about the patient."""
    log.record(
        kind,
        practice_id=row.practice_id,
        patients=row.about_patients(),
        about=row._meta.label,
        about_id=row.pk,
        **details,
    )
