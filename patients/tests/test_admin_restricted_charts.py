"""Restricted charts in the admin site; nothing of them leaks from any page or response."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import User
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.deletion import services as deletions
from patients.models import ChartStatus, Deletion, EmergencyAccess, Patient
from patients.tests.factories import PatientFactory
from practices.models import Practice
from records.models import Attachment, Goal, MedicalRecord, PlanOfCare, SessionNote
from records.tests.factories import FinalisedNoteFactory, GoalFactory, NoteFactory, PlanFactory, stored_file
from tests.admin_forms import errors_of, page_of, send
from tests.guards.fields import FIELDS, PHI
from tests.guards.test_routes import GUARDED
from tests.sampling import sample

PAGES = ("change", "history", "delete", "content", "pdf")
REASON = {"reason": "Found unconscious"}
NAME = "Rosa Hidden"
QUEUE = reverse("admin:patients_emergencyaccess_changelist")

pytestmark = pytest.mark.slow  # every page of the site is read


def marks_of(model):
    """A unique word for each PHI field, in the field's format."""
    marks = {name: f"zq{model.__name__}{name.replace('_', '')}" for name in phi_of(model)}
    shaped = {
        "email": lambda mark: f"{mark}@example.org".lower(),
        "date_of_birth": lambda _: date(1911, 11, 17),
        "attachments": lambda mark: [mark],
    }
    return {name: shaped.get(name, lambda mark: mark)(mark) for name, mark in marks.items()}


def phi_of(model):
    return [name for name, kind in FIELDS[model._meta.label].items() if kind == PHI]


@pytest.fixture
def marked(practice, make_user):
    """A restricted chart whose fields, appointments, records and account contain words found nowhere else."""
    doctor = make_user("doctor", name="Dr. Grace Chen")
    account = make_user("patient", **{**marks_of(User), "name": NAME})
    with practice_scope(practice.pk):
        chart = Patient.objects.create(
            **{**marks_of(Patient), "name": NAME}, primary_doctor=doctor, user=account, restricted=True
        )
        appointment = AppointmentFactory(patient=chart, doctor=doctor, **marks_of(Appointment))
        MedicalRecord.objects.create(patient=chart, doctor=doctor, **marks_of(MedicalRecord))
        note = FinalisedNoteFactory(patient=chart, doctor=doctor, **marks_of(SessionNote))
        plan = PlanFactory(patient=chart, doctor=doctor, **marks_of(PlanOfCare))
        GoalFactory(plan=plan, **marks_of(Goal))
        file = stored_file(patient=chart, uploaded_by=doctor, name=marks_of(Attachment)["name"])
        doomed = NoteFactory(patient=chart, doctor=doctor, **marks_of(SessionNote))
        deletion = deletions.delete(by=doctor, row=doomed, **marks_of(Deletion))
        PatientFactory(name="Paul Plain")
    chart.appointment, chart.clinical = appointment, (note, plan, file)
    chart.hidden = deletion
    return chart


@pytest.fixture
def words():
    """What must not be seen, as it would appear in JSON or on a page."""
    words = [
        value[0] if isinstance(value, list) else str(value)
        for model in (User, Patient, Appointment, MedicalRecord, SessionNote, PlanOfCare, Goal, Attachment, Deletion)
        for name, value in marks_of(model).items()
        if name != "name"
    ]
    return [*words, "Nov. 17, 1911", "11/17/1911"]


def logged_pages(chart):
    pages = whole_trail().filter(kind="page.read").order_by("id")
    return [page for page in pages if str(chart.pk) in page.patients]


def accesses(chart):
    with practice_scope(chart.practice_id):
        return list(EmergencyAccess.objects.filter(patient=chart))


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing"])
def test_no_api_response_reveals_a_restricted_chart(as_role, marked, words, role, client_of):
    client = as_role(role)
    assert words[0] in client_of(marked.user).get("/api/users/me").content.decode()  # it is there to be seen
    ids = {"chart_id": marked.pk, "doctor_id": marked.primary_doctor_id}
    asked = []
    for path, view in GUARDED:
        if "GET" in view.permissions:
            head, _, rest = path.partition("<uuid:")
            name, _, tail = rest.partition(">")
            asked.append(f"/{head}{ids.get(name, marked.pk)}{tail}" if rest else f"/{path}")
    asked += [f"/api/patients?search={word}" for word in [*words, "rosa", "zq"]]
    asked += [f"/api/records?patientId={marked.pk}", f"/api/appointments?doctorId={marked.primary_doctor_id}"]
    for address in asked:
        body = client.get(address).content.decode()
        if address == "/api/audit":  # which tells the address that somebody signed in with (docs/adr/0010)
            body = body.replace(marked.user.email, "")
        assert [word for word in words if word in body] == [], address
    assert len(asked) > 30
    change = client.patch(
        f"/api/appointments/{marked.appointment.pk}", {"status": "cancelled"}, content_type="application/json"
    ).content.decode()
    assert [word for word in words if word in change] == []


@pytest.mark.parametrize("word", ["zqpatient", "zqPatientphone"])
def test_searching_for_what_it_holds_finds_nothing(as_role, enter_as, marked, word):
    assert as_role("doctor").get("/api/patients", {"search": word}).json()["total"] == 0
    staff = enter_as("staff")
    for page in ("patients_patient", "appointments_appointment", "records_medicalrecord"):
        assert NAME not in staff.get(reverse(f"admin:{page}_changelist"), {"q": word}).content.decode()


@pytest.mark.parametrize("status", ChartStatus.values)
@pytest.mark.parametrize("role", ["admin", "staff"])
def test_no_admin_page_reveals_a_restricted_chart(enter_as, marked, words, role, status):
    client = enter_as(role)
    with practice_scope(marked.practice_id):
        merged_into = PatientFactory() if status == ChartStatus.MERGED else None
        Patient.objects.filter(pk=marked.pk).update(status=status, merged_into=merged_into)
        record = MedicalRecord.objects.get(patient=marked)
    addresses = [reverse("admin:index")]
    assert (NAME in client.get(addresses[0]).content.decode()) == (status == ChartStatus.PENDING)
    clinical = ("records_medicalrecord", "records_sessionnote", "records_planofcare", "records_attachment")
    for model in ("patients_patient", "appointments_appointment", "accounts_user", "patients_deletion", *clinical):
        addresses += [reverse(f"admin:{model}_changelist") + query for query in ("", "?q=rosa")]
    addresses += [reverse(f"admin:{model}_changelist") + f"?patient={marked.pk}" for model in clinical]
    addresses += [page_of(marked.hidden), reverse("admin:records_attachment_add_to", args=[marked.pk])]
    addresses += [page_of(row).replace("/change/", f"/{page}/") for row in marked.clinical for page in PAGES]
    addresses.append(reverse("admin:patients_patient_changelist") + f"?q=rosa&status__exact={status}")
    addresses.append(reverse("admin:accounts_user_changelist") + "?who=all")
    for row in (marked, marked.appointment, record, marked.user):
        addresses += [page_of(row), page_of(row).replace("/change/", "/history/")]
    suggestions = "?app_label=appointments&model_name=appointment&field_name=patient&term="
    addresses += [reverse("admin:autocomplete") + suggestions + term for term in ("", "rosa")]
    for address in sample(addresses, 20):
        answer = client.get(address)
        assert answer.status_code in (200, 302, 403, 404), address
        assert [word for word in words if word in answer.content.decode()] == [], address
    assert client.get(page_of(marked)).status_code == 403
    assert client.get(page_of(record)).status_code == 404
    # a new password would open the chart; people are the managers' alone
    assert client.get(page_of(marked.user)).status_code == (404 if role == "admin" else 403)
    charts = reverse("admin:patients_patient_changelist")
    assert NAME in client.get(charts, {"status__exact": status}).content.decode()
    email = client.get(reverse("admin:accounts_user_changelist"), {"q": marked.user.email})
    assert NAME not in email.content.decode()


def test_desk_moves_an_appointment_whose_texts_it_does_not_see(enter_as, marked, practice):
    answer = send(enter_as("admin"), marked.appointment, status="cancelled")
    assert answer.status_code == 302
    with practice_scope(practice.pk):
        stored = Appointment.objects.get(pk=marked.appointment.pk)
    assert (stored.status, stored.reason) == ("cancelled", marked.appointment.reason)
    assert stored.notes == marked.appointment.notes


def test_closed_page_offers_the_glass_to_those_who_may_break_it(enter_as, marked):
    admin, staff = enter_as("admin"), enter_as("staff")
    button = "Break the glass"
    assert button in admin.get(page_of(marked)).content.decode()
    assert button not in staff.get(page_of(marked)).content.decode()
    address = reverse("admin:patients_patient_break_glass", args=[marked.pk])
    assert staff.post(address, REASON).status_code == 403
    assert admin.post(address, {"reason": " "}).status_code == 403
    assert accesses(marked) == []
    assert {event.outcome for event in logged_pages(marked)} == {"refused"}


def test_breaking_the_glass_opens_the_chart_and_alerts_every_admin(enter_as, marked, words):
    admin, colleague, staff = (enter_as(role, name=f"Olive {role}") for role in ("admin", "admin", "staff"))
    answer = admin.post(reverse("admin:patients_patient_break_glass", args=[marked.pk]), REASON, follow=True)
    assert answer.status_code == 200
    assert marked.email in answer.content.decode()
    assert "emergency access until" in answer.content.decode()
    (access,) = accesses(marked)
    assert str(access.pk) in logged_pages(marked)[-1].details

    for client in (admin, colleague):
        today = client.get(reverse("admin:index")).content.decode()
        assert f"Olive admin opened the chart of {NAME}" in today
        assert 'class="praxis-badge">1<' in today
    today = staff.get(reverse("admin:index")).content.decode()
    assert "opened the chart" not in today and "praxis-badge" not in today
    assert staff.get(QUEUE).status_code == 403
    assert [word for word in words if word in colleague.get(page_of(access)).content.decode()] == []


def test_colleague_signs_it_off_and_nobody_their_own(enter_as, marked, practice):
    admin, colleague = enter_as("admin"), enter_as("admin")
    admin.post(reverse("admin:patients_patient_break_glass", args=[marked.pk]), REASON)
    (access,) = accesses(marked)
    sign = reverse("admin:patients_emergencyaccess_review", args=[access.pk])

    assert "You can&#x27;t sign off your own" in admin.post(sign, {"note": ""}, follow=True).content.decode()
    assert REASON["reason"] in colleague.get(page_of(access)).content.decode()
    assert "was signed off" in colleague.post(sign, {"note": "Asked the ER"}, follow=True).content.decode()
    assert "already been signed off" in colleague.post(sign, {}, follow=True).content.decode()
    page = colleague.get(page_of(access)).content.decode()
    assert "Asked the ER" in page and 'id="sign-off-title"' not in page
    assert "praxis-badge" not in colleague.get(reverse("admin:index")).content.decode()
    assert NAME in colleague.get(QUEUE, {"review": "reviewed"}).content.decode()
    assert NAME not in colleague.get(QUEUE, {"review": "open"}).content.decode()


def test_moment_of_an_access_is_told_in_the_practices_time(enter_as, marked, practice):
    Practice.objects.filter(pk=practice.pk).update(timezone="Pacific/Kiritimati")  # UTC+14
    admin = enter_as("admin")
    admin.post(reverse("admin:patients_patient_break_glass", args=[marked.pk]), REASON)
    (access,) = accesses(marked)
    with timezone.override(ZoneInfo("Pacific/Kiritimati")):
        opened = date_format(timezone.localtime(access.created_at), "DATETIME_FORMAT")

    for address in (page_of(access), QUEUE):
        assert opened in admin.get(address).content.decode()


def test_only_admins_own_access_waits_for_the_platform(enter_as, marked, practice, superuser, client_of):
    admin = enter_as("admin")
    admin.post(reverse("admin:patients_patient_break_glass", args=[marked.pk]), REASON)
    (access,) = accesses(marked)
    root = Client()
    root.force_login(superuser)
    root.post(reverse("admin:pick_practice"), {"practice": practice.pk})

    assert root.get(page_of(marked)).status_code == 403
    glass = reverse("admin:patients_patient_break_glass", args=[marked.pk])
    assert root.post(glass, REASON).status_code == 403  # an emergency is the practice's own
    sign = reverse("admin:patients_emergencyaccess_review", args=[access.pk])
    assert "was signed off" in root.post(sign, {"note": ""}, follow=True).content.decode()
    assert "Signed off by the administrator of this server, " in admin.get(page_of(access)).content.decode()
    (row,) = client_of(admin.user).get("/api/emergency-accesses").json()["emergencyAccesses"]
    assert (row["status"], row["reviewedByName"]) == ("reviewed", "the administrator of this server")


def test_foreign_access_and_a_foreign_chart_do_not_exist(enter_as, own, foreign):
    client = enter_as("admin")
    for name in ("break_glass", "restrict", "lift"):
        address = reverse(f"admin:patients_patient_{name}", args=[foreign.chart.pk])
        assert client.post(address, REASON).status_code == 404
    assert client.post(reverse("admin:patients_emergencyaccess_review", args=[foreign.emergency.pk])).status_code == 404


def test_office_manager_restricts_a_chart_and_staff_does_not(enter_as, own, practice):
    admin, staff = enter_as("admin"), enter_as("staff")
    address = reverse("admin:patients_patient_restrict", args=[own.chart.pk])
    assert "Restrict this chart" in admin.get(page_of(own.chart)).content.decode()
    assert "Restrict this chart" not in staff.get(page_of(own.chart)).content.decode()
    assert staff.post(address).status_code == 403
    assert admin.post(address).status_code == 302
    assert admin.get(page_of(own.chart)).status_code == 403
    lift = reverse("admin:patients_patient_lift", args=[own.chart.pk])
    assert admin.post(lift).status_code == 403
    admin.post(reverse("admin:patients_patient_break_glass", args=[own.chart.pk]), REASON)
    page = admin.get(page_of(own.chart))
    assert (page.status_code, "Lift the restriction" in page.content.decode()) == (200, False)
    assert admin.post(lift).status_code == 403
    assert staff.get(page_of(own.chart)).status_code == 403


def test_emergency_access_cannot_give_permanent_access(enter_as, marked, make_user, practice):
    admin, successor = enter_as("admin"), make_user("doctor", name="Dr. Next")
    admin.post(reverse("admin:patients_patient_break_glass", args=[marked.pk]), REASON)

    refused = errors_of(send(admin, marked, primary_doctor=str(successor.pk)))
    assert "Emergency access is not enough for this" in refused["__all__"][0]
    assert send(admin, marked, blood_type="0-").status_code == 302  # what the emergency asks for
    with practice_scope(practice.pk):
        stored = Patient.objects.get(pk=marked.pk)
    assert (stored.primary_doctor_id, stored.blood_type) == (marked.primary_doctor_id, "0-")
    assert admin.get(page_of(marked.user)).status_code == 404  # nor by a new password of the patient


def test_superuser_can_lift_restriction_without_primary_doctor(enter_as, marked, practice, superuser):
    root = Client()
    root.force_login(superuser)
    root.post(reverse("admin:pick_practice"), {"practice": practice.pk})

    page = root.get(page_of(marked))
    assert (page.status_code, "Lift the restriction" in page.content.decode()) == (403, True)
    lifted = root.post(reverse("admin:patients_patient_lift", args=[marked.pk]))
    assert lifted.url == reverse("admin:patients_patient_changelist")  # it need not look into the chart for that
    assert enter_as("staff").get(page_of(marked)).status_code == 200
    (event,) = whole_trail().filter(kind="chart.unrestricted")
    assert (event.user_id, event.practice_id) == (superuser.pk, practice.pk)
    assert str(marked.pk) in event.patients
