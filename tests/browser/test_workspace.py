"""A doctor's work on the chart beside writing: files, measures, where it hurts, a plan. With the mouse and without."""

from io import BytesIO

import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image
from playwright.sync_api import expect

from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.models import Attachment, BodyChart, Measure, PlanOfCare
from tests.browser.test_pages import NARROW, overflows

LONG = 60_000  # milliseconds: files are cleaned in processes of their own
DROP = """(zone, names) => {
  const transfer = new DataTransfer()
  for (const name of names) transfer.items.add(new File([name], name, { type: 'text/plain' }))
  for (const type of ['dragover', 'drop']) {
    zone.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }))
  }
}"""


@pytest.fixture
def paula(live_server, page, practice, make_user):
    doctor = make_user("doctor", name="Dr. Daniel Reyes")
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Paula Jensen", allergies="Penicillin", primary_doctor=doctor)
    client = Client()
    client.force_login(doctor)
    cookie = {"name": "praxis_admin", "value": client.cookies["praxis_admin"].value, "sameSite": "Strict"}
    page.context.add_cookies([{**cookie, "url": live_server.url}])
    chart.page = reverse("chart", args=[chart.pk])
    return chart


def kept(practice, model):
    with practice_scope(practice.pk):
        return list(model.objects.order_by("id"))


def picture(color):
    made = BytesIO()
    Image.new("RGB", (80, 60), color).save(made, "PNG")
    return made.getvalue()


def test_five_pictures_are_added_at_once_and_looked_at_in_the_page(page, paula, practice):
    page.set_viewport_size(NARROW)
    page.goto(paula.page)
    colors = ("red", "green", "blue", "orange", "purple")
    files = [{"name": f"{color}.png", "mimeType": "image/png", "buffer": picture(color)} for color in colors]
    page.locator("#files-category").select_option("before")
    page.set_input_files("#files-input", files)  # what the browser's window gives: one interaction
    expect(page.locator("#uploads-summary")).to_have_text("Files added: 5. Not added: 0.", timeout=LONG)
    expect(page.locator("#uploads a")).to_have_count(5)
    assert not overflows(page)
    page.locator("#files-category").select_option("other")
    page.locator("#files-input").evaluate(DROP, ["letter.docx", "findings.txt"])
    expect(page.locator("#uploads-summary")).to_have_text("Files added: 6. Not added: 1.", timeout=LONG)
    expect(page.locator("#uploads .mistake")).to_contain_text("Word documents are not supported")
    page.complaints.clear()  # the answer 400
    assert [file.category for file in kept(practice, Attachment)] == ["before"] * 5 + ["other"]

    page.locator("#uploads a", has_text="red.png").click()
    shown = page.get_by_role("img", name="red.png")
    expect(shown).to_be_visible()
    expect(shown).to_have_js_property("naturalWidth", 80)
    assert not overflows(page)
    page.get_by_role("link", name="Files", exact=True).click()
    page.get_by_role("link", name="Compare two pictures").click()
    for side in ("Before", "After"):
        page.get_by_label(side).select_option(label=page.get_by_label(side).locator("option").last.text_content())
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("figure img")).to_have_count(2)
    assert not overflows(page)


def test_measures_body_chart_and_plan_with_the_keyboard(page, paula, practice):
    page.set_viewport_size(NARROW)
    page.goto(paula.page)
    page.keyboard.press("v")
    page.get_by_role("spinbutton", name="Pain").fill("7")
    page.get_by_role("spinbutton", name="Systolic").fill("128")
    page.get_by_role("spinbutton", name="Diastolic").fill("82")
    page.keyboard.press("Enter")
    expect(page.locator("#measures .series")).to_contain_text("128/82 mmHg", timeout=LONG)
    expect(page.locator("#add-measures")).to_be_focused()
    assert [measure.kind for measure in kept(practice, Measure)] == ["pain", "blood_pressure"]
    assert not overflows(page)

    page.keyboard.press("w")
    page.wait_for_url("**/body/draw/")
    page.get_by_label("How strong").select_option("8")
    page.get_by_text("Back: places to tick").press("Enter")
    page.get_by_label("Lower back").press("Space")
    expect(page.locator("#marks")).to_have_text("Lower back (back): pain, 8 of 10")
    expect(page.locator("[data-region='back.lower_back']")).to_have_class("depth-3")
    page.locator("[data-region='front.left.knee']").click()
    page.locator("[data-region='front.left.knee']").click()  # taken away again
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_text("Lower back (back): pain, 8 of 10")).to_be_visible()
    (drawing,) = kept(practice, BodyChart)
    assert drawing.mark_list == [{"region": "back.lower_back", "sensation": "pain", "level": 8}]

    page.goto(paula.page)
    page.keyboard.press("p")
    page.get_by_label("Title").fill("Lift again")
    page.get_by_label("How many visits in all").fill("12")
    page.get_by_label("Goal 1", exact=True).fill("Ten kilograms")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Lift again")).to_be_visible()
    assert len(kept(practice, PlanOfCare)) == 1
    assert not overflows(page)
    page.goto(reverse("note-new", args=[paula.pk]))
    expect(page.locator("#planId option:checked")).to_have_text("Visit 1 of 12: Lift again")
    page.get_by_label("Progress Ten kilograms").fill("Six without pain")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Added: Six without pain")).to_be_visible(timeout=LONG)
    page.get_by_label("Subjective").fill("Better")
    page.wait_for_url("**/notes/*/", timeout=LONG)
    with practice_scope(practice.pk):
        note = PlanOfCare.objects.get().session_notes.get()
    assert note.subjective == "Better"
