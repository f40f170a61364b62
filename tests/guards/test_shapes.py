"""What the schema says of an answer is what the answer is; no serializer takes a model's fields wholesale."""

import ast
from pathlib import Path
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework import serializers

from accounts import join_code_serializers as join_codes
from accounts import mobile_serializers as mobile
from accounts import serializers as accounts
from accounts import session_serializers as sessions
from accounts.bearer import Pair
from accounts.models import JoinCode, Passkey, Session, User
from accounts.roles import NUMBERED_ROLES
from accounts.second_factor import serializers as second_factor
from accounts.second_factor.asking import SecondFactorAsked
from accounts.second_factor.services import Factors, TotpSetup
from appointments import serializers as appointments
from appointments.models import Appointment
from audit.models import Event
from core.api.shapes import Shape
from dashboard import people_serializers as people
from dashboard import serializers as dashboard
from dashboard import trail_serializers as trail
from dashboard.trail import Entry
from patients import deletion_serializers as deleted
from patients import mobile_serializers as patients_mobile
from patients import registration_serializers as registrations
from patients import serializers as patients
from patients.likely import Because, Match, Registration
from patients.models import Deletion, EmergencyAccess, LegalHold, Patient
from practices import serializers as practices
from practices.models import Office, Practice
from records import export_serializers as exports
from records import note_serializers as notes
from records import plan_serializers as plans
from records import serializers as records
from records import version_serializers as versions
from records.files import serializers as files
from records.models import (
    Attachment,
    Goal,
    GoalProgress,
    MedicalRecord,
    NoteVersion,
    PlannedAppointment,
    PlanOfCare,
    SessionNote,
)
from records.note_search import Hit
from records.versions import Compared

ROOT = Path(__file__).resolve().parent.parent.parent
NOW = timezone.now()


def person(role):
    return User(role=role, name="Ada", email="ada@example.com", created_at=NOW)


def account(role):
    shown = person(role)
    shown.has_second_factor = True
    return shown


CHART = Patient(name="Ada", created_at=NOW)
ENTRIES = [Entry(Event(kind="chart.read", user_id=uuid4()), person("doctor")), Entry(Event(kind="gone.kind"), None)]
OFFICE = Office(name="Midtown")
RESTRICTED = Patient(name="Ada", created_at=NOW, restricted=True)
MATCH = Match(CHART, [Because.NAME])
EMERGENCY = EmergencyAccess(patient=RESTRICTED, opened_by=person("doctor"), created_at=NOW, expires_at=NOW)
RECORD = MedicalRecord(patient=CHART, doctor=person("doctor"))
NOTE = SessionNote(patient=CHART, doctor=person("doctor"))
FILE = Attachment(patient=CHART, uploaded_by=person("staff"))
PLAN, GOAL, SEEN = PlanOfCare(patient=CHART, doctor=person("doctor")), Goal(), GoalProgress(author=person("doctor"))
PLAN.sessions, PLAN.visits = [NOTE], [PlannedAppointment(appointment_id=uuid4())]
PLAN._prefetched_objects_cache, GOAL._prefetched_objects_cache = {"goals": [GOAL]}, {"progress": [SEEN]}
VERSION = NoteVersion(number=1, author=person("doctor"), content={"plan": "Rest"})
DELETION = deleted.Deleted(
    Deletion(patient=CHART, about="patients.Patient", deleted_by=person("admin"), practice=Practice(), created_at=NOW),
    NOW,
)
RECORD.kept = NOTE.kept = PLAN.kept = [Compared(VERSION, None)]
SHOWN = {
    deleted.HiddenShape: [DELETION, DELETION._replace(kept_until=None)],
    deleted.DeletedShape: [DELETION, DELETION._replace(kept_until=None, is_closed=True)],
    deleted.HoldState: [LegalHold(patient=CHART, placed_by=person("admin"), created_at=NOW)],
    deleted.HoldShape: [LegalHold(patient=CHART, placed_by=person("admin"), created_at=NOW)],
    accounts.UserBrief: [person("doctor")],
    accounts.SignedIn: [person("doctor")],
    accounts.Profile: [
        *(person(role) for role in ("admin", "doctor", "staff", "billing", "patient")),
        User(role="doctor", name="Ada", email="ada@example.com", created_at=NOW, office=OFFICE),
    ],
    accounts.Message: ["Done"],
    accounts.SecondFactorNeeded: [SecondFactorAsked("token", ["totp"])],
    second_factor.PasskeyShape: [Passkey(name="Phone", created_at=NOW)],
    second_factor.FactorsShape: [Factors(True, [Passkey(name="Phone", created_at=NOW)], 9, False)],
    second_factor.TotpSetupShape: [TotpSetup("SECRET", "otpauth://totp/")],
    second_factor.RecoveryCodes: [["CODE"]],
    second_factor.PasskeyAdded: [(Passkey(name="Phone"), [])],
    mobile.Tokens: [Pair("access", "refresh", 900)],
    mobile.RoleShape: NUMBERED_ROLES,
    patients_mobile.Registered: [person("doctor")],
    patients_mobile.Associated: [JoinCode(doctor=person("doctor"), office=OFFICE)],
    join_codes.JoinCodeShape: [JoinCode(doctor=person("doctor"), office=OFFICE, uses=1, created_at=NOW)],
    practices.OfficeShape: [OFFICE],
    sessions.SessionShape: [Session(user=person("doctor"), created_at=NOW, last_seen_at=NOW)],
    sessions.Ended: [2],
    people.Account: [account(role) for role in ("admin", "doctor", "staff", "billing", "patient")],
    patients.ChartBrief: [CHART, RESTRICTED],
    patients.Chart: [CHART, RESTRICTED],
    patients.EmergencyAccessBrief: [EMERGENCY],
    patients.EmergencyAccessShape: [EMERGENCY],
    registrations.RegistrationShape: [Registration(CHART, [MATCH]), Registration(RESTRICTED, [])],
    registrations.MatchShape: [MATCH, Match(RESTRICTED, [])],
    registrations.SettledShape: [CHART],
    appointments.AppointmentShape: [
        Appointment(patient=CHART, doctor=person("doctor"), starts_at=NOW),
        Appointment(patient=CHART, doctor=person("doctor"), starts_at=NOW, office=OFFICE),
    ],
    records.RecordShape: [RECORD],
    records.RecordWhole: [RECORD],
    notes.NoteShape: [NOTE],
    notes.HitShape: [Hit(NOTE, {"plan": "Rest"})],
    plans.ProgressShape: [PLAN],
    plans.PlanBrief: [PLAN],
    plans.PlanShape: [PLAN],
    plans.GoalShape: [GOAL],
    plans.GoalProgressShape: [SEEN],
    exports.ExportedVersion: [Compared(VERSION, None), Compared(VERSION, VERSION)],
    exports.ExportedRecord: [RECORD],
    exports.ExportedNote: [NOTE],
    exports.ExportedPlan: [PLAN],
    exports.ExportedFile: [FILE],
    files.AttachmentShape: [FILE],
    versions.VersionBrief: [Compared(VERSION, None), Compared(VERSION, VERSION)],
    versions.VersionShape: [Compared(VERSION, None), Compared(VERSION, VERSION)],
    dashboard.DoctorBrief: [person("doctor")],
    trail.Who: ENTRIES,
    trail.WhoBrief: ENTRIES,
    trail.EventShape: ENTRIES,
    trail.AccessShape: ENTRIES,
}


def shapes(base=Shape):
    for shape in base.__subclasses__():
        yield shape
        yield from shapes(shape)


def test_every_shape_that_builds_itself_is_shown_here():
    building = {shape for shape in shapes() if "to_representation" in shape.__dict__}

    assert building == set(SHOWN)


@pytest.mark.parametrize("shape", SHOWN, ids=lambda shape: shape.__name__)
def test_a_shape_answers_the_fields_of_its_schema_in_their_order(shape):
    fields = shape().fields
    for instance in SHOWN[shape]:
        answered = list(shape.of(instance))
        assert answered == [name for name in fields if name in answered]
        assert {name for name, field in fields.items() if field.required} <= set(answered)


def test_a_chart_without_its_clinical_fields_still_has_their_names():
    always = [name for name, field in patients.Chart().fields.items() if field.required]
    assert list(patients.Chart.contact_only(CHART)) == always


def test_no_serializer_takes_all_fields_of_a_model():
    for path in ROOT.glob("*/*.py"):
        if path.parts[-2] == ".venv":
            continue
        strings = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert "__all__" not in strings, path

    def subclasses(base):
        return {base, *(deeper for child in base.__subclasses__() for deeper in subclasses(child))}

    ours = {"accounts", "patients", "appointments", "records", "dashboard", "core", "practices"}
    models = [s for s in subclasses(serializers.ModelSerializer) if s.__module__.split(".")[0] in ours]
    assert models == []
