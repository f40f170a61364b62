"""The calendar as a receptionist works in it: with the mouse, with the keyboard alone, on a narrow screen, beside a
colleague. The interactions that docs/front-desk.md promises are counted here."""

import re
from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from appointments.models import Appointment
from appointments.services import change
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory, RoomFactory, WorkingHoursFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory
from tests.browser.test_admin import WEAK_TEXT
from tests.browser.test_clinical_record import _picture
from tests.browser.test_pages import NARROW, overflows

MONDAY = "/calendar/?day=2030-01-07&view=day"


@pytest.fixture
def monday(live_server, practice, make_user):
    """Two doctors who work from nine to five, and a visit at ten."""
    reyes, chen = make_user("doctor", name="Dr. Daniel Reyes"), make_user("doctor", name="Dr. Mei Chen")
    with practice_scope(practice.pk):
        for doctor in (reyes, chen):
            WorkingHoursFactory(doctor=doctor, start=time(9), end=time(17))
        kind = AppointmentTypeFactory(name="Follow-up", colour="#6a1b9a")
        PatientFactory(name="Paula Jensen", phone="(212) 555-0114")
        other = PatientFactory(name="Anne-Marie Okonkwo-Featherstonehaugh", allergies="Penicillin")
        start = datetime(2030, 1, 7, 15, tzinfo=UTC)  # ten in New York
        visit = AppointmentFactory(
            patient=other, doctor=reyes, type=kind, starts_at=start, ends_at=start + timedelta(minutes=30)
        )
    return SimpleNamespace(practice=practice, reyes=reyes, chen=chen, visit=visit)


def cell(page, doctor, at):
    return page.get_by_role("gridcell", name=re.compile(f"^{re.escape(doctor)}, {at}, free"))


def visit_of(page, name):
    return page.locator(".visit", has_text=name)


def said(page, sentence):
    expect(page.locator("#message")).to_contain_text(sentence)


def starts(monday):
    with practice_scope(monday.practice.pk):
        newest = Appointment.objects.order_by("-id").first()
        return newest.starts_at.hour - 5, newest.doctor_id, newest.status


def test_visit_is_booked_moved_and_cancelled_with_the_mouse(sign_in, monday):
    page = sign_in("staff")
    page.goto(MONDAY)
    cell(page, "Dr. Daniel Reyes", "11:00 AM").click()  # 1
    page.keyboard.type("jensen")  # 2
    page.get_by_role("option", name=re.compile("Paula Jensen")).click()  # 3
    page.get_by_role("button", name="Book", exact=True).click()  # 4
    said(page, "Booked Paula Jensen with Dr. Daniel Reyes, Mon, Jan 7, 11:00 AM")
    visit = visit_of(page, "Paula Jensen")
    expect(visit).to_be_focused()
    expect(page.locator("#panel")).to_be_empty()
    assert starts(monday) == (11, monday.reyes.pk, "scheduled")

    grip, aim = {"x": 20, "y": 2}, {"x": 20, "y": 4}
    visit.drag_to(cell(page, "Dr. Mei Chen", "2:00 PM"), source_position=grip, target_position=aim)
    said(page, "Moved Paula Jensen to Dr. Mei Chen, Mon, Jan 7, 2:00 PM")
    assert starts(monday) == (14, monday.chen.pk, "scheduled")
    page.get_by_role("button", name="Undo").click()
    said(page, "Undone.")
    assert starts(monday) == (11, monday.reyes.pk, "scheduled")

    visit_of(page, "Okonkwo").click()
    expect(page.locator("#panel")).to_contain_text("Penicillin")
    visit.click()  # 1
    expect(page.get_by_role("heading", name="Paula Jensen")).to_be_visible()
    page.get_by_role("button", name="Cancel visit").click()  # 2
    said(page, "Cancelled: Paula Jensen")
    expect(visit).to_have_count(0)
    assert starts(monday)[2] == "cancelled"

    page.get_by_role("button", name="Next free").click()  # which is on another day
    page.locator(".found-one").first.click()
    page.get_by_label("Patient").fill("jensen")
    page.get_by_role("option", name=re.compile("Paula Jensen")).click()
    page.get_by_role("button", name="Book", exact=True).click()
    page.get_by_role("link", name="Show it").click()
    expect(visit_of(page, "Paula Jensen")).to_be_focused()


def test_the_same_with_the_keyboard_alone_on_a_narrow_screen(sign_in, monday):
    page = sign_in("staff")
    page.set_viewport_size(NARROW)
    page.goto(MONDAY)
    assert not overflows(page)
    expect(page.get_by_role("columnheader", name="Dr. Mei Chen")).to_be_hidden()
    cell(page, "Dr. Daniel Reyes", "9:00 AM").focus()
    for _ in range(3):  # 9:15, 9:30, 9:45
        page.keyboard.press("ArrowDown")
    expect(cell(page, "Dr. Daniel Reyes", "9:45 AM")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(visit_of(page, "Okonkwo")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(cell(page, "Dr. Daniel Reyes", "10:30 AM")).to_be_focused()

    page.keyboard.press("Enter")  # 1
    expect(page.get_by_label("Patient")).to_be_focused()
    page.keyboard.type("jensen")  # 2
    expect(page.get_by_role("option", name=re.compile("Paula Jensen"))).to_be_visible()
    assert not overflows(page)
    page.keyboard.press("Enter")  # 3
    expect(page.get_by_role("button", name="Book", exact=True)).to_be_focused()
    page.keyboard.press("Enter")  # 4
    said(page, "Booked Paula Jensen")
    visit = visit_of(page, "Paula Jensen")
    expect(visit).to_be_focused()

    page.keyboard.press("m")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#speaker")).to_have_text("Dr. Daniel Reyes, 11:00 AM")
    page.keyboard.press("Enter")
    said(page, "Moved Paula Jensen to Dr. Daniel Reyes, Mon, Jan 7, 11:00 AM")
    expect(visit).to_be_focused()
    page.keyboard.press("u")
    said(page, "Undone.")
    expect(visit).to_be_focused()

    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Paula Jensen")).to_be_focused()
    page.keyboard.press("Escape")
    expect(visit).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("n")
    page.wait_for_url("**day=2030-01-08**")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#grid :focus")).to_be_visible()
    assert starts(monday) == (10, monday.reyes.pk, "scheduled")


def test_arrivals_and_no_shows_are_said_with_mouse_and_keyboard(sign_in, monday):
    with practice_scope(monday.practice.pk):
        start = timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=40)
        Appointment.objects.filter(pk=monday.visit.pk).update(starts_at=start, ends_at=start + timedelta(minutes=30))
        office = OfficeFactory(name="Midtown")
        RoomFactory(office=office, name="Room 1")
        Appointment.objects.filter(pk=monday.visit.pk).update(office=office)
    page = sign_in("staff")
    day = start.astimezone(monday.practice.tzinfo).date()
    page.goto(f"/calendar/?day={day}&view=day")
    visit = visit_of(page, "Okonkwo")
    visit.focus()
    page.keyboard.press("a")  # 1
    said(page, "Okonkwo-Featherstonehaugh: here since")
    expect(visit).to_be_focused()
    expect(visit).to_have_accessible_name(re.compile("here since"))
    page.keyboard.press("u")
    said(page, "Undone.")
    expect(visit).to_have_accessible_name(re.compile("Featherstonehaugh, [0-9]"))

    visit.click()  # 1
    page.get_by_role("button", name="No-show").click()  # 2
    said(page, "no-show")
    visit.click()  # 1
    page.get_by_role("button", name="Arrived (A)").click()  # 2
    said(page, "here since")
    visit.click()
    page.get_by_role("button", name="In progress").click()
    expect(visit).to_have_accessible_name(re.compile("in progress"))

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Signs")
    _picture(page, "calendar-help")
    page.keyboard.press("Escape")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 850})
            visit.click()
            expect(page.locator("#panel .panel")).to_be_visible()
            assert page.evaluate(WEAK_TEXT.replace("#content", "body")) == [], (scheme, width)
            assert not overflows(page), width
            _picture(page, f"calendar-facts-{scheme}-{width}")
            page.keyboard.press("Escape")
    visit.click()
    page.get_by_role("button", name="Cancel visit").click()
    page.get_by_label("Why?").select_option(label="The patient is ill")
    said(page, "Reason: The patient is ill")


def test_colleagues_change_appears_and_every_view_is_readable(sign_in, monday, make_user):
    page = sign_in("staff")
    page.goto(MONDAY)
    cell(page, "Dr. Daniel Reyes", "4:30 PM").focus()
    scrolled = page.locator(".scroller").evaluate("element => element.scrollTop")
    with practice_scope(monday.practice.pk):
        change(by=make_user("staff"), appointment_id=monday.visit.pk, doctor_id=monday.chen.pk)
    expect(page.get_by_label(re.compile("10:00 AM, .*Dr. Mei Chen, until 10:30 AM$"))).to_be_visible(timeout=4000)
    expect(cell(page, "Dr. Daniel Reyes", "4:30 PM")).to_be_focused()
    assert page.locator(".scroller").evaluate("element => element.scrollTop") == scrolled
    kept = page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]")
    assert kept == ["htmx-current-path-for-history"]  # the address, which names nobody

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 850})
            for view in ("week", "list", "day"):
                page.goto(f"/calendar/?day=2030-01-07&view={view}")
                assert page.evaluate(WEAK_TEXT.replace("#content", "body")) == [], (scheme, view)
                assert not overflows(page), (width, view)
                _picture(page, f"calendar-{view}-{scheme}-{width}")
        page.locator(".visit:visible, td.free:visible").first.click()
        expect(page.locator("#panel .panel")).to_be_visible()
        assert page.evaluate(WEAK_TEXT.replace("#content", "body")) == [], scheme
        _picture(page, f"calendar-panel-{scheme}")
    page.emulate_media(media="print")
    page.goto("/calendar/?day=2030-01-07&view=list")
    expect(page.get_by_role("button", name="Next free")).to_be_hidden()
    expect(page.get_by_text("Okonkwo")).to_be_visible()
