"""The search of every page by keyboard, on a narrow screen too, and in the admin site."""

from django.test import Client
from playwright.sync_api import expect

from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from tests.browser.test_pages import NARROW, overflows


def test_ctrl_k_finds_a_patient_and_esc_gives_the_focus_back(page, live_server, practice, make_user):
    with practice_scope(practice.pk):
        PatientFactory(name="Paula Jensen")
    client = Client()
    client.force_login(make_user("staff"))
    session = client.cookies["praxis_admin"].value
    page.context.add_cookies([{"name": "praxis_admin", "value": session, "url": live_server.url, "sameSite": "Strict"}])
    page.set_viewport_size(NARROW)
    page.goto("/calendar/")
    page.get_by_role("link", name="Search").focus()
    page.keyboard.press("Control+k")
    text = page.get_by_role("searchbox", name="Find people and pages")
    expect(text).to_be_focused()
    page.keyboard.type("jens")
    expect(page.get_by_role("link", name="Paula Jensen")).to_be_visible()
    assert not overflows(page) and "jens" not in page.url
    page.keyboard.press("Escape")
    expect(text).to_be_hidden()
    expect(page.get_by_role("link", name="Search")).to_be_focused()

    page.goto("/admin/")
    page.keyboard.press("Control+k")
    page.keyboard.type("jens")
    expect(page.get_by_role("link", name="Paula Jensen")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Paula Jensen")).to_be_visible()
