"""Passwords in letters that keyboards write in two ways, and the ones that staff must not have.

Composed and decomposed letters: seen in matrix-org/synapse#3306, yuvomi#608 and usnistgov/800-63-3#301; the rule is
NIST SP 800-63B, 5.1.1.2. `12345678` for staff: seen in Praxis itself, by its office manager.
"""

import unicodedata
from io import StringIO

import pytest
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher, check_password, make_password
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.passwords.reset import token_for
from accounts.tests.factories import PASSWORD
from accounts.tests.second_factors import post
from core.tenancy.scope import installation_scope, practice_scope
from tests.admin_forms import page_of, send

pytestmark = pytest.mark.embedded  # hashing asks no database

LOGIN = "/api/auth/login"
TYPED = ["pässwört-été-1", "señal-ñandú-9", "Nguyễn Ái Quốc", "한국어비밀번호", "pá¹ﬁx-Ⅳ-half", "ｐａｓｓ９", "naïve Å"]  # noqa: RUF001
TYPED += ["Ἀθῆναι-ᾧδε-42", "हिन्दी-क़लम-51", "İstanbul-ığdır-8"]  # noqa: RUF001
EASY = ["12345678", "password123", "Passw0rd", "13572468013", "short1!", "9081726354"]
EASY += [" " * 12, "\u200b" * 12, "z" * 40, "\uff58" * 5 + "x x x x"]


def in_form(form, text):
    return unicodedata.normalize(form, text)


def sign_in(email, password):
    return post(Client(), LOGIN, {"email": email, "password": password}).status_code


# --- One password, two ways to write it


@pytest.mark.parametrize("password", TYPED)
def test_password_is_right_however_its_letters_are_composed(make_user, password, subtests):
    for stored in ("NFC", "NFD"):
        user = make_user("staff", password=in_form(stored, password))
        for typed in ("NFC", "NFD", "NFKC", "NFKD"):
            with subtests.test(stored=stored, typed=typed):
                assert sign_in(user.email, in_form(typed, password)) == 200


def test_other_letters_are_another_password(make_user):
    user = make_user("staff", password="pässwört-été-1")

    assert sign_in(user.email, "passwort-ete-1") == 401
    assert sign_in(user.email, "PÄSSWÖRT-ÉTÉ-1") == 401


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_hash_from_before_is_taken_and_stored_anew(make_user, stored, typed):
    user = make_user("staff")
    before = hash_of_exactly(in_form(stored, "pässwört-été-1"))
    set_hash(user, before)

    assert sign_in(user.email, in_form(typed, "pässwört-été-1")) == 200

    now = User.all_practices.get(pk=user.pk).password
    assert (now == before) == (stored == "NFC")  # which is the normalised form already
    assert check_exactly("pässwört-été-1", now)


def hash_of_exactly(password):
    hasher = BCryptSHA256PasswordHasher()
    return hasher.encode(password, hasher.salt())


def check_exactly(password, encoded):
    return BCryptSHA256PasswordHasher().verify(unicodedata.normalize("NFKC", password), encoded)


def set_hash(user, encoded):
    with practice_scope(user.practice_id):
        User.objects.filter(pk=user.pk).update(password=encoded)


def test_stored_anew_the_password_still_signs_in_on_the_page(make_user, client):
    user = make_user("admin")
    set_hash(user, hash_of_exactly(in_form("NFD", "señal-ñandú-9")))
    form = {"username": user.email, "password": in_form("NFD", "señal-ñandú-9")}

    assert client.post("/", form).url == "/admin/"
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize("who", ["known", "unknown"])
def test_sign_in_of_nobody_costs_as_many_hashes_as_a_wrong_password(make_user, monkeypatch, who):
    email = make_user("staff").email if who == "known" else "nobody@example.com"
    hashes, bcrypt = [], BCryptSHA256PasswordHasher.encode
    monkeypatch.setattr(BCryptSHA256PasswordHasher, "encode", lambda *given: hashes.append(1) or bcrypt(*given))

    assert sign_in(email, "falsches Paßwört") == 401

    assert len(hashes) == 2


def test_own_password_is_confirmed_in_any_form(as_role):
    client = as_role("staff", password=in_form("NFD", "pässwört-été-1"))
    change = {"current": "pässwört-été-1", "new": in_form("NFD", "señal-ñandú-9")}

    assert post(client, "/api/users/me/password", change).status_code == 200
    assert sign_in(client.user.email, "señal-ñandú-9") == 200


def test_same_password_in_another_form_is_no_new_one(as_role):
    client = as_role("staff", password="pässwört-été-1")
    change = {"current": "pässwört-été-1", "new": in_form("NFD", "pässwört-été-1")}

    answer = post(client, "/api/users/me/password", change)

    assert (answer.status_code, answer.json()["errors"]) == (400, {"new": ["This is already your password."]})


def test_two_fields_of_a_new_password_may_differ_in_form(make_user, client):
    user = make_user("patient")
    typed = {"password": "pässwört-été-1", "again": in_form("NFD", "pässwört-été-1")}

    client.post(f"/password-reset/{token_for(user)}/", typed)

    assert sign_in(user.email, "pässwört-été-1") == 200


def test_two_fields_of_ones_own_new_password_may_differ_in_form(enter_as):
    manager = enter_as("admin")
    new = "pässwört-été-1"
    typed = {"old_password": PASSWORD, "new_password1": new, "new_password2": in_form("NFD", new)}

    manager.post(reverse("admin:password_change"), typed)

    assert sign_in(manager.user.email, new) == 200


def test_length_counts_what_is_seen(make_user, anonymous):
    body = {"name": "Éléonore", "email": "e@example.com", "role": "patient", "password": in_form("NFD", "éèêë")}

    assert post(anonymous, "/api/auth/register", body).status_code == 400


def test_form_of_a_hash_is_the_contracts():
    assert make_password("ü").startswith("bcrypt_sha256$$2b$")
    assert check_password("u\u0308", make_password("ü"))


# --- What staff must not have


@pytest.fixture(params=EASY)
def easy(request):
    return request.param


def test_manager_registers_no_staff_with_an_easy_password(as_role, easy, subtests):
    client = as_role("admin")
    for role in ("staff", "doctor", "admin", "billing"):
        with subtests.test(role=role):
            body = {"name": "New Person", "email": f"{role}@example.com", "role": role, "password": easy}

            answer = post(client, "/api/auth/register", body)

            assert answer.status_code == 400
            assert list(answer.json()["errors"]) == ["password"]


def test_patient_may_have_what_the_contract_allows(as_role, practice):
    body = {"name": "Pat Jones", "email": "pat@example.com", "role": "patient", "password": "123456"}

    assert post(as_role("admin"), "/api/auth/register", body).status_code == 201
    assert sign_in("pat@example.com", "123456") == 200


def test_staff_change_to_no_easy_password(as_role, easy):
    answer = post(as_role("doctor"), "/api/users/me/password", {"current": PASSWORD, "new": easy})

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["new"]


def test_staff_reset_to_no_easy_password(make_user, client, easy):
    user = make_user("staff")
    token = token_for(user)

    answer = post(client, "/api/auth/password-reset/confirm", {"token": token, "password": easy})
    page = client.post(f"/password-reset/{token}/", {"password": easy, "again": easy})

    assert answer.status_code == 400
    assert page.context["form"].errors["password"]
    assert sign_in(user.email, PASSWORD) == 200


def test_nobody_types_another_persons_password(enter_as, make_user, mailbox, django_capture_on_commit_callbacks):
    """A manager sends a link instead, and the person sets a password by it."""
    client, colleague = enter_as("admin"), make_user("staff")
    page = client.get(page_of(colleague))
    assert "new_password" not in page.content.decode() and "Send a link to set a new password" in page.content.decode()
    send(client, colleague, new_password="Rather-l0ng-indeed")
    assert sign_in(colleague.email, PASSWORD) == 200
    address = reverse("admin:accounts_user_send_password_link", args=[colleague.pk])
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(address, follow=True)
    assert f"was sent to {colleague.email}" in answer.content.decode()
    assert [mail.to for mail in mailbox] == [[colleague.email]] and "/password-reset/" in mailbox[0].body
    assert enter_as("staff").post(address).status_code == 403


def test_patient_who_joins_the_team_sets_a_new_password(enter_as, make_user):
    client, patient = enter_as("admin"), make_user("patient")
    assert send(client, patient, name="Pat Renamed").status_code == 302
    assert sign_in(patient.email, PASSWORD) == 200

    assert send(client, patient, role="staff").status_code == 302

    assert sign_in(patient.email, PASSWORD) == 401


def test_own_page_takes_no_easy_password(enter_as, easy):
    client = enter_as("admin")
    form = {"old_password": PASSWORD, "new_password1": easy, "new_password2": easy}

    answer = client.post(reverse("admin:password_change"), form)

    assert answer.status_code == 200
    assert answer.context["form"].errors


def test_page_says_what_is_asked_for(make_user, client, subtests):
    for role, minimum, more in (("staff", 8, True), ("patient", 6, False)):
        with subtests.test(role=role):
            address = f"/password-reset/{token_for(make_user(role))}/"
            for answer in (client.get(address), client.post(address, {"password": "", "again": ""})):
                page = answer.content.decode()

                assert f"at least {minimum} characters" in page
                assert ("commonly used" in page) == more


def test_password_must_not_be_ones_name_or_email(as_role):
    client = as_role("staff", name="Wilhelmina Okonkwo", email="frontdesk.nine@example.com")
    for easy in ("wilhelmina okonkwo", "frontdesk.nine"):
        answer = post(client, "/api/users/me/password", {"current": PASSWORD, "new": easy})

        assert answer.status_code == 400


def test_founder_of_a_practice_is_staff(anonymous, settings, db):
    settings.PRACTICE_SIGNUP = True
    body = {"name": "Ann Owner", "email": "owner@example.com", "role": "admin", "password": "12345678"}

    assert post(anonymous, "/api/auth/register", body).status_code == 400


def test_commands_take_no_easy_password(make_user, monkeypatch, settings, easy):
    user = make_user("staff")
    settings.FIRST_SUPERUSER_EMAIL, settings.FIRST_SUPERUSER_PASSWORD = "root@example.com", easy
    create = ("create_practice", "Riverside", "--timezone", "UTC", "--admin-email", "a@example.com")
    for command in (create, ("changepassword", user.email)):
        monkeypatch.setattr("sys.stdin", StringIO(f"{easy}\n"))
        with pytest.raises(CommandError, match=r"[Pp]assword"):
            call_command(*command, "--password-stdin")
    with pytest.raises(CommandError, match=r"[Pp]assword"), installation_scope():
        call_command("create_superuser")
