"""What only a browser shows of the site's lists and forms: printing, the patient picker's name, other time zones."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory

pytestmark = pytest.mark.embedded  # what a browser shows hangs on no database; the HTTP tests run in both halves

BOOK = "admin:appointments_appointment_add"
PRINTS = "window.printed = 0; window.print = () => { window.printed += 1 }"


def test_patient_picker_has_a_name(sign_in, own):
    """axe: aria-input-field-name (serious) on the booking form and in the trail."""
    page: Page = sign_in("admin")
    for address in (reverse(BOOK), reverse("admin:trail")):
        page.goto(address)
        expect(page.get_by_role("combobox", name="Patient")).to_be_visible()
    page.goto(reverse(BOOK))
    page.get_by_role("combobox", name="Patient").click()
    expect(page.get_by_role("searchbox", name="Patient")).to_be_focused()
    expect(page.get_by_text("Ann Ownwood, born ")).to_be_visible()


def test_no_field_warns_of_the_browsers_time_zone(browser, live_server, sign_in, own):
    page: Page = sign_in("admin")
    cookies = page.context.cookies()
    elsewhere = browser.new_context(base_url=live_server.url, timezone_id="America/Denver")
    elsewhere.add_cookies(cookies)
    form = elsewhere.new_page()
    form.goto(reverse(BOOK))
    form.wait_for_load_state("load")
    assert form.locator(".datetimeshortcuts").count()  # where the warning would stand
    assert form.locator(".timezonewarning:visible").count() == 0
    elsewhere.close()


@pytest.mark.parametrize("way", ["link", "keys"])
def test_list_is_printed_whole(sign_in, own, way):
    """Praxis: 5 of 74 rows on paper."""
    with practice_scope(own.practice.pk):
        PatientFactory.create_batch(30)
    page: Page = sign_in("admin")
    page.add_init_script(PRINTS)
    page.goto(reverse("admin:patients_patient_changelist"))
    page.wait_for_load_state("load")
    if way == "link":
        page.get_by_role("link", name="Print 32 rows").click()
    else:
        page.keyboard.press("Control+p")
    page.wait_for_function("window.printed === 1")
    expect(page.locator("#result_list tbody tr")).to_have_count(32)
    page.emulate_media(media="print")
    expect(page.locator("#result_list tr").last).to_be_visible()
    expect(page.get_by_role("link", name="Today")).to_be_hidden()
    assert page.locator("#result_list thead").evaluate("head => getComputedStyle(head).display") == "table-header-group"
