"""Signing in to the admin site with a second factor: what the page between the password and Today lets through."""

import pytest
from django.contrib.sessions.models import Session as PageSession
from django.test import Client
from django.urls import reverse

from accounts import second_factor_challenge
from accounts.models import Authenticator, LoginSession, Passkey, PasskeyChallenge, SignInChannel, User
from accounts.second_factor import recovery, totp
from accounts.sessions.admin_store import stored_key
from audit.log import AuditLogUnavailable
from audit.tests.whole_trail import whole_trail
from core.errors import Unavailable
from core.tenancy.scope import practice_scope
from tests.authenticator import app_of
from tests.damage import lose_key

LOGIN, SECOND, SECURITY = "/", "/second-factor/", "/admin/security/"


@pytest.fixture
def manager(make_user):
    user = make_user("admin")
    user.app = app_of(user)
    return user


def give_password(client, user, address=LOGIN):
    return client.post(address, {"username": user.email, "password": "Passw0rd!"})


def is_inside(client):
    return client.get("/admin/").status_code == 200


def page_text(answer):
    assert answer.status_code == 200
    return answer.content.decode()


def test_right_password_alone_does_not_sign_in(client, manager):
    answer = give_password(client, manager)
    assert (answer.status_code, answer.url) == (302, SECOND)
    assert list(client.session.keys()) == ["password_was_right"]
    for address in ("/admin/", "/admin/patients/patient/", SECURITY, "/admin/password_change/"):
        answer = client.get(address)
        assert (answer.status_code, answer.url) == (302, f"/admin/login/?next={address}")
    assert client.get(LOGIN).status_code == 200
    assert not LoginSession.objects.filter(user=manager).exists()


def test_code_of_the_app_opens_today(client, manager):
    give_password(client, manager)
    page = client.get(SECOND)
    assert page["Cache-Control"] == "no-store, private"
    assert 'autocomplete="one-time-code"' in page_text(page)
    answer = client.post(SECOND, {"code": manager.app.code()})
    assert (answer.status_code, answer.url) == (302, "/admin/")
    assert is_inside(client)
    assert "password_was_right" not in client.session
    session = LoginSession.objects.get(user=manager)
    assert (session.channel, session.second_factor) == ("admin_site", "totp")
    (event,) = whole_trail().filter(kind="sign_in.succeeded")
    assert event.user_id == manager.pk and '"second_factor":"totp"' in event.details


def test_code_with_space_is_accepted(client, manager):
    give_password(client, manager)
    code = manager.app.code()
    assert client.post(SECOND, {"code": f" {code[:3]} {code[3:]} "}).url == "/admin/"


def test_session_key_changes_with_each_step(client, manager):
    """Whoever planted a cookie in the browser has nothing of the session that follows."""
    client.get(LOGIN)
    planted = client.session
    planted["planted"] = "yes"
    planted.save()
    client.cookies["praxis_admin"] = planted.session_key
    give_password(client, manager)
    between = client.session.session_key
    client.post(SECOND, {"code": manager.app.code()})
    keys = {planted.session_key, between, client.session.session_key}
    assert len(keys) == 3
    assert "planted" not in client.session
    assert list(PageSession.objects.values_list("pk", flat=True)) == [stored_key(client.session.session_key)]


def test_wrong_code_shows_error(client, manager):
    give_password(client, manager)
    for wrong in (manager.app.wrong_code(), "ABCD-2345-EFGH-6789", "²³", "x" * 64):
        assert "That code or passkey is incorrect" in page_text(client.post(SECOND, {"code": wrong}))
    assert not is_inside(client)
    assert client.post(SECOND, {"code": manager.app.code()}).url == "/admin/"


@pytest.mark.parametrize(
    "sent",
    [{}, {"code": ""}, {"code": "x" * 65}, {"credential": "{"}, {"credential": "[]"}, {"credential": "[" * 5000}],
)
def test_malformed_response_costs_no_attempt(client, manager, sent):
    give_password(client, manager)
    for _ in range(6):
        page_text(client.post(SECOND, sent))
    assert client.post(SECOND, {"code": manager.app.code()}).url == "/admin/"


@pytest.mark.parametrize("credential", ["{}", '{"rawId": 1, "response": {"clientDataJSON": null}}'])
def test_malformed_passkey_response_is_refused_on_page(client, manager, credential):
    give_password(client, manager)
    assert "That code or passkey is incorrect" in page_text(client.post(SECOND, {"credential": credential}))
    assert not is_inside(client)


def test_code_works_once(client, manager):
    code = manager.app.code()
    give_password(client, manager)
    client.post(SECOND, {"code": code})
    other = Client()
    give_password(other, manager)
    assert "already been used" in page_text(other.post(SECOND, {"code": code}))
    assert not is_inside(other)


def test_recovery_code_opens_once(client, manager):
    code, *_ = recovery.create_codes(manager)
    give_password(client, manager)
    assert client.post(SECOND, {"code": code.lower().replace("-", " ")}).url == "/admin/"
    assert LoginSession.objects.get(user=manager).second_factor == "recovery_code"
    other = Client()
    give_password(other, manager)
    assert "That code or passkey is incorrect" in page_text(other.post(SECOND, {"code": code}))


def test_sixth_attempt_is_locked_out_the_right_code_included(client, manager):
    give_password(client, manager)
    for _ in range(5):
        page_text(client.post(SECOND, {"code": manager.app.wrong_code()}))
    for code in (manager.app.wrong_code(), manager.app.code(), recovery.create_codes(manager)[0]):
        answer = client.post(SECOND, {"code": code})
        assert answer.status_code == 429
        assert "Too many failed attempts. Try again in 15 minutes." in answer.content.decode()
        assert 890 <= int(answer["Retry-After"]) <= 900
    give_password(client, manager)  # the right password forgives no code
    assert client.post(SECOND, {"code": manager.app.code()}).status_code == 429
    assert not is_inside(client)


def test_codes_from_one_address_are_limited(client, manager, settings):
    settings.ANON_RATE_LIMIT_PER_MINUTE = 3
    give_password(client, manager)
    answers = [client.post(SECOND, {}) for _ in range(9)]  # a new minute may begin among them
    (answer, *_) = [answer for answer in answers if answer.status_code == 429]
    assert f"Try again in {answer['Retry-After']} second" in answer.content.decode()


def test_looking_at_the_page_makes_a_challenge_and_is_limited_as_well(client, make_user, settings):
    settings.ANON_RATE_LIMIT_PER_MINUTE = 4
    user = make_user("admin")
    Passkey.objects.create(user=user, name="Key", credential_id=b"key", public_key=b"")
    give_password(client, user)
    for look in (client.get, client.head):
        statuses = [look(SECOND).status_code for _ in range(9)]  # a new minute may begin among them
        assert 429 in statuses
    assert client.get(LOGIN).status_code == 200
    assert PasskeyChallenge.objects.count() <= 5


def unavailable(*args, **kwargs):
    raise Unavailable("Sign-in is not available right now.")


def test_uncountable_attempt_shows_error_page(client, manager, monkeypatch):
    give_password(client, manager)
    monkeypatch.setattr("accounts.sign_in.lockout.reserve", unavailable)
    answer = client.post(SECOND, {"code": manager.app.code()})
    assert answer.status_code == 503
    assert "Sign-in is not available right now." in answer.content.decode()
    assert not is_inside(client)


def test_without_the_trail_nobody_comes_in(client, manager, monkeypatch):
    def down(*args, **kwargs):
        raise AuditLogUnavailable

    for code in (manager.app.code(), recovery.create_codes(manager)[0]):
        give_password(client, manager)
        with monkeypatch.context() as broken:
            broken.setattr("accounts.sessions.services.log_event", down)
            assert client.post(SECOND, {"code": code}).status_code == 503
        assert not is_inside(client)
        assert not LoginSession.objects.live().filter(user=manager).exists()
        give_password(client, manager)
        assert client.post(SECOND, {"code": code}).url == "/admin/"  # which it has not used up
        client.post("/sign-out/")


def test_account_change_during_code_check_refuses_admin_sign_in(client, manager, monkeypatch):
    def deactivated_meanwhile(person, code):
        return User.all_practices.filter(pk=person.pk).update(is_active=False) == 1

    give_password(client, manager)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(recovery, "consume", deactivated_meanwhile)
        assert client.post(SECOND, {"code": "ABCD-2345-EFGH-6789"}).status_code == 401
    assert not is_inside(client)
    (event,) = whole_trail().filter(kind="sign_in.failed")
    assert "changed_meanwhile" in event.details


def test_secret_that_cannot_be_read_leaves_the_recovery_codes(client, manager):
    lose_key(Authenticator.objects.get(user=manager), "secret")
    code, *_ = recovery.create_codes(manager)
    give_password(client, manager)
    assert client.post(SECOND, {"code": "123456"}).status_code == 503
    assert client.post(SECOND, {"code": code}).url == "/admin/"


# --- What the page in between remembers


def test_expired_challenge_shows_message_on_sign_in_page(client, manager, monkeypatch):
    monkeypatch.setattr(second_factor_challenge, "LIFE_SECONDS", -1)
    for late in (client.get, client.post):
        give_password(client, manager)
        answer = late(f"{SECOND}?next=/admin/security/", follow=True)
        assert answer.redirect_chain == [(reverse("home", query={"next": SECURITY}), 302)]
        assert str(second_factor_challenge.TOO_LATE) in page_text(answer)
        assert "password_was_right" not in client.session


@pytest.mark.parametrize("ends", ["password", "epoch", "deactivated"])
def test_account_change_cancels_half_finished_sign_in(client, manager, ends):
    give_password(client, manager)
    with practice_scope(manager.practice_id):
        if ends == "password":
            manager.set_password("N3w-Passw0rd!")
        elif ends == "epoch":
            manager.session_epoch += 1
        else:
            manager.is_active = False
        manager.save()
    assert client.post(SECOND, {"code": manager.app.code()}).url == LOGIN
    assert not is_inside(client)


def test_challenge_token_of_other_channel_is_refused(client, manager):
    give_password(client, manager)
    for channel in (SignInChannel.API, SignInChannel.BEARER):
        session = client.session
        session["password_was_right"] = second_factor_challenge.issue_challenge_token(manager, channel)
        session.save()
        assert client.post(SECOND, {"code": manager.app.code()}).url == LOGIN


@pytest.mark.parametrize("address", ["/api/auth/mfa", "/auth/mfa"])
def test_admin_challenge_token_is_refused_by_api(client, manager, address):
    give_password(client, manager)
    body = {"mfa_token": client.session["password_was_right"], "method": "totp", "code": manager.app.code()}
    assert Client().post(address, body, content_type="application/json").status_code == 401


def test_second_factor_page_requires_password_first(client, enter_as):
    assert client.get(SECOND).url == client.post(SECOND, {"code": "123456"}).url == LOGIN
    inside = enter_as("admin")
    assert inside.get(SECOND).url == LOGIN
    assert inside.get(LOGIN).url == "/admin/"


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        ("/admin/patients/patient/?q=ann", "/admin/patients/patient/?q=ann"),
        ("https://evil.example/", "/admin/"),
        ("//evil.example", "/admin/"),
        ("/\\evil.example", "/admin/"),
        ("javascript:alert(1)", "/admin/"),
        ("", "/admin/"),
    ],
)
def test_second_factor_redirects_to_next_on_same_site(client, manager, asked, leads_to):
    address = reverse("home", query={"next": asked})
    answer = give_password(client, manager, address)
    assert answer.url.startswith(SECOND) and "evil" not in answer.url and "javascript" not in answer.url
    page_text(client.post(answer.url, {"code": manager.app.wrong_code()}))
    assert client.post(answer.url, {"code": manager.app.code()}).url == leads_to

    other = Client()
    give_password(other, manager)
    address = reverse("second_factor", query={"next": asked})
    assert other.post(address, {"code": manager.app.code()}).url == leads_to


def test_forms_are_guarded_against_other_sites(manager):
    client = Client(enforce_csrf_checks=True)
    client.get(LOGIN)
    token = client.cookies["csrftoken"].value
    sent = {"username": manager.email, "password": "Passw0rd!", "csrfmiddlewaretoken": token}
    assert client.post(LOGIN, sent).url == SECOND
    assert client.post(SECOND, {"code": manager.app.code()}).status_code == 403
    token = client.cookies["csrftoken"].value
    assert client.post(SECOND, {"code": manager.app.code(), "csrfmiddlewaretoken": token}).url == "/admin/"
    assert client.post("/admin/security/authenticator/remove/", {"password": "Passw0rd!"}).status_code == 403


# --- Who


@pytest.mark.parametrize(("role", "home"), [("billing", "/billing/"), ("patient", "/me/")])
def test_everybody_with_a_second_factor_gives_it(client, make_user, role, home):
    user = make_user(role)
    app = app_of(user)
    assert give_password(client, user).url == SECOND
    assert client.post(SECOND, {"code": app.code()}).url == home


def test_required_factor_applies_to_superuser(client, superuser):
    app = app_of(superuser)
    assert give_password(client, superuser).url == SECOND
    assert client.post(SECOND, {"code": app.code()}).url == "/admin/"
    assert client.get("/admin/").url == reverse("admin:pick_practice")


def test_sign_in_over_another_user_ends_their_session(enter_as, manager):
    client = enter_as("staff")
    assert give_password(client, manager).url == SECOND
    assert not is_inside(client)
    assert LoginSession.objects.get(user=client.user).revocation_reason == "signed_out"


def test_without_a_second_factor_nothing_has_changed(client, make_user):
    user = make_user("admin")
    Authenticator.objects.create(user=user, secret=totp.new_secret())  # never confirmed
    assert give_password(client, user).url == "/admin/"
    assert is_inside(client)
    assert LoginSession.objects.get(user=user).second_factor == ""


def test_passkey_alone_is_asked_for_with_recovery_codes(client, make_user):
    user = make_user("admin")
    Passkey.objects.create(user=user, name="Key", credential_id=b"key", public_key=b"")
    code, *_ = recovery.create_codes(user)
    assert give_password(client, user).url == SECOND
    page = page_text(client.get(SECOND))
    assert 'id="passkey-options"' in page and "Recovery code" in page
    assert client.post(SECOND, {"code": code}).url == "/admin/"
