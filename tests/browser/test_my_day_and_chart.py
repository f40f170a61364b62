"""A doctor's way through the day with the keyboard: from My day to a chart, through its history and back."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from appointments.tests.factories import AppointmentFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.chart.timeline import SIZE
from records.tests.factories import FinalisedNoteFactory
from tests.browser.test_pages import NARROW, overflows


@pytest.fixture
def day(live_server, page, practice, make_user):
    """A doctor who is signed in, with two visits today; the second patient has more notes than a page shows."""
    doctor = make_user("doctor", name="Dr. Daniel Reyes")
    now = timezone.now().astimezone(practice.tzinfo)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    begun = max(midnight, now - timedelta(minutes=40))  # of today, and over or about to be
    with practice_scope(practice.pk):
        first, second = PatientFactory(name="Karl Early"), PatientFactory(name="Paula Jensen", allergies="Penicillin")
        for place, chart in enumerate((first, second)):
            at = begun + timedelta(minutes=30 * place)
            whose = {"patient": chart, "doctor": doctor, "reason": "Follow-up"}
            AppointmentFactory(**whose, starts_at=at, ends_at=at + timedelta(minutes=20))
        for number in range(SIZE + 5):
            FinalisedNoteFactory(patient=second, doctor=doctor, date=begun - timedelta(days=number + 1))
    client = Client()
    client.force_login(doctor)
    session = client.cookies["praxis_admin"].value
    page.context.add_cookies([{"name": "praxis_admin", "value": session, "url": live_server.url, "sameSite": "Strict"}])
    return second


def test_doctor_goes_from_patient_to_patient_and_reads_a_chart_with_the_keyboard(page, day):
    page.set_viewport_size(NARROW)
    page.goto("/my-day/")
    page.get_by_text("Your account").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("link", name="Active sessions")).to_be_in_viewport(ratio=1)
    assert not overflows(page)
    page.get_by_text("Your account").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()  # until then keys are its own
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="Karl Early", exact=True)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Paula Jensen", exact=True)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**{reverse('chart', args=[day.pk])}")
    expect(page.get_by_role("heading", name="Paula Jensen")).to_be_visible()
    expect(page.locator("header.banner")).to_contain_text("Penicillin")
    assert not overflows(page)
    entries = page.locator(".entry")
    shown = entries.count()
    assert shown == SIZE
    for _ in range(SIZE):
        page.keyboard.press("j")
    page.get_by_role("link", name="Show earlier").press("Enter")
    expect(entries).to_have_count(SIZE + 6)  # the notes, and the visit of today
    expect(page.locator(".entries").nth(1).locator("[data-stop]").first).to_be_focused()
    expect(page.locator("header.banner h1")).to_be_in_viewport()  # it stays
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("flexion limited")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text(re.compile(rf"{SIZE + 5} notes have these words"))
    page.get_by_role("searchbox").blur()
    page.keyboard.press("d")
    page.wait_for_url("**/my-day/")


def test_visit_is_started_with_one_key(page, day):
    page.goto("/my-day/")
    page.keyboard.press("s")
    page.wait_for_url(lambda address: "/my-day/" not in address)
    page.goto("/my-day/")
    expect(page.locator(".visit").first).to_contain_text("in progress")
    page.get_by_role("button", name="Done").click()
    expect(page.locator(".visit [data-stop]").nth(1)).to_be_focused()


def test_lists_are_kept_without_leaving_the_chart(page, day):
    """With the keyboard: an allergy is added and the banner says so; what is refused stays as it was typed."""
    page.set_viewport_size(NARROW)
    page.goto(reverse("chart", args=[day.pk]))
    page.locator("#add-allergy").focus()
    page.keyboard.press("Enter")
    page.locator("#text-allergy").fill("Latex")
    page.locator("#severity-allergy").select_option("severe")
    page.locator("#text-allergy").press("Enter")
    expect(page.locator("#banner .allergies summary")).to_contain_text("Latex (severe)", timeout=60_000)
    expect(page.locator("#add-allergy")).to_be_focused()

    page.locator("#add-problem").click()
    page.locator("#text-problem").fill("Asthma")
    page.locator("#since-problem").fill("2199-12-31")
    page.locator("#text-problem").press("Enter")
    expect(page.locator("#message")).to_contain_text(
        "This day is still to come. Enter today or an earlier one.", timeout=60_000
    )
    expect(page.locator("#text-problem")).to_have_value("Asthma")
    assert not overflows(page)
    page.complaints.clear()  # the answer 400


def test_front_desk_corrects_a_phone_number_with_the_keyboard(page, day, practice, enter_as, live_server):
    with practice_scope(practice.pk):
        day.address = day.emergency_contact = "12 Elm Street\nApt 4"  # as the API takes it; a browser keeps the lines
        day.save(update_fields=["address", "emergency_contact"])
    session = enter_as("staff").cookies["praxis_admin"].value
    page.context.add_cookies([{"name": "praxis_admin", "value": session, "url": live_server.url, "sameSite": "Strict"}])
    page.set_viewport_size(NARROW)
    page.goto(reverse("chart", args=[day.pk]))
    page.keyboard.press("c")
    page.wait_for_url(f"**{reverse('chart_contact', args=[day.pk])}")
    assert not overflows(page)
    page.get_by_label("Phone").fill("(212) 555-0199")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Saved: Phone.")
    expect(page.locator("header.banner")).to_contain_text("(212) 555-0199")
    assert not overflows(page)
