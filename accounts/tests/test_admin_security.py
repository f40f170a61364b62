"""The Security page: what people set up for their sign-in."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.homes import home_of
from accounts.models import Authenticator, LoginSession, Passkey, RecoveryCode
from accounts.tests.soft_passkey import SoftPasskey
from audit.tests.whole_trail import whole_trail
from tests.authenticator import (
    LOGIN,
    PASSKEYS,
    RIGHT,
    SECOND,
    SECURITY,
    TOTP,
    App,
    add_passkey,
    app_of,
    as_json,
    codes_on,
    page_secret,
    page_text,
    set_up_totp,
    sign_in,
)
from tests.damage import lose_key

FORMS = [
    TOTP,
    f"{TOTP}confirm/",
    f"{TOTP}remove/",
    PASSKEYS,
    f"{PASSKEYS}add/",
    f"{PASSKEYS}01890a5d-ac96-774b-bcce-b302099a8057/remove/",
    f"{SECURITY}recovery-codes/",
]


# --- An authenticator app


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_authenticator_app_is_set_up(enter_as, role):
    client = enter_as(role)
    here = Client()
    here.force_login(client.user)

    page = page_text(client.get(SECURITY))
    assert "Set up an authenticator app" in page and "You sign in with your password and" not in page
    started = client.post(TOTP, RIGHT)
    secret = page_secret(started)
    assert "<svg" in started.content.decode()
    assert not Authenticator.objects.get().confirmed_at
    app = App(secret)
    done = client.post(f"{TOTP}confirm/", {"code": app.code()})

    codes = codes_on(done)
    assert len(set(codes)) == 10
    page = page_text(client.get(SECURITY))
    assert "<strong>10</strong>" in page and "Remove the authenticator app" in page
    assert "You sign in with your password and one of these" in page
    assert secret not in page.replace(" ", "") and codes[0] not in page
    assert here.get(SECURITY).status_code == 302  # the other session has ended
    assert LoginSession.objects.get(user=client.user, revoked_at=None).second_factor == "totp"

    client.post("/admin/logout/")
    home = home_of(client.user)
    assert sign_in(client, client.user, code=app.code()).url == home
    assert sign_in(Client(), client.user, code=codes[0]).url == home
    assert "<strong>9</strong>" in page_text(client.get(SECURITY))


def test_wrong_code_does_not_confirm_app_or_show_secret(enter_as):
    client = enter_as("admin")
    app = App(page_secret(client.post(TOTP, RIGHT)))
    page = page_text(client.post(f"{TOTP}confirm/", {"code": app.wrong_code()}))
    assert "That code is incorrect." in page
    assert app.secret not in page.replace(" ", "") and "<svg" not in page.partition('id="content"')[2]
    assert codes_on(client.post(f"{TOTP}confirm/", {"code": app.code()}))


def test_totp_without_setup_or_second_app_is_refused(enter_as):
    client = enter_as("admin")
    assert "Please start again: an authenticator app" in page_text(client.post(f"{TOTP}confirm/", {"code": "123456"}))
    set_up_totp(client)
    assert "You already have an authenticator app" in page_text(client.post(TOTP, RIGHT))
    assert "You already have an authenticator app" in page_text(client.post(f"{TOTP}confirm/", {"code": "123456"}))


def test_it_is_removed_and_its_recovery_codes_with_it(enter_as):
    client = enter_as("admin")
    app, _ = set_up_totp(client)
    other = Client()
    sign_in(other, client.user, code=app.code())
    answer = client.post(f"{TOTP}remove/", RIGHT, follow=True)
    assert "Authenticator app removed." in page_text(answer)
    assert other.get(SECURITY).status_code == 302
    assert not Authenticator.objects.exists() and not RecoveryCode.objects.exists()
    assert Client().post(LOGIN, {"username": client.user.email, **RIGHT}).url == "/admin/"


@pytest.mark.parametrize("address", [TOTP, f"{TOTP}remove/", PASSKEYS, f"{SECURITY}recovery-codes/"])
def test_each_change_asks_for_the_password_and_wrong_ones_lock(enter_as, address):
    client = enter_as("admin")
    if address != TOTP:
        app_of(client.user)
    for password in ("", "wrong", "wrong", "wrong", "wrong", "wrong"):
        answer = client.post(address, {"password": password, "name": "Key"})
        text = page_text(answer)
        assert ("Fill this in." if not password else "Incorrect password.") in text
        assert text.count('<details class="praxis-fold" open>') == 1
    answer = client.post(address, {**RIGHT, "name": "Key"})
    assert answer.status_code == 429
    assert "Too many failed attempts" in answer.content.decode()
    assert 890 <= int(answer["Retry-After"]) <= 900
    assert page_text(client.get(SECURITY))


# --- Passkeys


def test_passkey_is_added_and_signs_in(enter_as, key):
    client = enter_as("admin")
    other = Client()
    other.force_login(client.user)
    assert len(codes_on(add_passkey(client, key))) == 10
    assert other.get(SECURITY).status_code == 302
    page = page_text(client.get(SECURITY))
    assert "My phone" in page and "never used" in page

    client.post("/admin/logout/")
    client.post(LOGIN, {"username": client.user.email, **RIGHT})
    options = client.get(SECOND).context["options"]
    used = as_json(key.used(options))
    assert client.post(SECOND, {"credential": used}).url == "/admin/"
    assert LoginSession.objects.get(user=client.user, revoked_at=None).second_factor == "passkey"
    assert "last used" in page_text(client.get(SECURITY))
    other = Client()
    assert "already been used" in page_text(sign_in(other, client.user, credential=used))


def test_second_passkey_brings_no_new_recovery_codes(enter_as, settings):
    client = enter_as("admin")
    add_passkey(client, SoftPasskey(origin=settings.SITE_URL), name="First")
    before = set(RecoveryCode.objects.values_list("pk", flat=True))
    answer = add_passkey(client, SoftPasskey(origin=settings.SITE_URL), name="Second")
    assert (answer.status_code, answer.url) == (302, SECURITY)
    page = page_text(client.get(SECURITY))
    assert "Passkey added." in page and "First" in page and "Second" in page
    assert set(RecoveryCode.objects.values_list("pk", flat=True)) == before


@pytest.mark.parametrize("credential", ["", "{", "{}", '{"response": {}}'])
def test_malformed_passkey_is_not_added(enter_as, credential):
    client = enter_as("admin")
    client.post(PASSKEYS, {**RIGHT, "name": "Key"})
    answer = client.post(f"{PASSKEYS}add/", {"name": "Key", "credential": credential}, follow=True)
    assert answer.redirect_chain == [(SECURITY, 302)]
    assert page_text(answer).count("errornote") == 1
    assert not Passkey.objects.exists()


def test_passkey_of_another_site_is_not_added(enter_as):
    client = enter_as("admin")
    add_passkey(client, SoftPasskey(origin="https://praxis.evil.example"))
    assert "could not be verified" in page_text(client.get(SECURITY))
    assert not Passkey.objects.exists()


def test_passkey_is_removed_by_its_owner_alone(enter_as, key):
    client, colleague = enter_as("admin"), enter_as("admin")
    add_passkey(client, key)
    passkey = Passkey.objects.get()
    address = reverse("admin:security_passkey_remove", args=[passkey.pk])
    assert colleague.post(address, RIGHT).status_code == 404
    assert "Incorrect password." in page_text(client.post(address, {"password": "wrong"}))
    assert "Passkey removed." in page_text(client.post(address, RIGHT, follow=True))
    assert client.post(address, RIGHT).status_code == 404
    assert not Passkey.objects.exists() and not RecoveryCode.objects.exists()


def test_names_of_passkeys_are_shown_as_text(enter_as, key):
    client = enter_as("admin")
    name = '<img src=x onerror="alert(1)">'
    page = page_text(client.post(PASSKEYS, {**RIGHT, "name": name}))
    assert name not in page
    add_passkey(client, key, name=name)
    assert name not in page_text(client.get(SECURITY))


def test_passkey_whose_name_cannot_be_read_is_removed(enter_as, key):
    client = enter_as("admin")
    add_passkey(client, key)
    passkey = Passkey.objects.get()
    lose_key(passkey, "name")
    assert "[cannot be decrypted" in page_text(client.get(SECURITY))
    assert client.post(reverse("admin:security_passkey_remove", args=[passkey.pk]), RIGHT).url == SECURITY


# --- Recovery codes


def test_new_recovery_codes_replace_the_old_ones(enter_as):
    client = enter_as("admin")
    address = f"{SECURITY}recovery-codes/"
    assert "first" in page_text(client.post(address, RIGHT))
    _, done = set_up_totp(client)
    old, new = codes_on(done), codes_on(client.post(address, RIGHT))
    assert len(new) == 10 and not set(old) & set(new)
    assert "That code or passkey is incorrect" in sign_in(Client(), client.user, code=old[0]).content.decode()
    assert sign_in(Client(), client.user, code=new[0]).url == "/admin/"


# --- The page itself


def test_forms_addresses_lead_back_to_the_page(enter_as):
    client = enter_as("admin")
    for address in FORMS:
        answer = client.get(address)
        assert (answer.status_code, answer.url) == (302, SECURITY)


def test_security_page_is_for_those_who_work_here(enter_as):
    client = enter_as("patient")
    for address in (SECURITY, *FORMS):
        assert client.get(address).status_code == client.post(address, RIGHT).status_code == 403
        assert Client().get(address).url == Client().post(address, RIGHT).url == f"/admin/login/?next={address}"
    assert enter_as("billing").get(SECURITY).status_code == 200


def test_menu_and_the_password_page_lead_to_it(enter_as):
    client = enter_as("staff")
    link = f'href="{SECURITY}"'
    assert link in page_text(client.get("/admin/"))
    assert page_text(client.get("/admin/password_change/")).count(link) == 2
    assert 'href="/admin/password_change/"' in page_text(client.get("/admin/"))


def test_superuser_without_a_practice_sets_up_theirs(superuser, key):
    client = Client()
    client.force_login(superuser)
    app, done = set_up_totp(client)
    assert codes_on(done)
    assert add_passkey(client, key).url == SECURITY
    assert "My phone" in page_text(client.get(SECURITY))
    client.post("/admin/logout/")
    assert sign_in(client, superuser, code=app.code()).url == "/admin/"


def test_own_session_pages_log_changes_but_no_patients(enter_as, key):
    client = enter_as("admin")
    set_up_totp(client)
    add_passkey(client, key)
    client.post(f"{TOTP}remove/", RIGHT)
    client.post(f"{SECURITY}recovery-codes/", RIGHT)
    logged = [event.kind for event in whole_trail().order_by("at", "id") if event.kind.startswith("account.")]
    assert logged == [
        "account.factor_added",
        "account.recovery_codes_made",
        "account.factor_added",
        "account.factor_removed",
        "account.recovery_codes_made",
    ]
    assert not whole_trail().filter(kind="page.read").exists()
