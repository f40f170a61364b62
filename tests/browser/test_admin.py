"""The office manager's day in the admin site, with a real browser."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from accounts.models import User
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.services import update_chart
from patients.tests.factories import PatientFactory
from practices.models import Practice
from practices.tests.factories import OfficeFactory
from tests.browser.test_pages import NARROW, overflows


@pytest.fixture
def clinic(live_server, practice, make_user) -> Practice:
    doctor = make_user("doctor", name="Dr. Grace Chen")
    start, _ = practice.day_bounds(practice.today())
    with practice_scope(practice.pk):
        maria = PatientFactory(name="María Alvarez", email="maria@example.org", phone="+1 555 010 2030")
        PatientFactory(name="John Okafor")
        PatientFactory(name="Walter Newman", status="pending")
        at = start + timedelta(hours=9)
        AppointmentFactory(patient=maria, doctor=doctor, starts_at=at, ends_at=at + timedelta(minutes=30))
    return practice


def tab_to(target) -> None:
    """Reach it as somebody without a mouse does."""
    target.wait_for()
    for _ in range(80):
        if target.evaluate("element => element === document.activeElement"):
            return
        target.page.keyboard.press("Tab")
    raise AssertionError("The Tab key does not lead there.")


def test_signing_in_with_the_keyboard_alone(page, clinic, make_user):
    user = make_user("admin", name="Olive Manager")
    page.goto("/admin/")
    tab_to(page.get_by_label("Email"))
    page.keyboard.type(user.email)
    tab_to(page.get_by_label("Password"))
    page.keyboard.type("Passw0rd!")
    tab_to(page.get_by_role("button", name="Sign in"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Today")
    row = page.get_by_role("row", name=re.compile("María Alvarez"))
    expect(row).to_contain_text("9:00 AM")
    expect(row).to_contain_text("Dr. Grace Chen")


def test_menus_open_and_people_sign_out_with_the_keyboard_alone(sign_in, clinic):
    page = sign_in("admin")
    page.goto("/admin/patients/patient/", wait_until="networkidle")
    tab_to(page.get_by_role("button", name="Filters"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Waiting to be confirmed")).to_be_visible()
    page.goto("/admin/", wait_until="networkidle")
    tab_to(page.get_by_role("button", name="Olive Manager"))
    page.keyboard.press("Enter")
    sign_out = page.get_by_role("button", name="Sign out")
    expect(sign_out).to_be_visible()
    sign_out.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("You're signed out.")
    page.goto("/admin/")
    page.wait_for_url("**/?next=**")


def test_narrow_screens_menu_opens_with_the_keyboard(sign_in, clinic):
    page = sign_in("admin")
    page.set_viewport_size(NARROW)
    page.goto("/admin/", wait_until="networkidle")
    tab_to(page.get_by_role("button", name="Menu").locator("visible=true"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Appointments", exact=False).first).to_be_visible()


def test_wrong_password_shows_a_message(page, clinic, make_user):
    user = make_user("admin")
    page.goto("/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Email or password is wrong")).to_be_visible()


def test_patient_is_found_and_the_chart_opened_and_changed(sign_in, clinic):
    page = sign_in("admin")
    page.goto("/admin/")
    page.get_by_role("link", name="Patients").first.click()
    search = page.get_by_placeholder("Name, email, phone or date of birth")
    search.fill("alvar")
    search.press("Enter")
    expect(page.get_by_role("row", name=re.compile("John Okafor"))).to_have_count(0)
    page.get_by_role("link", name="María Alvarez").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("María Alvarez")
    expect(page.get_by_label("Email")).to_have_value("maria@example.org")
    page.get_by_label("Allergies").fill("Penicillin")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved: ")).to_be_visible()
    with practice_scope(clinic.pk):
        assert "Penicillin" in [chart.allergies for chart in Patient.objects.all()]


def test_stale_chart_is_refused_and_opened_again(sign_in, clinic, make_user):
    page = sign_in("admin")
    with practice_scope(clinic.pk):
        maria = next(chart for chart in Patient.objects.all() if chart.name == "María Alvarez")
    page.goto(f"/admin/patients/patient/{maria.pk}/change/")
    expect(page.locator("form input[type=hidden][name=version]")).to_have_value(maria.updated_at.isoformat())
    with practice_scope(clinic.pk):
        update_chart(patient=maria, by=make_user("staff"), allergies="Latex")
    page.get_by_label("Allergies").fill("Penicillin")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Someone else changed this while you were editing.")).to_be_visible()
    page.goto(page.url)
    expect(page.get_by_label("Allergies")).to_have_value("Latex")
    page.get_by_label("Allergies").fill("Latex, Penicillin")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved: ")).to_be_visible()


def test_registration_is_confirmed_from_today(sign_in, clinic):
    page = sign_in("admin")
    page.goto("/admin/")
    page.get_by_role("button", name="Confirm as new: Walter Newman").click()
    expect(page.get_by_text("The registration was confirmed.")).to_be_visible()
    expect(page.get_by_text("Nothing waiting.")).to_be_visible()
    with practice_scope(clinic.pk):
        assert not Patient.objects.pending().exists()


def test_registration_is_confirmed_on_the_chart(sign_in, clinic):
    page = sign_in("admin")
    page.goto("/admin/")
    page.get_by_role("link", name="Walter Newman").click()
    page.get_by_role("button", name="Confirm as new").click()
    expect(page.get_by_text("The registration was confirmed.")).to_be_visible()
    expect(page.get_by_text("is waiting to be confirmed")).to_have_count(0)


def test_double_booking_shows_a_form_error(sign_in, clinic):
    page = sign_in("admin")
    page.goto("/admin/appointments/appointment/add/")
    page.locator(".select2-selection").click()
    page.locator(".select2-search__field").fill("okaf")
    page.get_by_role("option", name="John Okafor").click()
    page.get_by_label("Doctor").select_option(label="Dr. Grace Chen")
    page.locator("[name=starts_at_0]").fill(str(clinic.today()))
    page.locator("[name=starts_at_1]").fill("09:15")
    page.get_by_label("Reason").fill("Back pain")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The doctor has another appointment at this time.")).to_be_visible()
    expect(page.locator(".select2-selection")).to_contain_text("John Okafor")
    page.locator("[name=starts_at_1]").fill("09:30")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Added: ")).to_be_visible()
    with practice_scope(clinic.pk):
        assert Appointment.objects.count() == 2


def test_somebody_is_invited_and_opens_the_account(sign_in, clinic, mailbox, settings, live_server):
    settings.SITE_URL = live_server.url
    page = sign_in("admin")
    page.goto("/admin/accounts/user/add/")
    page.get_by_label("Name").fill("Sam Desk")
    page.get_by_label("Email").fill("sam@example.com")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Added: ")).to_be_visible()
    page.goto(re.search(r"http\S+", mailbox[0].body)[0])
    page.get_by_label("New password").fill("Rather-l0ng-indeed")
    page.get_by_label("Confirm password").fill("Rather-l0ng-indeed")
    page.get_by_role("button", name="Open account").click()
    page.wait_for_url("**/admin/")  # the office manager is still signed in here
    user = User.all_practices.with_email("sam@example.com")
    assert (user.role, user.practice_id) == ("staff", clinic.pk)


def test_fresh_join_code_is_copied_and_printed(sign_in, clinic):
    page = sign_in("admin")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.add_init_script("window.print = () => document.body.dataset.printed = 'yes'")
    with practice_scope(clinic.pk):
        OfficeFactory(name="Uptown")
    page.goto("/admin/accounts/joincode/add/")
    page.locator("[name=doctor]").select_option(label="Dr. Grace Chen")
    page.locator("[name=office]").select_option(label="Uptown")
    page.get_by_role("button", name="Save", exact=True).click()
    code = page.locator("#join-code")
    expect(code).to_have_text(re.compile(r"^\w{4} \w{4}$"))
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("status")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == code.inner_text()
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("document.body.dataset.printed") == "yes"
    page.set_viewport_size(NARROW)
    assert not overflows(page)
    page.emulate_media(media="print")
    expect(page.get_by_text("Join code of Demo Clinic for Dr. Grace Chen, Uptown")).to_be_visible()
    expect(page.get_by_text("It won't be shown again")).not_to_be_visible()
    page.emulate_media(media="screen")
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("row", name="Dr. Grace Chen")).to_be_visible()
    expect(code).to_have_count(0)


@pytest.mark.parametrize(
    "address",
    [
        "/admin/",
        "/admin/patients/patient/",
        "/admin/patients/patient/add/",
        "/admin/appointments/appointment/",
        "/admin/accounts/user/",
        "/admin/practices/practice/",
    ],
)
def test_narrow_screens_show_the_whole_page(sign_in, clinic, address):
    page = sign_in("admin")
    page.set_viewport_size(NARROW)
    page.goto(address, wait_until="networkidle")
    assert not overflows(page)


def test_dark_screen_stays_readable(sign_in, clinic):
    """The text of the Today page keeps a contrast of 4.5 to 1 (WCAG 1.4.3) in both themes."""
    page = sign_in("admin")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto("/admin/", wait_until="networkidle")
        assert page.evaluate(WEAK_TEXT) == [], scheme


WEAK_TEXT = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
  const rgb = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1)
    return [...canvas.getImageData(0, 0, 1, 1).data]
  }
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor)
      if (colour[3] === 255) return colour
    }
    return [255, 255, 255]
  }
  const weak = []
  for (const element of document.querySelectorAll('#content *')) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue
    const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x)
    if ((a + 0.05) / (b + 0.05) < 4.5) weak.push(element.textContent.trim())
  }
  return weak
}"""
