"""A clinic whose people are registered and signed in without requests; test_register.py and test_sign_in.py test
those requests."""

from typing import Any

from django.test import RequestFactory, TestCase

from accounts.models import User
from accounts.roles import Role, public_role
from accounts.sessions import services as sessions
from accounts.sessions.cookies import ACCESS_COOKIE, REFRESH_COOKIE
from accounts.sessions.tokens import TokenType, issue
from accounts.users.services import open_practice, register_user
from core.tenancy.scope import practice_scope
from practices.models import Practice as PracticeRow
from tests.contract.clients import Caller
from tests.contract.clinic import DETAILS, PASSWORD, Clinic, Elsewhere, Person, Practice, fresh_email


def open_clinic() -> dict[str, Person]:
    """A practice with a person of every role, each signed in."""
    manager = _manager("Demo")
    others = [
        _register(manager, role, name=f"Demo {role.title()}", **DETAILS.get(role, {}))
        for role in Role.values
        if role != Role.ADMIN
    ]
    return {user.role: _signed_in(user) for user in (manager, *others)}


def _manager(practice: str) -> User:
    manager = open_practice(email=fresh_email("admin"), name=f"{practice} Admin", password=PASSWORD)
    PracticeRow.objects.filter(pk=manager.practice_id).update(max_upcoming_appointments=100, booking_months_ahead=120)
    return manager


def _register(manager: User, role: str, **fields: Any) -> User:
    with practice_scope(manager.practice_id):
        return register_user(by=manager, role=role, **{"email": fresh_email(role), "password": PASSWORD, **fields})


def _signed_in(user: User) -> Person:
    session = sessions.begin(user=user, request=RequestFactory().post("/api/auth/login"))
    shown = {"id": str(user.pk), "email": user.email, "name": user.name, "role": public_role(user.role)}
    access, refresh = issue(session, TokenType.ACCESS), issue(session, TokenType.REFRESH)
    return Person(shown, {ACCESS_COOKIE: (access, "/"), REFRESH_COOKIE: (refresh, "/api/auth/refresh")})


class InProcess(Practice):
    def _sign_up(self) -> Caller:
        return _signed_in(_manager(self.name)).connect(self.transport)

    def hire(self, role: str, **fields: Any) -> Caller:
        """Register somebody of this role and sign them in; `fields` are account fields."""
        name = fields.pop("name", f"{self.name} {role.title()}")
        with TestCase.captureOnCommitCallbacks(execute=True):
            user = _register(User.all_practices.get(pk=self.admin.id), role, name=name, **fields)
            return _signed_in(user).connect(self.transport)


class InProcessClinic(InProcess, Clinic):
    def _open_elsewhere(self) -> Elsewhere:
        return InProcessElsewhere(self.transport)


class InProcessElsewhere(InProcess, Elsewhere):
    pass
