"""One row of everything in a practice, and the request each API route needs for it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import date, timedelta
from decimal import Decimal

import orjson
from django.apps import apps
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils import timezone

from accounts.join_codes import services as join_codes
from accounts.models import LoginSession, Passkey
from accounts.tests.factories import PASSWORD, ApiKeyFactory, InvitationFactory
from appointments.models import Appointment, TypeOffer
from appointments.tests.factories import (
    AppointmentFactory,
    AppointmentTypeFactory,
    RoomFactory,
    ScheduleExceptionFactory,
    SlotHoldFactory,
    SlotOfferFactory,
    WaitingListEntryFactory,
    WorkingHoursFactory,
)
from audit.events import AuditEvent
from billing.claims import services as claims
from billing.invoices import services as invoices
from billing.payments import services as payments
from billing.tests.factories import ServiceFactory
from core.api import throttling
from core.cache import redis_client
from core.tenancy.scope import practice_scope
from notifications.tests.factories import DeliveryFactory, WebhookFactory
from patients.deletion import services as deletions
from patients.merging import services as merging
from patients.models import Patient
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from practices.tests.factories import OfficeFactory
from records.attachments import links
from records.plans import services as plans
from records.tests.factories import (
    CONSENT,
    BodyChartFactory,
    ChartEntryFactory,
    FinalisedNoteFactory,
    LetterTemplateFactory,
    MeasureFactory,
    MedicalRecordFactory,
    NoteFactory,
    NoteTemplateFactory,
    PhraseFactory,
    asked_form,
    completed_form,
    consent_template,
    stored_file,
)
from tests.guards.test_routes import GUARDED

VIEWS = dict(GUARDED)
LOGGED = {(method, path): view for path, view in GUARDED for method in view.permissions if method in view.audit_events}
BODIES = {
    ("POST", "api/invitations"): {"name": "Nora New", "email": "nora@example.com", "role": "staff"},
    ("POST", "api/patients"): {
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "phone": "555 0100",
        "dateOfBirth": "1985-12-10",
        "gender": "female",
        "address": "12 St James's Square",
    },
    ("PATCH", "api/patients/<uuid:chart_id>"): {"version": 1, "allergies": "Latex"},
    ("PATCH", "api/patients/<uuid:chart_id>/message-wishes"): {"sms": False},
    ("POST", "api/patients/<uuid:chart_id>/problems"): {"text": "Asthma"},
    ("POST", "api/patients/<uuid:chart_id>/medications"): {"text": "Naproxen", "dose": "250 mg twice a day"},
    ("POST", "api/patients/<uuid:chart_id>/allergies"): {"text": "Latex", "severity": "severe"},
    ("PATCH", "api/chart-entries/<uuid:chart_entry_id>"): {"version": 1, "since": "2026-01-05"},
    ("POST", "api/body-charts"): {"marks": [{"region": "back.lower_back", "sensation": "pain", "level": 7}]},
    ("POST", "api/body-charts/<uuid:body_chart_id>/amendments"): {"version": 1, "reason": "Left out", "remark": "Dull"},
    ("POST", "api/measures"): {"kind": "pain", "value": 4},
    ("POST", "api/measures/<uuid:measure_id>/amendments"): {"version": 1, "reason": "Misread", "value": 5},
    ("POST", "api/appointments"): {"date": "2031-01-06T10:00:00Z", "reason": "Back pain"},
    ("POST", "api/appointments/series"): {
        "date": "2031-01-06T10:00:00Z",
        "reason": "Back pain",
        "unit": "week",
        "count": 3,
    },
    ("POST", "api/waiting-list"): {"weekdays": [0, 2], "note": "Mornings are best"},
    ("PATCH", "api/waiting-list/<uuid:entry_id>"): {"priority": 1},
    ("POST", "api/waiting-list/<uuid:entry_id>/offers"): {"date": "2031-01-06T14:00:00Z"},
    ("POST", "api/api-keys"): {"name": "Laboratory", "permissions": ["read_charts"]},
    ("POST", "api/webhooks"): {"url": "https://example.com/hook", "events": ["appointment.changed"]},
    ("PATCH", "api/webhooks/<uuid:webhook_id>"): {"active": True},
    ("POST", "api/holds"): {"date": "2031-01-06T12:00:00Z"},
    ("POST", "api/appointment-types"): {"name": "Massage", "minutes": 50},
    ("PATCH", "api/appointment-types/<uuid:type_id>"): {"minutes": 45},
    ("POST", "api/rooms"): {"name": "Room 1"},
    ("PATCH", "api/rooms/<uuid:room_id>"): {"name": "Room 2"},
    ("POST", "api/note-templates"): {"name": "First visit"},
    ("PATCH", "api/note-templates/<uuid:template_id>"): {"name": "Follow-up"},
    ("POST", "api/letter-templates"): {"name": "Work", "title": "Certificate", "text": "{patient} was here."},
    ("PATCH", "api/letter-templates/<uuid:letter_template_id>"): {"name": "School"},
    ("POST", "api/patients/<uuid:chart_id>/letters"): {"title": "Certificate", "text": "Seen today."},
    ("POST", "api/form-templates"): CONSENT,
    ("PATCH", "api/form-templates/<uuid:form_template_id>"): {"version": 1, "name": "Consent"},
    ("POST", "api/forms/<uuid:form_id>/complete"): {
        "templateVersion": 1,
        "answers": {"f2": "no"},
        "name": "Ada Lovelace",
    },
    ("POST", "api/forms/<uuid:form_id>/review"): {"accept": ["phone"], "chartVersion": 1},
    ("POST", "api/phrases"): {"word": "nka", "text": "No known allergies"},
    ("PATCH", "api/phrases/<uuid:phrase_id>"): {"word": "none"},
    ("POST", "api/services"): {"code": "97140", "name": "Manual therapy", "price": "80.00"},
    ("PATCH", "api/services/<uuid:service_id>"): {"version": 1, "price": "90.00"},
    ("PATCH", "api/invoices/<uuid:invoice_id>"): {"version": 1, "note": "Thank you"},
    ("POST", "api/invoices/<uuid:invoice_id>/credit"): {"reason": "Wrong service"},
    ("POST", "api/invoices/<uuid:invoice_id>/write-off"): {"amount": "1.00", "reason": "Goodwill"},
    ("PUT", "api/billing-policy"): {"noShowFeeId": None, "lateCancellationFeeId": None},
    ("PUT", "api/claims/identities"): {"npi": "1234567893", "doctorId": None},
    ("PUT", "api/claims/visits/<uuid:appointment_id>/codes"): {
        "diagnoses": ["M54.50"],
        "lines": [{"code": "98940", "charge": "60.00"}],
    },
    ("PUT", "api/claims/patients/<uuid:chart_id>/coverages"): {"coverages": [{"payer": "Aetna", "memberId": "W1"}]},
    ("POST", "api/payments"): {"amount": "20.00", "method": "card"},
    ("POST", "api/payments/<uuid:payment_id>/refund"): {"amount": "1.00", "reason": "Paid too much"},
    ("POST", "api/working-hours"): {"weekday": 4, "start": "09:00", "end": "12:30"},
    ("PATCH", "api/working-hours/<uuid:hours_id>"): {"end": "13:00"},
    ("POST", "api/schedule-exceptions"): {"from": "2031-01-06T00:00:00Z", "to": "2031-01-07T00:00:00Z"},
    ("PATCH", "api/schedule-exceptions/<uuid:exception_id>"): {"reason": "Course"},
    ("POST", "api/holidays"): {"country": "US", "year": 2031},
    ("PATCH", "api/users/<uuid:user_id>"): {"isActive": False},
    ("PATCH", "api/practice"): {"bookingMonthsAhead": 6},
    ("PATCH", "api/offices/<uuid:office_id>"): {"name": "Midtown"},
    ("PATCH", "api/appointments/<uuid:appointment_id>"): {"status": "cancelled"},
    ("POST", "api/patients/<uuid:chart_id>/legal-hold"): {"reason": "Order of the court"},
    ("POST", "api/patients/<uuid:chart_id>/emergency-access"): {"reason": "Unconscious"},
    ("POST", "api/registrations/<uuid:registration_id>/confirm"): {"patientId": None},
    ("POST", "auth/register"): {
        "name": "Nora Quist",
        "email": "nora@example.com",
        "password": PASSWORD,
        "role_id": 5,
    },
    ("POST", "api/records"): {"diagnosis": "Lumbar strain", "prescription": "", "notes": ""},
    ("DELETE", "api/users/me/mfa/passkeys/<uuid:passkey_id>"): {"password": PASSWORD},
    ("POST", "api/records/<uuid:record_id>/amendments"): {"version": 1, "reason": "Left out", "notes": "Ice"},
    ("POST", "api/sessions"): {"plan": "Rest"},
    ("POST", "api/sessions/search"): {"query": "pain"},
    ("PATCH", "api/sessions/<uuid:note_id>"): {"version": 1, "plan": "Rest"},
    ("POST", "api/sessions/<uuid:note_id>/finalise"): {"version": 1},
    ("POST", "api/sessions/<uuid:note_id>/amendments"): {"version": 1, "reason": "Left out", "plan": "Ice"},
    ("POST", "api/plans"): {"title": "Back to work", "startsOn": "2026-11-02"},
    ("POST", "api/plans/<uuid:plan_id>/amendments"): {"version": 1, "reason": "Left out", "title": "Back to sport"},
    ("POST", "api/plans/<uuid:plan_id>/goals/<uuid:goal_id>/progress"): {"text": "6 kg"},
    ("PATCH", "api/attachments/<uuid:attachment_id>"): {"name": "Knee"},
}
UPLOAD = ("POST", "/api/attachments")  # the only body that is not JSON
NOTE_DRAFT = {("PATCH", "api/sessions/<uuid:note_id>"), ("POST", "api/sessions/<uuid:note_id>/finalise")}
BILL_DRAFT = {(method, "api/invoices/<uuid:invoice_id>") for method in ("PATCH", "DELETE")}
QUERIES = {
    "api/sessions/last-finalised": "?patientId={patient_id}",
    "api/claims/patients/<uuid:chart_id>/superbill": "?month={month}",
    "api/waiting-list/matches": "?doctorId={doctor_id}&date=2031-01-06T14:00:00Z",
}
NAMES = {"admin": "A", "doctor": "D", "staff": "S", "billing": "B", "patient": "P"}


def expected_event(method, path):
    return LOGGED[(method, path)].audit_events[method]


def known_names(method, path):
    """Return the names that the body of this operation may have."""
    body = getattr(VIEWS[path], method.lower()).takes.body
    return {} if body is None else body().fields


class Rows:
    """One row of everything in a practice; `ids` are keyed by their names in routes and bodies."""

    def __init__(self, practice, make_user):
        self.doctor = doctor = make_user("doctor", practice=practice)
        with practice_scope(practice.pk):
            self.chart = PatientFactory()
            self.office = OfficeFactory()
            type(practice).objects.filter(pk=practice.pk).update(doctors_see_revenue=True)
            invitation = InvitationFactory(invited_by=doctor)
            code, self.join_code = join_codes.create(by=doctor, office_id=self.office.pk)
            key = ApiKeyFactory(made_by=doctor)
            self.twin, merged = PatientFactory(), PatientFactory()
            merging.merge(by=doctor, into=self.chart.pk, source=merged.pk, keep={})
            self.merged = merged
            registration, declined = (PatientFactory(status=status) for status in ("pending", "declined"))
            kind = AppointmentTypeFactory()
            TypeOffer.objects.create(appointment_type=kind, doctor=doctor)
            room = RoomFactory(office=self.office)
            hours = WorkingHoursFactory(doctor=doctor, office=self.office)
            template, phrase, letter = NoteTemplateFactory(), PhraseFactory(), LetterTemplateFactory()
            exception = ScheduleExceptionFactory(doctor=doctor, office=self.office)
            hold, shared = (SlotHoldFactory(doctor=doctor, held_by=doctor) for _ in range(2))
            entry = WaitingListEntryFactory(patient=self.chart, type=kind)
            offer = SlotOfferFactory(entry=entry, doctor=doctor, hold=shared)
            appointment = AppointmentFactory(patient=self.chart, doctor=doctor)
            listed = ChartEntryFactory(patient=self.chart, doctor=doctor)
            drawing = BodyChartFactory(patient=self.chart, doctor=doctor)
            measure = MeasureFactory(patient=self.chart, doctor=doctor)
            record = MedicalRecordFactory(patient=self.chart, doctor=doctor)
            note = FinalisedNoteFactory(patient=self.chart, doctor=doctor)
            self.draft = NoteFactory(patient=self.chart, doctor=doctor)
            goals, start = [{"text": "Lift ten kilograms"}], date(2026, 11, 2)
            plan = plans.create_plan(by=doctor, patient_id=self.chart.pk, title="Plan", starts_on=start, goals=goals)
            goal = plan.goals.get()
            plans.add_appointment(by=doctor, plan_id=plan.pk, appointment_id=appointment.pk)
            file = stored_file(patient=self.chart, uploaded_by=doctor)
            service, invoice, payment = self._bill(make_user("billing", practice=practice))
            coded = {"diagnoses": ["M54.50"], "lines": [{"code": "98940", "charge": Decimal("60.00")}]}
            claims.code_visit(by=doctor, appointment_id=appointment.pk, **coded)
            webhook = WebhookFactory()
            delivery = DeliveryFactory(webhook=webhook)
            consent = consent_template(by=doctor)
            form = asked_form(patient=self.chart, by=doctor, template=consent)
            signed = stored_file(patient=self.chart, uploaded_by=doctor)
            self.completed_form = completed_form(patient=self.chart, by=doctor, file=signed)
            emergency = EmergencyAccessFactory(patient=self.chart, opened_by=doctor)
        passkey = Passkey.objects.create(user=doctor, name="Phone", credential_id=doctor.pk.bytes, public_key=b"key")
        self.ids = {
            "chart_id": self.chart.pk,
            "registration_id": registration.pk,
            "declined_id": declined.pk,
            "patient_id": self.chart.pk,
            "appointment_id": appointment.pk,
            "type_id": kind.pk,
            "room_id": room.pk,
            "template_id": template.pk,
            "letter_template_id": letter.pk,
            "phrase_id": phrase.pk,
            "form_template_id": consent.pk,
            "form_id": form.pk,
            "hours_id": hours.pk,
            "exception_id": exception.pk,
            "hold_id": hold.pk,
            "entry_id": entry.pk,
            "offer_id": offer.pk,
            "chart_entry_id": listed.pk,
            "body_chart_id": drawing.pk,
            "measure_id": measure.pk,
            "record_id": record.pk,
            "note_id": note.pk,
            "plan_id": plan.pk,
            "goal_id": goal.pk,
            "number": 1,
            "month": f"{appointment.starts_at:%Y-%m}",
            "attachment_id": file.pk,
            "webhook_id": webhook.pk,
            "delivery_id": delivery.pk,
            "token": "1",
            "service_id": service.pk,
            "invoice_id": invoice.pk,
            "payment_id": payment.pk,
            "access_id": emergency.pk,
            "office_id": self.office.pk,
            "code_id": code.pk,
            "key_id": key.pk,
            "invitation_id": invitation.pk,
            "passkey_id": passkey.pk,
            "session_id": LoginSession.objects.create(user=doctor, expires_at=timezone.now() + timedelta(days=1)).pk,
            "user_id": doctor.pk,
            "doctor_id": doctor.pk,
        }

    def _bill(self, biller):
        """Return a service, an issued invoice of it, and a payment. Keep two drafts, one of them without lines."""
        service, chart = ServiceFactory(), self.chart.pk
        lines = [{"service_id": service.pk}]
        self.bill, issued = (invoices.write_draft(by=biller, patient_id=chart, lines=lines) for _ in range(2))
        self.empty_bill = invoices.write_draft(by=biller, patient_id=chart)
        payment = payments.take(by=biller, patient_id=chart, amount=Decimal("5.00"), method="cash")
        return service, invoices.issue(by=biller, invoice_id=issued.pk), payment

    def copy(self):
        """Return the same rows with a separate `ids` to change."""
        copied = copy(self)
        copied.ids = dict(self.ids)
        return copied

    def draft_ids(self, method, path):
        """Return the ids of drafts where this call needs them."""
        if (method, path) in NOTE_DRAFT:
            return {"note_id": self.draft.pk}
        if (method, path) in BILL_DRAFT:
            return {"invoice_id": self.empty_bill.pk}
        return {"invoice_id": self.bill.pk} if path.endswith("/issue") else {}

    def link(self, user):
        """Create a download link for the user in their only session and store its token in `ids`."""
        user.session_id = LoginSession.objects.get(user=user).pk
        self.ids["token"], _ = links.create(by=user, attachment_id=self.ids["attachment_id"])

    def begin_visit(self):
        """Let the appointment have begun an hour ago, confirmed before."""
        now = timezone.now()
        begun = {"starts_at": now - timedelta(hours=1), "ends_at": now, "confirmed_at": now - timedelta(days=1)}
        with practice_scope(self.chart.practice_id):
            Appointment.objects.filter(pk=self.ids["appointment_id"]).update(**begun)

    def restrict(self):
        with practice_scope(self.chart.practice_id):
            Patient.objects.update(restricted=True)

    def delete(self, label, by):
        """Delete the row of this model, so that it can be restored."""
        model = apps.get_model(label)
        with practice_scope(self.chart.practice_id):
            ids = {str(pk) for pk in self.ids.values()}
            row = next(row for row in model.objects.all() if str(row.pk) in ids)
            deletions.delete(by=by, row=row, reason="By mistake")

    def place_legal_hold(self, by):
        with practice_scope(self.chart.practice_id):
            deletions.place_hold(by=by, patient_id=self.chart.pk, reason="Order of the court")

    def register(self, patient):
        with practice_scope(patient.practice_id):
            PatientFactory(user=patient, status="pending")

    def address(self, path):
        query = QUERIES.get(path, "").format(**self.ids)
        return "/" + re.sub(r"<\w+:(\w+)>", lambda part: str(self.ids[part[1]]), path) + query

    def sent(self, method, path):
        """Return the request body as JSON bytes."""
        return orjson.dumps(self.body((method, path)))

    def body(self, key):
        named = {"patientId": str(self.chart.pk), "doctorId": str(self.ids["doctor_id"])}
        named["templateId"] = str(self.ids["form_template_id"])
        named |= {"office_id": str(self.office.pk), "join_code": self.join_code}
        if key == ("POST", "api/payments/<uuid:payment_id>/allocations"):
            return {"allocations": [{"invoiceId": str(self.ids["invoice_id"]), "amount": "1.00"}]}
        if "/merge" in key[1]:
            named["from"] = str((self.merged if key[1].endswith("/undo") else self.twin).pk)
        if key in LOGGED and expected_event(*key) == AuditEvent.SOFT_DELETED:
            named["reason"] = "By mistake"
        known = known_names(*key)
        return {**{name: value for name, value in named.items() if name in known}, **BODIES.get(key, {})}


def call(client, method, address, body):
    if (method, address) == UPLOAD:
        return client.post(address, {**body, "file": SimpleUploadedFile("findings.txt", b"Normal", "text/plain")})
    return client.generic(method, address, orjson.dumps(body), content_type="application/json")


def clear_caches() -> None:
    """Clear every cache outside the database."""
    cache.clear()
    throttling._make_limiter.cache_clear()
    if redis_client.configured():
        redis_client.client().flushdb()


@contextmanager
def rolled_back() -> Iterator[None]:
    """Run one of several cases on the same rows and roll back what it did."""
    clear_caches()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
