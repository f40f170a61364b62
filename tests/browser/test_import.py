"""A file is imported and taken back in steps that the page asks for itself."""

from django.urls import reverse
from playwright.sync_api import expect

from patients.imports import services
from tests.browser.test_pages import NARROW, overflows

FILE = {
    "name": "old.csv",
    "mimeType": "text/csv",
    "buffer": b"Name;Born;Phone\r\nSam;31/12/1980;212 555 0101\r\nNina;;",
}


def test_file_is_imported_and_taken_back_step_by_step(sign_in, monkeypatch):
    monkeypatch.setattr(services, "PART_LINES", 1)  # so that there is more than one step
    page = sign_in("admin")
    page.set_viewport_size(NARROW)
    page.goto(reverse("imports"))
    page.get_by_role("link", name="Import patients").click()
    page.get_by_label("CSV file").set_input_files(FILE)
    page.get_by_role("button", name="Upload and look").click()
    page.get_by_label("Born").select_option("date_of_birth")
    assert not overflows(page)
    page.get_by_label("The day first").check()
    page.get_by_role("button", name="Check all lines").click()
    expect(page.get_by_text("Enter a phone number, email")).to_be_visible()
    page.get_by_role("button", name="Import 1 line").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Patients: Imported")
    page.get_by_role("button", name="Undo this import").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Patients: Undone")
    assert not overflows(page)
