"""PATCH /api/patients/:id, incomplete charts, and who may have a chart already."""

from importlib import import_module

import orjson
import pytest
from django.apps import apps
from django.db import connection
from django.urls import reverse

from accounts.tests.second_factors import post
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.services import ONLY_CONTACT, UNREACHABLE
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from tests.contract.clinic import CHART

CHARTS = "/api/patients"


@pytest.fixture
def chart(scope):
    return PatientFactory(name="Ada Lovelace", phone="+1 212 555 0104", allergies="Latex")


def change(client, chart, version=1, headers=None, **body):
    body = body if version is None else {"version": version, **body}
    return client.patch(f"{CHARTS}/{chart.pk}", body, content_type="application/json", headers=headers or {})


def now(chart):
    with practice_scope(chart.practice_id):
        return Patient.objects.get(pk=chart.pk)


# --- Changing


def test_desk_changes_every_field(as_role, chart, subtests):
    staff, version = as_role("staff"), 1
    for field, value in {
        "name": "Ada King",
        "email": "ada@example.org",
        "phone": "(212) 555-0199",
        "dateOfBirth": "1979-03-08",
        "gender": "other",
        "address": "12 Main St\nSpringfield",
        "bloodType": "A+",
        "allergies": "",
        "medicalHistory": "Whiplash",
        "emergencyContact": "Carl (husband)",
    }.items():
        with subtests.test(field=field):
            answer = change(staff, chart, version, **{field: value})

            assert (answer.status_code, answer.json()[field]) == (200, value), answer.json()
            version += 1
            assert (answer.json()["version"], answer["ETag"]) == (version, f'"{version}"')
            assert staff.get(f"{CHARTS}/{chart.pk}").json() == answer.json()
    (event,) = whole_trail().filter(kind="data.changed", about_id=chart.pk).order_by("id")[:1]
    assert (orjson.loads(event.details)["fields"], event.role) == (["name"], "staff")
    assert [row["name"] for row in staff.get(CHARTS, {"search": "8 March 1979"}).json()["patients"]] == ["Ada King"]


def test_same_values_and_whole_chart_sent_back_change_nothing(as_role, chart):
    staff = as_role("staff")
    shown = staff.get(f"{CHARTS}/{chart.pk}").json()

    for body in (shown, {"version": 1, "name": shown["name"]}):
        answer = staff.patch(f"{CHARTS}/{chart.pk}", body, content_type="application/json")
        assert (answer.status_code, answer.json()) == (200, shown), answer.json()
    assert now(chart).updated_at == chart.updated_at


def test_version_is_needed_and_a_stale_one_gets_the_current_chart(as_role, chart):
    staff, colleague = as_role("staff"), as_role("admin")
    assert list(change(staff, chart, None, name="Ada").json()["errors"]) == ["version"]
    assert change(colleague, chart, None, phone="(212) 555-0199", headers={"If-Match": '"1"'}).status_code == 200

    for answer in (
        change(staff, chart, 1, phone=""),
        change(staff, chart, None, phone="", headers={"If-Match": '"1"'}),
    ):
        assert answer.status_code == 409
        assert (answer.json()["current"]["phone"], answer.json()["current"]["version"]) == ("(212) 555-0199", 2)
    assert now(chart).phone == "(212) 555-0199"
    assert whole_trail().filter(kind="chart.read", role="staff").count() == 2


def test_what_makes_no_sense_is_refused(as_role, chart, subtests):
    staff = as_role("staff")
    for body, field in [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "a" * 201}, "name"),
        ({"email": "none"}, "email"),
        ({"phone": 5}, "phone"),
        ({"dateOfBirth": "1800-01-01"}, "dateOfBirth"),
        ({"gender": "f"}, "gender"),
        ({"allergies": ["Latex"]}, "allergies"),
        ({"id": str(chart.pk)[::-1]}, "id"),
        ({"status": "merged"}, "status"),
        ({"incomplete": True}, "incomplete"),
        ({"email": "", "phone": None, "address": ""}, "phone"),
        ({"name": "Ada", "version": "x"}, "version"),
    ]:
        with subtests.test(body=body):
            answer = change(staff, chart, **body)

            assert (answer.status_code, field in answer.json()["errors"]) == (400, True), answer.json()
    assert change(staff, chart, email="", phone="", address="").json()["errors"] == {"phone": [str(UNREACHABLE)]}
    assert now(chart).version == 1


def test_doctor_changes_the_clinical_fields_alone(as_role, chart):
    doctor = as_role("doctor")
    assert change(doctor, chart, allergies="Latex, nuts", bloodType="A+", medicalHistory="Whiplash").status_code == 200

    answer = change(doctor, chart, 2, allergies="None", phone="(212) 555-0199")

    sentence = "Here you can only change the blood type, allergies and medical history."
    assert (answer.status_code, answer.json()) == (403, {"detail": sentence})
    assert (now(chart).allergies, now(chart).phone) == ("Latex, nuts", chart.phone)


def test_desk_gives_the_chart_another_doctor(as_role, make_user, scope, chart, other_practice):
    staff, doctor = as_role("staff"), make_user("doctor")
    foreign = make_user("doctor", practice=other_practice)

    answer = change(staff, chart, primaryDoctorId=str(doctor.pk))
    assert (answer.status_code, answer.json()["primaryDoctorId"], answer.json()["version"]) == (200, str(doctor.pk), 2)
    (event,) = whole_trail().filter(kind="data.changed", about_id=chart.pk)
    assert orjson.loads(event.details)["fields"] == ["primary_doctor"]
    for nobody in (foreign, staff.user):
        assert change(staff, chart, 2, primaryDoctorId=str(nobody.pk)).status_code == 404
    assert change(as_role("doctor"), chart, 2, primaryDoctorId=None).status_code == 403
    type(doctor).objects.filter(pk=doctor.pk).update(is_active=False)
    shown = staff.get(f"{CHARTS}/{chart.pk}").json()  # a doctor who has left may be sent back
    whole = {**shown, "phone": "(212) 555-0199"}
    assert staff.patch(f"{CHARTS}/{chart.pk}", whole, "application/json").status_code == 200
    assert change(staff, chart, 3, primaryDoctorId=None).json()["primaryDoctorId"] is None


def test_patients_change_how_to_reach_them_and_nothing_else(as_role, client_of, make_user, scope, chart, subtests):
    person = make_user("patient")
    client = client_of(person)
    assert change(client, chart, phone="").status_code == 404  # somebody else's
    Patient.objects.filter(pk=chart.pk).update(user=person)
    wanted = {
        "phone": "(212) 555-0199",
        "email": "ada@example.org",
        "address": "12 Main St",
        "emergencyContact": "Carl (husband)",
    }

    answer = change(client, chart, **wanted)

    shown = answer.json()
    assert (answer.status_code, {name: shown[name] for name in wanted}, shown["version"]) == (200, wanted, 2), shown
    assert [row["id"] for row in as_role("staff").get(CHARTS, {"search": "5550199"}).json()["patients"]]
    (event,) = whole_trail().filter(kind="data.changed", about_id=chart.pk, user_id=person.pk, outcome="done")
    assert (event.role, sorted(orjson.loads(event.details)["fields"])[:2]) == ("patient", ["address", "email"])
    for refused in ({"name": "Ada"}, {"allergies": ""}, {"dateOfBirth": None}, {"primaryDoctorId": str(person.pk)}):
        with subtests.test(refused=refused):
            answer = change(client, chart, 2, **refused, phone="1")
            assert (answer.status_code, answer.json()["detail"]) == (403, str(ONLY_CONTACT))
    assert change(client, chart, 2, phone="", email="", address="", emergencyContact="").status_code == 400
    assert change(client, chart, 1, phone="(212) 555-0100").status_code == 409
    whole = client.patch(f"{CHARTS}/{chart.pk}", {**shown, "email": ""}, "application/json")
    assert whole.status_code == 200, whole.content


def test_billing_changes_no_chart(as_role, chart):
    assert change(as_role("billing"), chart, name="Ada").status_code == 403


def test_chart_that_is_not_ones_to_change(as_role, other_practice, chart):
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()
    with practice_scope(chart.practice_id):
        Patient.objects.filter(pk=chart.pk).update(restricted=True)
        declined = PatientFactory(status="declined")
    staff, admin = as_role("staff"), as_role("admin")

    assert [change(staff, one, name="X").status_code for one in (foreign, declined, chart)] == [404, 404, 403]
    with practice_scope(chart.practice_id):
        EmergencyAccessFactory(patient=chart, opened_by=admin.user)
    assert change(admin, chart, allergies="Nuts").status_code == 200
    assert whole_trail().filter(kind="data.changed", details__contains="emergency").count() == 1


# --- Incomplete charts


def test_incomplete_charts_are_listed(as_role, scope, chart, subtests):
    staff = as_role("staff")
    for field, empty in {"email": "", "phone": "", "date_of_birth": None, "gender": "", "address": ""}.items():
        with subtests.test(field=field):
            lacking = PatientFactory(name="Baby Castro", **{field: empty})
            PatientFactory(name="Baby Castro", status="pending", **{field: empty})

            for query in ({}, {"search": "castro"}):
                page = staff.get(CHARTS, {"incomplete": "true", **query}).json()
                assert ([row["id"] for row in page["patients"]], page["total"]) == ([str(lacking.pk)], 1)
            setattr(lacking, field, getattr(chart, field))
            lacking.save()
            assert staff.get(CHARTS, {"incomplete": "true"}).json()["total"] == 0
    assert staff.get(CHARTS, {"incomplete": "perhaps"}).status_code == 400
    assert staff.get(CHARTS).json()["total"] == staff.get(CHARTS, {"incomplete": "false"}).json()["total"] == 6


def test_closed_chart_does_not_tell_that_it_is_incomplete(as_role, client_of, make_user, scope):
    doctor = make_user("doctor")
    PatientFactory(email="", restricted=True, primary_doctor=doctor)

    assert as_role("staff").get(CHARTS, {"incomplete": "true"}).json()["total"] == 0
    assert client_of(doctor).get(CHARTS, {"incomplete": "true"}).json()["total"] == 1


def test_rows_written_at_once_know_whether_they_are_complete(scope):
    Patient.objects.bulk_create([PatientFactory.build(email=""), PatientFactory.build()])

    assert [chart.incomplete for chart in Patient.objects.order_by("id")] == [True, False]


def test_migration_marks_the_charts_of_every_practice(practice, other_practice):
    for one in (practice, other_practice):
        with practice_scope(one.pk):
            PatientFactory(email="")
            PatientFactory()
            Patient.objects.update(incomplete=False)

    import_module("patients.migrations.0012_row_security_and_incomplete_charts").mark_incomplete(apps, None)

    for one in (practice, other_practice):
        with practice_scope(one.pk):
            assert [chart.incomplete for chart in Patient.objects.order_by("id")] == [True, False]


def test_value_that_cannot_be_decrypted_counts_as_there(scope, chart):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE patients_patient SET email = address")
    stored = now(chart)
    stored.address = ""
    stored.save(update_fields={"address"})
    assert now(chart).incomplete is True

    stored = now(chart)
    stored.address = "12 Main St"
    stored.save(update_fields={"address"})
    assert now(chart).incomplete is False


def test_manager_filters_the_list(enter_as, scope, chart):
    PatientFactory(name="Baby Castro", email="")
    page = enter_as("admin").get(reverse("admin:patients_patient_changelist"), {"incomplete": "1"}).content.decode()

    assert "Baby Castro" in page
    assert "Ada Lovelace" not in page


# --- Likely doubles


SAME = {**CHART, "name": "Ada Lovelace", "phone": "212-555-0104", "dateOfBirth": "1980-02-03"}


def test_likely_double_is_shown_before_it_is_opened(as_role, chart):
    staff = as_role("staff")

    answer = post(staff, CHARTS, {**SAME, "confirmNew": False})

    assert (answer.status_code, answer.json()["detail"]) == (409, "This person may already have a chart.")
    (candidate,) = answer.json()["candidates"]
    assert (candidate["id"], candidate["because"]) == (str(chart.pk), ["birthDate", "phone", "name"])
    (event,) = whole_trail().filter(kind="chart.searched")
    assert orjson.loads(event.patients) == [str(chart.pk)]
    with practice_scope(chart.practice_id):
        assert Patient.objects.count() == 1


def test_double_is_opened_by_who_is_sure_and_by_the_contracts_clients(as_role, chart):
    staff = as_role("staff")

    for flag in ({}, {"confirmNew": True}):
        answer = post(staff, CHARTS, {**SAME, **flag})
        assert answer.status_code == 201
        assert str(chart.pk) in [one["id"] for one in answer.json()["possibleDuplicates"]]


def test_whoever_is_new_is_opened_without_a_question(as_role, chart):
    answer = post(as_role("staff"), CHARTS, {**CHART, "name": "Quite Other", "confirmNew": False})

    assert (answer.status_code, "possibleDuplicates" in answer.json()) == (201, False)
    for wrong in ("no", 0, None):
        assert post(as_role("staff"), CHARTS, {**CHART, "confirmNew": wrong}).status_code == 400


def test_page_asks_before_it_opens_a_double(enter_as, chart):
    manager, add = enter_as("admin"), reverse("admin:patients_patient_add")
    form = {"name": "Ada Lovelace", "phone": "212-555-0104", "date_of_birth": "1980-02-03"}

    asked = manager.post(add, form)

    page = asked.content.decode()
    assert (asked.status_code, 'name="confirm_new"' in page) == (200, True)
    assert reverse("admin:patients_patient_change", args=[chart.pk]) in page
    with practice_scope(chart.practice_id):
        assert Patient.objects.count() == 1
    assert manager.post(add, {**form, "confirm_new": "on"}).status_code == 302
    with practice_scope(chart.practice_id):
        assert Patient.objects.count() == 2
