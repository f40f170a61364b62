"""Restricted charts: who may look into one, and what opens it in an emergency ("breaking the glass",
45 CFR 164.312(a)(2)(ii); docs/adr/0010).

Without an emergency a restricted chart is open to the patient and to its primary doctor. Everybody else who works in
the practice sees the name, and the appointments without their texts.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from accounts.models import User
from accounts.roles import Permission
from audit import trail
from audit.events import Kind
from core.errors import Conflict, Forbidden
from core.tenancy import PracticeModel
from patients import alerts
from patients.models import EmergencyAccess, Patient, PatientQuerySet

EMERGENCY = timedelta(minutes=60)
MINUTES = int(EMERGENCY.total_seconds() // 60)
NOT_BY_EMERGENCY = (
    "An emergency access does not reach that far: the primary doctor lifts the restriction, "
    "or the platform's superuser where there is none."
)


class Restricted(Forbidden):
    """403: the chart is closed to this person. `patients` names it for the trail."""

    def __init__(self, chart: Patient, by: User, detail: str = "") -> None:
        super().__init__(detail or _way_in(chart, by))
        self.about, self.about_id = Patient._meta.label, chart.pk
        self.patients = [chart.pk]


def may_break_glass(user: User) -> bool:
    """A platform superuser may not: an emergency is the practice's own."""
    return user.can(Permission.BREAK_GLASS) and user.practice_id is not None


def _way_in(chart: Patient, by: User) -> str:
    if may_break_glass(by):
        return (
            f"This chart is restricted; in an emergency POST your reason to /api/patients/{chart.pk}/emergency-access, "
            f"which opens it to you for {MINUTES} minutes and tells the practice's managers."
        )
    return "This chart is restricted to the patient and their primary doctor."


# --- Who may look: the one rule, and the three ways to ask it ---------------------------------------------------------


def _with_emergency(charts: PatientQuerySet, user: User) -> PatientQuerySet:
    """Each with the key of this person's live emergency access to it, if there is one."""
    accesses = EmergencyAccess.objects.live().filter(opened_by=user, patient=OuterRef("pk"))
    return charts.annotate(emergency=Subquery(accesses.values("pk")[:1]))


def _open_for_good(user: User) -> Q:
    """What needs no emergency. A role that was lost opens nothing: having been the primary doctor does not, nor, below,
    having broken the glass."""
    own = Q(restricted=False) | Q(user=user)
    if user.can(Permission.WRITE_RECORDS):
        own |= Q(primary_doctor=user)
    return own


def _open_to(user: User) -> Q:
    opened = _open_for_good(user)
    if user.can(Permission.BREAK_GLASS):
        opened |= Q(emergency__isnull=False)
    return opened


def closed_to(user: User) -> PatientQuerySet:
    """The charts that this person may not look into, deleted ones too."""
    restricted: PatientQuerySet = Patient.with_deleted.filter(restricted=True)
    return _with_emergency(restricted, user).exclude(_open_to(user)).order_by()


def closed_but_for_emergencies_to(user: User) -> PatientQuerySet:
    """Those, and the charts that an emergency access alone opens to this person."""
    restricted: PatientQuerySet = Patient.with_deleted.filter(restricted=True)
    return restricted.exclude(_open_for_good(user)).order_by()


def accounts_closed_to(user: User) -> QuerySet[Any, UUID | None]:
    """The keys of the accounts behind those: email and phone are the chart's own, and a new password could open it for
    longer than an emergency does."""
    return closed_but_for_emergencies_to(user).exclude(user=None).values_list("user", flat=True)


def open_for(user: User, charts: Iterable[Patient]) -> list[Patient]:
    """Open those of the charts that this person may look into. Asks the database once where any is restricted."""
    charts = list(charts)
    restricted = {chart.pk for chart in charts if chart.restricted}
    if restricted:
        found = _with_emergency(Patient.with_deleted.filter(pk__in=restricted), user).filter(_open_to(user))
        opened: dict[UUID, UUID | None] = dict(found.values_list("pk", "emergency"))
        for chart in charts:
            chart.is_opened, chart.emergency_id = chart.pk in opened, opened.get(chart.pk)
    return charts


def check_open(user: User, chart: Patient) -> Patient:
    """The chart itself, opened for this person; raises Restricted."""
    open_for(user, [chart])
    if chart.is_closed:
        raise Restricted(chart, user)
    return chart


def chart_open_to(user: User, patient_id: UUID) -> Patient:
    """The chart of this id, to read what is in it. Raises Missing and Restricted."""
    return check_open(user, Patient.objects.visible_to(user).only("restricted").found(pk=patient_id))


def check_open_for_good(user: User, chart: Patient) -> None:
    """Raises Restricted, also where only an emergency opens the chart: that is for an hour and is reviewed, so it must
    not serve to open the chart for longer."""
    check_open(user, chart)
    if closed_but_for_emergencies_to(user).filter(pk=chart.pk).exists():
        raise Restricted(chart, user, NOT_BY_EMERGENCY)


def emergencies(charts: Iterable[Patient]) -> dict[str, Any]:
    """What the trail tells beside a reading: by which emergency accesses it was possible."""
    found = list(dict.fromkeys(chart.emergency_id for chart in charts if chart.emergency_id))
    return {"emergency": found} if found else {}


# --- Restricting ------------------------------------------------------------------------------------------------------


@transaction.atomic
def restrict(*, patient_id: Any, by: User) -> Patient:
    """The chart is closed to all but the patient and the primary doctor. Raises Missing, and Forbidden for a doctor
    who is not that. One that is restricted already stays so."""
    chart = _locked(patient_id)
    _check_restricts(chart, by)
    return _set_restricted(chart, to=True, kind=Kind.RESTRICTED)


@transaction.atomic
def lift_restriction(*, patient_id: Any, by: User) -> Patient:
    """The chart is open to the practice again. Raises Missing, and Restricted for somebody who may not look into it
    without an emergency: who could lift the restriction would need none to read the chart, and nobody would review it.
    A platform superuser, who is not of the practice, may: the primary doctor may have left."""
    chart = _locked(patient_id)
    _check_restricts(chart, by)
    if not by.is_superuser:
        check_open_for_good(by, chart)
    return _set_restricted(chart, to=False, kind=Kind.UNRESTRICTED)


def may_restrict(user: User, chart: Patient) -> bool:
    of_theirs = chart.primary_doctor_id == user.pk and user.can(Permission.RESTRICT_OWN_PATIENTS)
    return of_theirs or user.can(Permission.RESTRICT_CHARTS)


def may_lift(user: User, chart: Patient) -> bool:
    for_good = not closed_but_for_emergencies_to(user).filter(pk=chart.pk).exists()
    return may_restrict(user, chart) and (user.is_superuser or for_good)


def _check_restricts(chart: Patient, by: User) -> None:
    if not may_restrict(by, chart):
        raise Restricted(chart, by, "Only an office manager or the primary doctor may restrict a chart.")


def _locked(patient_id: Any) -> Patient:
    """Restricting, lifting and breaking the glass of one chart wait for each other. Raises Missing."""
    chart: Patient = Patient.objects.living().select_for_update().found(pk=patient_id)
    return chart


def _set_restricted(chart: Patient, *, to: bool, kind: Kind) -> Patient:
    if chart.restricted != to:
        chart.restricted = to
        chart.save(update_fields={"restricted", "updated_at"})
        _tell(kind, chart)
    return chart


# --- Breaking the glass -----------------------------------------------------------------------------------------------


@transaction.atomic
def break_glass(*, patient_id: Any, by: User, reason: str) -> tuple[EmergencyAccess, bool]:
    """The access that opens this restricted chart to `by`, and whether it is a new one: one that lasts is kept. The
    practice's admins are told. Raises Missing, Forbidden, and Conflict where the chart is open to them anyway."""
    if not may_break_glass(by):
        raise Forbidden("Only people of the practice may open a restricted chart in an emergency.")
    chart = _locked(patient_id)
    open_for(by, [chart])
    if chart.emergency_id:
        return EmergencyAccess.objects.get(pk=chart.emergency_id), False
    if not chart.is_closed:
        raise Conflict("This chart is open to you; nothing needs to be broken.")
    now = timezone.now()
    access: EmergencyAccess = EmergencyAccess.objects.create(
        patient=chart, opened_by=by, reason=reason, created_at=now, expires_at=now + EMERGENCY
    )
    _tell(Kind.GLASS_BROKEN, chart, emergency=[access.pk])
    transaction.on_commit(lambda: alerts.send(access), robust=True)
    return access, True


@transaction.atomic
def sign_off(*, access_id: Any, by: User, note: str = "") -> EmergencyAccess:
    """An admin has looked at why the glass was broken. Raises Missing, Forbidden for one's own, Conflict for one that
    is signed off already."""
    access: EmergencyAccess = EmergencyAccess.objects.select_for_update().found(pk=access_id)
    if access.opened_by_id == by.pk:
        raise Forbidden("Somebody else has to sign off an emergency access of yours.")
    if access.reviewed_at is not None:
        raise Conflict("This emergency access has been signed off already.")
    access.reviewed_by, access.reviewed_at, access.note = by, timezone.now(), note
    access.save(update_fields={"reviewed_by", "reviewed_at", "note", "updated_at"})
    _tell(Kind.EMERGENCY_REVIEWED, access, emergency=[access.pk])
    return access


def _tell(kind: Kind, row: PracticeModel, **details: Any) -> None:
    """The reason and the note are not the trail's: they may hold what is known of the patient."""
    trail.record(
        kind,
        practice_id=row.practice_id,
        patients=row.about_patients(),
        about=row._meta.label,
        about_id=row.pk,
        **details,
    )
