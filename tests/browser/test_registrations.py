"""The registrations desk with the keyboard alone and on a narrow screen."""

import os
import re
from datetime import date

import pytest
from playwright.sync_api import expect

from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from tests.browser.test_admin import tab_to
from tests.browser.test_pages import NARROW, overflows

BORN = date(1985, 12, 10)


@pytest.fixture
def charts(practice, make_user):
    with practice_scope(practice.pk):
        known = PatientFactory(name="Anne-Marie Okonkwo-Featherstonehaugh", phone="+1 555 010 2030", date_of_birth=BORN)
        PatientFactory(name="Annemarie Okonkwo", phone="", date_of_birth=BORN, user=make_user("patient"))
        PatientFactory(name="Anne Marie Okonkwo", phone="", restricted=True)
        fields = {"name": "Annemarie Okonkwo", "phone": "5550102030", "date_of_birth": BORN, "status": "pending"}
        return known, PatientFactory(user=make_user("patient"), **fields), PatientFactory(**{**fields, "phone": ""})


def state(chart):
    with practice_scope(chart.practice_id):
        return Patient.objects.get(pk=chart.pk)


@pytest.mark.parametrize("start", ["today", "chart"])
def test_registration_is_merged_with_the_keyboard(sign_in, live_server, charts, start):
    known, waiting, other = charts
    page = sign_in("staff")
    page.set_viewport_size(NARROW)
    page.goto("/admin/" if start == "today" else f"/admin/patients/patient/{waiting.pk}/change/")
    assert not overflows(page)
    likely = page.get_by_role("list", name="Possible matches for Annemarie Okonkwo").first
    expect(likely.get_by_text("Same date of birth, same phone, similar name")).to_be_visible()
    expect(likely.get_by_text("Already has an account.")).to_be_visible()
    expect(likely.get_by_text("Restricted chart: ask its primary doctor.")).to_be_visible()
    tab_to(likely.locator("summary").first)
    page.keyboard.press("Enter")
    expect(likely.get_by_text("This can't be undone.")).to_be_visible()
    assert not overflows(page)
    _picture(page, f"merge-{start}")
    tab_to(likely.get_by_role("button", name="Merge into this chart"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("The registration was merged")).to_be_visible()
    assert (state(waiting).merged_into_id, state(known).user_id) == (known.pk, waiting.user_id)

    page.goto(f"/admin/patients/patient/{waiting.pk}/change/")
    assert not overflows(page)
    _picture(page, "merged")
    tab_to(page.get_by_role("link", name="another chart"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{known.pk}/change/")
    assert state(other).status == "pending"


def test_registration_is_declined_and_reopened_with_the_keyboard(sign_in, live_server, charts):
    _, waiting, other = charts
    page = sign_in("admin")
    page.set_viewport_size(NARROW)
    page.goto(f"/admin/patients/patient/{waiting.pk}/change/")
    tab_to(page.locator(".praxis-desk summary"))
    page.keyboard.press("Enter")
    assert not overflows(page)
    tab_to(page.get_by_role("combobox", name=re.compile("^Reason")))
    page.keyboard.type("Registered")
    _picture(page, "decline")
    tab_to(page.get_by_role("button", name="Decline", exact=True))
    page.keyboard.press("Enter")
    expect(page.get_by_text("This registration was declined.")).to_be_visible()
    assert not overflows(page)
    _picture(page, "declined")
    tab_to(page.get_by_role("button", name="Reopen"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("waiting to be confirmed again")).to_be_visible()
    tab_to(page.get_by_role("button", name="Confirm as new"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("The registration was confirmed.")).to_be_visible()
    assert (state(waiting).status, state(other).status) == ("confirmed", "pending")


def test_wide_and_dark_screens(sign_in, live_server, charts):
    page = sign_in("admin")
    page.goto("/admin/")
    assert not overflows(page)
    page.locator(".praxis-matches summary").first.click()
    _picture(page, "today-wide")
    page.emulate_media(color_scheme="dark")
    page.goto(f"/admin/patients/patient/{charts[1].pk}/change/")
    assert not overflows(page)
    _picture(page, "chart-dark")


def _picture(page, name):
    """For a look at them: PICTURES names a folder."""
    if os.environ.get("PICTURES"):
        page.screenshot(path=f"{os.environ['PICTURES']}/{name}.png", full_page=True)
