"""A practice that requires a second factor of everybody who works there."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Authenticator, Passkey
from accounts.second_factor import recovery
from core.tenancy.scope import practice_scope
from patients.models import Patient
from practices.models import Practice
from tests.admin_forms import errors_of, send
from tests.authenticator import LOGIN, RIGHT, SECURITY, TOTP, add_passkey, app_of, page_text, set_up_totp, sign_in


def require(practice):
    practice.two_factor_required = True
    with practice_scope(practice.pk):
        practice.save()


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_required_factor_blocks_admin_site_until_set_up(enter_as, own, role):
    client = enter_as(role)
    require(own.practice)
    chart = reverse("admin:patients_patient_change", args=[own.chart.pk])
    confirm = reverse("admin:patients_patient_confirm", args=[own.pending.pk])
    for address in ("/admin/", chart, "/admin/patients/patient/?q=ann", "/admin/accounts/user/", "/admin/nothing/"):
        answer = client.get(address)
        assert (answer.status_code, answer.url) == (302, SECURITY)
        assert "Ownwood" not in answer.content.decode()
    assert client.post(confirm).url == SECURITY
    with practice_scope(own.practice.pk):
        assert Patient.objects.get(pk=own.pending.pk).status == "pending"
    for address in ("/admin/jsi18n/", "/admin/password_change/", SECURITY):
        assert client.get(address).status_code == 200
    page = page_text(client.get(SECURITY))
    assert "Your practice requires two-step verification" in page
    assert "Ownwood" not in page
    assert "/admin/patients/patient/" not in client.get(SECURITY).content.decode()  # no menu of what does not open

    set_up_totp(client)
    assert client.get(chart).status_code == 200
    assert "Your practice requires" not in page_text(client.get(SECURITY))
    assert "/admin/patients/patient/" in client.get(SECURITY).content.decode()


def test_required_factor_allows_sign_out(enter_as, practice):
    client = enter_as("staff")
    require(practice)
    assert client.post("/sign-out/").url == "/"
    assert client.get("/admin/").url == "/admin/login/?next=/admin/"


def test_sign_in_redirects_to_security_page(client, make_user, practice):
    user = make_user("staff")
    require(practice)
    answer = client.post(LOGIN, {"username": user.email, **RIGHT}, follow=True)
    assert answer.redirect_chain == [("/calendar/", 302), (SECURITY, 302)]


def test_required_factor_is_satisfied_by_passkey(enter_as, practice, key):
    client = enter_as("staff")
    app = app_of(client.user)
    require(practice)
    assert client.get("/admin/").url == SECURITY  # signed in before, without it
    assert sign_in(client, client.user, code=app.code()).url == "/calendar/"
    assert client.get("/admin/").status_code == 200
    colleague = enter_as("staff")
    add_passkey(colleague, key)
    assert colleague.get("/admin/").status_code == 200


def test_removing_last_required_factor_blocks_admin_site(enter_as, practice, key):
    client = enter_as("admin")
    set_up_totp(client)
    require(practice)
    add_passkey(client, key)
    assert "Authenticator app removed." in page_text(client.post(f"{TOTP}remove/", RIGHT, follow=True))
    assert client.get("/admin/").status_code == 200

    (passkey,) = Passkey.objects.all()
    client.post(f"/admin/security/passkeys/{passkey.pk}/remove/", RIGHT)

    assert client.get("/admin/").status_code == 302
    set_up_totp(client)
    assert client.get("/admin/").status_code == 200


def test_required_factor_does_not_apply_to_other_practices(enter_as, practice, other_practice):
    require(practice)
    assert enter_as("admin", practice=other_practice).get("/admin/").status_code == 200


def enter_practice(client, practice):
    return client.post(reverse("admin:pick_practice"), {"practice": str(practice.pk)})


def test_superuser_follows_requirement_of_current_practice(client, superuser, own, other_practice):
    require(own.practice)
    client.force_login(superuser)
    assert client.get(SECURITY).status_code == 200  # before they have picked one, as ever
    assert enter_practice(client, own.practice).url == "/admin/"
    chart = reverse("admin:patients_patient_change", args=[own.chart.pk])
    for address in ("/admin/", chart, "/admin/patients/patient/", "/admin/accounts/user/", "/admin/nothing/"):
        answer = client.get(address)
        assert (answer.status_code, answer.url) == (302, SECURITY)
    page = page_text(client.get(SECURITY))
    assert "This practice requires two-step verification" in page
    assert "Ownwood" not in page and "/admin/patients/patient/" not in page
    assert "Switch practice" in page

    assert client.get(reverse("admin:pick_practice")).status_code == 200
    enter_practice(client, other_practice)
    assert client.get("/admin/").status_code == 200
    enter_practice(client, own.practice)
    assert client.get(chart).status_code == 302
    set_up_totp(client)
    assert client.get(chart).status_code == 200
    assert "requires two-step verification" not in page_text(client.get(SECURITY))


def test_superuser_who_gave_a_second_factor_is_let_in_at_no_further_query(client, superuser, own):
    client.force_login(superuser)
    enter_practice(client, own.practice)
    with CaptureQueriesContext(connection) as before:
        assert client.get("/admin/patients/patient/").status_code == 200
    app = app_of(superuser)
    require(own.practice)
    other = Client()
    assert sign_in(other, superuser, code=app.code()).url == "/admin/"
    enter_practice(other, own.practice)
    with CaptureQueriesContext(connection) as required:
        assert other.get("/admin/patients/patient/").status_code == 200
    assert len(required) == len(before)


def test_office_manager_requires_it(enter_as, practice):
    client, colleague = enter_as("admin"), enter_as("staff")
    set_up_totp(client)
    assert colleague.get("/admin/").status_code == 200
    answer = send(client, practice, two_factor_required="on", name="Renamed Clinic")
    assert answer.status_code == 302
    stored = Practice.objects.get(pk=practice.pk)
    assert (stored.two_factor_required, stored.name) == (True, "Renamed Clinic")
    assert colleague.get("/admin/").url == SECURITY
    assert client.get("/admin/").status_code == 200
    assert send(client, practice, two_factor_required=None).status_code == 302
    assert colleague.get("/admin/").status_code == 200


def test_office_manager_who_has_none_is_the_first_to_be_asked(enter_as, practice):
    client = enter_as("admin")
    assert send(client, practice, two_factor_required="on").status_code == 302
    assert client.get("/admin/").url == SECURITY


def test_staff_do_not_require_it_and_a_wrong_form_changes_nothing(enter_as, practice):
    desk = enter_as("staff")
    page = reverse("admin:practices_practice_change", args=[practice.pk])
    assert "set it up yet" not in page_text(desk.get(page))
    assert desk.post(page, {"two_factor_required": "on"}).status_code == 403
    client = enter_as("admin")
    assert "timezone" in errors_of(send(client, practice, two_factor_required="on", timezone="Nowhere"))
    assert not Practice.objects.get(pk=practice.pk).two_factor_required


def test_practices_page_tells_how_many_have_none(enter_as, make_user, practice, other_practice):
    client = enter_as("admin")
    page = reverse("admin:practices_practice_change", args=[practice.pk])
    with CaptureQueriesContext(connection) as alone:
        assert "1 of 1 person who works here hasn't set it up yet." in page_text(client.get(page))
    make_user("admin", practice=other_practice)
    make_user("patient")
    make_user("staff", is_active=False)
    two = make_user("doctor")
    app_of(two)
    Passkey.objects.create(user=two, name="Key", credential_id=b"1", public_key=b"")
    Passkey.objects.create(user=two, name="Key", credential_id=b"2", public_key=b"")
    recovery.create_codes(make_user("staff"))
    Authenticator.objects.create(user=make_user("staff"), secret="JBSWY3DPEHPK3PXP")  # not confirmed
    assert "3 of 4 people who work here haven't set it up yet." in page_text(client.get(page))
    app_of(client.user)
    with CaptureQueriesContext(connection) as later:
        assert "2 of 4 people who work here haven't set it up yet." in page_text(client.get(page))
    assert len(later) == len(alone)
