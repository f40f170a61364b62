"""Signing in to the admin site with a second factor: what the page between the password and Today lets through."""

import pytest
from django.contrib.sessions.models import Session as PageSession
from django.test import Client
from django.urls import reverse

from accounts.models import Authenticator, Door, Passkey, PasskeyChallenge, Session, User
from accounts.page_session_store import stored_key
from accounts.second_factor import asking, recovery, totp
from audit.tests.whole_trail import whole_trail
from audit.trail import TrailDown
from core.errors import Unavailable
from core.tenancy import practice_scope
from dashboard.tests.authenticator import app_of
from tests.damage import lose_key

LOGIN, SECOND, SECURITY = "/admin/login/", "/admin/second-factor/", "/admin/security/"


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


def test_the_right_password_alone_opens_nothing(client, manager):
    answer = give_password(client, manager)
    assert (answer.status_code, answer.url) == (302, SECOND)
    assert list(client.session.keys()) == ["password_was_right"]
    for address in ("/admin/", "/admin/patients/patient/", SECURITY, "/admin/password_change/"):
        answer = client.get(address)
        assert (answer.status_code, answer.url) == (302, f"{LOGIN}?next={address}")
    assert client.get(LOGIN).status_code == 200
    assert not Session.objects.filter(user=manager).exists()


def test_the_code_of_the_app_opens_today(client, manager):
    give_password(client, manager)
    page = client.get(SECOND)
    assert page["Cache-Control"] == "no-store, private"
    assert 'autocomplete="one-time-code"' in page_text(page)
    answer = client.post(SECOND, {"code": manager.app.code()})
    assert (answer.status_code, answer.url) == (302, "/admin/")
    assert is_inside(client)
    assert "password_was_right" not in client.session
    session = Session.objects.get(user=manager)
    assert (session.door, session.second_factor) == ("admin_site", "totp")
    (event,) = whole_trail().filter(kind="sign_in.succeeded")
    assert event.user_id == manager.pk and '"second_factor":"totp"' in event.details


def test_a_code_may_be_typed_with_a_blank(client, manager):
    give_password(client, manager)
    code = manager.app.code()
    assert client.post(SECOND, {"code": f" {code[:3]} {code[3:]} "}).url == "/admin/"


def test_the_session_key_changes_with_each_step(client, manager):
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


def test_a_wrong_code_is_told_on_the_page(client, manager):
    give_password(client, manager)
    for wrong in (manager.app.wrong_code(), "ABCD-2345-EFGH-6789", "²³", "x" * 64):
        assert "not right" in page_text(client.post(SECOND, {"code": wrong}))
    assert not is_inside(client)
    assert client.post(SECOND, {"code": manager.app.code()}).url == "/admin/"


@pytest.mark.parametrize(
    "sent",
    [{}, {"code": ""}, {"code": "x" * 65}, {"credential": "{"}, {"credential": "[]"}, {"credential": "[" * 5000}],
)
def test_what_is_no_answer_costs_no_attempt(client, manager, sent):
    give_password(client, manager)
    for _ in range(6):
        page_text(client.post(SECOND, sent))
    assert client.post(SECOND, {"code": manager.app.code()}).url == "/admin/"


@pytest.mark.parametrize("credential", ["{}", '{"rawId": 1, "response": {"clientDataJSON": null}}'])
def test_a_passkeys_answer_that_is_none_lets_nobody_in(client, manager, credential):
    give_password(client, manager)
    assert "not right" in page_text(client.post(SECOND, {"credential": credential}))
    assert not is_inside(client)


def test_a_code_counts_once(client, manager):
    code = manager.app.code()
    give_password(client, manager)
    client.post(SECOND, {"code": code})
    other = Client()
    give_password(other, manager)
    assert "used already" in page_text(other.post(SECOND, {"code": code}))
    assert not is_inside(other)


def test_a_recovery_code_opens_once(client, manager):
    code, *_ = recovery.make(manager)
    give_password(client, manager)
    assert client.post(SECOND, {"code": code.lower().replace("-", " ")}).url == "/admin/"
    assert Session.objects.get(user=manager).second_factor == "recovery_code"
    other = Client()
    give_password(other, manager)
    assert "not right" in page_text(other.post(SECOND, {"code": code}))


def test_the_sixth_attempt_is_locked_out_the_right_code_included(client, manager):
    give_password(client, manager)
    for _ in range(5):
        page_text(client.post(SECOND, {"code": manager.app.wrong_code()}))
    for code in (manager.app.wrong_code(), manager.app.code(), recovery.make(manager)[0]):
        answer = client.post(SECOND, {"code": code})
        assert answer.status_code == 429
        assert "Too many failed attempts. Please try again in 15 minute(s)." in answer.content.decode()
        assert 890 <= int(answer["Retry-After"]) <= 900
    give_password(client, manager)  # the right password forgives no code
    assert client.post(SECOND, {"code": manager.app.code()}).status_code == 429
    assert not is_inside(client)


def test_codes_from_one_address_are_limited(client, manager, settings):
    settings.ANON_RATE_LIMIT_PER_MINUTE = 3
    give_password(client, manager)
    answers = [client.post(SECOND, {}) for _ in range(9)]  # a new minute may begin among them
    (answer, *_) = [answer for answer in answers if answer.status_code == 429]
    assert f"Please try again in {answer['Retry-After']} second(s)." in answer.content.decode()


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


def test_without_a_count_it_fails_closed_on_a_page(client, manager, monkeypatch):
    give_password(client, manager)
    monkeypatch.setattr("accounts.lockout.reserve", unavailable)
    answer = client.post(SECOND, {"code": manager.app.code()})
    assert answer.status_code == 503
    assert "Sign-in is not available right now." in answer.content.decode()
    assert not is_inside(client)


def test_without_the_trail_nobody_comes_in(client, manager, monkeypatch):
    def down(*args, **kwargs):
        raise TrailDown

    for code in (manager.app.code(), recovery.make(manager)[0]):
        give_password(client, manager)
        with monkeypatch.context() as broken:
            broken.setattr("accounts.sessions.tell", down)
            assert client.post(SECOND, {"code": code}).status_code == 503
        assert not is_inside(client)
        assert not Session.objects.live().filter(user=manager).exists()
        give_password(client, manager)
        assert client.post(SECOND, {"code": code}).url == "/admin/"  # which it has not used up
        client.post("/admin/logout/")


def test_trust_that_ends_while_a_code_is_checked_lets_nobody_in_and_is_told(client, manager, monkeypatch):
    def deactivated_meanwhile(person, code):
        return User.sign_in.filter(pk=person.pk).update(is_active=False) == 1

    give_password(client, manager)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(recovery, "take", deactivated_meanwhile)
        assert client.post(SECOND, {"code": "ABCD-2345-EFGH-6789"}).status_code == 401
    assert not is_inside(client)
    (event,) = whole_trail().filter(kind="sign_in.failed")
    assert "changed_meanwhile" in event.details


def test_a_secret_that_cannot_be_read_leaves_the_recovery_codes(client, manager):
    lose_key(Authenticator.objects.get(user=manager), "secret")
    code, *_ = recovery.make(manager)
    give_password(client, manager)
    assert client.post(SECOND, {"code": "123456"}).status_code == 503
    assert client.post(SECOND, {"code": code}).url == "/admin/"


# --- What the page in between remembers


def test_too_late_is_told_on_the_sign_in_page(client, manager, monkeypatch):
    monkeypatch.setattr(asking, "LIFE_SECONDS", -1)
    for late in (client.get, client.post):
        give_password(client, manager)
        answer = late(f"{SECOND}?next=/admin/security/", follow=True)
        assert answer.redirect_chain == [(reverse("admin:login", query={"next": SECURITY}), 302)]
        assert asking.TOO_LATE in page_text(answer)
        assert "password_was_right" not in client.session


@pytest.mark.parametrize("ends", ["password", "epoch", "deactivated"])
def test_what_ends_trust_in_the_account_ends_a_sign_in_half_done(client, manager, ends):
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


def test_the_token_of_another_door_opens_nothing(client, manager):
    give_password(client, manager)
    for door in (Door.API, Door.BEARER):
        session = client.session
        session["password_was_right"] = asking.token_for(manager, door)
        session.save()
        assert client.post(SECOND, {"code": manager.app.code()}).url == LOGIN


@pytest.mark.parametrize("door", ["/api/auth/mfa", "/auth/mfa"])
def test_this_doors_token_opens_no_other(client, manager, door):
    give_password(client, manager)
    body = {"mfa_token": client.session["password_was_right"], "method": "totp", "code": manager.app.code()}
    assert Client().post(door, body, content_type="application/json").status_code == 401


def test_nobody_comes_to_the_page_without_a_password(client, enter_as):
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
def test_one_comes_to_the_page_that_was_asked_for_and_to_no_other_site(client, manager, asked, leads_to):
    address = reverse("admin:login", query={"next": asked})
    answer = give_password(client, manager, address)
    assert answer.url.startswith(SECOND) and "evil" not in answer.url and "javascript" not in answer.url
    page = client.get(answer.url)
    assert page.context["app_path"] == answer.url  # where the form leads
    page_text(client.post(answer.url, {"code": manager.app.wrong_code()}))
    assert client.post(answer.url, {"code": manager.app.code()}).url == leads_to

    other = Client()
    give_password(other, manager)
    address = reverse("admin:second_factor", query={"next": asked})
    assert other.post(address, {"code": manager.app.code()}).url == leads_to


def test_the_forms_are_guarded_against_other_sites(manager):
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


@pytest.mark.parametrize("role", ["doctor", "billing", "patient"])
def test_who_may_not_enter_is_refused_at_the_password(client, make_user, role):
    user = make_user(role)
    app_of(user)
    assert "may not enter the admin site" in page_text(give_password(client, user))
    assert "password_was_right" not in client.session
    (event,) = whole_trail().filter(kind="sign_in.failed")
    assert "not_in_the_admin_site" in event.details


def test_a_superuser_is_asked_too(client, superuser):
    app = app_of(superuser)
    assert give_password(client, superuser).url == SECOND
    assert client.post(SECOND, {"code": app.code()}).url == "/admin/"
    assert client.get("/admin/").url == reverse("admin:pick_practice")


def test_who_signs_in_where_somebody_else_was_ends_that_session(enter_as, manager):
    client = enter_as("staff")
    assert give_password(client, manager).url == SECOND
    assert not is_inside(client)
    assert Session.objects.get(user=client.user).ending == "signed_out"


def test_without_a_second_factor_nothing_has_changed(client, make_user):
    user = make_user("admin")
    Authenticator.objects.create(user=user, secret=totp.new_secret())  # never confirmed
    assert give_password(client, user).url == "/admin/"
    assert is_inside(client)
    assert Session.objects.get(user=user).second_factor == ""


def test_a_passkey_alone_is_asked_for_with_recovery_codes(client, make_user):
    user = make_user("admin")
    Passkey.objects.create(user=user, name="Key", credential_id=b"key", public_key=b"")
    code, *_ = recovery.make(user)
    assert give_password(client, user).url == SECOND
    page = page_text(client.get(SECOND))
    assert 'id="passkey-options"' in page and "Recovery code" in page
    assert client.post(SECOND, {"code": code}).url == "/admin/"
