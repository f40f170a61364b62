"""What of billing a patient gets with their chart."""

import zipfile
from decimal import Decimal
from io import BytesIO

import orjson
from pypdf import PdfReader

from appointments.tests.factories import AppointmentFactory
from billing.claims import services as claims
from billing.payments import services as payments
from patients.tests.factories import PatientFactory


def test_chart_is_exported_with_bills_payments_and_codes(chart, biller, bill, make_user, as_role):
    invoice = bill()
    bill("55.00", patient=PatientFactory())
    bill("66.00", issue=False)
    towards = [{"invoice_id": invoice.pk, "amount": Decimal("40.00")}]
    payments.take(by=biller, patient_id=chart.pk, amount=Decimal("40.00"), method="cash", allocations=towards)
    visit = AppointmentFactory(patient=chart, doctor=make_user("doctor"))
    line = {"code": "98940", "charge": Decimal("60.00")}
    claims.code_visit(by=biller, appointment_id=visit.pk, diagnoses=["M54.50"], lines=[line])
    claims.set_coverages(by=biller, patient_id=chart.pk, coverages=[{"payer": "Aetna", "member_id": "W123"}])

    found = zipfile.ZipFile(BytesIO(as_role("admin").get(f"/api/patients/{chart.pk}/export").getvalue()))

    exported = orjson.loads(found.read("chart.json"))
    assert [(one["number"], one["total"], one["lines"][0]["description"]) for one in exported["invoices"]] == [
        (invoice.number, "100.00", "Massage")
    ]
    assert [(one["kind"], one["amount"]) for one in exported["movements"]] == [
        ("charge", "100.00"),
        ("payment", "-40.00"),
    ]
    assert [one["memberId"] for one in exported["insurances"]] == ["W123"]
    assert [one["diagnoses"] for one in exported["visitCodes"]] == [["M54.50"]]
    pages = PdfReader(BytesIO(found.read("chart.pdf"))).pages
    printed = " ".join(" ".join(page.extract_text() for page in pages).split())
    for part in (f"Invoice {invoice.number}", "Massage", "-40.00 USD", "Cash", "Aetna", "W123", "M54.50", "98940"):
        assert part in printed
    assert "55.00" not in printed and "66.00" not in printed
