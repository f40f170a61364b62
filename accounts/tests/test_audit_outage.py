"""What the audit trail cannot take does not happen: nobody is signed in, no account changes."""

from html import unescape

import pytest
from django.contrib.sessions.models import Session as SiteSession
from django.db import connection

from accounts.models import LoginSession, User
from accounts.passwords import services as passwords_services
from accounts.tests.factories import PASSWORD
from accounts.tests.trail import api_login, both_sign_ins, site_login
from audit.log import AuditLogUnavailable
from core.api.exceptions import TRAIL_DOWN
from core.tenancy.scope import practice_scope
from practices.models import Practice
from tests.plain_role import as_owner

BREAK = {
    "postgresql": """
        CREATE FUNCTION refuse_events() RETURNS trigger AS $$ BEGIN RAISE 'full'; END $$ LANGUAGE plpgsql;
        CREATE TRIGGER refuse_events BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION refuse_events()""",
    "sqlite": "CREATE TRIGGER refuse_events BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'full'); END",
}
MEND = {"postgresql": "DROP FUNCTION refuse_events CASCADE", "sqlite": "DROP TRIGGER refuse_events"}


@pytest.fixture
def broken_trail(transactional_db):
    """The database refuses every new event."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(BREAK[connection.vendor])
    yield
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(MEND[connection.vendor])


def is_unavailable(answer) -> bool:
    signed_in = {"access_token", "refresh_token", "praxis_admin"} & set(answer.cookies)
    return answer.status_code == 503 and str(TRAIL_DOWN) in unescape(answer.content.decode()) and not signed_in


@both_sign_ins
@pytest.mark.django_db(transaction=True)
def test_without_the_trail_the_right_password_signs_nobody_in(client, committed_manager, broken_trail, login):
    answer = login(client, committed_manager.email)

    assert is_unavailable(answer), answer.content
    assert not LoginSession.objects.exists()
    assert not SiteSession.objects.exists()
    assert client.get("/admin/").status_code == 302


@both_sign_ins
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("email", ["known", "nobody@example.com"])
def test_without_the_trail_no_password_is_told_wrong(client, committed_manager, broken_trail, login, email):
    answer = login(client, committed_manager.email if email == "known" else email, "wrong")

    assert is_unavailable(answer), answer.content


@pytest.mark.django_db(transaction=True)
def test_audit_log_outage_locks_nobody_out(client, committed_manager, request):
    request.getfixturevalue("broken_trail")
    for _ in range(6):
        assert api_login(client, committed_manager.email).status_code == 503


@pytest.mark.django_db(transaction=True)
def test_without_the_trail_a_session_neither_refreshes_nor_times_out_nor_ends(
    client, committed_manager, clock, request
):
    api_login(client, committed_manager.email)
    kept = {name: morsel.value for name, morsel in client.cookies.items()}
    request.getfixturevalue("broken_trail")

    assert is_unavailable(client.post("/api/auth/refresh"))
    assert is_unavailable(client.post("/api/auth/logout"))
    clock.move(minutes=16)
    client.cookies["access_token"] = kept["access_token"]
    assert is_unavailable(client.get("/api/users/me"))
    assert LoginSession.objects.get().revoked_at is None


@pytest.mark.django_db(transaction=True)
def test_without_the_trail_an_idle_page_is_not_shown(client, committed_manager, clock, request):
    site_login(client, committed_manager.email)
    request.getfixturevalue("broken_trail")
    clock.move(minutes=16)

    assert is_unavailable(client.get("/admin/password_change/"))


@pytest.mark.django_db(transaction=True)
def test_without_the_trail_nobody_registers_and_no_account_changes(client, committed_manager, request):
    practice = Practice.objects.get()
    request.getfixturevalue("broken_trail")
    body = {"name": "Ann", "email": "ann@example.com", "password": PASSWORD, "role": "patient"}
    body["joinCode"] = practice.join_code
    assert is_unavailable(client.post("/api/auth/register", body, content_type="application/json"))
    assert User.all_practices.with_email("ann@example.com") is None

    with pytest.raises(AuditLogUnavailable), practice_scope(practice.pk):
        passwords_services.change_password(by=committed_manager, current=PASSWORD, new="Another1!", keep=None)
    assert User.all_practices.get(pk=committed_manager.pk).check_password(PASSWORD)
