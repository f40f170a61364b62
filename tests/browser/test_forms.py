"""A consent that is asked for at the desk and signed with a finger on a tablet, as docs/tour.md counts it."""

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.models import PatientForm
from records.tests.factories import consent_template
from tests.browser.test_pages import NARROW, overflows


@pytest.fixture
def desk(live_server, page, practice, make_user):
    staff = make_user("staff")
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Paula Jensen")
        consent_template(by=make_user("admin"), need="everyone")
    client = Client()
    client.force_login(staff)
    session = client.cookies["praxis_admin"].value
    page.context.add_cookies([{"name": "praxis_admin", "value": session, "url": live_server.url, "sameSite": "Strict"}])
    return chart


def test_a_consent_is_signed_on_a_tablet(page, desk, practice):
    page.goto(reverse("chart", args=[desk.pk]))
    page.keyboard.press("s")  # 1: forms and consents
    page.get_by_role("button", name="Ask for it").click()  # 2
    page.get_by_role("button", name="Hand over this device").click()  # 3

    expect(page.get_by_text("For Paula", exact=True)).to_be_visible()
    assert "Jensen" not in page.content()
    page.set_viewport_size(NARROW)
    assert not overflows(page)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_label("No", exact=True).check()  # 1
    page.get_by_label("Your full name").fill("Paula Jensen")  # 2
    canvas = page.get_by_role("img", name="Your drawn signature")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 40)
    page.mouse.down()  # 3: the signature
    page.mouse.move(box["x"] + 120, box["y"] + 80, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Send").click()  # 4
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()

    with practice_scope(practice.pk):
        form = PatientForm.objects.get()
    assert (form.state, form.channel, form.signature["name"]) == ("completed", "tablet", "Paula Jensen")
    assert len(form.signature["strokes"]) == 1 and len(form.signature["strokes"][0]) > 2
