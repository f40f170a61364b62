"""The whole day of each role in one session of the browser: the main jobs, with mouse and keyboard. A run does each day
in one width and scheme, `make test-all` in all of them. docs/tour.md counts what is done here."""

import re
from datetime import timedelta
from urllib.parse import unquote_plus

from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import Invitation
from appointments.models import Appointment
from billing.models import Invoice
from core.tenancy.scope import practice_scope
from patients.duplicates import services as duplicates
from patients.models import Patient
from patients.tests.factories import PatientFactory
from records.models import Attachment, BodyChart, Measure, PatientForm, PlanOfCare, SessionNote
from records.tests.factories import (
    LetterTemplateFactory,
    NoteTemplateFactory,
    PhraseFactory,
    asked_form,
    consent_template,
)
from tests.browser.days import DROP, PASSWORD, in_some_look, kept, on_paper, sign_in
from tests.browser.test_pages import overflows
from tests.browser.test_workspace import picture

CLINICAL = (
    *("Neck pain", "Tuesday", "Range of motion", "No known allergies", "Wrong day", "Lift again", "Ten kilograms"),
    *("was treated at", "Knee", "Neck strain", "Ibuprofen", "Stretching"),
)
STORED = """async () => JSON.stringify([
  {...localStorage}, {...sessionStorage}, document.cookie, await indexedDB.databases(), await caches.keys()
])"""


@in_some_look(0)
def test_a_doctors_day(look, page, days_clinic, caplog):
    addresses = []
    page.on("request", lambda request: addresses.append(unquote_plus(request.url)))
    with practice_scope(days_clinic.practice.pk):
        NoteTemplateFactory(name="Back pain", texts={"objective": "Range of motion:"})
        PhraseFactory(word="nka", text="No known allergies.")
        LetterTemplateFactory(name="Certificate", text="{patient} was treated at {practice}.")
    sign_in(page, days_clinic.doctor)
    page.wait_for_url("**/my-day/")
    page.keyboard.press("s")  # the visit whose turn it is
    expect(page.get_by_label("Subjective")).to_be_focused()
    assert not overflows(page)

    page.keyboard.type("Neck pain since Monday")
    page.get_by_label("Template").select_option("Back pain")
    page.get_by_label("Plan").press_sequentially("/n")
    expect(page.locator(".phrases li")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Plan")).to_have_value("No known allergies.")
    expect(page.locator("#state")).to_have_text(re.compile("Saved"))
    page.get_by_role("button", name="Review and finalise").click()  # 1
    expect(page.get_by_text("Once finalised")).to_be_visible()
    page.keyboard.press("Enter")  # 2
    expect(page.get_by_text(re.compile(r"Finalised \w+ \d"))).to_be_visible()
    page.get_by_role("link", name="Amend").click()  # 1
    page.get_by_label("Reason").fill("Wrong day")  # 2
    page.get_by_label("Subjective").fill("Neck pain since Tuesday")  # 3
    page.get_by_role("button", name="Save amendment").click()  # 4
    expect(page.get_by_text("last amended")).to_be_visible()
    assert not overflows(page)
    assert on_paper(page, "Print").startswith(b"%PDF")
    assert kept(days_clinic, SessionNote)[-1].objective == "Range of motion:"

    page.goto(reverse("chart", args=[days_clinic.chart.pk]))
    page.keyboard.press("p")  # 1
    page.get_by_label("Title").fill("Lift again")  # 2
    page.get_by_label("Goal 1", exact=True).fill("Ten kilograms")  # 3
    page.keyboard.press("Enter")  # 4
    expect(page.get_by_role("heading", name="Lift again")).to_be_visible()
    assert not overflows(page)
    assert len(kept(days_clinic, PlanOfCare)) == 1

    page.goto(reverse("chart", args=[days_clinic.chart.pk]))
    files = [[f"{color}.png", list(picture(color))] for color in ("red", "green", "blue", "orange", "purple")]
    page.locator("#files-input").evaluate(DROP, files)  # 1
    expect(page.locator("#uploads-summary")).to_have_text("Files added: 5. Not added: 0.")
    assert not overflows(page)
    page.keyboard.press("l")
    page.get_by_role("link", name="Certificate").click()
    expect(page.get_by_label("Text")).to_have_value(re.compile("Paula Jensen was treated at"))
    page.get_by_role("button", name="Sign and keep").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Certificate of attendance")
    assert len(kept(days_clinic, Attachment)) == 6

    page.goto(reverse("chart", args=[days_clinic.chart.pk]))
    page.keyboard.press("v")
    page.get_by_role("spinbutton", name="Pain").fill("7")
    page.keyboard.press("Enter")
    expect(page.locator("#measures .series")).to_contain_text("7")
    page.keyboard.press("w")
    page.wait_for_url("**/body/draw/")  # with its script: a click before that marks nothing
    page.locator("[data-region='front.left.knee']").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Knee, left (front): pain, 5 of 10")).to_be_visible()
    assert (len(kept(days_clinic, Measure)), len(kept(days_clinic, BodyChart))) == (1, 1)
    assert not overflows(page)
    page.goto(reverse("chart", args=[days_clinic.chart.pk]))
    page.keyboard.press("r")  # 1
    page.get_by_label("Diagnosis").fill("Neck strain")  # 2
    page.get_by_label("Prescription").fill("Ibuprofen 400 mg")  # 3
    assert not overflows(page)
    page.get_by_role("button", name="Save").click()  # 4
    assert on_paper(page, "Show it").startswith(b"%PDF")
    assert on_paper(page, "Print the prescription").startswith(b"%PDF")
    page.get_by_label("Category").select_option(label="Photo of the patient")  # 1
    page.locator("#files-input").evaluate(DROP, [["paula.png", list(picture("pink"))]])  # 2
    expect(page.locator("#uploads-summary")).to_have_text("Files added: 1. Not added: 0.")
    page.reload()
    expect(page.get_by_role("img", name="Photo of the patient")).to_be_visible()
    assert not overflows(page)
    page.keyboard.press("d")
    page.wait_for_url("**/my-day/")
    assert len(addresses) > 50 and "/my-day/" in str(addresses)
    elsewhere = f"{addresses} {page.evaluate(STORED)} {caplog.text}"
    assert [word for word in CLINICAL if word in elsewhere] == []


@in_some_look(1)
def test_a_billing_administrators_day(look, page, days_clinic, make_user):
    with practice_scope(days_clinic.practice.pk):
        Appointment.objects.filter(pk=days_clinic.visit.pk).update(status="completed")
    sign_in(page, make_user("billing", name="Ben Biller"))
    page.wait_for_url("**/billing/")
    page.get_by_role("main").get_by_role("link", name="Visits to bill").last.click()
    assert not overflows(page)
    page.get_by_role("row", name=re.compile("Paula Jensen")).get_by_role("button", name="Invoice").click()  # 1
    page.get_by_role("button", name="Issue the invoice").click()  # 2
    expect(page.get_by_text("Still to pay")).to_be_visible()
    assert not overflows(page)
    assert on_paper(page, "Print").startswith(b"%PDF")

    page.get_by_role("link", name="Take payment").click()  # 1
    expect(page.get_by_label("Amount in")).to_have_value("120.00")
    expect(page.get_by_label("Amount in")).to_be_focused()
    page.get_by_label("Card", exact=True).check()  # 2
    page.get_by_role("button", name="Take payment").press("Enter")  # 3
    expect(page.get_by_role("heading", name="Payment", exact=True)).to_be_visible()
    assert on_paper(page, "Print receipt").startswith(b"%PDF")
    assert not overflows(page)
    page.locator("summary", has_text="Refund").press("Enter")  # 1
    page.get_by_label("Amount").fill("20.00")  # 2
    page.get_by_label("Reason").fill("Shorter than booked")  # 3
    page.get_by_role("button", name="Refund", exact=True).press("Enter")  # 4
    expect(page.get_by_text("Refunded on")).to_be_visible()

    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Billing").click()
    page.get_by_role("link", name="Reports").click()
    page.get_by_role("link", name="Takings").click()
    expect(page.get_by_role("row", name=re.compile("^Card "))).to_contain_text("100.00 USD")  # what is left
    assert not overflows(page)
    with page.expect_download() as told:
        page.get_by_role("link", name=re.compile("file", re.IGNORECASE)).first.click()
    assert "100.00" in told.value.path().read_text("utf-8-sig")
    page.get_by_role("link", name="Unpaid").first.click()
    with practice_scope(days_clinic.practice.pk):
        assert Invoice.objects.with_sums().get().state == "paid"  # what was given back is not owed again


@in_some_look(2)
def test_a_patients_day(look, page, days_clinic, make_user):
    with practice_scope(days_clinic.practice.pk):
        consent = consent_template(by=make_user("admin"), need="everyone")
        asked_form(patient=days_clinic.chart, by=days_clinic.doctor, template=consent)
    elsewhere = Client()
    elsewhere.force_login(days_clinic.user)
    sign_in(page, days_clinic.user)
    expect(page.get_by_role("heading", level=1)).to_have_text("My visits, my record, my data")
    assert not overflows(page)
    page.get_by_role("region", name="Please fill in").get_by_role("link").first.click()
    page.get_by_label("No", exact=True).check()
    page.get_by_label("Your full name").fill("Paula Jensen")
    assert not overflows(page)
    page.get_by_role("button", name="Send").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert kept(days_clinic, PatientForm)[0].state == "completed"

    page.goto("/me/")
    page.get_by_role("link", name="Move").press("Enter")
    page.get_by_role("listitem").get_by_role("button").first.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Moved: your visit is now on")
    page.get_by_role("link", name="Who has seen my chart").click()
    expect(page.get_by_text("You: ")).to_have_count(1)  # what one did in a row is one line
    assert not overflows(page)
    page.get_by_role("link", name="Back to my page").click()
    page.get_by_role("link", name="What I was billed and have paid").click()
    assert not overflows(page)
    page.get_by_role("link", name="Back to my page").click()
    page.get_by_role("link", name="Which messages I get").click()
    page.get_by_label("Text messages about visits").uncheck()
    page.get_by_role("button", name="Save").click()
    with page.expect_download() as told:
        page.get_by_role("button", name="Download my data").click()
    assert told.value.path().read_bytes().startswith(b"PK")
    page.get_by_role("link", name="Where I'm signed in").click()
    expect(page.get_by_text("This device")).to_be_visible()
    page.get_by_role("listitem").get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_contain_text("Signed out of 1 session.")
    assert elsewhere.get("/me/").status_code == 302
    page.get_by_role("link", name="Back to my page").click()
    page.get_by_role("link", name="Change password").click()
    page.get_by_label(re.compile("Old|Current")).fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("Another-Passw0rd!")
    page.get_by_label(re.compile("again|confirm", re.IGNORECASE)).fill("Another-Passw0rd!")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(re.compile("password", re.IGNORECASE))

    page.goto("/me/")
    page.get_by_role("link", name="Cancel").press("Enter")
    page.get_by_role("button", name="Cancel the visit").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Cancelled: your visit on")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert kept(days_clinic, Appointment)[1].status == "cancelled"


def dirty_file():
    """500 lines as other programs write them: semicolons, Windows-1252, days before months; two have no phone and no
    day of birth, one is of a chart that is there already."""
    lines = [
        f"Müller;Zoë {number};{number % 28 + 1}/{number % 12 + 1}/1970;(212) 555-{1000 + number}"
        for number in range(497)
    ]
    lines += ["Quist;Nora;;", "Holm;Nina;31/31/1980;", "Jensen;Paula;9/3/1984;"]
    text = "\r\n".join(["Last name;First name;Born;Phone", *lines])
    return {"name": "old.csv", "mimeType": "text/csv", "buffer": text.encode("cp1252")}


@in_some_look(3)
def test_a_managers_day(look, page, days_clinic, make_user, monkeypatch):
    monkeypatch.setattr(duplicates, "SETTLED", timedelta(seconds=-1))  # what was saved just now is compared too
    with practice_scope(days_clinic.practice.pk):
        for _ in range(2):
            PatientFactory(name="Ingrid Twice", phone="(212) 555-0177", date_of_birth="1971-05-05")
    sign_in(page, make_user("admin", name="Olive Manager"))
    page.wait_for_url("**/admin/")
    page.goto(reverse("admin:accounts_user_changelist"))
    page.locator("a[href$='/add/']").first.click()  # 1
    page.get_by_label("Name").fill("Dr. Nina New")  # 2
    assert not overflows(page)
    page.get_by_label("Email").fill("nina@example.org")
    page.get_by_label("Role").select_option("doctor")  # 3
    page.get_by_role("button", name="Save", exact=True).click()  # 4
    expect(page.get_by_text(re.compile("nina@example.org")).first).to_be_visible()
    assert len(kept(days_clinic, Invitation)) == 1

    page.goto(reverse("duplicates"))
    expect(page.locator("#compared")).to_contain_text("1 pair to look at")
    page.get_by_role("link", name="Show them").click()
    page.get_by_role("link", name="Compare and merge").first.press("Enter")  # 1
    expect(page.get_by_role("button", name="Merge")).to_be_visible()
    assert not overflows(page)
    page.get_by_role("button", name="Merge").press("Enter")  # 2
    expect(page.get_by_text(re.compile("merged", re.IGNORECASE)).first).to_be_visible()
    with practice_scope(days_clinic.practice.pk):
        assert Patient.objects.filter(status="merged").count() == 1

    page.goto(reverse("imports"))
    page.get_by_role("link", name="Import patients").click()  # 1
    page.get_by_label("CSV file").set_input_files(dirty_file())  # 2
    page.get_by_role("button", name="Upload and look").click()  # 3
    assert not overflows(page)
    page.get_by_label("The day first").check()  # 4
    page.get_by_role("button", name="Check all lines").click()  # 5
    page.get_by_role("button", name="Import 497 lines").click()  # 6
    expect(page.get_by_role("heading", level=1)).to_have_text("Patients: Imported")
    assert not overflows(page)
    with page.expect_download() as told:
        page.get_by_role("link", name="Save the 3 lines that are left as a file").click()
    assert "Nina" in told.value.path().read_text("utf-8-sig")
    with practice_scope(days_clinic.practice.pk):
        assert Patient.objects.confirmed().count() == 499

    page.goto(reverse("admin:practices_practice_changelist"))
    page.get_by_label("Days until an invoice is due").fill("30")
    assert not overflows(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved: ")).to_be_visible()
    days_clinic.practice.refresh_from_db()
    assert days_clinic.practice.payment_days == 30

    page.goto(reverse("numbers"))
    assert not overflows(page)
    page.get_by_role("button", name="Show").click()
    page.goto(reverse("admin:patients_patient_changelist"))
    with page.expect_download() as told:
        page.get_by_text(re.compile("rows as a file")).click()
    assert told.value.path().read_text("utf-8-sig").count("\n") >= 499


def test_two_people_lift_a_restriction_whose_doctor_is_gone(page, sign_in, days_clinic, make_user):
    """In the manager's own words: restrict, ask a second person, who agrees."""
    address = reverse("admin:patients_patient_change", args=[days_clinic.chart.pk])
    sign_in("admin").goto(address)
    page.locator("summary", has_text="Restrict this chart").click()  # 1
    page.get_by_role("button", name="Restrict the chart").click()  # 2
    with practice_scope(days_clinic.practice.pk):
        assert Patient.objects.get(pk=days_clinic.chart.pk).restricted
    type(days_clinic.doctor).all_practices.filter(pk=days_clinic.doctor.pk).update(is_active=False)
    page.goto(address)
    page.complaints.clear()  # a closed chart is a refusal: 403
    page.get_by_role("region", name="Lift the restriction together").get_by_role("textbox").fill("He has left")  # 1
    page.get_by_role("button", name="Ask a second person").click()  # 2
    expect(page.get_by_text("A second person must agree on this page.")).to_be_visible()
    page.complaints.clear()
    assert not overflows(page)
    page.context.clear_cookies()
    sign_in("doctor").goto(address)
    page.complaints.clear()
    page.get_by_role("button", name="Agree and lift the restriction").click()  # 1
    with practice_scope(days_clinic.practice.pk):
        assert not Patient.objects.get(pk=days_clinic.chart.pk).restricted
    page.goto(address)
    expect(page.get_by_text("Paula Jensen").first).to_be_visible()


MONDAY = "/calendar/?day=2030-01-07&view=day"


@in_some_look(4)
def test_a_receptionists_day(look, page, days_clinic, make_user):
    with practice_scope(days_clinic.practice.pk):
        consent_template(by=make_user("admin"), need="everyone")
    sign_in(page, make_user("staff", name="Sam Desk"))
    page.wait_for_url("**/calendar/**")
    page.locator(f"#v-{days_clinic.visit.pk}").click()
    expect(page.locator("#panel")).to_contain_text("Paula Jensen")
    assert not overflows(page)
    page.get_by_role("button", name="Arrived").click()
    expect(page.locator(f"#v-{days_clinic.visit.pk}")).to_contain_text("here since")

    page.goto(MONDAY)
    free = page.get_by_role("gridcell", name=re.compile("^Dr. Daniel Reyes, 11:00 AM, free"))
    free.click()  # 1
    page.keyboard.type("Zoe Quist")  # 2
    page.get_by_role("button", name="New patient").click()  # 3
    page.get_by_label("Phone").fill("(212) 555-0188")  # 4
    page.get_by_role("button", name="Book", exact=True).click()  # 5
    expect(page.locator("#message")).to_contain_text("Booked Zoe Quist with Dr. Daniel Reyes")
    visit = page.locator(".visit", has_text="Zoe Quist")
    expect(visit).to_be_focused()
    page.keyboard.press("m")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#message")).to_contain_text("11:15 AM")
    page.keyboard.press("u")
    expect(page.locator("#message")).to_contain_text("Undone.")
    assert not overflows(page)
    visit.click()
    page.get_by_role("button", name="Put on the waiting list").click()  # 2
    page.locator("form.panel button.primary").click()  # 3
    expect(page.locator("#message")).to_contain_text("Zoe Quist is on the waiting list.")
    page.keyboard.press("Escape")
    page.keyboard.press("w")
    expect(page.locator("#panel")).to_contain_text("Zoe Quist")
    assert not overflows(page)

    page.goto(MONDAY)
    page.get_by_role("gridcell", name=re.compile("^Dr. Daniel Reyes, 2:00 PM, free")).click()
    page.keyboard.type("jensen")
    page.get_by_role("option", name=re.compile("Paula Jensen")).click()
    page.get_by_label("Repeat").select_option(label="Every so many weeks")
    page.get_by_role("button", name="Book 6 visits").press("Enter")
    expect(page.locator("#message")).to_contain_text("Booked 6 visits of Paula Jensen")

    page.goto("/calendar/")
    page.locator(f"#v-{days_clinic.visit.pk}").click()
    page.get_by_role("link", name="Take payment").click()  # 2
    page.get_by_label("Amount in").fill("50.00")
    page.get_by_role("button", name="Take payment").click()  # 3
    expect(page.get_by_role("heading", name="Payment", exact=True)).to_be_visible()
    assert on_paper(page, "Print receipt").startswith(b"%PDF")
    assert not overflows(page)

    page.goto(reverse("chart", args=[days_clinic.chart.pk]))
    page.keyboard.press("s")  # 1: forms and consents
    page.get_by_role("button", name="Ask for it").click()  # 2
    page.get_by_role("button", name="Hand over this device").click()  # 3
    sign_on_the_tablet(page)
    (form,) = kept(days_clinic, PatientForm)
    assert (form.state, form.channel, form.signature["name"]) == ("completed", "tablet", "Paula Jensen")
    assert len(form.signature["strokes"]) == 1 and len(form.signature["strokes"][0]) > 2


def sign_on_the_tablet(page):
    """Fill the consent in as the patient does, whom nobody signed in, and who sees nothing but the form."""
    expect(page.get_by_text("For Paula", exact=True)).to_be_visible()
    assert "Jensen" not in page.content()
    assert not overflows(page)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_label("No", exact=True).check()  # 1
    page.get_by_label("Your full name").fill("Paula Jensen")  # 2
    canvas = page.get_by_role("img", name="Your drawn signature")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 40)
    page.mouse.down()  # 3: the signature
    page.mouse.move(box["x"] + 120, box["y"] + 80, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Send").click()  # 4
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
