"""Automatic logoff: who works here is signed out after 15 minutes without a request (docs/adr/0008)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from redis.connection import AbstractConnection

from accounts import logoff, services
from accounts.models import Ending, Session, User
from core import redis
from core.tenancy import installation_scope, practice_scope
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
def test_who_works_here_stays_for_14_minutes_59_and_not_for_15_minutes_1(make_user, sign_in, clock, role, ask):
    client = sign_in(make_user(role))

    clock.move(minutes=14, seconds=59)
    assert ask(client).status_code == 200
    clock.move(minutes=15, seconds=1)
    refused = ask(client)

    assert (refused.status_code, refused.json()) == (401, TIMED_OUT)
    assert "access_token" not in refused.cookies


@both_tokens
def test_every_request_starts_the_minutes_anew(make_user, sign_in, clock, ask):
    client = sign_in(make_user("staff"))
    for _ in range(4):
        clock.move(minutes=14)
        assert ask(client).status_code == 200


def test_a_request_within_the_minute_counts_to_the_second(make_user, sign_in, clock):
    """The row says when the first of these two was, and the cache when the second."""
    client = sign_in(make_user("staff"))
    call(client)
    clock.move(seconds=50)
    call(client)

    clock.move(minutes=14, seconds=59)

    assert call(client).status_code == 200


@both_tokens
def test_a_patient_stays_for_the_refresh_tokens_life(make_user, sign_in, clock, ask):
    client = sign_in(make_user("patient"))

    clock.move(days=6, hours=23)
    assert ask(client).status_code == 200
    clock.move(hours=2)

    assert ask(client).json() == ENDED


def test_nobody_works_for_longer_than_the_refresh_tokens_life(make_user, sign_in, clock, settings):
    settings.IDLE_LOGOFF_MINUTES = 24 * 60
    client = sign_in(make_user("doctor"))
    for _ in range(7):
        assert refresh(client).status_code == 200
        clock.move(hours=23, minutes=59)
    assert refresh(client).status_code == 200
    clock.move(minutes=8)

    assert refresh(client).json() == ENDED


@both_tokens
def test_zero_turns_it_off(make_user, sign_in, clock, settings, ask):
    settings.IDLE_LOGOFF_MINUTES = 0
    client = sign_in(make_user("admin"))

    clock.move(days=6, hours=23)

    assert ask(client).status_code == 200


def test_the_minutes_are_a_setting(make_user, sign_in, clock, settings):
    settings.IDLE_LOGOFF_MINUTES = 2
    client = sign_in(make_user("admin"))
    clock.move(minutes=1, seconds=59)
    assert call(client).status_code == 200
    clock.move(minutes=2, seconds=1)
    assert call(client).json() == TIMED_OUT


def test_a_session_that_timed_out_never_comes_back(
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
    session = Session.objects.get(user=user)
    assert (session.ending, session.revoked_at is None) == (Ending.TIMED_OUT, False)


def test_signing_out_of_a_session_that_timed_out_is_fine(make_user, sign_in, clock):
    client = sign_in(make_user("staff"))
    clock.move(hours=1)
    assert call(client).status_code == 401
    assert client.post("/api/auth/logout").status_code == 200


def test_each_device_times_out_by_itself(make_user, sign_in, clock):
    user = make_user("staff")
    forgotten, used = sign_in(user), sign_in(user)
    clock.move(minutes=10)
    assert call(used).status_code == 200
    clock.move(minutes=10)

    assert [call(forgotten).status_code, call(used).status_code] == [401, 200]


def test_the_role_that_counts_is_the_one_they_have_now(make_user, sign_in, clock):
    user = make_user("patient")
    client = sign_in(user)
    User.sign_in.filter(pk=user.pk).update(role="staff")  # without the service, which ends the sessions

    clock.move(minutes=15, seconds=1)

    assert call(client).json() == TIMED_OUT


def test_what_does_not_authenticate_is_no_request(make_user, sign_in, clock):
    client = sign_in(make_user("staff"))
    access = client.cookies["access_token"].value
    clock.move(minutes=10)
    client.cookies["access_token"] = access[:-4] + "AAAA"
    assert call(client).json() == ENDED

    clock.move(minutes=5, seconds=1)
    client.cookies["access_token"] = access

    assert call(client).json() == TIMED_OUT


def test_a_change_of_the_account_from_elsewhere_is_no_request_either(make_user, sign_in, clock):
    user = make_user("staff")
    client = sign_in(user)
    clock.move(minutes=16)
    services.update_profile(by=user, name="Somebody Else")

    assert call(client).json() == TIMED_OUT


# --- What it costs


def test_the_row_is_written_at_most_once_a_minute(make_user, sign_in, clock):
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
def test_a_request_costs_one_exchange_with_redis_and_no_query(make_user, sign_in, monkeypatch, role):
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
    if redis.configured():
        redis.client().flushdb()


@both_tokens
def test_a_cache_that_has_lost_everything_neither_keeps_nor_ends_a_session(make_user, sign_in, clock, ask):
    client = sign_in(make_user("staff"))
    call(client)
    clock.move(minutes=14, seconds=59)
    lose_everything()
    assert ask(client).status_code == 200
    clock.move(minutes=15, seconds=1)
    lose_everything()

    assert ask(client).json() == TIMED_OUT


def test_without_the_cache_the_row_decides_up_to_a_minute_early_and_never_late(make_user, sign_in, clock):
    client = sign_in(make_user("staff"))
    call(client)
    clock.move(seconds=50)
    call(client)  # known to the cache alone
    lose_everything()

    clock.move(minutes=14, seconds=11)

    assert call(client).json() == TIMED_OUT


@pytest.mark.redis
@both_tokens
def test_without_redis_the_rows_go_on(make_user, sign_in, clock, monkeypatch, ask):
    client = sign_in(make_user("staff"))
    call(client)
    monkeypatch.setattr(redis, "_down_until", float("inf"))
    for _ in range(3):
        clock.move(minutes=14)
        assert ask(client).status_code == 200
    clock.move(minutes=15, seconds=1)

    assert ask(client).json() == TIMED_OUT


@pytest.mark.redis
@both_tokens
def test_what_redis_remembers_from_before_it_was_away_ends_nobodys_session(make_user, sign_in, clock, monkeypatch, ask):
    user = make_user("staff")
    client = sign_in(user)
    call(client)
    kept = redis.client().dump(logoff.key(Session.objects.get(user=user).pk))
    monkeypatch.setattr(redis, "_down_until", float("inf"))
    clock.move(minutes=10)
    assert call(client).status_code == 200
    monkeypatch.setattr(redis, "_down_until", 0.0)
    redis.client().restore(logoff.key(Session.objects.get(user=user).pk), 0, kept, replace=True)
    clock.move(minutes=10)

    assert ask(client).status_code == 200


# --- At the same moment


def test_a_request_that_was_faster_keeps_the_session_for_the_slower_one(make_user, sign_in, clock, monkeypatch):
    user = make_user("staff")
    client = sign_in(user)
    clock.move(minutes=15, seconds=1)
    lose_everything()
    sessions, timed_out = Session.objects.filter(user=user), logoff.timed_out

    def seen_elsewhere(user, *, last_seen):
        """The slower one has read the row and found it too old; now the faster one's word is stored."""
        outcome = timed_out(user, last_seen=last_seen)
        sessions.update(last_seen_at=timezone.now())
        return outcome

    monkeypatch.setattr(logoff, "timed_out", seen_elsewhere)

    assert call(client).status_code == 200
    assert sessions.get().revoked_at is None


def test_an_end_that_was_faster_ends_it_for_the_slower_request_too(make_user, sign_in, clock, monkeypatch):
    user = make_user("staff")
    client = sign_in(user)
    clock.move(minutes=5)

    def ended_elsewhere(user, *, last_seen):
        Session.objects.filter(user=user).update(revoked_at=timezone.now(), ending=Ending.TIMED_OUT)
        return False

    monkeypatch.setattr(logoff, "timed_out", ended_elsewhere)

    assert call(client).json() == TIMED_OUT


@pytest.mark.django_db(transaction=True)
def test_of_parallel_requests_after_a_pause_all_are_refused_and_none_after_a_short_one(
    transactional_db, make_user, sign_in, clock, practice
):
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
    return client.get("/admin/login/").content.decode()


def test_the_admin_site_keeps_who_works_for_14_minutes_59_and_not_for_15_minutes_1(make_user, enter_site, clock):
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


def test_a_form_that_came_too_late_is_not_saved_and_that_is_said(make_user, enter_site, clock):
    user = make_user("admin")
    client = enter_site(user)
    clock.move(minutes=16)

    form = {"name": "Late Office", "timezone": "America/New_York"}
    refused = client.post("/admin/practices/office/add/", form)

    assert (refused.status_code, refused.url) == (302, "/admin/login/?next=/admin/practices/office/add/")
    assert f"{TIMED_OUT['detail']} What you had just sent was not saved." in login_page(client)
    with practice_scope(user.practice_id):
        assert not Office.objects.exists()


def test_after_a_timeout_one_signs_in_again_where_one_was(make_user, enter_site, clock):
    user = make_user("admin")
    client = enter_site(user)
    clock.move(minutes=16)
    address = client.get("/admin/patients/patient/").url

    again = client.post(address, {"username": user.email, "password": "Passw0rd!"})

    assert (again.status_code, again.url) == (302, "/admin/patients/patient/")
    assert client.get("/admin/patients/patient/").status_code == 200


def test_the_admin_sites_sessions_keep_their_working_day(make_user, enter_site, clock, settings):
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

    assert Session.objects.get(user=user).ending == Ending.SIGNED_OUT
    client.cookies["praxis_admin"] = cookie
    assert client.get("/admin/").status_code == 302


def test_signing_out_of_the_admin_site_after_a_timeout_is_fine(make_user, enter_site, clock):
    user = make_user("admin")
    client = enter_site(user)
    clock.move(minutes=16)
    assert client.post("/admin/logout/", follow=True).redirect_chain[-1][0].startswith("/admin/login/")


def test_a_superuser_times_out_too(db, enter_site, clock):
    user = User(email="root@example.com", name="Root", role="admin", is_superuser=True)
    user.set_password("Passw0rd!")
    with installation_scope():
        user.save()
    client = enter_site(user)
    clock.move(minutes=15, seconds=1)
    assert client.get("/admin/pick-practice/").status_code == 302
    assert TIMED_OUT["detail"] in login_page(client)


def test_a_session_that_names_none_of_ours_is_over(make_user, enter_site):
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
    assert Session.objects.filter(user=user, ending=Ending.NEW_PASSWORD).count() == 2


def test_a_page_writes_at_most_one_row_a_minute_and_never_djangos(make_user, enter_site, clock):
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


def test_the_admin_site_and_the_api_time_out_apart(make_user, enter_site, sign_in, clock):
    user = make_user("admin")
    site, api = enter_site(user), sign_in(user)
    clock.move(minutes=10)
    assert call(api).status_code == 200
    clock.move(minutes=10)

    assert (site.get("/admin/").status_code, call(api).status_code) == (302, 200)
