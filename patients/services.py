"""What can be done with charts."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.models import User
from accounts.roles import Permission, Role
from accounts.services import open_practice, register_user
from core.errors import Conflict, Forbidden
from core.tenancy import practice_scope
from patients.models import Patient, Status
from patients.restriction import check_open_for_good
from practices.services import practice_to_join


@transaction.atomic
def open_chart(*, by: User, **fields: Any) -> Patient:
    """A new confirmed chart, as the front desk opens one."""
    return Patient.objects.create(**fields)


@transaction.atomic
def update_chart(*, patient: Patient, by: User, **changes: Any) -> Patient:
    """Change what a chart says; the fields not named keep what they hold. Raises Restricted for another primary doctor,
    to whom the chart would be open for good, where it is open to `by` in an emergency alone."""
    chart: Patient = Patient.objects.select_for_update().get(pk=patient.pk)
    if "primary_doctor" in changes:
        check_open_for_good(by, chart)
    for field, value in changes.items():
        setattr(chart, field, value)
    chart.save(update_fields={*changes, "updated_at"})
    return chart


@transaction.atomic
def register_patient(*, join_code: str = "", home: UUID | None = None, **fields: str) -> User:
    """Somebody from the open world: an account and a pending chart of its own. It is never tied to a chart that is
    there already, for an email is no proof of who types it; the practice's staff confirm (or, later, merge) it."""
    practice = practice_to_join(join_code=join_code, home=home)
    with practice_scope(practice.pk):
        user = register_user(by=None, role=Role.PATIENT, **fields)
        _open_pending_chart(user)
    return user


@transaction.atomic
def register_in_practice(*, by: User, role: str, **fields: str) -> User:
    """An office manager registers a person of any role in the scope's practice; a patient's chart waits for the desk
    like any other, since the manager names the person but not yet the chart."""
    user = register_user(by=by, role=role, **fields)
    if role == Role.PATIENT:
        _open_pending_chart(user)
    return user


def register(*, by: User | None, role: str, join_code: str = "", **fields: str) -> User:
    """Who may register whom, as the contract and the practices' safety have it (docs/adr/0005). Raises Forbidden."""
    if by is not None and by.can(Permission.REGISTER_USERS) and by.practice_id:
        with practice_scope(by.practice_id):
            return register_in_practice(by=by, role=role, **fields)
    if role == Role.PATIENT:
        home = by.practice_id if by is not None and by.role != Role.PATIENT else None
        return register_patient(join_code=join_code, home=home, **fields)
    if role == Role.ADMIN and by is None and settings.PRACTICE_SIGNUP:
        return open_practice(**fields)
    raise Forbidden("Only an office manager of the practice may register this role.")


def _open_pending_chart(user: User) -> None:
    Patient.objects.create(user=user, status=Status.PENDING, name=user.name, email=user.email, phone=user.phone)


@transaction.atomic
def confirm_registration(*, patient_id: Any, by: User) -> Patient:
    """The desk has checked who this is: the pending chart becomes one of the practice's. Raises Missing, and Conflict
    when somebody else confirmed it first."""
    chart: Patient = Patient.objects.select_for_update().found(pk=patient_id)
    if chart.status != Status.PENDING:
        raise Conflict("This registration has been confirmed already.")
    chart.status = Status.CONFIRMED
    chart.save(update_fields={"status", "updated_at"})
    return chart
