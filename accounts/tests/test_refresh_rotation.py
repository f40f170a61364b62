"""Bearer tokens: short-lived access, a refresh token that works once, and what happens to who copies one."""

import base64
import hashlib
import json
from datetime import timedelta
from threading import Barrier, Thread

import jwt
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.api_clients import refresh_rotation
from accounts.models import LoginSession, RevocationReason, SignInChannel, User
from accounts.tests.factories import PASSWORD
from accounts.users import services
from audit import log
from audit.events import AuditEvent as Event
from audit.tests.whole_trail import whole_trail
from core.cache import redis_client
from core.tenancy.scope import installation_scope, practice_scope

ENDED = {"detail": "Your session has ended. Please sign in again."}
TIMED_OUT = {"detail": "Your session timed out. Please sign in again."}
KEYS = {"access_token", "token_type", "expires_in", "refresh_token"}


def sign_in(user, client=None):
    body = {"email": user.email, "password": PASSWORD}
    answer = (client or Client()).post("/auth/login", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def refresh(token):
    return Client().post("/auth/refresh", {"refresh_token": token}, content_type="application/json")


def me(tokens):
    return Client().get("/api/users/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})


def session_of(tokens):
    return LoginSession.objects.get(pk=claims(tokens["access_token"])["sid"])


def claims(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def logged_events(kind):
    return list(whole_trail().filter(kind=kind).order_by("id"))


@pytest.fixture
def user(make_user):
    return make_user("patient")


@pytest.fixture
def commits(django_capture_on_commit_callbacks):
    """Run on_commit callbacks, since a test's own transaction never commits."""
    with django_capture_on_commit_callbacks(execute=True):
        yield


# --- Token generation and validation (seed 1-hipaa-auth.md, Test Strategy)


def test_token_generation_says_who_which_session_and_until_when(user):
    tokens = sign_in(user)

    assert set(tokens) == KEYS
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 900)
    access, renewal = claims(tokens["access_token"]), claims(tokens["refresh_token"])
    assert (access["sub"], access["email"], access["role"]) == (str(user.pk), user.email, "patient")
    assert (access["type"], renewal["type"]) == ("access", "bearer_refresh")
    assert access["exp"] - access["iat"] == 900
    assert set(renewal) == {"sub", "exp", "iat", "jti", "sid", "type"}  # it says nothing of the person
    assert session_of(tokens).channel == SignInChannel.BEARER


def test_pair_never_outlives_its_session(user, clock):
    tokens = sign_in(user)
    clock.move(days=6, hours=23, minutes=55)

    last = refresh(tokens["refresh_token"]).json()

    ends = int(session_of(tokens).expires_at.timestamp())
    assert claims(last["access_token"])["exp"] == claims(last["refresh_token"])["exp"] == ends
    assert 290 <= last["expires_in"] <= 300
    assert claims(last["refresh_token"])["exp"] == claims(tokens["refresh_token"])["exp"]


def changed(token, **changes):
    return jwt.encode({**claims(token), **changes}, settings.SECRET_KEY, algorithm="HS256")


@pytest.mark.parametrize(
    "bend",
    [
        pytest.param(lambda tokens: tokens["access_token"], id="the access token"),
        pytest.param(lambda tokens: "nonsense", id="no token"),
        pytest.param(lambda tokens: tokens["refresh_token"][:-6] + "AAAAAA", id="another signature"),
        pytest.param(lambda tokens: jwt.encode(claims(tokens["refresh_token"]), "x" * 48), id="another key"),
        pytest.param(lambda tokens: jwt.encode(claims(tokens["refresh_token"]), None, "none"), id="alg none"),
        pytest.param(lambda tokens: changed(tokens["refresh_token"], exp=1_700_000_000), id="expired"),
        pytest.param(lambda tokens: changed(tokens["refresh_token"], type="refresh"), id="a cookie's kind"),
        pytest.param(lambda tokens: changed(tokens["refresh_token"], sub=tokens["access_token"]), id="nobody's"),
    ],
)
def test_token_validation_takes_the_refresh_token_alone(user, bend):
    tokens = sign_in(user)

    refused = refresh(bend(tokens))

    assert (refused.status_code, refused.json()) == (401, ENDED)
    assert refused["WWW-Authenticate"].startswith("Bearer")
    assert [event.outcome for event in logged_events(Event.REFRESH_REFUSED)] == ["failed"]
    assert refresh(tokens["refresh_token"]).status_code == 200  # whoever guessed has ended nothing


def test_refresh_token_is_no_access_token(user):
    tokens = sign_in(user)

    assert me({"access_token": tokens["refresh_token"]}).status_code == 401


def test_refresh_token_of_other_channel_is_refused(user):
    tokens, browser = sign_in(user), Client()
    browser.post("/api/auth/login", {"email": user.email, "password": PASSWORD}, content_type="application/json")
    cookie = browser.cookies["refresh_token"].value

    assert refresh(cookie).status_code == 401
    browser.cookies["refresh_token"] = tokens["refresh_token"]
    assert browser.post("/api/auth/refresh").status_code == 401
    assert refresh(tokens["refresh_token"]).status_code == 200
    browser.cookies["refresh_token"] = cookie
    assert browser.post("/api/auth/refresh").status_code == 200


# --- Rotation


def test_each_refresh_token_gives_a_new_pair(user):
    tokens = sign_in(user)
    seen = {tokens["access_token"], tokens["refresh_token"]}
    for _ in range(3):
        answer = refresh(tokens["refresh_token"])
        assert answer.status_code == 200
        assert (answer["Cache-Control"], answer["Pragma"]) == ("no-store", "no-cache")
        tokens = answer.json()
        assert set(tokens) == KEYS
        assert not {tokens["access_token"], tokens["refresh_token"]} & seen
        seen |= {tokens["access_token"], tokens["refresh_token"]}
        assert me(tokens).status_code == 200

    assert len(logged_events(Event.REFRESHED)) == 3


def test_repeated_refresh_within_ten_seconds_returns_same_pair(user, clock):
    tokens = sign_in(user)
    first = refresh(tokens["refresh_token"]).json()
    clock.move(seconds=9, milliseconds=500)

    again = refresh(tokens["refresh_token"]).json()

    assert (again["access_token"], again["refresh_token"]) == (first["access_token"], first["refresh_token"])
    assert again["expires_in"] in (890, 889)
    assert [json.loads(event.details).get("again") for event in logged_events(Event.REFRESHED)] == [None, True]
    assert refresh(first["refresh_token"]).status_code == 200  # the pair is good, and only now replaced


def test_reuse_of_an_old_refresh_token_ends_the_whole_session_and_is_told(user, clock, commits):
    tokens = sign_in(user)
    session = session_of(tokens)
    latest = refresh(tokens["refresh_token"]).json()
    other_device = sign_in(user)
    clock.move(seconds=10, milliseconds=500)
    assert me(latest).status_code == 200

    reused = refresh(tokens["refresh_token"])

    assert (reused.status_code, reused.json()) == (401, ENDED)
    session.refresh_from_db()
    assert (session.revocation_reason, session.revoked_at is not None) == (RevocationReason.REUSED, True)
    (event,) = logged_events(Event.REFRESH_REUSED)
    assert (event.about_id, json.loads(event.details)["session"]) == (user.pk, str(session.pk))
    assert other_device
    assert me(other_device).status_code == 200


def test_refresh_reuse_signs_out_thief_and_owner(user, clock, django_capture_on_commit_callbacks):
    tokens = sign_in(user)
    latest = refresh(tokens["refresh_token"]).json()
    clock.move(seconds=11)
    assert me(latest).status_code == 200  # Redis holds the session now
    with django_capture_on_commit_callbacks(execute=True):
        refresh(tokens["refresh_token"])

    assert me(latest).status_code == me(tokens).status_code == 401
    assert refresh(latest["refresh_token"]).status_code == refresh(tokens["refresh_token"]).status_code == 401


def test_token_two_refreshes_old_is_reuse_even_within_ten_seconds(user):
    tokens = sign_in(user)
    second = refresh(tokens["refresh_token"]).json()
    third = refresh(second["refresh_token"]).json()

    assert refresh(tokens["refresh_token"]).status_code == 401
    assert session_of(third).revocation_reason == RevocationReason.REUSED


def test_database_holds_hashes_of_refresh_tokens_alone(user):
    tokens = sign_in(user)
    latest = refresh(tokens["refresh_token"]).json()
    session = session_of(tokens)

    assert bytes(session.refresh_hash) == hashlib.sha256(latest["refresh_token"].encode()).digest()
    assert bytes(session.replaced_hash) == hashlib.sha256(tokens["refresh_token"].encode()).digest()
    everything = dump()
    assert str(session.pk).replace("-", "") in everything.replace("-", "")
    for token in (*tokens.values(), *latest.values()):
        if isinstance(token, str) and len(token) > 20:
            assert token not in everything
            assert token.split(".")[2] not in everything
            assert claims(token)["jti"] not in everything


def dump():
    """Every value of every table, as text; bytes as they are and as hexadecimal digits."""
    with installation_scope(), connection.cursor() as cursor:
        text = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for value in (value for row in cursor.fetchall() for value in row):
                raw = bytes(value) if isinstance(value, bytes | memoryview) else None
                text.append(str(value) if raw is None else f"{raw.hex()} {raw.decode('latin-1')}")
    return "\n".join(text)


@pytest.mark.redis
def test_redis_holds_no_token_either(user):
    tokens = sign_in(user)
    latest = refresh(tokens["refresh_token"]).json()
    assert me(latest).status_code == 200

    client = redis_client.client()
    held = b"\n".join(
        key + b" " + (client.get(key) or b"") for key in client.keys("*") if client.type(key) == b"string"
    )

    assert claims(latest["access_token"])["sid"].encode() in held
    for token in (tokens["refresh_token"], latest["refresh_token"], latest["access_token"]):
        assert token.split(".")[2].encode() not in held


# --- What ends it


def test_claims_come_from_current_user_row(user):
    tokens = sign_in(user)
    with practice_scope(user.practice_id):
        row = User.all_practices.get(pk=user.pk)
        row.email = "renamed@example.com"
        row.save()

    assert claims(refresh(tokens["refresh_token"]).json()["access_token"])["email"] == "renamed@example.com"


@pytest.mark.parametrize("change", [{"is_active": False}, {"role": "staff"}], ids=["deactivated", "new role"])
def test_account_change_refuses_next_refresh_and_request(make_user, change, django_capture_on_commit_callbacks):
    user, manager = make_user("doctor"), make_user("admin")
    tokens = sign_in(user)
    assert me(tokens).status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        services.update_user(user=user, by=manager, **change)

    assert me(tokens).status_code == 401
    assert refresh(tokens["refresh_token"]).json() == ENDED


def test_ended_session_stays_ended(user, django_capture_on_commit_callbacks):
    tokens = sign_in(user)
    with django_capture_on_commit_callbacks(execute=True):
        Client().post("/auth/logout", headers={"Authorization": f"Bearer {tokens['access_token']}"})

    assert me(tokens).status_code == 401
    assert refresh(tokens["refresh_token"]).status_code == 401
    assert [json.loads(event.details)["reason"] for event in logged_events(Event.REFRESH_REFUSED)] == ["ended"]


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing"])
def test_session_timeout_holds_for_the_workforces_mobile_apps_too(make_user, clock, role):
    user = make_user(role)
    kept, idle = sign_in(user), sign_in(user)
    clock.move(minutes=14, seconds=30)
    kept = refresh(kept["refresh_token"]).json()
    clock.move(minutes=1)

    assert refresh(kept["refresh_token"]).status_code == 200
    refused = refresh(idle["refresh_token"])
    assert (refused.status_code, refused.json()) == (401, TIMED_OUT)
    assert me(idle).status_code == 401


def test_patient_mobile_app_has_no_idle_timeout(user, clock):
    tokens = sign_in(user)
    clock.move(days=6, hours=23)
    tokens = refresh(tokens["refresh_token"]).json()
    clock.move(hours=2)

    assert refresh(tokens["refresh_token"]).status_code == 401


def test_without_the_trail_nothing_is_rotated_and_the_old_token_still_works(user, monkeypatch):
    tokens = sign_in(user)
    before = bytes(session_of(tokens).refresh_hash)

    def down(*args, **kwargs):
        raise log.AuditLogUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(log, "record", down)
        assert refresh(tokens["refresh_token"]).status_code == 503
    assert bytes(session_of(tokens).refresh_hash) == before

    assert refresh(tokens["refresh_token"]).status_code == 200
    assert len(logged_events(Event.REFRESHED)) == 1


# --- All at once


@pytest.mark.slow  # fifty threads
@pytest.mark.django_db(transaction=True)
def test_fifty_parallel_refreshes_make_one_pair(transactional_db, make_user):
    tokens = sign_in(make_user("patient"))
    barrier, answers = Barrier(50), []

    def run():
        barrier.wait(300)
        try:
            answers.append(refresh(tokens["refresh_token"]))
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)

    assert {answer.status_code for answer in answers} == {200}
    assert len(answers) == 50
    pairs = {(answer.json()["access_token"], answer.json()["refresh_token"]) for answer in answers}
    assert len(pairs) == 1
    again = [json.loads(event.details).get("again", False) for event in logged_events(Event.REFRESHED)]
    assert (again.count(False), again.count(True)) == (1, 49)
    ((_, renewal),) = pairs
    assert refresh(renewal).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_refresh_reuse_ends_session_despite_error_response(transactional_db, make_user, clock):
    """Outside of a test's own transaction, as a server has it."""
    tokens = sign_in(make_user("patient"))
    latest = refresh(tokens["refresh_token"]).json()
    clock.move(seconds=11)
    assert me(latest).status_code == 200

    assert refresh(tokens["refresh_token"]).status_code == 401

    assert me(latest).status_code == 401
    assert session_of(latest).revocation_reason == RevocationReason.REUSED
    assert len(logged_events(Event.REFRESH_REUSED)) == 1


def test_grace_period_ends_with_session(user, clock):
    session = LoginSession.objects.create(
        user=user,
        channel=SignInChannel.BEARER,
        expires_at=timezone.now() + timedelta(seconds=5),
        last_seen_at=timezone.now(),
    )
    first = refresh_rotation.issue_first_pair(session)
    refresh_rotation.refresh(first.refresh_token)
    clock.move(seconds=6)

    assert refresh(first.refresh_token).status_code == 401
