"""What can be done with charts."""

from datetime import date
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from accounts import join_codes
from accounts.join_codes import CodeRefused, State, state_of
from accounts.models import JoinCode, User
from accounts.roles import Permission, Role, public_role
from accounts.services import open_practice, register_user
from accounts.sessions import gave_second_factor
from core.errors import Forbidden, Invalid
from core.tenancy import practice_scope
from patients.association import tell_refused_newcomer, tie_newcomer
from patients.models import Patient, Status
from patients.restriction import check_open_for_good
from practices.models import Practice
from practices.services import naming_an_office, office_of, practice_of_office, practice_to_join, practice_with_code


@transaction.atomic
def open_chart(*, by: User, **fields: Any) -> Patient:
    """A new confirmed chart, as the front desk opens one."""
    return Patient.objects.create(**fields)


def held_chart(*, by: User, patient_id: UUID) -> Patient:
    """The chart that a new row is to name, for the rest of the transaction: the registrations desk neither merges nor
    declines it meanwhile, which would leave the row behind. Raises Missing."""
    chart: Patient = Patient.objects.visible_to(by).select_for_update(of=("self",), no_key=True).found(pk=patient_id)
    return chart


@transaction.atomic
def update_chart(*, patient: Patient, by: User, **changes: Any) -> Patient:
    """Change what a chart says; the fields not named keep what they hold. Raises Restricted for another primary doctor,
    to whom the chart would be open for good, where it is open to `by` in an emergency alone."""
    chart: Patient = Patient.objects.living().select_for_update().found(pk=patient.pk)
    if "primary_doctor" in changes:
        check_open_for_good(by, chart)
    for field, value in changes.items():
        setattr(chart, field, value)
    chart.save(update_fields={*changes, "updated_at"})
    return chart


@transaction.atomic
def register_patient(
    *, join_code: str = "", home: UUID | None = None, date_of_birth: date | None = None, **fields: str
) -> User:
    """Somebody from the open world: an account and a pending chart of its own. It is never tied to a chart that is
    there already, for an email is no proof of who types it; the practice's staff confirm (or, later, merge) it. A
    doctor's join code ties both to that doctor and office. Raises CodeRefused, and Invalid like register_user."""
    code = join_codes.find_anywhere(join_code) if join_code.strip() else None
    with practice_scope(_practice_to_join(join_code, code, home)):
        user = register_user(by=None, role=Role.PATIENT, **fields)
        chart = _open_pending_chart(user, date_of_birth)
        if code is not None:
            tie_newcomer(chart=chart, account=user, typed=join_code)
    return user


def _practice_to_join(join_code: str, code: JoinCode | None, home: UUID | None) -> UUID:
    """That of the doctor's code, or of the practice's own. Raises CodeRefused for what is neither or no longer good,
    before a password is hashed for it."""
    if not join_code.strip():
        return practice_to_join(home=home).pk
    if code is not None and state_of(code) == State.LIVE:
        return code.practice_id
    practice = practice_with_code(join_code)
    if practice is None:
        raise CodeRefused("joinCode", reason=state_of(code) if code else "unknown", code=code)
    return practice.pk


@transaction.atomic
def register_in_practice(*, by: User, role: str, date_of_birth: date | None = None, **fields: Any) -> User:
    """An office manager registers a person of any role in the scope's practice; a patient's chart waits for the desk
    like any other, since the manager names the person but not yet the chart."""
    user = register_user(by=by, role=role, **fields)
    if role == Role.PATIENT:
        _open_pending_chart(user, date_of_birth)
    return user


def register_at_office(*, by: User, office_id: UUID, role: str, **fields: Any) -> User:
    """The same for somebody of this office; a platform superuser registers in whichever practice has it. Raises Missing
    where there is no such office, or it is another practice's, and Forbidden for a superuser without the second factor
    that the practice asks for."""
    practice_id = by.practice_id or practice_of_office(office_id)
    if by.practice_id is None:
        _check_second_factor(by, practice_id)
    with practice_scope(practice_id), naming_an_office():
        return register_in_practice(by=by, role=role, office=office_of(office_id), **fields)


def _check_second_factor(superuser: User, practice_id: UUID) -> None:
    """A practice's own people are asked before any view is entered."""
    if Practice.objects.get(pk=practice_id).two_factor_required and not gave_second_factor(superuser):
        raise Forbidden("This practice asks for two-factor sign-in. Please sign in with a second factor first.")


def register(
    *,
    by: User | None,
    request: HttpRequest,
    role: str,
    join_code: str = "",
    office_id: UUID | None = None,
    date_of_birth: date | None = None,
    **fields: str,
) -> User:
    """Who may register whom, as the contract and the practices' safety have it (docs/adr/0005). Raises Forbidden, and
    Missing for an office that is none of the practice's."""
    if date_of_birth is not None and role != Role.PATIENT:
        raise Invalid("dateOfBirth", f"The role {public_role(role)} has none.")
    if by is not None and by.can(Permission.REGISTER_USERS) and by.practice_id:
        if office_id is not None:
            return register_at_office(by=by, office_id=office_id, role=role, date_of_birth=date_of_birth, **fields)
        with practice_scope(by.practice_id):
            return register_in_practice(by=by, role=role, date_of_birth=date_of_birth, **fields)
    if office_id is not None:
        raise Invalid("officeId", "An office manager alone says which office; a doctor's join code names its own.")
    if role == Role.PATIENT:
        home = by.practice_id if by is not None and by.role != Role.PATIENT else None
        if join_code.strip():
            join_codes.count_try(by=by, request=request)
        try:
            return register_patient(join_code=join_code, home=home, date_of_birth=date_of_birth, **fields)
        except CodeRefused as refusal:
            tell_refused_newcomer(refusal, by=by)
            raise
    if role == Role.ADMIN and by is None and settings.PRACTICE_SIGNUP:
        return open_practice(**fields)
    raise Forbidden("Only an office manager of the practice may register this role.")


def _open_pending_chart(user: User, date_of_birth: date | None) -> Patient:
    fields = {"name": user.name, "email": user.email, "phone": user.phone, "date_of_birth": date_of_birth}
    chart: Patient = Patient.objects.create(user=user, status=Status.PENDING, **fields)
    return chart
