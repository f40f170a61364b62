"""The registrations desk: a pending chart is confirmed as a new one, merged into one that is there, or declined
(docs/adr/0014). Of two desks that settle one registration, or give one chart two accounts, the first wins."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import ForeignObjectRel, TextChoices
from django.dispatch import Signal

from accounts.models import User
from accounts.roles import Permission, Role
from accounts.services import admit_newcomer
from audit import trail
from audit.events import Kind
from core.deadlocks import deadlock_is_conflict
from core.errors import Conflict, Forbidden, Invalid, Missing, Refusal
from patients.likely import reasons
from patients.models import EmergencyAccess, Patient, Status
from patients.restriction import check_open_for_good

# In the transaction of the declining; `chart` is the chart. What stands above (appointments/) calls off what it holds.
registration_declined = Signal()

SETTLED = {
    Status.CONFIRMED: "This registration has been confirmed already.",
    Status.DECLINED: "This registration has been declined already.",
    Status.MERGED: "This registration has been merged into a chart already.",
}
FILLED = (
    "email",
    "phone",
    "date_of_birth",
    "primary_doctor_id",
)  # where the chart has none
# Rows that name a patient and do not move with a merge, each with the reason.
STAYING = {EmergencyAccess: "what was opened in an emergency is the chart it was opened for, and no other"}


class Unlike(Refusal):
    """409: nothing speaks for it that a registration is this chart's person. `charts` are the two."""

    status = 409

    def __init__(self, *charts: Patient) -> None:
        super().__init__("Neither the date of birth, the phone nor the name is the same.")
        self.charts = charts


class DeclineReason(TextChoices):
    """For the trail, which takes no free text: it might tell of the patient."""

    UNKNOWN = "unknown", "Nobody we know"
    TWICE = "twice", "Registered twice"
    ELSEWHERE = "elsewhere", "Patient of another practice"
    OTHER = "other", "Another reason"


@contextmanager
def _settling() -> Iterator[None]:
    """One transaction; raises Conflict where PostgreSQL found it waiting for one that waits for it."""
    with deadlock_is_conflict("Somebody else is working on this registration. Please try again."), transaction.atomic():
        yield


def confirm_registration(*, patient_id: UUID, by: User) -> Patient:
    """The desk has checked who this is: the pending chart becomes one of the practice's. Raises Missing, and Conflict
    when somebody else was faster."""
    with _settling():
        registration = _waiting(_locked(patient_id), patient_id)
        _settle(registration, Status.CONFIRMED)
        _tell(Kind.REGISTRATION_CONFIRMED, registration)
    return registration


def merge_registration(*, patient_id: UUID, into: UUID, by: User, only_alike: bool = False) -> Patient:
    """The desk knows this person: their account, and whatever names the pending chart, moves to the chart `into`. What
    the registration says stays on its own row, which is returned and names that chart from then on. The trail tells
    what the two have in common.

    Raises Missing for what is no registration or no confirmed chart of the practice; Conflict when somebody else was
    faster and for a chart that has an account; Restricted where either is not open to `by` without an emergency, for
    the account would open the chart for good; Unlike, if `only_alike`, where they have nothing in common."""
    if patient_id == into:
        raise Invalid("patientId", "A registration cannot be merged into itself.")
    with _settling():
        charts = _locked(patient_id, into)
        registration, chart = _waiting(charts, patient_id), charts.get(into)
        if chart is None or chart.status != Status.CONFIRMED:
            raise _missing(into)
        check_open_for_good(by, registration)
        check_open_for_good(by, chart)
        if chart.user_id is not None:
            raise Conflict("This chart has an account already.")
        because = reasons(registration, chart)
        if only_alike and not because:
            raise Unlike(registration, chart)
        _move_rows(registration, chart)
        account, registration.user_id = registration.user_id, None
        registration.merged_into = chart
        _settle(registration, Status.MERGED)
        _take_over(chart, registration, account)
        _tell(Kind.REGISTRATION_MERGED, registration, chart, into=chart.pk, because=because)
    return registration


def decline_registration(*, patient_id: UUID, by: User, reason: str = "") -> Patient:
    """Not a patient of this practice: the account is deactivated, its sessions end, and what is still to come of its
    appointments is cancelled. `reason` is a DeclineReason. Raises Missing, Conflict when somebody was faster, and
    Restricted for one that `by` may not look into without an emergency."""
    with _settling():
        registration = _waiting(_locked(patient_id), patient_id)
        check_open_for_good(by, registration)
        _settle(registration, Status.DECLINED)
        account = registration.user
        if account is not None and account.role == Role.PATIENT:  # who works here by now keeps their account
            admit_newcomer(user=account, by=by, is_active=False)
        registration_declined.send(sender=Patient, chart=registration)
        _tell(Kind.REGISTRATION_DECLINED, registration, **({"reason": reason} if reason else {}))
    return registration


def reopen_registration(*, patient_id: UUID, by: User) -> Patient:
    """It was declined by mistake: it waits again, and the person may sign in. Their appointments stay cancelled. The
    office manager's alone, who may have deactivated the account themself. Raises Missing, Conflict for one that is not
    declined, Restricted as declining does, and Forbidden."""
    if not by.can(Permission.MANAGE_USERS):
        raise Forbidden("Only an office manager takes up a declined registration again.")
    with _settling():
        registration = _locked(patient_id).get(patient_id)
        if registration is None:
            raise _missing(patient_id)
        if registration.status != Status.DECLINED:
            raise Conflict("This registration is not declined.")
        check_open_for_good(by, registration)
        _settle(registration, Status.PENDING)
        account = registration.user
        if account is not None and account.role == Role.PATIENT:
            admit_newcomer(user=account, by=by, is_active=True)
        _tell(Kind.REGISTRATION_REOPENED, registration)
    return registration


def moving_relations() -> list[ForeignObjectRel]:
    """Every relation by which rows of any app name a chart, those of earlier merges too."""
    found = Patient._meta.get_fields(include_hidden=True)
    return [
        field
        for field in found
        if isinstance(field, ForeignObjectRel) and not field.many_to_many and field.related_model not in STAYING
    ]


# --- The steps --------------------------------------------------------------------------------------------------------


def _locked(*ids: UUID) -> dict[UUID, Patient]:
    """In the order of their ids, so that two desks wait for each other instead of locking up."""
    rows = Patient.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk")
    return {chart.pk: chart for chart in rows}


def _waiting(charts: dict[UUID, Patient], patient_id: UUID) -> Patient:
    registration = charts.get(patient_id)
    if registration is None:
        raise _missing(patient_id)
    if registration.status != Status.PENDING:
        raise Conflict(SETTLED[Status(registration.status)])
    return registration


def _missing(patient_id: UUID) -> Missing:
    return Missing("There is no such patient.", about=Patient._meta.label, about_id=patient_id)


def _settle(registration: Patient, status: Status) -> None:
    registration.status = status
    registration.save(update_fields={"status", "user", "merged_into", "updated_at"})


def _move_rows(registration: Patient, chart: Patient) -> None:
    for relation in moving_relations():
        model: Any = relation.related_model
        name = relation.field.name
        rows = getattr(model, "with_deleted", model.objects)  # what is hidden moves too, and can be restored there
        rows.filter(**{name: registration}).update(**{name: chart})


def _take_over(chart: Patient, registration: Patient, account: UUID | None) -> None:
    filled = [name for name in FILLED if not getattr(chart, name) and getattr(registration, name)]
    for name in filled:
        setattr(chart, name, getattr(registration, name))
    chart.user_id = account
    chart.save(update_fields={"user", "updated_at", *(name.removesuffix("_id") for name in filled)})


def _tell(kind: Kind, registration: Patient, *others: Patient, **details: Any) -> None:
    trail.record(
        kind,
        practice_id=registration.practice_id,
        patients=[chart.pk for chart in (registration, *others)],
        about=Patient._meta.label,
        about_id=registration.pk,
        **details,
    )
