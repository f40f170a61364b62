"""Held times, series, the waiting list and columns of rooms in the calendar. The interactions that docs/front-desk.md
promises are counted here."""

import os
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import product
from pathlib import Path

from django.utils import timezone
from playwright.sync_api import expect
from pypdf import PdfReader

from accounts.models import LoginSession, RevocationReason
from appointments.holds import services as holds
from appointments.models import Appointment, SlotHold, SlotOffer
from appointments.tests.factories import AppointmentFactory, RoomFactory, WaitingListEntryFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from practices.tests.factories import OfficeFactory
from tests.browser.test_admin import tab_to
from tests.browser.test_calendar import MONDAY, cell, monday, said, visit_of
from tests.browser.test_clinical_record import _picture
from tests.browser.test_pages import NARROW, overflows

__all__ = ["monday"]

IS_FOCUSED = "element => element === document.activeElement"


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


def test_closed_form_of_an_ended_session_does_not_open_the_sign_in_page(sign_in, monday):
    """Behind the page that is shown it would take the message that is there for it, and change the CSRF token of a
    sign-in form that is being filled in."""
    page = sign_in("staff")
    page.goto(MONDAY)
    cell(page, "Dr. Daniel Reyes", "11:00 AM").click()
    expect(page.get_by_text("Kept for you until")).to_be_visible()
    LoginSession.objects.update(revoked_at=timezone.now(), revocation_reason=RevocationReason.TIMED_OUT)
    with page.expect_response("**/calendar/release/") as answer:
        page.keyboard.press("Escape")
    assert answer.value.status == 302
    page.goto(MONDAY)
    expect(page.get_by_text("Your session timed out. Please sign in again.")).to_be_visible()
    page.complaints.clear()  # what else the calendar asked for was refused


def test_button_of_a_panel_that_is_about_to_go_is_not_pressed(sign_in, monday):
    """Not even where something else is answered meanwhile: what comes next may be another patient's."""
    page = sign_in("staff")
    page.goto(MONDAY)
    page.locator(f"#v-{monday.visit.pk}").click()
    expect(page.locator("#panel").get_by_role("button", name="Cancel visit")).to_be_visible()
    waiting = []
    page.route("**/calendar/slot/", lambda route: waiting.append(route))
    cell(page, "Dr. Mei Chen", "1:00 PM").click()
    wait_until(page, lambda: waiting)
    page.evaluate("htmx.ajax('POST', '/calendar/patients/', {target: '#message', values: {q: ''}})")
    page.wait_for_timeout(500)
    assert page.locator("#panel").evaluate("panel => panel.inert")
    waiting[0].continue_()
    expect(page.get_by_text("Kept for you until")).to_be_visible()
    expect(page.locator("#panel")).not_to_have_js_property("inert", True)


def test_series_is_booked_and_cancelled_with_the_keyboard(sign_in, monday):
    page = sign_in("staff")
    page.set_viewport_size(NARROW)
    page.goto(MONDAY)
    tab_to(page.locator("#grid [tabindex='0']"))
    eleven = cell(page, "Dr. Daniel Reyes", "11:00 AM")
    for _ in range(40):
        if eleven.evaluate(IS_FOCUSED):
            break
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")  # 1
    page.get_by_label("Patient").wait_for()
    page.keyboard.type("jensen")  # 2
    page.keyboard.press("Enter")  # 3
    expect(page.get_by_role("button", name="Book", exact=True)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    repeat = page.get_by_label("Repeat")
    for unit in ("day", "week"):  # 4
        expect(repeat).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_label(f"Every … {unit}s")).to_be_visible()
    expect(repeat).to_be_focused()
    expect(page.locator(".occurrences li")).to_have_count(6)
    assert not overflows(page)
    _picture(page, "calendar-series")
    for field in ("Every … weeks", "Ends", "Visits"):
        page.keyboard.press("Tab")
        expect(page.get_by_label(field, exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Book 6 visits")).to_be_focused()
    page.keyboard.press("Enter")  # 5
    said(page, "Booked 6 visits of Paula Jensen")
    expect(visit_of(page, "Paula Jensen")).to_be_focused()
    page.keyboard.press("Enter")  # 1
    expect(page.locator("#panel")).to_contain_text("Visit 1 of a series")
    box, message = page.locator("#panel").bounding_box(), page.locator("#message").bounding_box()
    assert message["y"] + message["height"] <= box["y"], (box, message)  # it covers nothing of the panel
    which = page.get_by_label("Which visits").first
    tab_to(which)
    page.keyboard.press("End")  # 2
    expect(which.locator("option:checked")).to_have_text("All visits")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Cancel visit")).to_be_focused()
    page.keyboard.press("Enter")  # 3
    said(page, "Cancelled: all coming visits of this series")
    with practice_scope(monday.practice.pk):
        cancelled = Appointment.objects.filter(status="cancelled", series__isnull=False)
        assert cancelled.count() == 6
        page.keyboard.press("u")
        said(page, "Undone.")
        assert cancelled.count() == 0


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


def test_visit_of_somebodys_chart_is_booked_and_made_longer(sign_in, monday):
    page = sign_in("staff")
    with practice_scope(monday.practice.pk):
        chart = PatientFactory(name="Nina Holm")
    page.goto(f"/patients/{chart.pk}/")
    page.get_by_role("link", name="Book a visit").click()  # 1
    page.goto(f"{page.url}&day=2030-01-07&view=day")
    expect(page.get_by_text("Choose a time for Nina Holm.")).to_be_visible()
    cell(page, "Dr. Daniel Reyes", "11:00 AM").click()  # 2
    page.get_by_role("button", name="Book", exact=True).click()  # 3
    said(page, "Booked Nina Holm with Dr. Daniel Reyes, Mon, Jan 7, 11:00 AM")
    expect(page.get_by_text("Choose a time for")).to_have_count(0)
    assert "patient=" not in page.url + page.locator("#main").inner_html().replace("patients/", "").split("changes")[0]

    visit = visit_of(page, "Nina Holm")
    for key, minutes in (("Shift+ArrowDown", 45), ("Shift+ArrowDown", 60), ("Shift+ArrowUp", 45)):
        expect(visit).to_be_focused()
        page.keyboard.press(key)
        said(page, f"now {minutes} minutes")
        expect(visit).to_have_attribute("data-minutes", str(minutes))
    box = visit.bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + box["height"] - 2)
    page.mouse.down()
    quarter = box["height"] / 3
    page.mouse.move(box["x"] + 30, box["y"] + box["height"] + quarter, steps=4)
    _picture(page, "calendar-resize")
    page.mouse.move(box["x"] + 30, box["y"] + box["height"] + 3 * quarter - 2, steps=4)
    page.mouse.up()
    said(page, "now 90 minutes")
    page.get_by_role("button", name="Undo").click()
    said(page, "Undone.")
    expect(visit).to_have_attribute("data-minutes", "45")
    with practice_scope(monday.practice.pk):
        assert Appointment.objects.get(patient=chart).minutes == 45


def test_a_day_of_six_doctors_with_thirty_visits_prints_on_one_page(sign_in, monday, make_user):
    page = sign_in("staff")
    with practice_scope(monday.practice.pk):
        charts = [PatientFactory(name=name) for name in ("Anne-Marie Okonkwo-Featherstonehaugh", "Li Wei")]
        six = [monday.reyes, monday.chen, *(make_user("doctor") for _ in range(4))]
    for day, doctors in ((8, six[:1]), (9, six)):
        with practice_scope(monday.practice.pk):
            for number, doctor in product(range(30), doctors):
                start = datetime(2030, 1, day, 13, tzinfo=UTC) + timedelta(minutes=20 * number)
                AppointmentFactory(
                    patient=charts[number % 2],
                    doctor=doctor,
                    type=monday.visit.type,
                    starts_at=start,
                    ends_at=start + timedelta(minutes=20),
                )
        page.goto(f"/calendar/?day=2030-01-{day:02}&view=day")
        expect(page.get_by_role("link", name="Print")).to_have_attribute("href", re.compile("view=list.*#print"))
        page.goto(f"/calendar/?day=2030-01-{day:02}&view=list")
        for paper in ("A4", "Letter"):
            pdf = page.pdf(format=paper)
            if directory := os.environ.get("PICTURES"):
                Path(directory, f"day-{len(doctors)}-{paper}.pdf").write_bytes(pdf)
            (only,) = PdfReader(BytesIO(pdf)).pages
            text = only.extract_text()
            assert text.count("Li Wei") == 15 * len(doctors) and text.count("Featherstonehaugh") == 15 * len(doctors)
