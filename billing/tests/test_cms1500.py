"""The claim form: what stands in each of its boxes, read back from the PDF."""

from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pytest
from django.urls import reverse
from pypdf import PdfReader

from appointments.tests.factories import AppointmentFactory
from billing.claims import services as claims
from billing.claims.cms1500 import BOXES, LABEL_SIZE, name_of
from billing.tests.factories import ServiceFactory
from practices.tests.factories import OfficeFactory


def boxes_of(pdf):
    """Return the texts by page and box; the small print of labels is left out."""
    pages = []
    for page in PdfReader(BytesIO(pdf)).pages:
        found = {}

        def visit(text, cm, tm, font, size, found=found):
            x, y = tm[4], tm[5]
            if text.strip() and size > LABEL_SIZE:
                for name, box in BOXES.items():
                    if box.left <= x < box.left + box.width and box.bottom <= y < box.bottom + box.height:
                        found[name] = f"{found.get(name, '')} {text.strip()}".strip()

        page.extract_text(visitor_text=visit)
        pages.append({name: " ".join(text.split()) for name, text in found.items()})
    return pages


LONG_ADDRESS = "1234 North Michigan Avenue, Suite 500, Chicago, IL 60611"  # goes on in a second row


@pytest.fixture
def coded(scope, chart, biller, make_user):
    office = OfficeFactory(name="Main", address="5 Oak Street", phone="+1 555 0100", timezone="America/New_York")
    doctor = make_user("doctor", name="Daniel Reyes")
    chart.name, chart.address, chart.phone = "Paula Maria Jensen", LONG_ADDRESS, "555 0199"
    chart.date_of_birth, chart.gender = date(1980, 2, 3), "female"
    chart.save()
    start = datetime(2026, 11, 5, 15, 0, tzinfo=UTC)
    times = {"starts_at": start, "ends_at": start + timedelta(minutes=30)}
    visit = AppointmentFactory(patient=chart, doctor=doctor, office=office, **times)
    claims.set_identity(by=biller, doctor_id=None, npi="1234567893", taxonomy="111N00000X", tax_id="12-3456789")
    claims.set_identity(by=biller, doctor_id=doctor.pk, npi="1245319599")
    insured = [{"payer": "Aetna", "payer_id": "60054", "member_id": "W123", "group": "G7"}]
    insured.append({"payer": "Cigna", "member_id": "C9"})
    claims.set_coverages(by=biller, patient_id=chart.pk, coverages=insured)
    ServiceFactory(code="98940", price=6_000)
    line = {"code": "98940", "modifiers": ["AT"], "units": 2, "pointers": [1, 2]}
    claims.code_visit(by=biller, appointment_id=visit.pk, diagnoses=["M54.50", "M99.03"], lines=[line] * 7)
    return visit


def test_each_box_has_its_field(coded, biller, client_of, practice):
    answer = client_of(biller).get(f"/api/claims/visits/{coded.pk}/cms1500")
    first, second = boxes_of(b"".join(answer.streaming_content))

    address = f"{practice.name} 5 Oak Street"
    assert first == {
        "1": "Group health plan",
        "1a": "W123",
        "2": "Jensen, Paula Maria",
        "3": "02 03 1980 F",
        "4": "Jensen, Paula Maria",
        "5": f"{LONG_ADDRESS} 555 0199",
        "6": "Self",
        "7": f"{LONG_ADDRESS} 555 0199",
        "9": "Jensen, Paula Maria",
        "9a": "C9",
        "9d": "Cigna",
        "11": "G7",
        "11a": "02 03 1980 F",
        "11c": "Aetna",
        "11d": "YES",
        "21": "ICD Ind. 0 A M5450 B M9903",
        **{
            f"24{letter}.{number}": text
            for number in range(1, 7)
            for letter, text in (
                *(("A", "11 05 26 to 11 05 26"), ("B", "11"), ("D", "98940 AT"), ("E", "AB")),
                *(("F", "120 00"), ("G", "2"), ("J", "1245319599")),
            )
        },
        "25": "123456789 EIN",
        "26": coded.pk.hex[-12:],
        "28": "720 00",
        "31": "Daniel Reyes",
        "32": address,
        "32a": "1234567893",
        "33": f"{address} +1 555 0100",
        "33a": "1234567893",
        "33b": "ZZ111N00000X",
    }
    assert second["28"] == "120 00" and "24D.2" not in second  # the seventh service, on a form of its own


def test_claim_is_printed_from_the_pages(coded, chart, enter_as, subtests):
    doctor = enter_as("doctor")
    month = {"month": "2026-11"}
    page = doctor.get(reverse("billing-month", args=[chart.pk]), month)
    shown = page.content.decode()
    assert "M54.50" in shown and "840.00" in shown
    for name, args in (("billing-claim", coded.pk), ("billing-superbill", coded.pk), ("billing-month-print", chart.pk)):
        with subtests.test(name):
            printed = doctor.get(reverse(name, args=[args]), month)
            assert printed.content.startswith(b"%PDF")
    assert (
        reverse("billing-claim", args=[coded.pk])
        in doctor.get(reverse("billing-coding", args=[coded.pk])).content.decode()
    )
    assert "No visits" in doctor.get(reverse("billing-month", args=[chart.pk]), {"month": "2001-01"}).content.decode()
    assert doctor.get(reverse("billing-month", args=[chart.pk]), {"month": "soon"}).status_code == 400
    assert doctor.get(reverse("billing-month-print", args=[chart.pk]), {"month": "2001-01"}).status_code == 404
    assert enter_as("staff").get(reverse("billing-claim", args=[coded.pk])).status_code == 403


def test_identities_are_kept_on_their_page(scope, biller, make_user, enter_as):
    doctor, desk, page = make_user("doctor", name="Dr. Reyes"), enter_as("billing"), reverse("billing-identities")
    assert "Dr. Reyes" in desk.get(page).content.decode()
    form = {"doctor": str(doctor.pk), "npi": "1234567893", "taxonomy": "111N00000X", "tax_id": "123-45-6789"}
    assert desk.post(page, form).status_code == 302
    assert desk.post(page, {"doctor": "", "npi": "1245319599"}).status_code == 302
    shown = desk.get(page).content.decode()
    assert all(f'value="{text}"' in shown for text in ("1234567893", "123-45-6789", "1245319599"))
    wrong = desk.post(page, {**form, "npi": "1234567890"})
    assert wrong.status_code == 400
    assert "check digit" in wrong.content.decode() and 'value="1234567890"' in wrong.content.decode()
    assert claims.identity_of(doctor).npi == "1234567893"
    assert enter_as("staff").get(page).status_code == 403


def test_names_of_one_word_and_more():
    assert [name_of(name) for name in ("Cher", "Ann  Lee", "Ana de la Cruz")] == ["Cher", "Lee, Ann", "Cruz, Ana de la"]
