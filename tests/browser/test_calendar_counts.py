"""Jobs of the desk in Chromium, each done with as many interactions as docs/front-desk.md says: a click, a key with one
effect, or the typing of one text. A Hand does them and counts."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from appointments.models import Appointment, WaitingListEntry
from core.tenancy.scope import practice_scope
from patients.models import Patient
from tests.browser.test_calendar import MONDAY, cell, monday, said, visit_of
from tests.browser.test_pages import NARROW, overflows

__all__ = ["monday"]
SAVES_WISHES = '#panel form[hx-post$="/waiting/save/"] .primary'
WIDE = {"width": 1280, "height": 850}
GUIDE = Path("docs/front-desk.md").read_text()


def promised(job):
    """Return the number that the guide's table begins with for this job."""
    (cells,) = [line.split("|") for line in GUIDE.splitlines() if line.startswith(f"| {job} |")]
    return int(re.match(r"\d+", cells[-2].strip())[0])


class Hand:
    def __init__(self, page):
        self.page, self.count = page, 0

    def click(self, target):
        target.click()
        self.count += 1

    def type(self, text):
        self.page.keyboard.type(text)
        self.count += 1

    def press(self, key):
        self.page.keyboard.press(key)
        self.count += 1

    def tab_to(self, target):
        """Go there with Tab, which is the way and no interaction of its own."""
        for _ in range(40):
            if target.evaluate("element => element === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError("Tab does not lead there")

    def did(self, job):
        assert self.count == promised(job), (job, self.count)
        self.count = 0


@pytest.mark.slow  # a browser
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_jobs_take_as_many_clicks_as_the_guide_says(sign_in, monday, width):
    page = sign_in("staff")
    page.set_viewport_size(width)
    page.goto(MONDAY)
    hand, book = Hand(page), page.get_by_role("button", name="Book", exact=True)

    hand.click(cell(page, "Dr. Daniel Reyes", "11:00 AM"))
    page.get_by_label("Patient").wait_for()
    hand.type("jensen")
    hand.click(page.get_by_role("option", name=re.compile("Paula Jensen")))
    hand.click(book)
    said(page, "Booked Paula Jensen with Dr. Daniel Reyes")
    hand.did("book a known patient")

    hand.click(cell(page, "Dr. Daniel Reyes", "2:00 PM"))
    page.get_by_label("Patient").wait_for()
    hand.type("Nina Newman")
    hand.click(page.get_by_role("button", name="New patient"))
    expect(page.get_by_label("Phone")).to_be_focused()
    assert not overflows(page)
    hand.type("(212) 555-0177")
    hand.click(book)
    said(page, "Booked Nina Newman with Dr. Daniel Reyes")
    hand.did("book a new patient")
    with practice_scope(monday.practice.pk):
        assert Appointment.objects.filter(patient=Patient.objects.get(incomplete=True)).count() == 1

    hand.click(visit_of(page, "Nina Newman"))
    hand.click(page.get_by_role("button", name="Put on the waiting list"))
    hand.click(page.locator(SAVES_WISHES))
    said(page, "Nina Newman is on the waiting list.")
    hand.did("put a patient on the waiting list")
    page.keyboard.press("Escape")

    hand.click(visit_of(page, "Nina Newman"))
    hand.click(page.get_by_role("button", name="Cancel visit"))
    said(page, "Cancelled: Nina Newman")
    hand.did("cancel a visit")
    hand.click(page.get_by_role("button", name="Undo"))
    said(page, "Undone.")
    hand.did("undo the last of these")

    hand.click(page.get_by_role("button", name="Next free"))
    hand.click(page.locator(".found-one").first)
    expect(page.get_by_label("Patient")).to_be_focused()
    hand.did("find the next free time of any doctor")


@pytest.mark.slow  # a browser
def test_the_keyboard_alone_takes_no_more(sign_in, monday):
    page = sign_in("staff")
    page.set_viewport_size(NARROW)
    page.goto(MONDAY)
    hand = Hand(page)
    cell(page, "Dr. Daniel Reyes", "11:00 AM").focus()
    hand.press("Enter")
    page.get_by_label("Patient").wait_for()
    hand.type("Nina Newman")
    new = page.get_by_role("button", name="New patient")
    new.wait_for()
    hand.tab_to(new)
    hand.press("Enter")
    expect(page.get_by_label("Phone")).to_be_focused()
    hand.type("(212) 555-0177")
    hand.press("Enter")
    said(page, "Booked Nina Newman with Dr. Daniel Reyes")
    hand.did("book a new patient")

    visit = visit_of(page, "Nina Newman")
    expect(visit).to_be_focused()
    hand.press("Enter")
    expect(page.get_by_role("heading", name="Nina Newman")).to_be_focused()
    hand.tab_to(page.get_by_role("button", name="Put on the waiting list"))
    hand.press("Enter")
    expect(page.locator(SAVES_WISHES)).to_be_focused()
    hand.press("Enter")
    said(page, "Nina Newman is on the waiting list.")
    hand.did("put a patient on the waiting list")
    with practice_scope(monday.practice.pk):
        assert WaitingListEntry.objects.count() == 1
    page.keyboard.press("Escape")

    visit.focus()
    hand.press("Enter")
    expect(page.get_by_role("heading", name="Nina Newman")).to_be_focused()
    hand.tab_to(page.get_by_role("button", name="Cancel visit"))
    hand.press("Enter")
    said(page, "Cancelled: Nina Newman")
    hand.did("cancel a visit")
    page.keyboard.press("u")
    said(page, "Undone.")

    hand.press("f")
    expect(page.locator(".found-one").first).to_be_visible()
    hand.tab_to(page.locator(".found-one").first)
    hand.press("Enter")
    expect(page.get_by_label("Patient")).to_be_focused()
    hand.did("find the next free time of any doctor")
