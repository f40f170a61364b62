"""Held times, series, the waiting list and columns of rooms in the calendar. The interactions that docs/front-desk.md
promises are counted here."""

import re
from datetime import timedelta

from playwright.sync_api import expect

from appointments.holds import services as holds
from appointments.models import Appointment, SlotHold, SlotOffer
from appointments.tests.factories import RoomFactory, WaitingListEntryFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory
from tests.browser.test_calendar import MONDAY, cell, monday, said, visit_of
from tests.browser.test_clinical_record import _picture
from tests.browser.test_pages import NARROW, overflows

__all__ = ["monday"]


def held(monday):
    with practice_scope(monday.practice.pk):
        return SlotHold.objects.live().count()


def wait_until(page, is_so):
    for _ in range(600):
        if is_so():
            return
        page.wait_for_timeout(100)
    raise AssertionError("nothing happened for a minute")


def test_time_is_kept_while_the_panel_is_open_and_colleagues_see_it(sign_in, monday, make_user):
    page = sign_in("staff")
    page.goto(MONDAY)
    free = cell(page, "Dr. Daniel Reyes", "11:00 AM")
    free.click()
    expect(page.get_by_text("Kept for you until")).to_be_visible()
    assert held(monday) == 1
    cell(page, "Dr. Mei Chen", "1:00 PM").click()  # another time instead: the first is free again
    expect(page.locator("#panel")).to_contain_text("Dr. Mei Chen")
    expect(page.get_by_text("Kept for you until")).to_be_visible()
    assert held(monday) == 1
    page.keyboard.press("Escape")
    wait_until(page, lambda: held(monday) == 0)
    free.click()
    expect(page.get_by_text("Kept for you until")).to_be_visible()
    page.goto(MONDAY)  # whoever leaves the page keeps nothing
    wait_until(page, lambda: held(monday) == 0)

    with practice_scope(monday.practice.pk):
        kim = make_user("staff", name="Kim")
        start = monday.visit.starts_at + timedelta(hours=2)
        hold = holds.hold(by=kim, doctor_id=monday.chen.pk, date=start)
    kept = page.get_by_role("gridcell", name=re.compile("^Dr. Mei Chen, 12:00 PM, kept by Kim until"))
    expect(kept).to_be_visible()
    _picture(page, "calendar-held")
    kept.click()
    expect(page.get_by_role("alert")).to_contain_text("Kept by Kim until")
    with practice_scope(monday.practice.pk):
        holds.release(by=kim, hold_id=hold.pk)
    expect(cell(page, "Dr. Mei Chen", "12:00 PM")).to_be_visible()


def test_series_is_booked_and_cancelled_with_the_keyboard(sign_in, monday):
    page = sign_in("staff")
    page.set_viewport_size(NARROW)
    page.goto(MONDAY)
    cell(page, "Dr. Daniel Reyes", "11:00 AM").focus()
    page.keyboard.press("Enter")  # 1
    page.get_by_label("Patient").wait_for()
    page.keyboard.type("jensen")  # 2
    page.keyboard.press("Enter")  # 3
    expect(page.get_by_role("button", name="Book", exact=True)).to_be_focused()
    page.get_by_label("Repeat").focus()
    page.get_by_label("Repeat").select_option(label="Every so many weeks")  # 4
    expect(page.locator(".occurrences li")).to_have_count(6)
    expect(page.get_by_label("Repeat")).to_be_focused()
    assert not overflows(page)
    _picture(page, "calendar-series")
    page.get_by_role("button", name="Book 6 visits").press("Enter")  # 5
    said(page, "Booked 6 visits of Paula Jensen")
    visit_of(page, "Paula Jensen").press("Enter")
    expect(page.locator("#panel")).to_contain_text("Visit 1 of a series")
    box, message = page.locator("#panel").bounding_box(), page.locator("#message").bounding_box()
    assert message["y"] + message["height"] <= box["y"], (box, message)  # it covers nothing of the panel
    page.get_by_label("Which visits").first.select_option(label="All visits")
    page.get_by_role("button", name="Cancel visit").press("Enter")
    said(page, "Cancelled: all coming visits of this series")
    with practice_scope(monday.practice.pk):
        assert Appointment.objects.filter(status="cancelled", series__isnull=False).count() == 6


def test_freed_time_is_offered_to_who_waits_and_rooms_have_columns(sign_in, monday):
    with practice_scope(monday.practice.pk):
        for name in ("Mia Okoro", "Noah Klein"):
            WaitingListEntryFactory(patient=PatientFactory(name=name), type=monday.visit.type)
        office = OfficeFactory(name="Midtown")
        for doctor in (monday.reyes, monday.chen):  # who works at no office is elsewhere
            doctor.office = office
            doctor.save()
        first, _second = RoomFactory(office=office, name="Room 1"), RoomFactory(office=office, name="Room 2")
    page = sign_in("staff")
    page.goto(MONDAY)
    visit_of(page, "Okonkwo").click()
    page.get_by_role("button", name="Cancel visit").click()
    page.get_by_role("button", name="Offer it to Mia Okoro or 1 other").click()  # 1
    page.get_by_role("button", name="Offer to Mia Okoro").click()  # 2
    expect(page.get_by_role("region", name="On offer")).to_contain_text(
        re.compile("Mia Okoro.*on offer until", re.DOTALL)
    )
    expect(page.locator("td.held").first).to_contain_text("on offer until")
    _picture(page, "calendar-offer")
    page.get_by_role("button", name="Book: Mia Okoro says yes").click()
    said(page, "Booked Mia Okoro with Dr. Daniel Reyes")
    with practice_scope(monday.practice.pk):
        assert not SlotOffer.objects.open().exists()
    page.keyboard.press("w")
    expect(page.locator("#panel")).to_contain_text("Noah Klein")
    _picture(page, "calendar-waiting")
    page.keyboard.press("Escape")

    page.get_by_label("View").select_option(label="Day by room")
    expect(page.get_by_role("columnheader", name="Room 2")).to_be_visible()
    page.locator(f'td[id^="c-{first.pk.hex}"]').nth(16).click()
    page.get_by_label("Doctor").last.select_option(label="Dr. Mei Chen")
    expect(page.get_by_text("Kept for you until")).to_be_visible()
    page.get_by_label("Patient").fill("jensen")
    page.get_by_role("option", name=re.compile("Paula Jensen")).click()
    page.get_by_role("button", name="Book", exact=True).click()
    said(page, "Booked Paula Jensen with Dr. Mei Chen")
    visit = visit_of(page, "Paula Jensen")
    expect(visit).to_contain_text("Dr. Mei Chen")
    grip, aim = {"x": 20, "y": 2}, {"x": 20, "y": 4}
    page.locator("#message [data-dismiss]").click()
    to = page.get_by_role("gridcell", name=re.compile("^Room 2, 1:00 PM"))
    visit.drag_to(to, source_position=grip, target_position=aim)
    said(page, "Moved Paula Jensen")
    _picture(page, "calendar-rooms")
    with practice_scope(monday.practice.pk):
        assert Appointment.objects.get(room__name="Room 2").doctor_id == monday.chen.pk
