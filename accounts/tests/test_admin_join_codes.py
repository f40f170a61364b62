"""Join codes and offices in the admin site."""

import re

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

from accounts.models import JoinCode
from accounts.sessions.admin_store import SessionStore
from appointments.models import Appointment
from core.encryption.blind_index import join_code_fingerprint
from core.tenancy.scope import practice_scope
from practices.models import Office
from practices.tests.factories import OfficeFactory
from tests.admin_forms import errors_of, form_values, page_of, send

LIST, ADD = "admin:accounts_joincode_changelist", "admin:accounts_joincode_add"
NO_TIME = {"expires_at_0": "", "expires_at_1": ""}


@pytest.fixture
def wanted(own):
    return {"doctor": str(own.doctor.pk), "office": str(own.office.pk), "most_uses": "", **NO_TIME}


def codes(own):
    with practice_scope(own.practice.pk):
        return list(JoinCode.objects.exclude(pk=own.join_code.pk))


def code_in(answer):
    """As it is shown: two groups of four."""
    assert answer.status_code == 200
    (shown_as,) = re.findall(r"<strong>(\w{4} \w{4})</strong>", answer.content.decode())
    return shown_as


def test_answer_to_the_form_shows_the_code_and_no_other_page_does(enter_as, own, wanted):
    client = enter_as("admin")

    answer = client.post(reverse(ADD), wanted)

    (made,) = codes(own)
    text, page = code_in(answer), answer.content.decode()
    assert bytes(made.code_index) == join_code_fingerprint(text.replace(" ", ""))
    assert (made.doctor_id, made.office_id, made.made_by_id) == (own.doctor.pk, own.office.pk, client.user.pk)
    assert f"Join code of {own.practice.name} for Dr Ownwood, Office Ownwood" in page
    assert "data-copy" in page and "data-print" in page and "praxis/codes.js" in page
    assert "Valid until" not in page and reverse(LIST) in page
    assert "no-store" in answer["Cache-Control"]
    for address in (reverse(LIST), page_of(made), reverse(ADD), reverse("admin:index")):
        later = client.get(address).content.decode()
        assert text not in later and text.replace(" ", "") not in later


def test_new_join_code_is_not_in_cookies_or_session(enter_as, own, wanted):
    client = enter_as("admin")

    text = code_in(client.post(reverse(ADD), wanted))

    assert "messages" not in client.cookies  # signed and packed, it can be read by whoever holds it
    kept = [cookie.value for cookie in client.cookies.values()]
    kept += [str(SessionStore().decode(row.session_data)) for row in Session.objects.all()]
    assert Session.objects.exists()
    assert [held for held in kept if text in held or text.replace(" ", "") in held] == []


def test_join_code_page_title_is_doctor_and_office(enter_as, own):
    page = enter_as("admin").get(page_of(own.join_code)).content.decode()

    assert "Dr Ownwood, Office Ownwood" in page
    assert not re.search(rf"Join code\s+{str(own.join_code.pk)[-6:]}", page)


def test_form_explains_expiry_and_time_zone(enter_as, own):
    page = enter_as("admin").get(reverse(ADD)).content.decode()

    assert "Leave both blank for no expiry. Times are in New York time." in page


def test_expiry_and_max_uses_are_optional(enter_as, own, wanted):
    client = enter_as("admin")
    filled = {**wanted, "most_uses": "3", "expires_at_0": "2090-01-06", "expires_at_1": "09:00"}
    assert "Valid until Jan 6, 2090, 9:00 AM" in client.post(reverse(ADD), filled).content.decode()
    (made,) = codes(own)
    assert (made.most_uses, made.expires_at.isoformat()) == (3, "2090-01-06T14:00:00+00:00")  # New York's morning

    passed = client.post(reverse(ADD), {**wanted, "expires_at_0": "2001-01-06", "expires_at_1": "09:00"})
    assert set(errors_of(passed)) == {"expires_at"}
    assert set(errors_of(client.post(reverse(ADD), {**wanted, "most_uses": "0"}))) == {"most_uses"}
    assert len(codes(own)) == 1


def test_platform_superusers_code_is_in_the_list_like_any(client, superuser, enter_as, own, wanted):
    client.force_login(superuser)
    client.post(reverse("admin:pick_practice"), {"practice": str(own.practice.pk)})

    code_in(client.post(reverse(ADD), wanted))

    (made,) = codes(own)
    manager = enter_as("admin")
    assert made in manager.get(reverse(LIST)).context["cl"].result_list
    assert b"the administrator of this server" in manager.get(page_of(made)).content


def test_list_says_how_each_code_stands(enter_as, own):
    page = enter_as("admin").get(reverse(LIST)).content.decode()

    assert "Dr Ownwood" in page and "Office Ownwood" in page and "Active" in page


def test_another_practices_people_and_offices_get_no_code(enter_as, own, foreign, wanted):
    client = enter_as("admin")

    assert "Foreignson" not in client.get(reverse(ADD)).content.decode()
    for field, row in (("doctor", foreign.doctor), ("office", foreign.office)):
        assert set(errors_of(client.post(reverse(ADD), {**wanted, field: str(row.pk)}))) == {field}
    assert codes(own) == []


def test_code_is_withdrawn_on_its_page(enter_as, own, foreign):
    client = enter_as("admin")
    assert b"Withdraw this code" in client.get(page_of(own.join_code)).content

    done = client.post(reverse("admin:accounts_joincode_withdraw", args=[own.join_code.pk]))

    assert done.status_code == 302
    with practice_scope(own.practice.pk):
        assert JoinCode.objects.get(pk=own.join_code.pk).withdrawn_at is not None
    assert b"Withdraw this code" not in client.get(page_of(own.join_code)).content
    assert client.post(reverse("admin:accounts_joincode_withdraw", args=[foreign.join_code.pk])).status_code == 404
    assert client.get(reverse("admin:accounts_joincode_withdraw", args=[own.join_code.pk])).status_code == 405


def test_front_desk_neither_sees_nor_withdraws_codes(enter_as, own):
    client = enter_as("staff")

    assert reverse(LIST) not in client.get(reverse("admin:index")).content.decode()
    assert client.get(reverse(LIST)).status_code == 403
    assert client.post(reverse("admin:accounts_joincode_withdraw", args=[own.join_code.pk])).status_code == 403
    assert reverse(LIST) in enter_as("admin").get(reverse("admin:index")).content.decode()


# --- Offices


def test_office_that_nothing_names_is_removed_and_any_other_stays(enter_as, own, foreign):
    client = enter_as("admin")
    with practice_scope(own.practice.pk):
        empty = OfficeFactory()

    def remove(office):
        return client.post(reverse("admin:practices_office_remove", args=[office.pk]), follow=True)

    assert "Office removed." in remove(empty).content.decode()
    refused = remove(own.office).content.decode()
    assert "removed while people, appointments, rooms, working hours, days off or join codes use it" in refused
    assert remove(foreign.office).status_code == 404
    with practice_scope(own.practice.pk):
        assert list(Office.objects.all()) == [own.office]


def test_front_desk_removes_no_office(enter_as, own):
    client = enter_as("staff")

    assert b"Remove this office" not in client.get(page_of(own.office)).content
    assert client.post(reverse("admin:practices_office_remove", args=[own.office.pk])).status_code == 403


def test_appointment_is_booked_in_an_office_shown_there_and_moved(enter_as, own, foreign):
    client = enter_as("admin")
    address = reverse("admin:appointments_appointment_add")
    assert "Foreignson" not in client.get(address).content.decode()
    body = {
        "patient": str(own.chart.pk),
        "doctor": str(own.doctor.pk),
        "office": str(own.office.pk),
        "starts_at_0": "2031-01-06",
        "starts_at_1": "09:00",
        "reason": "Back pain",
        "notes": "",
    }
    assert set(errors_of(client.post(address, {**body, "office": str(foreign.office.pk)}))) == {"office"}
    assert client.post(address, body).status_code == 302

    with practice_scope(own.practice.pk):
        booked = Appointment.objects.exclude(pk=own.appointment.pk).get()
        other = OfficeFactory(name="Uptown")
    assert booked.office_id == own.office.pk
    listed = reverse("admin:appointments_appointment_changelist")
    assert b"Office Ownwood" in client.get(listed).content
    picked = client.get(listed, {"office": str(own.office.pk)}).context["cl"].result_list
    assert [row.pk for row in picked] == [booked.pk]

    assert form_values(client, booked)["office"] == str(own.office.pk)
    assert send(client, booked, office=str(other.pk)).status_code == 302
    with practice_scope(own.practice.pk):
        assert Appointment.objects.get(pk=booked.pk).office_id == other.pk
