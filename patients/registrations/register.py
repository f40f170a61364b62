"""Register accounts: patients themselves, office managers anyone in their practice."""

from datetime import date
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.join_codes import services as join_codes
from accounts.join_codes.services import CodeRefused, JoinCodeState, get_join_code_state
from accounts.models import JoinCode, User
from accounts.roles import Role
from accounts.sessions.services import has_given_second_factor
from accounts.users.services import open_practice, register_user
from audit import log
from audit.events import AuditEvent, Outcome
from core.errors import Forbidden, Invalid
from core.permissions import Permission
from core.tenancy.scope import account_scope, practice_scope
from patients.registrations.join import assign_doctor_and_office, log_refused_registration
from practices.models import Practice
from practices.services import (
    checking_office_exists,
    find_practice_of_office,
    get_office,
    get_practice_to_join,
    practice_with_code,
)


@transaction.atomic
def register_patient(
    *, join_code: str = "", home: UUID | None = None, date_of_birth: date | None = None, **fields: str
) -> User:
    """Register a member of the public as a patient, with an account and a pending chart.

    The chart is never linked to an existing one, because an email address does not prove identity; staff confirm or
    merge it. A doctor's join code also assigns that doctor and office. Raises CodeRefused, and Invalid like
    register_user."""
    code = join_codes.find_in_any_practice(join_code) if join_code.strip() else None
    with practice_scope(_practice_to_join(join_code, code, home)):
        user = register_user(by=None, role=Role.PATIENT, date_of_birth=date_of_birth, **fields)
        if code is not None:
            assign_doctor_and_office(chart=user.chart, account=user, typed=join_code)
    return user


def _practice_to_join(join_code: str, code: JoinCode | None, home: UUID | None) -> UUID:
    """Return the practice of a doctor's or a practice's join code. Raises CodeRefused if the code is unknown or no
    longer valid, before a password is hashed for it."""
    if not join_code.strip():
        return get_practice_to_join(home=home).pk
    if code is not None and get_join_code_state(code) == JoinCodeState.LIVE:
        return code.practice_id
    practice = practice_with_code(join_code)
    if practice is None:
        raise CodeRefused("joinCode", reason=get_join_code_state(code) if code else "unknown", code=code)
    return practice.pk


def register_at_office(*, by: User, office_id: UUID, role: str, **fields: Any) -> User:
    """Register a person of any role at this office, as its office manager or as a platform superuser.

    Raises NotFound if there is no such office or it belongs to another practice, and Forbidden for a superuser without
    the second factor that the practice requires."""
    practice_id = by.practice_id or find_practice_of_office(office_id)
    if by.practice_id is None:
        _check_second_factor(by, practice_id)
    with practice_scope(practice_id), checking_office_exists():
        return register_user(by=by, role=role, office=get_office(office_id), **fields)


def _check_second_factor(superuser: User, practice_id: UUID) -> None:
    """Raise Forbidden if the practice requires two-factor sign-in; its own people are checked before any view runs."""
    if Practice.objects.get(pk=practice_id).two_factor_required and not has_given_second_factor(superuser):
        raise Forbidden(_("This practice requires two-step verification. Please sign in with it first."))


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
    """Register a person if `by` may register this role (docs/adr/0005). Raises Forbidden, Invalid, CodeRefused, and
    NotFound for an office of another practice."""
    if date_of_birth is not None and role != Role.PATIENT:
        raise Invalid("dateOfBirth", _("Leave this out: only patients have a date of birth here."))
    if by is not None and by.can(Permission.REGISTER_USERS) and by.practice_id:
        if office_id is not None:
            return register_at_office(by=by, office_id=office_id, role=role, date_of_birth=date_of_birth, **fields)
        with practice_scope(by.practice_id):
            return register_user(by=by, role=role, date_of_birth=date_of_birth, **fields)
    if office_id is not None:
        raise Invalid("officeId", _("Only an office manager can choose the office; a doctor's join code sets it."))
    if role == Role.PATIENT:
        home = by.practice_id if by is not None and by.role != Role.PATIENT else None
        if join_code.strip():
            join_codes.count_attempt(by=by, request=request)
        try:
            return register_patient(join_code=join_code, home=home, date_of_birth=date_of_birth, **fields)
        except CodeRefused as refusal:
            log_refused_registration(refusal, by=by)
            raise
    if role == Role.ADMIN and by is None and settings.PRACTICE_SIGNUP:
        return open_practice(**fields)
    practice_id = by.practice_id if by is not None else None
    with account_scope(practice_id):
        log.record(AuditEvent.REGISTERED, practice_id=practice_id, outcome=Outcome.REFUSED, as_role=role)
    raise Forbidden(_("Only an office manager of the practice can register this role."))
