"""The sign-in page and what a patient finds behind it: signing in, moving and cancelling a visit with the keyboard; and
being signed out of an idle page and led back to it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import LoginSession, RevocationReason
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory, WorkingHoursFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from tests.browser.test_pages import NARROW, overflows

PASSWORD = "Passw0rd!"


def give_password(page, user):
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")


@pytest.fixture
def patient(live_server, practice, make_user):
    doctor, user = make_user("doctor", name="Dr. Daniel Reyes"), make_user("patient", name="Paula Jensen")
    with practice_scope(practice.pk):
        for weekday in range(5):
            WorkingHoursFactory(doctor=doctor, weekday=weekday)
        start = (timezone.now() + timedelta(days=10)).replace(hour=15, minute=0, second=0, microsecond=0)
        AppointmentFactory(
            patient=PatientFactory(user=user), doctor=doctor, starts_at=start, ends_at=start + timedelta(minutes=30)
        )
    return user


def only_visit(user):
    with practice_scope(user.practice_id):
        return Appointment.objects.get()


def test_patient_moves_and_cancels_a_visit_on_a_phone_in_the_dark(page, patient):
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark")
    before = only_visit(patient).starts_at
    page.goto("/")
    give_password(page, patient)
    expect(page.get_by_role("heading", level=1)).to_have_text("My visits, my record, my data")
    assert not overflows(page)

    page.get_by_role("link", name="Move").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Move a visit")
    assert not overflows(page)
    page.get_by_role("listitem").get_by_role("button").first.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Moved: your visit is now on")
    assert only_visit(patient).starts_at != before

    for name in ("Who has seen my chart", "Where I'm signed in", "Change password"):
        page.get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        assert not overflows(page)
        page.get_by_role("link", name="Back to my page").click()
    page.get_by_role("link", name="Cancel").press("Enter")
    page.get_by_role("button", name="Cancel the visit").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Cancelled: your visit on")
    assert only_visit(patient).status == "cancelled"


def test_idle_page_warns_and_leads_back_after_the_sign_in(page, live_server, make_user):
    user = make_user("staff")
    page.clock.install()
    page.goto("/calendar/?day=2030-01-07&view=day")
    give_password(page, user)
    page.wait_for_url("**/calendar/?day=2030-01-07**")
    warning = page.get_by_text("You'll be signed out in less than two minutes.")

    page.evaluate("document.dispatchEvent(new Event('scroll'))")  # the calendar's own, which is nobody's activity
    page.route("**/session/left/", lambda route: route.fulfill(json={"seconds": 100}))
    page.clock.fast_forward("13:01")
    expect(warning).to_be_visible()
    with page.expect_response("**/session/active/") as answer:
        page.keyboard.press("Shift")
    assert answer.value.json()["seconds"] > 800
    expect(warning).to_be_hidden()

    page.unroute("**/session/left/")
    LoginSession.objects.filter(user=user).update(
        revoked_at=timezone.now(), revocation_reason=RevocationReason.TIMED_OUT
    )
    page.clock.fast_forward("13:10")
    expect(page.get_by_text("Your session timed out. Please sign in again.")).to_be_visible()
    page.complaints.clear()  # the browser's own line about the answer 401
    give_password(page, user)
    page.wait_for_url("**/calendar/?day=2030-01-07**")
