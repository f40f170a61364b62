"""Nobody forgets the trail: every method of every address that touches PHI writes its row, allowed or refused, in the
API and in the admin site. A route added tomorrow without one fails here."""

import re
from datetime import date, timedelta
from uuid import UUID

import orjson
import pytest
from django.apps import apps
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, URLResolver
from django.utils import timezone

from accounts import join_codes
from accounts.models import Passkey, Session
from accounts.tests.factories import PASSWORD
from appointments.tests.factories import AppointmentFactory
from audit.events import Kind
from audit.tests.whole_trail import whole_trail
from core.api.views import ApiView
from core.tenancy import practice_scope
from dashboard.admin_reads import SHOW_NOBODY
from patients import deletions
from patients.models import Patient
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from practices.tests.factories import OfficeFactory
from records import plans
from records.files import links
from records.tests.factories import FinalisedNoteFactory, MedicalRecordFactory, NoteFactory, stored_file
from tests.guards.test_routes import GUARDED, LET_IN, NOBODY, WHO, nobodys

NO_PHI = {
    ("GET", "api/users/me"): "one's own account",
    ("PATCH", "api/users/me"): "one's own account; a change is told as one",
    ("GET", "api/users/me/mfa"): "one's own second factors",
    ("POST", "api/users/me/mfa/totp"): "one's own second factors",
    ("DELETE", "api/users/me/mfa/totp"): "one's own second factors",
    ("POST", "api/users/me/mfa/totp/confirm"): "one's own second factors",
    ("POST", "api/users/me/mfa/passkeys"): "one's own second factors",
    ("POST", "api/users/me/mfa/passkeys/confirm"): "one's own second factors",
    ("DELETE", "api/users/me/mfa/passkeys/<uuid:passkey_id>"): "one's own second factors",
    ("POST", "api/users/me/mfa/recovery-codes"): "one's own second factors",
    ("POST", "api/users/me/password"): "one's own password; told as changed",
    ("GET", "api/users/me/sessions"): "one's own devices",
    ("DELETE", "api/users/me/sessions"): "one's own devices; each end is told",
    ("DELETE", "api/users/me/sessions/<uuid:session_id>"): "the same",
    ("GET", "api/doctors"): "who works here",
    ("GET", "api/doctors/<uuid:doctor_id>"): "who works here, and a count",
    ("GET", "api/join-codes"): "doctors, offices and counts; their use is told where it ties a chart",
    ("POST", "api/join-codes"): "the same; told as data",
    ("DELETE", "api/join-codes/<uuid:code_id>"): "the same",
    ("GET", "api/offices"): "where the practice is",
    ("POST", "api/offices"): "the same; told as data",
    ("GET", "api/offices/<uuid:office_id>"): "the same",
    ("PATCH", "api/offices/<uuid:office_id>"): "the same; told as data",
    ("DELETE", "api/offices/<uuid:office_id>"): "the same",
    ("GET", "api/dashboard/stats"): "counts",
}
TELLING = {(method, path): view for path, view in GUARDED for method in view.permissions if method in view.trail}
BODIES = {
    ("POST", "api/patients"): {
        "name": "Ada Lovelace",
        "email": "ada@example.com",
        "phone": "555 0100",
        "dateOfBirth": "1985-12-10",
        "gender": "female",
        "address": "12 St James's Square",
    },
    ("POST", "api/appointments"): {"date": "2031-01-06T10:00:00Z", "reason": "Back pain"},
    ("PATCH", "api/users/<uuid:user_id>"): {"isActive": False},
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
TAKES_NO_MORE = re.compile(r"api/(sessions|plans)(/<.*)?|.*/amendments")  # than the fields it knows
UPLOAD = ("POST", "/api/attachments")  # the one body that is no JSON
OF_A_DRAFT = {("PATCH", "api/sessions/<uuid:note_id>"), ("POST", "api/sessions/<uuid:note_id>/finalise")}
QUERIES = {"api/sessions/last-finalised": "?patientId={patient_id}"}
NAMES = {"admin": "A", "doctor": "D", "staff": "S", "billing": "B", "patient": "P"}


class Rows:
    """One of everything in a practice; `ids` by the name that an address or a body gives it."""

    def __init__(self, practice, make_user):
        self.doctor = doctor = make_user("doctor", practice=practice)
        with practice_scope(practice.pk):
            self.chart = PatientFactory()
            self.office = OfficeFactory()
            code, self.join_code = join_codes.make(by=doctor, office_id=self.office.pk)
            registration, declined = (PatientFactory(status=status) for status in ("pending", "declined"))
            appointment = AppointmentFactory(patient=self.chart, doctor=doctor)
            record = MedicalRecordFactory(patient=self.chart, doctor=doctor)
            note = FinalisedNoteFactory(patient=self.chart, doctor=doctor)
            self.draft = NoteFactory(patient=self.chart, doctor=doctor)
            goals, start = [{"text": "Lift ten kilograms"}], date(2026, 11, 2)
            plan = plans.make_plan(by=doctor, patient_id=self.chart.pk, title="Plan", starts_on=start, goals=goals)
            goal = plan.goals.get()
            plans.plan_appointment(by=doctor, plan_id=plan.pk, appointment_id=appointment.pk)
            file = stored_file(patient=self.chart, uploaded_by=doctor)
            emergency = EmergencyAccessFactory(patient=self.chart, opened_by=doctor)
        passkey = Passkey.objects.create(user=doctor, name="Phone", credential_id=doctor.pk.bytes, public_key=b"key")
        self.ids = {
            "chart_id": self.chart.pk,
            "registration_id": registration.pk,
            "declined_id": declined.pk,
            "patient_id": self.chart.pk,
            "appointment_id": appointment.pk,
            "record_id": record.pk,
            "note_id": note.pk,
            "plan_id": plan.pk,
            "goal_id": goal.pk,
            "number": 1,
            "attachment_id": file.pk,
            "token": "1",
            "access_id": emergency.pk,
            "office_id": self.office.pk,
            "code_id": code.pk,
            "passkey_id": passkey.pk,
            "session_id": Session.objects.create(user=doctor, expires_at=timezone.now() + timedelta(days=1)).pk,
            "user_id": doctor.pk,
            "doctor_id": doctor.pk,
        }

    def link(self, user):
        """The token of a link that this person has asked for, in the one session that they have."""
        user.session_id = Session.objects.get(user=user).pk
        self.ids["token"], _ = links.make(by=user, attachment_id=self.ids["attachment_id"])

    def restrict(self, practice):
        with practice_scope(practice.pk):
            Patient.objects.update(restricted=True)

    def delete(self, label, by):
        """One of these, so that it can be restored."""
        model = apps.get_model(label)
        with practice_scope(self.chart.practice_id):
            ids = {str(pk) for pk in self.ids.values()}
            row = next(row for row in model.objects.all() if str(row.pk) in ids)
            deletions.delete(by=by, row=row, reason="By mistake")

    def hold(self, by):
        with practice_scope(self.chart.practice_id):
            deletions.place_hold(by=by, patient_id=self.chart.pk, reason="Order of the court")

    def register(self, patient):
        with practice_scope(patient.practice_id):
            PatientFactory(user=patient, status="pending")

    def address(self, path):
        query = QUERIES.get(path, "").format(**self.ids)
        return "/" + re.sub(r"<\w+:(\w+)>", lambda part: str(self.ids[part[1]]), path) + query

    def sent(self, method, path):
        """The body as it goes over the wire."""
        return orjson.dumps(self.body((method, path)))

    def body(self, key):
        named = {"patientId": str(self.chart.pk), "doctorId": str(self.ids["doctor_id"])}
        named |= {"office_id": str(self.office.pk), "join_code": self.join_code}
        if TAKES_NO_MORE.fullmatch(key[1]):
            named = {} if "<" in key[1] else {"patientId": str(self.chart.pk)}
        if key in TELLING and told_kind(*key) == Kind.SOFT_DELETED:
            named["reason"] = "By mistake"
        return {**named, **BODIES.get(key, {})}


def call(client, method, address, body):
    if (method, address) == UPLOAD:
        return client.post(address, {**body, "file": SimpleUploadedFile("findings.txt", b"Normal", "text/plain")})
    return client.generic(method, address, orjson.dumps(body), content_type="application/json")


def told_since(seen):
    return list(whole_trail().exclude(pk__in=seen).exclude(kind__startswith="s").order_by("id"))


def test_every_method_tells_the_trail_or_has_a_reason_not_to():
    silent = {(method, path) for path, view in GUARDED for method in view.permissions if method not in view.trail}

    assert silent == set(NO_PHI)
    for path, view in GUARDED:
        assert set(view.trail) <= set(view.permissions), path
        assert bool(view.trail) == bool(view.about), path


@pytest.mark.parametrize(("method", "path"), TELLING, ids=[" ".join(key) for key in TELLING])
def test_what_is_shown_or_changed_is_told(as_role, client_of, make_user, practice, method, path):
    role = next(role for role, initial in NAMES.items() if initial in LET_IN[(method, path)])
    rows = Rows(practice, make_user)
    user = rows.doctor if role == "doctor" else make_user(role)
    client = client_of(user)
    client.user = user
    if (method, path) in OF_A_DRAFT:
        rows.ids["note_id"] = rows.draft.pk
    if path.endswith("/restore"):
        rows.delete(TELLING[(method, path)].about, client.user)
    if (method, path) == ("DELETE", "api/patients/<uuid:chart_id>/legal-hold"):
        rows.hold(client.user)
    if path.endswith("/emergency-access"):
        rows.restrict(practice)
    if path == "auth/associate":
        rows.register(client.user)
    if path.endswith("<str:token>"):
        rows.link(client.user)
    before = set(whole_trail().values_list("pk", flat=True))

    answer = call(client, method, rows.address(path), rows.body((method, path)))

    assert answer.status_code in (200, 201, 204), answer.content
    told = [event for event in told_since(before) if event.kind == told_kind(method, path)]
    assert told, "nothing was told"
    for event in told:
        assert (event.user_id, event.role, event.practice_id) == (client.user.pk, role, practice.pk)
        assert (event.outcome, event.address, event.request_id) == ("done", "127.0.0.1", answer["X-Request-ID"])
        assert event.about == TELLING[(method, path)].about
        assert all(UUID(patient) for patient in orjson.loads(event.patients))


def told_kind(method, path):
    return TELLING[(method, path)].trail[method]


@pytest.mark.parametrize(("method", "path"), TELLING, ids=[" ".join(key) for key in TELLING])
@pytest.mark.parametrize("role", NAMES)
def test_what_a_role_may_not_do_is_told_when_they_try(as_role, make_user, practice, role, method, path):
    if WHO[role] in LET_IN[(method, path)]:
        return  # they may; the test above
    rows, client = Rows(practice, make_user), as_role(role)
    before = set(whole_trail().values_list("pk", flat=True))

    assert call(client, method, rows.address(path), rows.body((method, path))).status_code == 403

    (event,) = told_since(before)
    assert (event.kind, event.outcome) == (told_kind(method, path), "refused")
    assert (event.user_id, event.role, event.practice_id) == (client.user.pk, role, practice.pk)
    assert orjson.loads(event.details) == {"status": 403}
    assert event.about_id == next((UUID(part) for part in rows.address(path).split("/") if len(part) == 36), None)


@pytest.mark.parametrize(
    ("method", "path"), [key for key in TELLING if "<" in key[1]], ids=[" ".join(k) for k in TELLING if "<" in k[1]]
)
def test_reaching_for_another_practices_row_is_told(as_role, make_user, practice, other_practice, method, path):
    role = next(role for role, initial in NAMES.items() if initial in LET_IN[(method, path)])
    foreign, client = Rows(other_practice, make_user), as_role(role)
    before = set(whole_trail().values_list("pk", flat=True))

    for address in (foreign.address(path), nobodys(path)):
        assert call(client, method, address, foreign.body((method, path))).status_code == 404

    stranger, nobody = told_since(before)
    for event in (stranger, nobody):
        assert (event.kind, event.outcome) == (told_kind(method, path), "refused")
        assert (event.practice_id, orjson.loads(event.details)) == (practice.pk, {"status": 404})
    assert str(stranger.about_id) in foreign.address(path)
    assert str(nobody.about_id) == NOBODY


def test_a_view_that_does_not_say_whom_it_shows_answers_nothing(as_role, monkeypatch, practice, make_user):
    rows = Rows(practice, make_user)
    client = as_role("doctor")
    client.raise_request_exception = False
    monkeypatch.setattr(ApiView, "saw", lambda *args, **kwargs: None)

    answer = client.get(rows.address("api/patients/<uuid:chart_id>"))

    assert answer.status_code == 500
    assert rows.chart.name not in answer.content.decode()


# --- The admin site


def pages(patterns=None):
    for entry in admin.site.get_urls() if patterns is None else patterns:
        if isinstance(entry, URLResolver):
            yield from pages(entry.url_patterns)
        elif isinstance(entry, URLPattern):
            yield entry


@pytest.fixture
def desk(make_user, client):
    client.force_login(make_user("admin"))
    return client


def test_pages_that_show_nobody_still_exist():
    assert set(SHOW_NOBODY) <= {page.name for page in pages()}


@pytest.mark.parametrize(
    ("address", "about"),
    [
        ("/admin/", "today"),
        ("/admin/patients/patient/", "patients.Patient"),
        ("/admin/patients/patient/?q=ada", "patients.Patient"),
        ("/admin/patients/patient/{chart_id}/change/", "patients.Patient"),
        ("/admin/appointments/appointment/", "appointments.Appointment"),
        ("/admin/appointments/appointment/{appointment_id}/change/", "appointments.Appointment"),
        ("/admin/records/medicalrecord/", "records.MedicalRecord"),
        ("/admin/records/medicalrecord/{record_id}/change/", "records.MedicalRecord"),
        ("/admin/records/sessionnote/", "records.SessionNote"),
        ("/admin/records/sessionnote/{note_id}/change/", "records.SessionNote"),
        ("/admin/records/sessionnote/{note_id}/delete/", "records.SessionNote"),
        ("/admin/records/planofcare/", "records.PlanOfCare"),
        ("/admin/records/planofcare/{plan_id}/change/", "records.PlanOfCare"),
        ("/admin/records/attachment/", "records.Attachment"),
        ("/admin/records/attachment/{attachment_id}/change/", "records.Attachment"),
        ("/admin/records/attachment/to/{chart_id}/", "patients.Patient"),
        ("/admin/patients/emergencyaccess/", "patients.EmergencyAccess"),
        ("/admin/patients/emergencyaccess/{access_id}/change/", "patients.EmergencyAccess"),
        ("/admin/accounts/user/", "accounts.User"),
        ("/admin/accounts/user/{doctor_id}/change/", "accounts.User"),
        (
            "/admin/autocomplete/?app_label=appointments&model_name=appointment&field_name=patient&term=ada",
            "patients.Patient",
        ),
    ],
)
def test_every_page_with_people_is_told(desk, make_user, practice, address, about):
    rows = Rows(practice, make_user)
    before = set(whole_trail().values_list("pk", flat=True))

    assert desk.get(address.format(**rows.ids)).status_code == 200

    (event,) = told_since(before)
    assert (event.kind, event.outcome, event.about) == (Kind.PAGE_READ, "done", about)
    assert (event.role, event.practice_id) == ("admin", practice.pk)
    details = orjson.loads(event.details)
    if about in ("accounts.User", "today"):
        assert details.get("rows", []) or about == "today"
    else:
        listed = ["registration_id", "chart_id"] if address == "/admin/patients/patient/" else ["chart_id"]
        named = [] if "ada" in address else [str(rows.ids[name]) for name in listed]
        assert orjson.loads(event.patients) == named
    assert "ada" not in event.details


def test_a_page_of_another_practice_is_told_as_refused(desk, make_user, practice, other_practice):
    foreign = Rows(other_practice, make_user)
    before = set(whole_trail().values_list("pk", flat=True))

    assert desk.get(f"/admin/patients/patient/{foreign.chart.pk}/change/").status_code == 404

    (event,) = told_since(before)
    assert (event.outcome, event.about_id, event.practice_id) == ("refused", foreign.chart.pk, practice.pk)
