"""Listing and ending one's own sessions: in every channel, with and without Redis, and in parallel."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from redis import Redis

from accounts.models import LoginSession, RevocationReason, User
from accounts.passwords import services as passwords_services
from accounts.sessions import services as sessions
from accounts.sessions.devices import MAX_LENGTH, describe_device
from accounts.sign_in import services as sign_in_services
from accounts.tests.factories import PASSWORD
from accounts.tests.trail import logged_events
from audit.events import AuditEvent
from core.cache import redis_client
from core.errors import NotSignedIn
from core.tenancy.scope import installation_scope
from tests.damage import lose_key

MINE = "/api/users/me/sessions"
NEW = "Another1!"


@pytest.fixture(autouse=True)
def _committed(request, django_capture_on_commit_callbacks):
    """What waits for a commit runs after each request, as it does outside a test."""
    if request.node.get_closest_marker("django_db") or "transactional_db" in request.fixturenames:
        yield
        return
    get = Client.generic

    def generic(self, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return get(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "generic", generic)
        yield


@pytest.fixture
def bearer():
    """`bearer(user)`: a mobile app's client."""

    def enter(user):
        body = {"email": user.email, "password": PASSWORD}
        tokens = Client().post("/auth/login", body, content_type="application/json").json()
        return Client(headers={"Authorization": f"Bearer {tokens['access_token']}"})

    return enter


def call(client):
    return client.get("/api/users/me").status_code


def today(client):
    return client.get("/admin/").status_code


@pytest.fixture
def three_channels(make_user, sign_in, enter_site, bearer):
    """Somebody who is signed in through each, and seen there a moment ago; and one more browser of theirs."""
    user = make_user("admin")
    web, phone, site, here = sign_in(user), bearer(user), enter_site(user), sign_in(user)
    assert (call(web), call(phone), today(site), call(here)) == (200, 200, 200, 200)
    return user, web, phone, site, here


def test_sessions_of_every_channel_are_listed(three_channels):
    *_, here = three_channels

    assert sorted(session["kind"] for session in here.get(MINE).json()["sessions"]) == [
        "admin_site",
        "api",
        "api",
        "bearer",
    ]


def test_single_session_ends_in_every_channel(three_channels):
    user, web, phone, site, here = three_channels
    kinds = {session["kind"]: session["id"] for session in here.get(MINE).json()["sessions"] if not session["current"]}

    for kind, client, ask in (("api", web, call), ("bearer", phone, call), ("admin_site", site, today)):
        assert here.delete(f"{MINE}/{kinds.pop(kind)}").status_code == 204
        assert ask(client) in (401, 302)
    assert call(here) == 200
    assert LoginSession.objects.filter(user=user, revocation_reason=RevocationReason.ENDED_ELSEWHERE).count() == 3


@pytest.mark.parametrize("verb", ["others", "password"])
def test_all_other_sessions_end_in_every_channel(three_channels, verb):
    _, web, phone, site, here = three_channels

    if verb == "others":
        assert here.delete(MINE).json() == {"ended": 3}
    else:
        body = {"current": PASSWORD, "new": NEW}
        assert here.post("/api/users/me/password", body, content_type="application/json").status_code == 200

    assert (call(web), call(phone), today(site), call(here)) == (401, 401, 302, 200)


@pytest.mark.redis
def test_own_sessions_end_without_redis(three_channels, monkeypatch):
    _, web, phone, site, here = three_channels
    monkeypatch.setattr(redis_client, "_down_until", float("inf"))

    assert here.delete(MINE).json() == {"ended": 3}

    assert (call(web), call(phone), today(site), call(here)) == (401, 401, 302, 200)


@pytest.mark.redis
def test_ended_session_still_in_redis_is_refused(three_channels, settings):
    user, web, *_, here = three_channels
    with Redis.from_url(settings.REDIS_URL) as client:
        assert client.exists(*(f"session:{session.pk}" for session in LoginSession.objects.filter(user=user)))

    here.delete(MINE)

    assert call(web) == 401


def test_session_that_timed_out_is_not_listed(make_user, sign_in, clock):
    user = make_user("staff")
    sign_in(user)
    clock.move(minutes=17)

    assert [session["current"] for session in sign_in(user).get(MINE).json()["sessions"]] == [True]


def test_patient_sees_idle_device_in_list(make_user, sign_in, clock):
    user = make_user("patient")
    sign_in(user)
    clock.move(days=3)

    assert [session["current"] for session in sign_in(user).get(MINE).json()["sessions"]] == [True, False]


def test_ended_sessions_are_logged_with_their_user(three_channels):
    user, *_, here = three_channels
    here.delete(MINE)

    ended = logged_events(AuditEvent.SESSION_ENDED)
    assert len(ended) == 3
    assert {(event.user_id, event.about_id, event.details["reason"]) for event in ended} == {
        (user.pk, user.pk, "elsewhere")
    }


def test_ending_current_session_is_logged_as_sign_out(make_user, sign_in):
    user = make_user("staff")
    client = sign_in(user)
    client.delete(f"{MINE}/{LoginSession.objects.get(user=user).pk}")

    assert [event.about_id for event in logged_events(AuditEvent.SIGNED_OUT)] == [user.pk]


def test_session_that_ended_while_it_asked_ends_no_other(make_user, client_of):
    user = make_user("staff")
    client_of(user)
    client_of(user)
    here, other = LoginSession.objects.filter(user=user)
    sessions.end(session_id=here.pk)

    with pytest.raises(NotSignedIn):
        sessions.end_own(user=user, here=here.pk)

    assert LoginSession.objects.live().get() == other


@pytest.mark.django_db(transaction=True)
def test_two_sessions_ending_each_other_leave_one(transactional_db, make_user, sign_in):
    user = make_user("staff")
    clients = [sign_in(user) for _ in range(4)]

    def end_others(client):
        try:
            return client.delete(MINE).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(end_others, clients))

    assert sorted(outcomes) == [200, 401, 401, 401]
    assert LoginSession.objects.filter(user=user).live().count() == 1


@pytest.mark.postgresql
def test_account_is_locked_before_its_sessions(make_user, sign_in):
    """In another order it and a new second factor lock each other up."""
    user = make_user("staff")
    sign_in(user)
    here = LoginSession.objects.get(user=user).pk

    with CaptureQueriesContext(connection) as asked:
        sessions.end_own(user=user, here=here)

    held = [query["sql"] for query in asked if "FOR UPDATE" in query["sql"]]
    assert 'FROM "accounts_user"' in held[0]


def test_axes_reset_clears_every_lockout(make_user, sign_in):
    user = make_user("staff")
    client = sign_in(user)
    for _ in range(6):
        wrong = client.post("/api/users/me/password", {"current": "guess", "new": "An0ther-one"}, "application/json")
    assert wrong.status_code == 429

    call_command("axes_reset_username", user.email)

    right = client.post("/api/users/me/password", {"current": PASSWORD, "new": "An0ther-one"}, "application/json")
    assert right.status_code == 200


def test_superuser_sees_their_own(db, client_of):
    user = User(email="root@example.com", name="Root", role="admin", is_superuser=True)
    user.set_password(PASSWORD)
    with installation_scope():
        user.save()
    client_of(user)
    client = client_of(user)

    assert len(client.get(MINE).json()["sessions"]) == 2
    assert client.delete(MINE).json() == {"ended": 1}


# --- Passwords


def test_password_changed_after_confirmation_is_not_overwritten(make_user, sign_in, monkeypatch):
    """Somebody who stole the old one loses to the office manager who is faster."""
    user, manager = make_user("staff"), make_user("admin")
    client = sign_in(user)
    confirm = sign_in_services.confirm_password

    def confirm_and_lose(**given):
        confirmed = confirm(**given)
        passwords_services.set_password(user=user, by=manager, password="The manager's")
        return confirmed

    monkeypatch.setattr(passwords_services, "confirm_password", confirm_and_lose)
    body = {"current": PASSWORD, "new": NEW}

    assert client.post("/api/users/me/password", body, content_type="application/json").status_code == 401
    assert User.all_practices.get(pk=user.pk).check_password("The manager's")


def test_password_is_changed_and_guesses_are_counted_although_the_email_cannot_be_decrypted(make_user, sign_in):
    user = make_user("staff")
    client = sign_in(user)
    lose_key(user, "email")

    def change(current):
        body = {"current": current, "new": NEW}
        return client.post("/api/users/me/password", body, content_type="application/json").status_code

    assert [change("wrong") for _ in range(4)] + [change(PASSWORD)] == [400] * 4 + [200]
    assert [change("wrong") for _ in range(6)] == [400] * 5 + [429]


def test_sign_in_lockout_does_not_lock_signed_in_user(make_user, sign_in):
    user = make_user("staff")
    client, stranger = sign_in(user), Client()

    def guess():
        body = {"email": user.email, "password": "guess"}
        return stranger.post("/api/auth/login", body, content_type="application/json").status_code

    def set_up(password):
        return client.post(
            "/api/users/me/mfa/totp", {"password": password}, content_type="application/json"
        ).status_code

    assert [guess() for _ in range(6)] == [401] * 5 + [429]
    assert [set_up("wrong") for _ in range(4)] + [set_up(PASSWORD)] == [400] * 4 + [200]
    assert [set_up("wrong") for _ in range(6)] == [400] * 5 + [429]
    assert set_up(PASSWORD) == 429


def test_confirmed_password_does_not_reset_sign_in_count(make_user, sign_in):
    user = make_user("staff")
    client = sign_in(user)
    wrong, right = ({"email": user.email, "password": password} for password in ("guess", PASSWORD))
    for _ in range(5):
        assert Client().post("/api/auth/login", wrong, content_type="application/json").status_code == 401

    begun = client.post("/api/users/me/mfa/totp", {"password": PASSWORD}, content_type="application/json")

    assert begun.status_code == 200
    assert Client().post("/api/auth/login", right, content_type="application/json").status_code == 429


@pytest.mark.redis
def test_wrong_passwords_of_somebody_signed_in_have_a_key_of_their_own(make_user, sign_in):
    user = make_user("staff")
    client = sign_in(user)
    client.post("/api/users/me/mfa/totp", {"password": "wrong"}, content_type="application/json")

    assert redis_client.client().hget(f"password:attempts:{user.pk}", "count") == b"1"
    assert not redis_client.client().exists(f"login:attempts:{user.email}")


def test_admin_sites_own_form_counts_a_wrong_password_too(make_user, enter_site):
    user = make_user("admin")
    site = enter_site(user)
    form = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}

    statuses = [site.post("/admin/password_change/", form).status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]
    assert [event.details["reason"] for event in logged_events(AuditEvent.SIGN_IN_FAILED)] == ["wrong_password"] * 5
    right = {**form, "old_password": PASSWORD}
    assert site.post("/admin/password_change/", right).status_code == 429


# --- Devices


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.4 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (Android 14; Mobile; rv:125.0) Gecko/125.0 Firefox/125.0", "Firefox on Android"),
        ("Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) CriOS/120.0 Mobile/15E148 Safari/604.1", "Chrome on iPad"),
        ("curl/8.5.0", "curl"),
        ("PraxisApp/1.0 (iPhone; iOS 17.4)", "iPhone"),
    ],
)
def test_device_name_is_readable(agent, device):
    assert describe_device(agent) == device


@pytest.mark.parametrize("agent", ["", "\x01\x02", "\ud800", "((((" * 60, "Opera/" * 40, "1." * 127, "Android; " * 28])
def test_device_name_of_arbitrary_agent_fits(agent):
    assert 0 < len(describe_device(agent)) <= MAX_LENGTH
    assert describe_device(agent).isprintable()
    assert describe_device("") == "Unknown device"
