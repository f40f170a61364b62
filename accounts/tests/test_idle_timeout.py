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
