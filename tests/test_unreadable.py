"""A value that cannot be decrypted: its own field fails in a clear sentence, everything else goes on, and nothing is
written over it (docs/adr/0007)."""

from datetime import date

import pytest
from django.core.exceptions import FieldError
from django.db import transaction
from django.urls import reverse

from accounts.tests.factories import PASSWORD, UserFactory
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from audit.models import Event
from core.encryption.fields import unreadable_marked
from core.encryption.keyring import DecryptionError
from core.errors import Invalid
from core.tenancy.scope import practice_scope
from patients import services
from patients.models import Patient
from patients.tests.factories import PatientFactory
from records.tests.factories import MedicalRecordFactory
from tests import damage
from tests.admin_site import enter_as  # noqa: F401 - a fixture

WAYS = [
    pytest.param(damage.lose_key, "key 7 is missing", id="missing key"),
    pytest.param(damage.exchange_key, "it is damaged, belongs to another column, or was not", id="wrong key"),
    pytest.param(damage.flip_bit, "it is damaged, belongs to another column, or was not", id="flipped bit"),
    pytest.param(damage.truncate, "it is damaged", id="stump"),
]
MARK = "[cannot be decrypted: key 7 is missing]"
SENTENCE = "patient.name cannot be decrypted: key 7 is missing."


@pytest.fixture
def clinic(practice, make_user):
    """A chart whose name is lost, another one, and a doctor's appointment and record of the first."""
    doctor = make_user("doctor", name="Dr Whole")
    with practice_scope(practice.pk):
        chart, other = PatientFactory(name="Lost Ownwood"), PatientFactory(name="Whole Ownwood")
        appointment = AppointmentFactory(patient=chart, doctor=doctor, notes="Bring the scans")
        record = MedicalRecordFactory(patient=chart, doctor=doctor, attachments=["scan.pdf"])
    damage.lose_key(chart, "name")
    return {"chart": chart, "other": other, "appointment": appointment, "record": record, "doctor": doctor}


@pytest.mark.parametrize(("way", "reason"), WAYS)
def test_field_raises_and_the_rest_of_the_row_is_there(scope, way, reason):
    chart = PatientFactory(phone="5550100")
    way(chart, "name")

    found = Patient.objects.get(pk=chart.pk)

    assert (found.phone, found.date_of_birth) == ("5550100", date(1980, 2, 3))
    with pytest.raises(DecryptionError, match=rf"^patient\.name cannot be decrypted: {reason}"):
        _ = found.name


@pytest.mark.parametrize(("way", "reason"), WAYS)
def test_unreadable_value_is_never_overwritten(scope, way, reason):
    chart = PatientFactory(phone="5550100")
    kept = way(chart, "allergies")

    found = Patient.objects.get(pk=chart.pk)
    found.phone = "5550101"
    found.save()
    found.phone = "5550102"
    found.save(update_fields={"phone"})
    found.allergies = "none"
    with pytest.raises(DecryptionError), transaction.atomic():
        found.save(update_fields={"allergies"})
    with pytest.raises(DecryptionError), transaction.atomic():
        found.save()
    with pytest.raises(DecryptionError), transaction.atomic():
        Patient.objects.bulk_update([found], ["allergies"])

    assert damage.stored(chart, "allergies") == kept
    assert Patient.objects.only("phone").get(pk=chart.pk).phone == "5550102"


def test_deferred_field_raises_when_it_is_asked_for(scope):
    chart = PatientFactory()
    damage.lose_key(chart, "name")
    found = Patient.objects.only("phone").get(pk=chart.pk)
    for _ in range(2):
        with pytest.raises(DecryptionError, match="key 7 is missing"):
            _ = found.name


def test_index_is_not_built_from_what_cannot_be_read(scope, make_user):
    chart, staff = PatientFactory(), make_user("staff")
    damage.lose_key(chart, "name")
    with pytest.raises(DecryptionError), transaction.atomic():
        services.update_chart(patient=chart, by=staff, phone="5550199")
    with unreadable_marked(), pytest.raises((DecryptionError, Invalid)), transaction.atomic():
        Patient.objects.get(pk=chart.pk).save(update_fields={"name"})


def test_one_chart_is_a_clear_error_and_the_others_work(clinic, as_role):
    doctor = as_role("doctor")

    refused = doctor.get(f"/api/patients/{clinic['chart'].pk}")

    assert (refused.status_code, refused.json()) == (503, {"detail": SENTENCE})
    assert doctor.get(f"/api/patients/{clinic['other'].pk}").json()["name"] == "Whole Ownwood"
    assert as_role("billing").get(f"/api/patients/{clinic['chart'].pk}").status_code == 503


def test_lists_show_unreadable_rows_with_a_placeholder(clinic, as_role):
    doctor = as_role("doctor")
    charts = doctor.get("/api/patients").json()
    assert [(row["name"], row["address"]) for row in charts["patients"]] == [
        ("Whole Ownwood", "1 Main Street"),
        (MARK, "1 Main Street"),
    ]
    appointments = doctor.get("/api/appointments", {"doctorId": str(clinic["doctor"].pk)}).json()["appointments"]
    assert [(row["patientName"], row["notes"]) for row in appointments] == [(MARK, "Bring the scans")]

    damage.lose_key(clinic["record"], "attachments")
    records = doctor.get("/api/records").json()["records"]
    assert [(row["patientName"], row["attachments"], row["notes"]) for row in records] == [
        (MARK, [MARK], "Better with rest")
    ]
    damage.lose_key(clinic["chart"], "date_of_birth")
    assert doctor.get("/api/patients").json()["patients"][1]["dateOfBirth"] is None


def test_search_includes_unreadable_charts(clinic, as_role):
    hits = as_role("doctor").get("/api/patients", {"search": "ownwood"}).json()
    assert ([row["name"] for row in hits["patients"]], hits["total"]) == (["Whole Ownwood", MARK], 2)


@pytest.mark.parametrize("word", ["ownwood", "own", "5550177", "secret@example.org"])
def test_restricted_chart_without_a_readable_name_is_found_by_nothing_but_its_id(practice, as_role, word):
    doctor = as_role("doctor")
    with practice_scope(practice.pk):
        mine = PatientFactory(
            name="Rosa Ownwood",
            phone="5550177",
            email="secret@example.org",
            primary_doctor=doctor.user,
            restricted=True,
        )
    damage.lose_key(mine, "name")
    assert doctor.get("/api/patients", {"search": word}).json()["total"] == 0
    assert doctor.get(f"/api/patients/{mine.pk}").json() == {"detail": SENTENCE}  # it exists: 503
    assert [row["id"] for row in doctor.get("/api/patients").json()["patients"]] == [str(mine.pk)]


def test_change_of_another_field_leaves_it_as_it_is(clinic, client_of, practice):
    doctor, appointment = client_of(clinic["doctor"]), clinic["appointment"]
    kept = damage.lose_key(appointment, "notes")
    url = f"/api/appointments/{appointment.pk}"

    changed = doctor.patch(url, {"status": "cancelled"}, content_type="application/json")

    assert changed.status_code == 200
    assert (changed.json()["status"], changed.json()["notes"]) == ("cancelled", MARK)
    sent_back = doctor.patch(url, {"notes": changed.json()["notes"]}, content_type="application/json")
    assert sent_back.status_code in (400, 503)
    written_over = doctor.patch(url, {"notes": "New"}, content_type="application/json")
    assert (written_over.status_code, written_over.json()) == (
        503,
        {"detail": "appointment.notes cannot be decrypted: key 7 is missing."},
    )
    assert damage.stored(appointment, "notes") == kept
    with practice_scope(practice.pk):
        assert Appointment.objects.get(pk=appointment.pk).status == "cancelled"


def test_placeholder_is_never_stored(clinic, client_of):
    doctor, other = client_of(clinic["doctor"]), clinic["appointment"]
    sent = doctor.patch(f"/api/appointments/{other.pk}", {"notes": f"see {MARK}"}, content_type="application/json")
    assert sent.status_code == 400
    assert sent.json()["errors"] == {
        "notes": ["This placeholder for a value that could not be decrypted can't be saved."]
    }


@pytest.mark.parametrize("field", ["name", "phone"])
def test_user_with_a_damaged_field_can_work(make_user, client, field, django_capture_on_commit_callbacks):
    user = make_user("staff", email="desk@example.com")
    damage.lose_key(user, field)

    signed_in = client.post(
        "/api/auth/login", {"email": "desk@example.com", "password": PASSWORD}, content_type="application/json"
    )

    assert signed_in.status_code == 200
    client.cookies["access_token"] = signed_in.cookies["access_token"].value
    for _ in range(3):
        assert client.get("/api/patients").status_code == 200
    me = client.get("/api/users/me")
    assert (me.status_code, me.json()[field]) == (200, MARK)
    with django_capture_on_commit_callbacks(execute=True):
        client.patch("/api/users/me", {"department": "Desk"}, content_type="application/json")
    assert client.get("/api/users/me").json()["department"] == "Desk"


def test_unreadable_email_keeps_the_account_working(make_user, client):
    """The fingerprint finds the account, and its password opens it; the trail says that somebody signed in."""
    user = make_user("staff", email="desk@example.com")
    damage.lose_key(user, "email")

    answer = client.post(
        "/api/auth/login", {"email": "desk@example.com", "password": PASSWORD}, content_type="application/json"
    )

    assert answer.status_code == 200
    assert answer.json()["user"]["email"] == "[cannot be decrypted: key 7 is missing]"
    assert client.get("/api/users/me").status_code == 200
    with practice_scope(user.practice_id):
        assert Event.objects.filter(kind="sign_in.succeeded", user_id=user.pk).count() == 1


def test_doctor_with_a_damaged_name_is_in_the_list(clinic, as_role):
    damage.lose_key(clinic["doctor"], "name")
    desk = as_role("staff")
    assert [row["name"] for row in desk.get("/api/doctors").json()["doctors"]] == [MARK]


def test_admin_shows_a_placeholder_and_refuses_the_form(clinic, enter_as):  # noqa: F811
    manager = enter_as("admin")
    for page in ("index", "patients_patient_changelist", "appointments_appointment_changelist"):
        answer = manager.get(reverse(f"admin:{page}"))
        assert answer.status_code == 200, page
        if page != "index":
            assert MARK in answer.content.decode(), page

    form = reverse("admin:patients_patient_change", args=[clinic["chart"].pk])
    refused = manager.get(form)
    assert refused.status_code == 503
    assert SENTENCE in refused.content.decode()
    assert manager.post(form, {"phone": "5550100"}).status_code == 503
    assert manager.get(reverse("admin:patients_patient_change", args=[clinic["other"].pk])).status_code == 200


def test_forms_of_the_admin_offer_a_doctor_whose_name_is_damaged(clinic, enter_as):  # noqa: F811
    manager = enter_as("admin")
    damage.lose_key(clinic["doctor"], "name")
    for page in ("appointments_appointment_add", "appointments_appointment_changelist", "patients_patient_add"):
        answer = manager.get(reverse(f"admin:{page}"))
        assert answer.status_code == 200, page
        assert MARK in answer.content.decode(), page


def test_unreadable_value_costs_no_query(clinic, as_role, practice, django_assert_max_num_queries):
    doctor = as_role("doctor")
    doctor.get("/api/patients")
    with practice_scope(practice.pk):
        for _ in range(5):
            damage.lose_key(PatientFactory(), "name")
        with django_assert_max_num_queries(1):
            rows = list(Patient.objects.all())
            with unreadable_marked():
                assert [row.name for row in rows].count(MARK) == 6


def test_it_cannot_be_filtered_or_computed_any_more_than_another(scope):
    with pytest.raises(FieldError):
        Patient.objects.filter(name="x").exists()


def test_new_account_may_be_added_beside_a_damaged_one(scope):
    damage.lose_key(UserFactory(), "email")
    assert UserFactory().email
