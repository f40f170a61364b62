"""What claims need: formats, codes of visits, insurances, the superbill. And fees for missed visits."""

from datetime import timedelta
from decimal import Decimal

import orjson
import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from appointments import services as appointments
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from appointments.visits.machine import Action
from billing import codes
from billing.claims import services as claims
from billing.models import Invoice, InvoiceLine
from billing.policies import services as policies
from billing.tests.factories import ServiceFactory
from core.tenancy.scope import practice_scope
from patients.deletion.services import delete

NPI = "1234567893"  # the example of the CMS's specification of the check digit


@pytest.fixture
def doctor(make_user):
    return make_user("doctor")


@pytest.fixture
def visit(scope, chart, doctor):
    start = timezone.now() - timedelta(days=1)
    return AppointmentFactory(patient=chart, doctor=doctor, starts_at=start, ends_at=start + timedelta(minutes=30))


def is_valid(check, text):
    try:
        return check(text) or True
    except ValidationError:
        return False


def test_formats(subtests):
    for check, right, wrong in (
        (codes.validate_npi, [NPI, "1245319599"], ["1234567890", "123456789", "3234567893", "12345678931", ""]),
        (codes.validate_taxonomy, ["111N00000X", "208100000X"], ["111N00000", "111N000000", "11N00000XX"]),
        (codes.validate_tax_id, ["12-3456789", "123456789", "123-45-6789"], ["12345678", "1-23456789", "abc"]),
        (codes.diagnosis, ["M54.50", "m5450", "A00", "S33.5XXA", "C7A.1"], ["54.5", "M5", "M54.12345", "M54.5-"]),
        (codes.service_code, ["98940", "0101t", "G0283", "97140"], ["9894", "989400", "Z1234", "9894O"]),
        (codes.modifier, ["AT", "59", "gp"], ["A", "ATX", "-1"]),
    ):
        for text in right:
            with subtests.test(check.__name__, right=text):
                assert is_valid(check, text)
        for text in wrong:
            with subtests.test(check.__name__, wrong=text):
                assert not is_valid(check, text)
    assert codes.diagnosis("m5450") == "M54.50" and codes.diagnosis("A00") == "A00"


def test_visit_is_coded_and_printed(subtests, visit, chart, doctor, biller, client_of, enter_as, make_user):
    ServiceFactory(code="98940", price=6_000)
    api = client_of(doctor)
    address = f"/api/claims/visits/{visit.pk}"

    def put(where, body):
        return client_of(biller).put(where, orjson.dumps(body), content_type="application/json")

    assert api.get(f"{address}/codes").json()["version"] == 0
    assert api.get(f"{address}/superbill").status_code == 404
    line = {"code": "98940", "modifiers": ["at"], "units": 2, "pointers": [1, 2]}
    body = {"version": 0, "diagnoses": ["m5450", "M99.03"], "lines": [line, {"code": "97140", "charge": "40.00"}]}
    coded = put(f"{address}/codes", body)
    assert coded.status_code == 200, coded.content
    assert coded.json()["diagnoses"] == ["M54.50", "M99.03"]
    assert [one["charge"] for one in coded.json()["lines"]] == ["120.00", "40.00"]
    assert put(f"{address}/codes", body).status_code == 409  # it is version 1 by now
    for wrong in (
        {"diagnoses": []},
        {"diagnoses": ["54"]},
        {"diagnoses": ["M54.50", "M5450"]},
        {"lines": [{"code": "98940", "pointers": [3]}]},
        {"lines": [{"code": "98940", "pointers": [1, 1]}]},
        {"lines": [{"code": "97110"}]},
        {"lines": [{"code": "98940", "modifiers": ["?"]}]},
        {"placeOfService": "office"},
    ):
        with subtests.test(wrong=wrong):
            assert put(f"{address}/codes", {**body, "version": 1, **wrong}).status_code == 400
    coverage = {"payer": "Aetna", "memberId": "W123", "payerId": "60054"}
    insured = put(f"/api/claims/patients/{chart.pk}/coverages", {"coverages": [coverage, {**coverage, "group": "7"}]})
    assert [one["group"] for one in insured.json()["coverages"]] == ["", "7"]
    less = put(f"/api/claims/patients/{chart.pk}/coverages", {"coverages": [coverage]})
    assert len(less.json()["coverages"]) == 1
    for who in ({}, {"doctorId": str(doctor.pk)}):
        identity = {"npi": NPI, "taxonomy": "111N00000X", "taxId": "12-3456789", **who}
        assert put("/api/claims/identities", identity).status_code == 200
    assert put("/api/claims/identities", {"npi": "1234567890"}).status_code == 400
    assert len(client_of(biller).get("/api/claims/identities").json()["identities"]) == 2
    month = f"{timezone.localtime(visit.starts_at, visit.tzinfo):%Y-%m}"
    for superbill in (f"{address}/superbill", f"/api/claims/patients/{chart.pk}/superbill?month={month}"):
        assert b"".join(api.get(superbill).streaming_content).startswith(b"%PDF")
    other = f"/api/claims/patients/{chart.pk}/superbill"
    assert api.get(f"{other}?month=2001-01").status_code == 404
    shown = [
        *(f"{address}/superbill", f"{address}/cms1500"),
        *(reverse(f"billing-{name}", args=[visit.pk]) for name in ("superbill", "claim")),
    ]
    desk = enter_as("billing")
    assert [(api if "/api/" in page else desk).get(page).status_code for page in shown] == [200] * 4
    with practice_scope(visit.practice_id):
        Appointment.objects.filter(pk=visit.pk).update(status="cancelled")
    assert [(api if "/api/" in page else desk).get(page).status_code for page in shown] == [404] * 4
    with practice_scope(visit.practice_id):
        Appointment.objects.filter(pk=visit.pk).update(status="scheduled")
        assert api.get(f"/api/claims/patients/{chart.pk}/superbill?month={month}").status_code == 200
        delete(by=make_user("admin"), row=Appointment.objects.get(pk=visit.pk), reason="By mistake")
    assert api.get(f"/api/claims/patients/{chart.pk}/superbill?month={month}").status_code == 404
    for month in ("soon", "0001-01", "1999-12", "2100-01", "9999-12"):
        assert api.get(f"{other}?month={month}").status_code == 400, month


def test_visit_is_coded_on_its_page(visit, chart, enter_as):
    desk, page = enter_as("billing"), reverse("billing-coding", args=[visit.pk])
    line = {"code": ["98940", "97140"], "modifiers": ["AT, 59", ""], "pointers": ["AB", ""], "units": ["1", ""]}
    form = {"version": "0", "place_of_service": "11", "diagnoses": "M54.50, M99.03", **line}
    wrong = desk.post(page, {**form, "charge": ["60.00", ""]})
    assert wrong.status_code == 400 and 'value="AT, 59"' in wrong.content.decode()
    assert desk.post(page, {**form, "charge": ["60.00", "40"]}).status_code == 302
    coding = claims.get_visit(by=desk.user, appointment_id=visit.pk)[1]
    assert [one["charge"] for one in coding.content["lines"]] == [6_000, 4_000]
    assert coding.content["lines"][0]["pointers"] == [1, 2]
    assert "M99.03" in desk.get(page).content.decode()
    assert desk.get(reverse("billing-superbill", args=[visit.pk])).content.startswith(b"%PDF")
    covered = reverse("billing-coverage", args=[chart.pk])
    rows = {"payer": ["Aetna", ""], "payer_id": ["", ""], "member_id": ["W1", ""], "group": ["", ""]}
    assert desk.post(covered, rows).status_code == 302 and 'value="Aetna"' in desk.get(covered).content.decode()
    assert desk.post(covered, {**rows, "member_id": ["", ""]}).status_code == 400


def test_missed_visit_proposes_its_fee_once(visit, biller, chart, make_user, enter_as):
    fee, staff = ServiceFactory(name="Missed visit", price=2_500), make_user("staff")

    def act(action):
        return appointments.act(by=staff, appointment_id=visit.pk, action=action)

    act(Action.NO_SHOW)
    assert not Invoice.objects.exists()  # the practice has no such fee
    act(Action.UNDO)
    desk = enter_as("admin")
    form = {"no_show_fee": str(fee.pk), "late_cancellation_fee": ""}
    assert desk.post(reverse("billing-policy"), form).status_code == 302
    assert "Missed visit" in desk.get(reverse("billing-policy")).content.decode()
    act(Action.NO_SHOW)
    draft = Invoice.objects.get()
    assert (draft.patient_id, draft.total, draft.is_draft) == (chart.pk, 2_500, True)
    assert draft.lines.get().appointment_id == visit.pk
    act(Action.UNDO)
    assert not Invoice.objects.exists() and not InvoiceLine.objects.exists()


def test_late_cancellation_proposes_its_fee(practice, biller, chart, doctor, make_user):
    fee = ServiceFactory(price=1_000)
    policies.set_policy(by=biller, no_show_fee_id=None, late_cancellation_fee_id=fee.pk)
    practice.cancellation_hours = 24
    practice.save()
    staff, now = make_user("staff"), timezone.now()
    for hours, reason, total in (
        (48, "patient_asked", None),
        (5, "patient_asked", Decimal(1_000)),
        (6, "", Decimal(1_000)),
        (7, "practice", None),  # it was not the patient
        (8, "doctor_away", None),
    ):
        start = now + timedelta(hours=hours)
        visit = AppointmentFactory(patient=chart, doctor=doctor, starts_at=start, ends_at=start + timedelta(minutes=30))
        appointments.change(by=staff, appointment_id=visit.pk, status="cancelled", cancel_reason=reason)
        found = Invoice.objects.filter(lines__appointment=visit).first()
        assert (found and found.total) == total
