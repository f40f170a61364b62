"""How a patient wants to be written to: said by the front desk, or on their own page."""

import pytest

from core.tenancy.scope import practice_scope
from notifications.messages.settings import preferences_of, say_preference
from notifications.models import MessagePreference
from patients.models import Patient
from patients.tests.factories import PatientFactory


@pytest.fixture
def chart(practice):
    with practice_scope(practice.pk):
        return PatientFactory(name="Paula Jensen")


def address(chart) -> str:
    return f"/api/patients/{chart.pk}/message-wishes"


def patch(client, chart, body):
    return client.patch(address(chart), body, content_type="application/json")


def test_front_desk_says_what_a_patient_wants(as_role, chart):
    staff = as_role("staff")
    assert staff.get(address(chart)).json() == {
        "email": True,
        "sms": True,
        "noEmailSince": None,
        "noSmsSince": None,
        "language": None,
    }
    answer = patch(staff, chart, {"sms": False, "language": "de"}).json()
    assert (answer["email"], answer["sms"], answer["language"]) == (True, False, "de")
    again = patch(staff, chart, {"sms": False, "email": True}).json()
    assert again["noSmsSince"] == answer["noSmsSince"], "said since the first time"
    assert patch(staff, chart, {"sms": True, "language": None}).json()["noSmsSince"] is None


def test_what_is_misspelt_or_empty_is_refused(as_role, chart):
    staff = as_role("staff")
    for body in ({}, {"sms": "no"}, {"language": "fr"}, {"phone": False}):
        assert patch(staff, chart, body).status_code == 400


def test_patient_says_it_on_their_own_page(as_role, chart, practice, enter_as):
    patient = enter_as("patient")
    with practice_scope(practice.pk):
        Patient.objects.filter(pk=chart.pk).update(user=patient.user)
    page = patient.get("/me/messages/")
    assert "Text messages about visits" in page.content.decode()
    assert patient.post("/me/messages/", {"email": "on", "language": "de"}).status_code == 302
    with practice_scope(practice.pk):
        said = MessagePreference.objects.get()
    assert (said.no_email_since, said.no_sms_how, said.language) == (None, "patient", "de")


def test_page_at_the_front_desk_shows_since_when(enter_as, chart, practice):
    staff = enter_as("staff")
    with practice_scope(practice.pk):
        say_preference(patient_id=chart.pk, how="stop", channels=["sms"], wanted=False)
    page = staff.get(f"/patients/{chart.pk}/messages/").content.decode()
    assert "said by replying STOP" in page
    assert (
        staff.post(f"/patients/{chart.pk}/messages/", {"email": "on", "sms": "on", "language": ""}).status_code == 302
    )
    with practice_scope(practice.pk):
        assert MessagePreference.objects.get().no_sms_since is None


def test_nobody_elses_chart(as_role, enter_as, chart, other_practice):
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()
    staff, patient = as_role("staff"), as_role("patient")
    assert staff.get(address(foreign)).status_code == 404
    assert patch(staff, foreign, {"sms": False}).status_code == 404
    assert patient.get(address(chart)).status_code == 404
    assert enter_as("billing").get(f"/patients/{chart.pk}/messages/").status_code == 403
    assert enter_as("patient").get("/me/messages/").status_code == 404


def test_who_opted_out_in_a_chart_that_was_merged_stays_so(scope):
    left, gone = PatientFactory(), PatientFactory()
    say_preference(patient_id=gone.pk, how="stop", channels=["sms"], wanted=False)
    say_preference(patient_id=left.pk, how="staff", language="de")
    Patient.objects.filter(pk=gone.pk).update(status="merged", merged_into=left)
    found = preferences_of([left.pk])[left.pk]
    assert (found.no_sms_how, found.no_email_since, found.language) == ("stop", None, "de")
