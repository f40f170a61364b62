"""Setting up and using a second factor in a real browser: its own authenticator for passkeys, the keyboard alone, and
a narrow screen."""

import re

import pytest
from playwright.sync_api import expect

from core.tenancy.scope import practice_scope
from tests.authenticator import App
from tests.browser.test_admin import tab_to
from tests.browser.test_pages import NARROW, overflows

WIDE = {"width": 1280, "height": 850}


@pytest.fixture
def person(make_user, live_server, settings):
    settings.SITE_URL = live_server.url  # http://localhost:…, where browsers allow passkeys without https
    return make_user("admin", name="Olive Manager")


@pytest.fixture
def virtual(page):
    """Chromium's virtual authenticator (WebAuthn, level 3, section 11), a device that always agrees."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    devtools.authenticator = made["authenticatorId"]
    return devtools


def give_password(page, person):
    page.get_by_label("Email").fill(person.email)
    page.get_by_label("Password").fill("Passw0rd!")
    page.get_by_role("button", name="Sign in").click()


def sign_out(page):
    page.goto("/admin/")
    page.get_by_role("button", name="Olive Manager").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You're signed out.")


def fits(page):
    """On both screens."""
    page.set_viewport_size(NARROW)
    narrow = not overflows(page)
    page.set_viewport_size(WIDE)
    return narrow and not overflows(page)


def confirm_with(page, fold, **fields):
    """Open the folded form of this name, fill it in and send it, with the keyboard alone."""
    tab_to(page.locator("summary", has_text=fold))
    page.keyboard.press("Enter")
    for label, value in {**fields, "Password": "Passw0rd!"}.items():
        tab_to(page.locator("details[open]").get_by_label(label))
        page.keyboard.type(value)
    page.keyboard.press("Enter")


def set_up_app(page):
    confirm_with(page, "Set up an authenticator app")
    app = App(page.locator("#secret").inner_text().replace(" ", ""))
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    assert fits(page)
    tab_to(page.get_by_role("textbox", name="Code"))
    page.keyboard.type(app.code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your ten recovery codes")).to_be_visible()
    return app


def test_authenticator_app_is_set_up_and_asked_for(page, person, practice):
    practice.two_factor_required = True
    with practice_scope(practice.pk):
        practice.save()
    page.goto("/admin/patients/patient/")
    give_password(page, person)
    page.wait_for_url("**/admin/security/")
    expect(page.get_by_text("Your practice requires two-step verification")).to_be_visible()
    assert fits(page)
    expect(page.get_by_label("Password")).to_have_count(2)  # unfolded at once, and the passkey's
    page.get_by_label("Password").first.fill("Passw0rd!")
    page.get_by_role("button", name="Set up an authenticator app").click()
    app = App(page.locator("#secret").inner_text().replace(" ", ""))
    page.get_by_role("textbox", name="Code").fill(app.wrong_code())
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("That code is incorrect.")).to_be_visible()
    page.get_by_role("textbox", name="Code").fill(app.code())
    page.get_by_role("button", name="Confirm").click()
    codes = page.locator("#codes li").all_inner_texts()
    assert len(codes) == 10 and fits(page)

    sign_out(page)
    page.goto("/admin/patients/patient/")
    give_password(page, person)
    expect(page.get_by_role("textbox", name="Code")).to_be_focused()
    assert fits(page)
    page.keyboard.type(app.wrong_code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="That code or passkey is incorrect")).to_be_visible()
    expect(page.get_by_role("textbox", name="Code")).to_be_focused()
    expect(page.get_by_role("textbox", name="Code")).to_have_value("")
    page.keyboard.type(app.code())
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/patients/patient/")  # what was asked for

    sign_out(page)
    page.goto("/admin/")
    give_password(page, person)
    page.get_by_role("textbox", name="Code").fill(codes[0].lower())
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")
    page.goto("/admin/security/")
    expect(page.get_by_text("9 of ten left.")).to_be_visible()


def test_recovery_codes_are_copied_downloaded_and_printed(sign_in, person):
    page = sign_in("admin")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.add_init_script("window.print = () => document.body.dataset.printed = 'yes'")
    page.goto("/admin/security/")
    set_up_app(page)
    codes = page.locator("#codes li").all_inner_texts()
    assert all(re.fullmatch(r"([A-Z2-9]{4}-){3}[A-Z2-9]{4}", code) for code in codes)
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()").split() == codes
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("document.body.dataset.printed") == "yes"
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "praxis-recovery-codes.txt"
    assert download.value.path().read_text().splitlines() == ["Recovery codes of Praxis", *codes]
    page.emulate_media(media="print")
    expect(page.locator("#codes li").first).to_be_visible()
    expect(page.get_by_role("link", name="Audit trail")).not_to_be_visible()


def test_passkey_is_added_and_signs_in(page, person, virtual):
    page.goto("/admin/security/")
    give_password(page, person)
    page.wait_for_url("**/admin/security/")
    confirm_with(page, "Add a passkey", Name="This laptop")
    create = page.get_by_role("button", name="Create the passkey")
    tab_to(create)
    expect(page.get_by_text("Passkeys work only at")).not_to_be_visible()
    assert fits(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your ten recovery codes")).to_be_visible()
    page.get_by_role("link", name="I've saved them").click()
    expect(page.get_by_text("This laptop", exact=True)).to_be_visible()
    assert fits(page)

    sign_out(page)
    page.goto("/admin/accounts/user/")
    give_password(page, person)
    assert fits(page)
    use = page.get_by_role("button", name="Use a passkey")
    tab_to(use)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/accounts/user/")
    page.goto("/admin/security/")
    expect(page.get_by_text("last used")).to_be_visible()

    confirm_with(page, "Add a passkey", Name="The same again")
    page.get_by_role("button", name="Create the passkey").click()
    expect(page.get_by_role("alert")).to_have_text("This device already has a passkey for your account.")

    page.goto("/admin/security/")
    confirm_with(page, "Remove This laptop")
    expect(page.get_by_text("Passkey removed.")).to_be_visible()


def test_unused_passkey_shows_a_message(page, person, virtual):
    page.goto("/admin/security/")
    give_password(page, person)
    confirm_with(page, "Add a passkey", Name="This laptop")
    page.get_by_role("button", name="Create the passkey").click()
    page.get_by_role("link", name="I've saved them").click()
    sign_out(page)
    page.goto("/admin/")
    give_password(page, person)
    virtual.send("WebAuthn.setUserVerified", {"authenticatorId": virtual.authenticator, "isUserVerified": False})
    virtual.send("WebAuthn.clearCredentials", {"authenticatorId": virtual.authenticator})
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert").filter(has_text="No passkey was used")).to_be_visible()
    expect(page.get_by_role("button", name="Use a passkey")).to_be_enabled()
    page.wait_for_url("**/second-factor/**")


def test_passkeys_at_another_address_show_a_message(sign_in, person, settings):
    settings.SITE_URL = "https://praxis.example"
    page = sign_in("admin")
    page.goto("/admin/security/")
    confirm_with(page, "Add a passkey", Name="This laptop")
    expect(page.get_by_text("Passkeys work only at https://praxis.example")).to_be_visible()
    expect(page.get_by_role("button", name="Create the passkey")).not_to_be_visible()
    assert fits(page)
