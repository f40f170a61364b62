"""Breaking the glass and signing it off, with the keyboard alone and on a narrow screen."""

import re

from playwright.sync_api import expect

from core.tenancy.scope import practice_scope
from patients.models import EmergencyAccess
from patients.tests.factories import PatientFactory
from tests.browser.test_admin import tab_to
from tests.browser.test_pages import NARROW, overflows


def test_breaking_the_glass_and_signing_off_with_the_keyboard(sign_in, live_server, practice):
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Rosa Hidden", restricted=True)
    page = sign_in("admin")
    page.set_viewport_size(NARROW)
    page.goto(f"/admin/patients/patient/{chart.pk}/change/")
    assert not overflows(page)
    tab_to(page.get_by_label("Reason for emergency access"))
    page.keyboard.type("Found unconscious")
    tab_to(page.get_by_role("button", name="Break the glass"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("You have emergency access until")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(chart.email)
    with practice_scope(practice.pk):
        access = EmergencyAccess.objects.get()

    page = sign_in("admin")  # a colleague
    page.goto("/admin/")
    assert not overflows(page)
    page.set_viewport_size({"width": 1280, "height": 850})
    expect(page.get_by_role("link", name=re.compile(r"Emergency access.*\b1 waiting"))).to_be_visible()
    assert page.locator(".praxis-badge").bounding_box()["width"] < 30  # the number alone is seen
    page.set_viewport_size(NARROW)
    tab_to(page.get_by_role("link", name="opened the chart of Rosa Hidden"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{access.pk}/change/")
    assert not overflows(page)
    expect(page.get_by_text("Found unconscious")).to_be_visible()
    tab_to(page.get_by_label("Note"))
    page.keyboard.type("Asked the ER")
    tab_to(page.get_by_role("button", name="Sign off"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("was signed off")).to_be_visible()
    assert not overflows(page)
    page.goto("/admin/")
    expect(page.get_by_text("opened the chart of")).to_have_count(0)
    assert [text for text in page.complaints if "403" not in text] == []
    page.complaints.clear()  # the closed chart itself is a 403
