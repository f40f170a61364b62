"""Signing in to the admin site, lockout, and the superuser who chooses a practice."""

import pytest
from django.test import Client
from django.urls import reverse

from core.client import ADMIN_ROOT
from core.errors import Unavailable
from core.tenancy.scope import practice_scope
from patients.models import Patient
from practices.tests.factories import PracticeFactory

LOGIN = "/"


def sign_in(client, email, password):
    return client.post(LOGIN, {"username": email, "password": password})


def test_right_password_opens_today(client, make_user):
    user = make_user("admin")
    assert client.get(LOGIN).context["form"]["username"].label == "Email"
    answer = sign_in(client, user.email.upper(), "Passw0rd!")
    assert (answer.status_code, answer.url) == (302, "/admin/")
    assert client.get("/admin/").status_code == 200


def test_sixth_attempt_is_locked_out_right_password_included(client, make_user):
    user = make_user("admin")
    for _ in range(5):
        assert sign_in(client, user.email, "wrong").status_code == 200
    answer = sign_in(client, user.email, "Passw0rd!")
    assert answer.status_code == 429
    assert "Too many failed attempts. Try again in 15 minutes." in answer.content.decode()
    assert 890 <= int(answer["Retry-After"]) <= 900
    assert client.get("/admin/").status_code == 302


def test_lockout_count_is_shared_with_the_api(client, make_user):
    user = make_user("admin")
    for _ in range(3):
        body = {"email": user.email, "password": "wrong"}
        assert client.post("/api/auth/login", body, content_type="application/json").status_code == 401
    for _ in range(2):
        assert sign_in(client, user.email, "wrong").status_code == 200
    body = {"email": user.email, "password": "Passw0rd!"}
    assert client.post("/api/auth/login", body, content_type="application/json").status_code == 429
    assert sign_in(client, user.email.upper(), "Passw0rd!").status_code == 429


def test_success_clears_the_count(client, make_user):
    user = make_user("admin")
    for _ in range(4):
        sign_in(client, user.email, "wrong")
    assert sign_in(client, user.email, "Passw0rd!").status_code == 302
    assert sign_in(Client(), user.email, "wrong").status_code == 200


def test_sign_in_without_a_count_fails_closed_on_a_page(client, make_user, monkeypatch):
    def down(email):
        raise Unavailable("Sign-in is not available right now.")

    monkeypatch.setattr("accounts.sign_in.lockout.reserve_attempt", down)
    answer = sign_in(client, make_user("admin").email, "Passw0rd!")
    assert answer.status_code == 503
    assert "Sign-in is not available right now." in answer.content.decode()


def test_log_out(enter_as):
    client = enter_as("admin")
    assert client.get("/sign-out/").status_code == 405
    page = client.post("/sign-out/", follow=True)
    assert (page.redirect_chain, "You&#x27;re signed out." in page.content.decode()) == ([("/", 302)], True)
    assert client.get("/admin/").status_code == 302


# --- The superuser


@pytest.fixture
def root(superuser):
    client = Client()
    client.force_login(superuser)
    return client


def test_superuser_picks_a_practice_first(root, own, foreign):
    pick = reverse("admin:pick_practice")
    for address in ("/admin/", reverse("admin:patients_patient_changelist"), "/admin/nothing/"):
        assert root.get(address).url == pick
    for address in (pick, "/admin/jsi18n/", "/admin/password_change/"):
        assert root.get(address).status_code == 200
    assert root.post(pick, {"practice": "nonsense"}).status_code == 200
    assert root.get("/admin/").status_code == 302

    assert root.post(pick, {"practice": str(own.practice.pk)}).url == "/admin/"
    page = root.get(reverse("admin:patients_patient_changelist")).content.decode()
    assert "Ann Ownwood" in page and "Foreignson" not in page
    assert f"Working in {own.practice.name}" in page and pick in page
    assert root.get(reverse("admin:patients_patient_change", args=[foreign.chart.pk])).status_code == 404

    root.post(pick, {"practice": str(foreign.practice.pk)})
    page = root.get(reverse("admin:patients_patient_changelist")).content.decode()
    assert "Ann Foreignson" in page and "Ownwood" not in page


def test_superuser_has_the_rights_of_an_office_manager(root, own):
    root.post(reverse("admin:pick_practice"), {"practice": str(own.practice.pk)})
    root.post(reverse("admin:patients_patient_confirm", args=[own.pending.pk]))
    with practice_scope(own.practice.pk):
        assert Patient.objects.get(pk=own.pending.pk).status == "confirmed"
    form = {"name": "Dr New", "email": "new@example.com", "role": "doctor"}
    assert root.post(reverse("admin:accounts_invitation_add"), form).status_code == 302


def test_only_superusers_choose_a_practice(enter_as, own):
    client = enter_as("admin")
    other = PracticeFactory()
    pick = reverse("admin:pick_practice")
    assert client.get(pick).url == client.post(pick, {"practice": str(other.pk)}).url == "/admin/"
    page = client.get("/admin/").content.decode()
    assert own.practice.name in page and other.name not in page and pick not in page


def test_superuser_is_not_listed_as_a_colleague(root, own, superuser):
    root.post(reverse("admin:pick_practice"), {"practice": str(own.practice.pk)})
    assert root.get(reverse("admin:accounts_user_change", args=[superuser.pk])).status_code == 404
    assert superuser.email not in [row.email for row in root.get("/admin/accounts/user/").context["cl"].result_list]


# --- Attempts, addresses, and how long a session lives


def test_sign_ins_from_one_address_are_limited(client, db, settings):
    settings.ANON_RATE_LIMIT_PER_MINUTE = 3
    for at in range(3):
        assert sign_in(client, f"guess{at}@example.com", "wrong").status_code == 200
    answer = sign_in(client, "guess3@example.com", "wrong")
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert f"Try again in {answer['Retry-After']} second" in answer.content.decode()
    body = {"email": "guess4@example.com", "password": "wrong"}
    assert client.post("/api/auth/login", body, content_type="application/json").status_code == 429  # one count
    assert client.get(LOGIN).status_code == 200
    assert client.post(LOGIN, {}, REMOTE_ADDR="192.0.2.7").status_code == 200


def test_session_lasts_a_working_day(client, make_user):
    sign_in(client, make_user("admin").email, "Passw0rd!")
    assert client.cookies["praxis_admin"]["max-age"] == 12 * 60 * 60
    assert "praxis_admin" not in client.get("/admin/").cookies  # being used does not prolong it


def test_admin_is_known_by_its_path_wherever_the_server_is_mounted(client, enter_as, own):
    assert reverse("admin:index") == ADMIN_ROOT
    client = enter_as("admin")
    for mounted in ("/clinic", "", "/clinic"):
        assert client.get("/admin/patients/patient/", SCRIPT_NAME=mounted).status_code == 200
