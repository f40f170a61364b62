"""Every sign-in event is in the trail, for the API and the admin site alike (45 CFR 164.312(b))."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.test import Client

from accounts.models import LoginSession, User
from accounts.roles import Role
from accounts.tests.factories import PASSWORD
from accounts.tests.trail import FROM, api_login, both_sign_ins, is_about, is_by, logged_events, only_event, site_login
from accounts.users import services
from audit.events import AuditEvent, Outcome
from audit.models import NO_PRACTICE
from core.tenancy.scope import installation_scope
from tests.admin_forms import send


@pytest.fixture
def superuser(db) -> User:
    user, _ = services.ensure_superuser(email="root@example.com", password=PASSWORD)
    return user


# --- Signing in


@both_sign_ins
def test_success(client, make_user, login):
    user = make_user("admin")
    login(client, user.email.upper())

    event = only_event(AuditEvent.SIGNED_IN)
    assert is_about(event, user) and is_by(event, user)
    assert (event.outcome, event.address, event.agent) == (Outcome.DONE, "192.0.2.9", "Browser/1.0")
    channel = "api" if login is api_login else "admin_site"
    assert event.details == {"session": str(LoginSession.objects.get(user=user).pk), "door": channel}


@both_sign_ins
def test_superusers_success_is_the_installations(client, superuser, login):
    login(client, superuser.email)

    event = only_event(AuditEvent.SIGNED_IN)
    assert is_about(event, superuser) and event.practice_id == NO_PRACTICE


@both_sign_ins
@pytest.mark.parametrize(
    ("who", "reason"),
    [("known", "wrong_password"), ("deactivated", "deactivated"), ("unknown", "unknown_email")],
)
def test_failure(client, make_user, login, who, reason):
    email = "nobody@example.com"
    if who != "unknown":
        user = make_user("admin", email=email, is_active=who == "known")
    login(client, email, "wrong")

    event = only_event(AuditEvent.SIGN_IN_FAILED)
    assert (event.outcome, event.email, event.user_id) == (Outcome.FAILED, email, None)
    assert (event.address, event.agent) == ("192.0.2.9", "Browser/1.0")
    assert event.details == {"reason": reason}
    if who == "unknown":
        assert (event.practice_id, event.about_id) == (NO_PRACTICE, None)
    else:
        assert is_about(event, user)
    assert logged_events(AuditEvent.SIGNED_IN) == []


def test_failed_sign_in_in_used_browser_has_no_actor(client, make_user):
    client.force_login(make_user("admin"))
    for _ in range(6):
        site_login(client, "somebody@example.com", "wrong")

    failed = logged_events(AuditEvent.SIGN_IN_FAILED, AuditEvent.LOCKED_OUT)
    assert len(failed) == 6
    assert {(event.user_id, event.role) for event in failed} == {(None, "")}


@both_sign_ins
@pytest.mark.parametrize("known", [True, False])
def test_lockout(client, make_user, login, known):
    email = "somebody@example.com"
    user = make_user("admin", email=email) if known else None
    for _ in range(5):
        login(client, email, "wrong")
    assert logged_events(AuditEvent.LOCKED_OUT) == []
    for _ in range(2):
        assert login(client, email).status_code == 429

    locked = logged_events(AuditEvent.LOCKED_OUT)
    assert len(logged_events(AuditEvent.SIGN_IN_FAILED)) == 5
    assert [(event.outcome, event.email, event.user_id) for event in locked] == [(Outcome.REFUSED, email, None)] * 2
    assert {event.practice_id for event in locked} == {user.practice_id if user else NO_PRACTICE}


def test_no_email_and_no_password_is_in_the_trails_plain_columns(client, make_user):
    user = make_user("staff", email="plain@example.com")
    api_login(client, user.email, "s3cret-typed")
    api_login(client, user.email)
    client.post("/api/auth/refresh")
    client.post("/api/auth/logout")

    with installation_scope(), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM audit_event")
        found = cursor.fetchall()
    assert len(found) > 3
    rows = repr([[bytes(c) if isinstance(c, memoryview) else c for c in row] for row in found])
    assert "plain@example.com" not in rows and "s3cret-typed" not in rows and "eyJ" not in rows


# --- Refreshing and signing out


def test_refresh(client, make_user):
    user = make_user("doctor")
    api_login(client, user.email)
    client.post("/api/auth/refresh", **FROM)

    event = only_event(AuditEvent.REFRESHED)
    assert is_about(event, user) and is_by(event, user)
    assert event.details == {"session": str(LoginSession.objects.get(user=user).pk)}


def test_refused_refresh_of_an_ended_session(client, make_user):
    user = make_user("doctor")
    api_login(client, user.email)
    token = client.cookies["refresh_token"].value
    client.post("/api/auth/logout")
    client.cookies["refresh_token"] = token
    client.post("/api/auth/refresh", **FROM)

    event = only_event(AuditEvent.REFRESH_REFUSED)
    assert is_about(event, user) and event.user_id is None
    assert (event.outcome, event.details, event.address) == (Outcome.FAILED, {"reason": "ended"}, "192.0.2.9")


def test_refused_refresh_with_foreign_token(client, db):
    client.cookies["refresh_token"] = "x.y.z"
    client.post("/api/auth/refresh")

    event = only_event(AuditEvent.REFRESH_REFUSED)
    assert (event.practice_id, event.email, event.details) == (NO_PRACTICE, None, {"reason": "not_valid"})


def test_logout(client, make_user):
    user = make_user("patient")
    api_login(client, user.email)
    token = client.cookies["access_token"].value
    for _ in range(2):  # the second ends nothing
        client.cookies["access_token"] = token
        client.post("/api/auth/logout", **FROM)

    event = only_event(AuditEvent.SIGNED_OUT)
    assert is_about(event, user) and is_by(event, user)


def test_logout_of_the_admin_site(client, make_user):
    user = make_user("admin")
    site_login(client, user.email)
    client.post("/sign-out/")

    assert is_by(only_event(AuditEvent.SIGNED_OUT), user)


def test_timeout_of_the_api(client, make_user, clock):
    user = make_user("staff")
    api_login(client, user.email)
    clock.move(minutes=15, seconds=1)
    client.post("/api/auth/refresh")
    client.get("/api/users/me")

    assert is_about(only_event(AuditEvent.TIMED_OUT), user)
    assert only_event(AuditEvent.REFRESH_REFUSED).details == {"reason": "timed_out"}


def test_timeout_of_the_admin_site(client, make_user, clock):
    user = make_user("admin")
    site_login(client, user.email)
    clock.move(minutes=15, seconds=1)
    for _ in range(2):
        client.get("/admin/")

    assert is_about(only_event(AuditEvent.TIMED_OUT), user)
    assert logged_events(AuditEvent.SIGNED_OUT) == []


# --- Accounts


def test_registration(client, practice):
    body = {"name": "Ann Self", "email": "ann@example.com", "password": PASSWORD, "role": "patient"}
    body["joinCode"] = practice.join_code
    assert client.post("/api/auth/register", body, content_type="application/json", **FROM).status_code == 201

    event, user = only_event(AuditEvent.REGISTERED), User.all_practices.with_email("ann@example.com")
    assert is_about(event, user) and event.user_id is None
    assert (event.details, event.address) == ({"as_role": "patient"}, "192.0.2.9")


def test_registration_by_an_office_manager(client, make_user):
    manager = make_user("admin")
    api_login(client, manager.email)
    body = {"name": "Bea Billing", "email": "bea@example.com", "password": PASSWORD, "role": "billing"}
    assert client.post("/api/auth/register", body, content_type="application/json").status_code == 201

    event = only_event(AuditEvent.REGISTERED)
    assert is_by(event, manager) and is_about(event, User.all_practices.with_email("bea@example.com"))


def test_failed_registration_stores_nothing(client, make_user, practice):
    body = {"name": "Ann", "email": make_user("staff").email, "password": PASSWORD, "role": "patient"}
    body["joinCode"] = practice.join_code
    assert client.post("/api/auth/register", body, content_type="application/json").status_code == 400

    assert logged_events(AuditEvent.REGISTERED) == []


def test_own_password_change_is_logged(client, make_user):
    user = make_user("admin")
    site_login(client, user.email)
    api_login(Client(), user.email)
    form = {"old_password": PASSWORD, "new_password1": "Another1!", "new_password2": "Another1!"}
    assert client.post("/admin/password_change/", form, **FROM).status_code == 302

    event = only_event(AuditEvent.PASSWORD_CHANGED)
    assert is_about(event, user) and is_by(event, user)
    ended = only_event(AuditEvent.SESSION_ENDED)
    assert is_about(ended, user) and ended.details["reason"] == "new_password"


@pytest.mark.parametrize(
    ("change", "kind", "details", "reason"),
    [
        ({"role": "billing"}, AuditEvent.ROLE_CHANGED, {"was": "staff", "now": "billing"}, "new_role"),
        ({"is_active": None}, AuditEvent.DEACTIVATED, {}, "deactivated"),
    ],
)
def test_what_an_office_manager_does_to_a_colleagues_account(client, make_user, change, kind, details, reason):
    manager, colleague = make_user("admin"), make_user("staff")
    api_login(Client(), colleague.email)
    site_login(client, manager.email)
    assert send(client, colleague, **change).status_code == 302

    event, ended = only_event(kind), only_event(AuditEvent.SESSION_ENDED)
    assert is_about(event, colleague) and is_by(event, manager) and event.details == details
    assert is_about(ended, colleague) and is_by(ended, manager) and ended.details["reason"] == reason


def test_reactivation(client, make_user):
    manager, colleague = make_user("admin"), make_user("staff", is_active=False)
    site_login(client, manager.email)
    assert send(client, colleague, is_active="on").status_code == 302

    assert is_by(only_event(AuditEvent.REACTIVATED), manager)
    assert logged_events(AuditEvent.ROLE_CHANGED, AuditEvent.DEACTIVATED) == []


def test_platforms_superuser(superuser):
    event = only_event(AuditEvent.REGISTERED)
    assert is_about(event, superuser) and event.practice_id == NO_PRACTICE


def test_superusers_own_password_before_a_practice_is_picked(client, superuser):
    client.force_login(superuser)
    new = "correct horse battery 9"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/admin/password_change/", form).status_code == 302

    changed = [
        event
        for event in logged_events(AuditEvent.CHANGED, AuditEvent.PASSWORD_CHANGED)
        if event.about_id == superuser.pk
    ]
    assert {event.kind for event in changed} == {AuditEvent.CHANGED, AuditEvent.PASSWORD_CHANGED}
    assert all(is_by(event, superuser) for event in changed)


# --- At the same moment


@pytest.mark.django_db(transaction=True)
def test_parallel_guesses_are_locked_out_after_five(committed_manager):
    def guess(_):
        try:
            return api_login(Client(), committed_manager.email, "wrong").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(guess, range(12)))

    assert answers == [401] * 5 + [429] * 7
    assert (len(logged_events(AuditEvent.SIGN_IN_FAILED)), len(logged_events(AuditEvent.LOCKED_OUT))) == (5, 7)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/api/auth/logout", "/api/users/me"], ids=["logout", "timeout"])
def test_timeout_by_parallel_requests_is_logged_once(committed_manager, clock, path):
    client = Client()
    api_login(client, committed_manager.email)
    access = client.cookies["access_token"].value
    clock.move(minutes=14 if path == "/api/auth/logout" else 16)

    def ask(_):
        try:
            browser = Client()
            browser.cookies["access_token"] = access
            return (browser.post if path == "/api/auth/logout" else browser.get)(path).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(ask, range(12)))

    assert answers == {200 if path == "/api/auth/logout" else 401}
    assert len(logged_events(AuditEvent.SIGNED_OUT, AuditEvent.TIMED_OUT)) == 1


def test_every_role_signs_in_under_its_own_name(make_user, db):
    for role in Role.values:
        api_login(Client(), make_user(role).email)
    assert [event.role for event in logged_events(AuditEvent.SIGNED_IN)] == Role.values
