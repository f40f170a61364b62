"""Automatic logoff: who works here is signed out after 15 minutes without a request (docs/adr/0008)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis.connection import AbstractConnection

from accounts.models import LoginSession, RevocationReason, User
from accounts.sessions import idle_timeout
from accounts.users import services
from core.cache import redis_client
from core.tenancy.scope import installation_scope, practice_scope
from practices.models import Office

TIMED_OUT = {"detail": "Your session timed out. Please sign in again."}
ENDED = {"detail": "Your session has ended. Please sign in again."}
WORKFORCE = ["admin", "doctor", "staff", "billing"]


def call(client):
    return client.get("/api/users/me")


def refresh(client):
    return client.post("/api/auth/refresh")


both_tokens = pytest.mark.parametrize("ask", [call, refresh], ids=["access token", "refresh token"])


@both_tokens
@pytest.mark.parametrize("role", WORKFORCE)
def test_staff_session_times_out_after_15_minutes(make_user, sign_in, clock, role, ask):
    client = sign_in(make_user(role))

    clock.move(minutes=14, seconds=59)
    assert ask(client).status_code == 200
    clock.move(minutes=15, seconds=1)
    refused = ask(client)

    assert (refused.status_code, refused.json()) == (401, TIMED_OUT)
    assert "access_token" not in refused.cookies


@both_tokens
def test_request_resets_idle_timer(make_user, sign_in, clock, ask):
    client = sign_in(make_user("staff"))
    for _ in range(4):
        clock.move(minutes=14)
        assert ask(client).status_code == 200


def test_idle_timeout_counts_requests_to_the_second(make_user, sign_in, clock):
    """The row says when the first of these two was, and the cache when the second."""
    client = sign_in(make_user("staff"))
    call(client)
    clock.move(seconds=50)
    call(client)

    clock.move(minutes=14, seconds=59)

    assert call(client).status_code == 200


@both_tokens
def test_patient_has_no_idle_timeout(make_user, sign_in, clock, ask):
    client = sign_in(make_user("patient"))

    clock.move(days=6, hours=23)
    assert ask(client).status_code == 200
    clock.move(hours=2)

    assert ask(client).json() == ENDED


def test_admin_session_never_outlives_refresh_token_lifetime(make_user, sign_in, clock, settings):
    settings.IDLE_LOGOFF_MINUTES = 24 * 60
    client = sign_in(make_user("doctor"))
    for _ in range(7):
        assert refresh(client).status_code == 200
        clock.move(hours=23, minutes=59)
    assert refresh(client).status_code == 200
    clock.move(minutes=8)

    assert refresh(client).json() == ENDED


@both_tokens
def test_idle_timeout_of_zero_is_off(make_user, sign_in, clock, settings, ask):
    settings.IDLE_LOGOFF_MINUTES = 0
    client = sign_in(make_user("admin"))

    clock.move(days=6, hours=23)

    assert ask(client).status_code == 200


def test_minutes_are_a_setting(make_user, sign_in, clock, settings):
    settings.IDLE_LOGOFF_MINUTES = 2
    client = sign_in(make_user("admin"))
    clock.move(minutes=1, seconds=59)
    assert call(client).status_code == 200
    clock.move(minutes=2, seconds=1)
    assert call(client).json() == TIMED_OUT


def test_session_that_timed_out_never_comes_back(
    make_user, sign_in, clock, settings, django_capture_on_commit_callbacks
):
    user = make_user("staff")
    client = sign_in(user)
    clock.move(minutes=15, seconds=1)
    with django_capture_on_commit_callbacks(execute=True):
        assert call(client).status_code == 401

    clock.move(minutes=-15)
    settings.IDLE_LOGOFF_MINUTES = 0

    assert call(client).json() == refresh(client).json() == TIMED_OUT
    session = LoginSession.objects.get(user=user)
    assert (session.revocation_reason, session.revoked_at is None) == (RevocationReason.TIMED_OUT, False)


def test_signing_out_of_a_session_that_timed_out_is_fine(make_user, sign_in, clock):
    client = sign_in(make_user("staff"))
    clock.move(hours=1)
    assert call(client).status_code == 401
    assert client.post("/api/auth/logout").status_code == 200


def test_each_session_times_out_separately(make_user, sign_in, clock):
    user = make_user("staff")
    forgotten, used = sign_in(user), sign_in(user)
    clock.move(minutes=10)
    assert call(used).status_code == 200
    clock.move(minutes=10)

    assert [call(forgotten).status_code, call(used).status_code] == [401, 200]


def test_idle_timeout_follows_current_role(make_user, sign_in, clock):
    user = make_user("patient")
    client = sign_in(user)
    User.all_practices.filter(pk=user.pk).update(role="staff")  # without the service, which ends the sessions

    clock.move(minutes=15, seconds=1)

    assert call(client).json() == TIMED_OUT


def test_unauthenticated_request_does_not_reset_idle_timer(make_user, sign_in, clock):
    client = sign_in(make_user("staff"))
    access = client.cookies["access_token"].value
    clock.move(minutes=10)
    client.cookies["access_token"] = access[:-4] + "AAAA"
    assert call(client).json() == ENDED

    clock.move(minutes=5, seconds=1)
    client.cookies["access_token"] = access

    assert call(client).json() == TIMED_OUT


def test_account_change_by_someone_else_does_not_reset_idle_timer(make_user, sign_in, clock):
    user = make_user("staff")
    client = sign_in(user)
    clock.move(minutes=16)
    services.update_profile(by=user, name="Somebody Else")

    assert call(client).json() == TIMED_OUT


# --- What it costs


def test_last_seen_row_is_updated_at_most_once_a_minute(make_user, sign_in, clock):
    client = sign_in(make_user("staff"))

    def writes() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert call(client).status_code == 200
        return len([query for query in queries if query["sql"].startswith('UPDATE "accounts_session"')])

    assert [writes() for _ in range(5)] == [0] * 5
    clock.move(seconds=59)
    assert writes() == 0
    clock.move(seconds=1)
    assert [writes() for _ in range(5)] == [1, 0, 0, 0, 0]
    clock.move(seconds=61)
    assert [writes() for _ in range(5)] == [1, 0, 0, 0, 0]


@pytest.mark.redis
@pytest.mark.parametrize("role", ["staff", "patient"])
def test_request_makes_one_redis_call_and_no_query(make_user, sign_in, monkeypatch, role):
    client = sign_in(make_user(role))
    assert call(client).status_code == 200  # now Redis holds the session
    sent = []
    send = AbstractConnection.send_packed_command
    monkeypatch.setattr(
        AbstractConnection, "send_packed_command", lambda *given, **named: sent.append(1) or send(*given, **named)
    )

    with CaptureQueriesContext(connection) as queries:
        assert call(client).status_code == 200

    assert (len(sent), len(queries)) == (1, 0)


# --- What the cache may do


def lose_everything():
    cache.clear()
    if redis_client.configured():
        redis_client.client().flushdb()


@both_tokens
def test_idle_limit_without_cached_last_seen_is_decided_by_row(make_user, sign_in, clock, ask):
    client = sign_in(make_user("staff"))
    call(client)
    clock.move(minutes=14, seconds=59)
    lose_everything()
    assert ask(client).status_code == 200
    clock.move(minutes=15, seconds=1)
    lose_everything()

    assert ask(client).json() == TIMED_OUT


def test_idle_timeout_from_row_is_never_late(make_user, sign_in, clock):
    client = sign_in(make_user("staff"))
    call(client)
    clock.move(seconds=50)
    call(client)  # known to the cache alone
    lose_everything()

    clock.move(minutes=14, seconds=11)

    assert call(client).json() == TIMED_OUT


@pytest.mark.redis
@both_tokens
def test_sessions_work_without_redis(make_user, sign_in, clock, monkeypatch, ask):
    client = sign_in(make_user("staff"))
    call(client)
    monkeypatch.setattr(redis_client, "_down_until", float("inf"))
    for _ in range(3):
        clock.move(minutes=14)
        assert ask(client).status_code == 200
    clock.move(minutes=15, seconds=1)

    assert ask(client).json() == TIMED_OUT


@pytest.mark.redis
@both_tokens
def test_stale_redis_last_seen_ends_no_session(make_user, sign_in, clock, monkeypatch, ask):
    user = make_user("staff")
    client = sign_in(user)
    call(client)
    kept = redis_client.client().dump(idle_timeout.cache_key(LoginSession.objects.get(user=user).pk))
    monkeypatch.setattr(redis_client, "_down_until", float("inf"))
    clock.move(minutes=10)
    assert call(client).status_code == 200
    monkeypatch.setattr(redis_client, "_down_until", 0.0)
    redis_client.client().restore(idle_timeout.cache_key(LoginSession.objects.get(user=user).pk), 0, kept, replace=True)
    clock.move(minutes=10)

    assert ask(client).status_code == 200


# --- At the same moment


def test_parallel_request_keeps_session_at_idle_limit(make_user, sign_in, clock, monkeypatch):
    user = make_user("staff")
    client = sign_in(user)
    clock.move(minutes=15, seconds=1)
    lose_everything()
    sessions, timed_out = LoginSession.objects.filter(user=user), idle_timeout.has_timed_out

    def seen_elsewhere(user, *, last_seen):
        """The slower one has read the row and found it too old; now the faster one's word is stored."""
        outcome = timed_out(user, last_seen=last_seen)
        sessions.update(last_seen_at=timezone.now())
        return outcome

    monkeypatch.setattr(idle_timeout, "has_timed_out", seen_elsewhere)

    assert call(client).status_code == 200
    assert sessions.get().revoked_at is None


def test_session_ended_by_parallel_request_is_refused(make_user, sign_in, clock, monkeypatch):
    user = make_user("staff")
    client = sign_in(user)
    clock.move(minutes=5)

    def ended_elsewhere(user, *, last_seen):
        LoginSession.objects.filter(user=user).update(
            revoked_at=timezone.now(), revocation_reason=RevocationReason.TIMED_OUT
        )
        return False

    monkeypatch.setattr(idle_timeout, "has_timed_out", ended_elsewhere)

    assert call(client).json() == TIMED_OUT


@pytest.mark.django_db(transaction=True)
def test_parallel_requests_after_idle_limit_are_all_refused(transactional_db, make_user, sign_in, clock, practice):
    client = sign_in(make_user("staff"))

    def burst():
        def one(_):
            try:
                return call(client)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as pool:
            return list(pool.map(one, range(12)))

    clock.move(minutes=14, seconds=30)
    assert {answer.status_code for answer in burst()} == {200}
    clock.move(minutes=15, seconds=30)
    assert {answer.json()["detail"] for answer in burst()} == {TIMED_OUT["detail"]}


# --- The admin site


def login_page(client):
    return client.get("/").content.decode()


def test_admin_session_times_out_after_15_minutes(make_user, enter_site, clock):
    client = enter_site(make_user("admin"))

    clock.move(minutes=14, seconds=59)
    assert client.get("/admin/").status_code == 200
    clock.move(minutes=15, seconds=1)
    refused = client.get("/admin/patients/patient/")

    assert (refused.status_code, refused.url) == (302, "/admin/login/?next=/admin/patients/patient/")
    page = login_page(client)
    assert TIMED_OUT["detail"] in page
    assert "not saved" not in page
    assert client.get("/admin/").status_code == 302


def test_form_after_timeout_is_not_saved_and_says_so(make_user, enter_site, clock):
    user = make_user("admin")
    client = enter_site(user)
    clock.move(minutes=16)

    form = {"name": "Late Office", "timezone": "America/New_York"}
    refused = client.post("/admin/practices/office/add/", form)

    assert (refused.status_code, refused.url) == (302, "/admin/login/?next=/admin/practices/office/add/")
    assert f"{TIMED_OUT['detail']} Your last changes were not saved." in login_page(client)
    with practice_scope(user.practice_id):
        assert not Office.objects.exists()


def test_sign_in_after_timeout_returns_to_page(make_user, enter_site, clock):
    user = make_user("admin")
    client = enter_site(user)
    clock.move(minutes=16)
    address = client.get(client.get("/admin/patients/patient/").url).url

    again = client.post(address, {"username": user.email, "password": "Passw0rd!"})

    assert (again.status_code, again.url) == (302, "/admin/patients/patient/")
    assert client.get("/admin/patients/patient/").status_code == 200


def test_admin_session_lasts_a_working_day(make_user, enter_site, clock, settings):
    settings.IDLE_LOGOFF_MINUTES = 0
    client = enter_site(make_user("admin"))
    clock.move(hours=11, minutes=59)
    assert client.get("/admin/").status_code == 200
    clock.move(minutes=2)
    assert client.get("/admin/").status_code == 302


def test_signing_out_of_the_admin_site_ends_the_session(make_user, enter_site, clock):
    user = make_user("admin")
    client = enter_site(user)
    cookie = client.cookies["praxis_admin"].value
    client.post("/admin/logout/")

    assert LoginSession.objects.get(user=user).revocation_reason == RevocationReason.SIGNED_OUT
    client.cookies["praxis_admin"] = cookie
    assert client.get("/admin/").status_code == 302


def test_signing_out_of_the_admin_site_after_a_timeout_is_fine(make_user, enter_site, clock):
    user = make_user("admin")
    client = enter_site(user)
    clock.move(minutes=16)
    assert client.post("/admin/logout/", follow=True).redirect_chain[-1][0] == "/?next=%2Fadmin%2F"


def test_superuser_times_out_too(db, enter_site, clock):
    user = User(email="root@example.com", name="Root", role="admin", is_superuser=True)
    user.set_password("Passw0rd!")
    with installation_scope():
        user.save()
    client = enter_site(user)
    clock.move(minutes=15, seconds=1)
    assert client.get("/admin/pick-practice/").status_code == 302
    assert TIMED_OUT["detail"] in login_page(client)


def test_admin_session_without_login_session_is_ended(make_user, enter_site):
    client = enter_site(make_user("admin"))
    session = client.session
    del session["session"]
    session.save()

    assert client.get("/admin/").status_code == 302
    assert ENDED["detail"] in login_page(client)


def test_changing_ones_own_password_ends_all_sessions_but_this_one(make_user, enter_site, sign_in):
    user = make_user("admin")
    here, there, api = enter_site(user), enter_site(user), sign_in(user)
    form = {"old_password": "Passw0rd!", "new_password1": "Another1!", "new_password2": "Another1!"}
    assert here.post("/admin/password_change/", form).status_code == 302

    assert here.get("/admin/").status_code == 200
    assert there.get("/admin/").status_code == 302
    assert call(api).json() == ENDED
    assert LoginSession.objects.filter(user=user, revocation_reason=RevocationReason.NEW_PASSWORD).count() == 2


def test_page_writes_at_most_one_row_a_minute_and_never_djangos(make_user, enter_site, clock):
    client = enter_site(make_user("admin"))
    client.get("/admin/")

    def writes() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/admin/").status_code == 200
        return [query["sql"].split()[1] for query in queries if query["sql"].startswith("UPDATE")]

    assert writes() == []
    clock.move(seconds=61)
    assert writes() == ['"accounts_session"']
    assert writes() == []


def test_admin_site_and_the_api_time_out_apart(make_user, enter_site, sign_in, clock):
    user = make_user("admin")
    site, api = enter_site(user), sign_in(user)
    clock.move(minutes=10)
    assert call(api).status_code == 200
    clock.move(minutes=10)

    assert (site.get("/admin/").status_code, call(api).status_code) == (302, 200)


# --- What an open page asks and says


def left(client):
    return client.get("/session/left/").json().get("seconds")


def test_open_page_learns_what_is_left_and_reports_typing(make_user, enter_site, clock, subtests):
    client = enter_site(make_user("staff"))
    assert 'data-seconds="900"' in client.get("/calendar/").content.decode()
    assert 'data-seconds="900"' in client.get("/admin/").content.decode()
    clock.move(minutes=10)
    assert 295 <= left(client) <= 300  # and asking is nobody's activity
    assert client.get("/session/active/").status_code == 405
    assert client.post("/session/active/").json()["seconds"] >= 895
    clock.move(minutes=14)
    assert 55 <= left(client) <= 60
    clock.move(minutes=2)
    assert client.get("/session/left/").status_code == 401
    assert TIMED_OUT["detail"] in client.get("/").content.decode()
    assert client.post("/session/active/").status_code == 401


def test_patients_page_is_not_watched(make_user, enter_site, clock):
    client = enter_site(make_user("patient"))
    assert 'id="idle"' not in client.get("/me/").content.decode()
    clock.move(minutes=20)
    assert left(client) > 11 * 60 * 60
