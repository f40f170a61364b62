"""A forgotten password, from the sign-in page of the admin site to the new one, with the keyboard and on a narrow
screen."""

import re

import pytest
from playwright.sync_api import expect

from accounts.models import User
from accounts.passwords.reset import token_for

NARROW = {"width": 320, "height": 640}
NEW = "Another1!"


def overflows(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


@pytest.fixture
def user(make_user, live_server):
    return make_user("admin", name="Olive Manager")


def test_from_the_sign_in_to_a_new_password_by_keyboard(page, user, mailbox, settings, live_server):
    settings.SITE_URL = live_server.url
    page.goto("/")
    page.get_by_role("link", name="Forgot your password?").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(user.email)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("sent a password reset link")

    page.goto(re.search(r"http\S+", mailbox[0].body)[0])
    expect(page.get_by_label("New password")).to_be_focused()
    page.keyboard.type(NEW)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Confirm password")).to_be_focused()
    page.keyboard.type(NEW)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Your password has been changed. Please sign in.")

    page.get_by_role("link", name="Back to sign in").click()
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(NEW)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")


def test_mistake_shows_an_error_at_its_field(page, user):
    page.goto(f"/password-reset/{token_for(user)}/")
    page.get_by_label("New password").fill(NEW)
    page.get_by_label("Confirm password").fill("Another2!")
    page.get_by_role("button", name="Set password").click()

    again = page.get_by_label("Confirm password")
    expect(again).to_have_attribute("aria-invalid", "true")
    expect(again).to_have_accessible_description("The passwords don't match.")
    expect(page.get_by_label("New password")).to_have_accessible_description(re.compile("at least 8 characters"))
    assert User.all_practices.get(pk=user.pk).check_password("Passw0rd!")


def test_reset_link_is_not_leaked_as_referrer(page, user):
    referrers = []
    page.on("request", lambda request: referrers.append(request.headers.get("referer", "")))
    page.goto(f"/password-reset/{token_for(user)}/", wait_until="networkidle")
    page.get_by_role("link", name="Praxis").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")

    assert len(referrers) > 2
    assert not [referrer for referrer in referrers if "password-reset" in referrer]


def test_narrow_screens_show_the_whole_page(page, user):
    page.set_viewport_size(NARROW)
    for address in ("/password-reset/", f"/password-reset/{token_for(user)}/"):
        page.goto(address, wait_until="networkidle")
        assert not overflows(page)


def test_dead_link_leads_to_a_new_one(page, user):
    page.goto("/password-reset/nonsense/")
    expect(page.get_by_role("alert")).to_contain_text("expired or has already been used")
    page.get_by_role("link", name="Request a new link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Forgot your password?")
    page.complaints.clear()  # of the 400
