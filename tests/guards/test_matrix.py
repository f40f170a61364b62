"""Every address and method for every caller, generated from accounts/roles.py and the views: the five roles by cookie
and by bearer token, anonymous, signed out, deactivated, of another practice, and with a password alone where two-factor
sign-in is due. tests/guards/test_routes.py states by hand what the contract says of the same, in both halves; how a
session ends differs with Redis, so that is tried in both here too."""

from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.management.commands.show_permissions import METHODS, needed
from accounts.models import LoginSession
from accounts.roles import PERMISSIONS, Role
from accounts.sessions import cookies
from accounts.sessions import services as sessions
from accounts.users import services
from core.api.permissions import SECOND_FACTOR_DUE
from core.api.routes import api_routes
from core.api.views import ApiView, PublicView, UnknownPath
from core.tenancy.scope import practice_scope
from practices.models import Practice
from tests.guards.rows import BODIES, Rows
from tests.guards.test_routes import path_with_unknown_id
from tests.sampling import sample

PERMISSIONS_PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "permissions.md"
ROUTES = list(api_routes())
GUARDED = [(path, view) for path, view in ROUTES if isinstance(view, type) and issubclass(view, ApiView)]
CALLS = [(method, path, view) for path, view in GUARDED for method in METHODS]
EXISTING = [call for call in CALLS if call[0] in call[2].permissions]
MISSING = [call for call in CALLS if call[0] not in call[2].permissions]
# What is decided before the view, and for each of them alike, is asked of some in each run.
SOME = 40
WORKFORCE = [role for role in Role.values if role != Role.PATIENT]


@pytest.fixture(autouse=True)
def _no_limits(settings):
    settings.RATE_LIMIT_PER_MINUTE = settings.ANON_RATE_LIMIT_PER_MINUTE = 1_000_000


def may(role, method, view):
    """Return whether the matrix allows it."""
    return bool(PERMISSIONS[role] & set(needed(view, method)))


def address(path):
    """Return the path with ids that no row has."""
    return path_with_unknown_id(path, str(uuid4()))


def call(client, method, at, body="{}"):
    return client.generic(method, at, body, content_type="application/json")


def with_bearer(client):
    """Return a client that sends the cookie's access token in the Authorization header instead."""
    return Client(headers={"Authorization": f"Bearer {client.cookies[cookies.ACCESS_COOKIE].value}"})


@pytest.mark.production
@pytest.mark.slow  # walks the whole API
@pytest.mark.parametrize("way", ["cookie", "bearer"])
@pytest.mark.parametrize("role", Role.values)
def test_each_role_has_exactly_the_access_of_the_matrix(as_role, practice, role, way):
    type(practice).objects.filter(pk=practice.pk).update(doctors_see_revenue=True)
    cookie = as_role(role)
    client, calls = (cookie, EXISTING) if way == "cookie" else (with_bearer(cookie), sample(EXISTING, SOME))

    for method, path, view in [*calls, *sample(MISSING, SOME)]:
        status = call(client, method, address(path)).status_code
        if method not in view.permissions:
            assert status == 405, (method, path)
        elif may(role, method, view):
            taken = (415,) if (method, path) == ("POST", "api/attachments") else (200, 201, 204, 400, 404, 409)
            assert status in taken, (method, path, status)
        else:
            assert status == 403, (method, path)


@pytest.mark.production
@pytest.mark.slow  # walks the whole API
def test_anonymous_callers_have_no_access(anonymous, db):
    for method, path, view in CALLS:
        expected = 401 if method in view.permissions else 405
        assert call(anonymous, method, address(path)).status_code == expected, (method, path)


@pytest.mark.production
def test_open_routes_need_no_session(anonymous, db):
    for path, view in ROUTES:
        if isinstance(view, type) and issubclass(view, PublicView) and not issubclass(view, UnknownPath):
            for method in METHODS:
                status = call(anonymous, method, address(path)).status_code
                assert (status == 405) == (method not in view.methods), (method, path)
                assert status != 403, (method, path)


@pytest.mark.slow  # walks the whole API
@pytest.mark.parametrize("way", ["cookie", "bearer"])
@pytest.mark.parametrize("role", Role.values)
def test_deactivated_account_loses_access_at_once(as_role, make_user, role, way, django_capture_on_commit_callbacks):
    manager, client = make_user("admin"), as_role(role)
    caller = client if way == "cookie" else with_bearer(client)
    assert call(caller, "GET", "/api/users/me").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        services.update_user(user=client.user, by=manager, is_active=False)

    for method, path, _ in sample(EXISTING, SOME):
        assert call(caller, method, address(path)).status_code == 401, (method, path)


@pytest.mark.slow  # walks the whole API
@pytest.mark.parametrize("role", Role.values)
def test_ended_session_has_no_access(as_role, role, django_capture_on_commit_callbacks):
    client = as_role(role)
    callers = client, with_bearer(client)
    with django_capture_on_commit_callbacks(execute=True):
        sessions.end(session_id=LoginSession.objects.get(user=client.user).pk)

    for method, path, _ in sample(EXISTING, SOME):
        for caller in callers:
            assert call(caller, method, address(path)).status_code == 401, (method, path)


@pytest.mark.production
@pytest.mark.slow  # walks the whole API
@pytest.mark.parametrize("role", Role.values)
def test_password_alone_has_no_access_if_a_second_factor_is_required(as_role, practice, role):
    Practice.objects.filter(pk=practice.pk).update(two_factor_required=True)
    client = as_role(role)

    for method, path, view in EXISTING:
        answer = call(client, method, address(path))
        if not may(role, method, view):
            assert answer.status_code == 403, (method, path)
        elif role == Role.PATIENT or view.before_second_factor:
            assert answer.status_code != 403, (method, path)
        else:
            assert (answer.status_code, answer.json()) == (403, {"detail": SECOND_FACTOR_DUE}), (method, path)


@pytest.mark.parametrize("role", WORKFORCE)
def test_password_alone_is_anonymous_on_open_routes(as_role, practice, role):
    Practice.objects.filter(pk=practice.pk).update(two_factor_required=True)
    client = as_role(role)
    asking = [
        (method, path)
        for path, view in ROUTES
        if isinstance(view, type) and issubclass(view, PublicView) and view.optional_sign_in
        for method in view.methods
    ]
    assert ("POST", "api/auth/register") in asking

    for method, path in asking:
        for caller in (client, with_bearer(client)):
            answer = call(caller, method, address(path))
            assert (answer.status_code, answer.json()) == (403, {"detail": SECOND_FACTOR_DUE}), (method, path)


@pytest.mark.production
@pytest.mark.slow  # walks the whole API
@pytest.mark.parametrize("role", Role.values)
def test_rows_of_another_practice_are_404_for_every_role(as_role, make_user, other_practice, role):
    foreign, client = Rows(other_practice, make_user), as_role(role)

    for method, path, view in EXISTING:
        if "<" in path:
            answer = call(client, method, foreign.address(path), foreign.sent(method, path))
            assert answer.status_code == (404 if may(role, method, view) else 403), (method, path, answer.content)
            with practice_scope(other_practice.pk):
                assert foreign.chart.name not in answer.content.decode()


def test_ids_of_another_practice_in_a_body_are_refused(as_role, make_user, other_practice):
    foreign = Rows(other_practice, make_user)

    for method, path, view in EXISTING:
        if "<" not in path and any(name.endswith("Id") for name in foreign.body((method, path))) and method == "POST":
            for role in Role.values:
                if may(role, method, view) and (method, path) in BODIES and path != "api/patients":
                    answer = call(as_role(role), method, f"/{path}", foreign.sent(method, path))
                    assert answer.status_code == 404, (method, path, role, answer.content)


@pytest.mark.production
def test_superuser_has_no_practice_and_no_access(db, client_of):
    superuser, _ = services.ensure_superuser(email="root@example.com", password="Passw0rd!")
    client = client_of(superuser)

    for method, path, view in EXISTING:
        if view.needs_practice:
            assert call(client, method, address(path)).status_code == 403, (method, path)


def test_permissions_page_matches_the_command():
    printed = StringIO()
    call_command("show_permissions", stdout=printed)

    assert PERMISSIONS_PAGE.read_text() == printed.getvalue(), "run: manage.py show_permissions > docs/permissions.md"
