"""Merging two charts of one person, and undoing it."""

from datetime import date

import orjson
import pytest
from django.apps import apps

from accounts.models import User
from accounts.tests.second_factors import post
from appointments.tests.factories import WaitingListEntryFactory
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.chart_rows import all_rows, rows_of
from patients.deletion import services as deletions
from patients.merging.values import FIELDS
from patients.models import CONTENT, ChartMerge, Patient
from patients.tests.chart_with_all import chart_with_all
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from tests import damage

KNOWN = {"name": "Ada Lovelace", "phone": "+1 212 555 0104", "email": "", "allergies": "Latex"}
TWICE = {"name": "Ada King", "phone": "+1 212 555 0199", "email": "ada@example.org", "allergies": "Penicillin"}


@pytest.fixture
def doctor(make_user):
    return make_user("doctor")


@pytest.fixture
def known(scope):
    return PatientFactory(**KNOWN)


@pytest.fixture
def twice(scope, doctor):
    """A second chart of the same person, with a row of every kind, one of them deleted, and a legal hold."""
    made = chart_with_all(doctor, **TWICE)
    WaitingListEntryFactory(patient=made.patient)
    deletions.place_hold(by=doctor, patient_id=made.patient.pk, reason="Order of the court")
    return made


def merge(client, into, source, **more):
    return post(client, f"/api/patients/{into.pk}/merge", {"from": str(source.pk), **more})


def undo(client, into, source):
    return post(client, f"/api/patients/{into.pk}/merge/undo", {"from": str(source.pk)})


def now(chart):
    with practice_scope(chart.practice_id):
        return Patient.objects.get(pk=chart.pk)


def counts(chart):
    with practice_scope(chart.practice_id):
        return {relation.related_model: rows.count() for relation, rows in rows_of(chart) if rows.count()}


def says(chart):
    fields = ("name", "phone", "email", "allergies", "status", "user_id", "merged_into_id")
    return {name: getattr(now(chart), name) for name in fields}


def logged(kind):
    return list(whole_trail().filter(kind=kind, outcome="done"))


# --- The merge


def test_preview_tells_what_moves_and_what_stays(as_role, known, twice):
    before = says(known), says(twice.patient), counts(known)

    answer = merge(as_role("staff"), known, twice.patient, dryRun=True, keep={"phone": "from"})

    told = answer.json()
    assert answer.status_code == 200, told
    assert {one["field"]: (one["into"], one["from"], one["keep"], one["result"]) for one in told["differences"]} == {
        "name": ("Ada Lovelace", "Ada King", "into", "Ada Lovelace"),
        "phone": (KNOWN["phone"], TWICE["phone"], "from", TWICE["phone"]),
        "email": ("", "ada@example.org", "from", "ada@example.org"),
        "allergies": ("Latex", "Penicillin", "both", "Latex\nPenicillin"),
    }
    moves = {one["kind"]: one["count"] for one in told["moves"]}
    assert moves["records.SessionNote"] == 2
    assert moves["appointments.Appointment"] == moves["records.MedicalRecord"] == moves["patients.LegalHold"] == 1
    assert (told["because"], told["account"], told["closesAccount"]) == (["birthDate"], None, False)
    assert (told["undoUntil"], told["patientId"], told["from"]) == (None, str(known.pk), str(twice.patient.pk))
    assert (says(known), says(twice.patient), counts(known)) == before
    assert not logged("chart.merged")
    (event,) = logged("chart.read")
    assert orjson.loads(event.patients) == [str(known.pk), str(twice.patient.pk)]


def test_merge_moves_every_row_and_is_in_the_trail(as_role, known, twice):
    expected = counts(twice.patient)
    staff = as_role("staff")

    answer = merge(staff, known, twice.patient)

    assert answer.status_code == 200, answer.json()
    assert counts(known) == {**expected, Patient: 1}
    assert counts(twice.patient) == {}
    assert len(expected) >= 6
    chart = now(known)
    assert (chart.name, chart.phone, chart.email) == ("Ada Lovelace", KNOWN["phone"], "ada@example.org")
    assert (chart.allergies, chart.version) == ("Latex\nPenicillin", 2)
    assert says(twice.patient) == {**TWICE, "status": "merged", "user_id": None, "merged_into_id": known.pk}
    (event,) = logged("chart.merged")
    assert orjson.loads(event.patients) == [str(known.pk), str(twice.patient.pk)]
    details = orjson.loads(event.details)
    assert (details["fields"], details["rows"]["records.SessionNote"]) == (["email", "allergies"], 2)
    assert not {"Penicillin", "ada@example.org"} & set(event.details.split('"'))


def test_merged_away_chart_says_where_it_went_and_is_found_by_neither_list_nor_search(as_role, known, twice):
    merge(as_role("admin"), known, twice.patient)

    for role in ("admin", "staff", "doctor", "billing"):
        client = as_role(role)
        answer = client.get(f"/api/patients/{twice.patient.pk}")
        assert (answer.status_code, answer.json()["mergedInto"]) == (404, str(known.pk))
        for query in ({}, {"search": "King"}, {"search": "ada@example.org"}):
            listed = client.get("/api/patients", query).json()["patients"]
            assert str(twice.patient.pk) not in [row["id"] for row in listed]
    found = as_role("staff").get("/api/patients", {"search": "ada@example.org"}).json()["patients"]
    assert [row["id"] for row in found] == [str(known.pk)]
    stranger = as_role("patient").get(f"/api/patients/{twice.patient.pk}")
    assert (stranger.status_code, stranger.json()) == (404, {"detail": "Patient not found."})


def test_values_are_chosen_by_field(as_role, known, twice, subtests):
    staff = as_role("staff")
    for keep, field, result in [
        ({"name": "from"}, "name", "Ada King"),
        ({"email": "into"}, "email", ""),
        ({"allergies": "into"}, "allergies", "Latex"),
        ({"allergies": "from"}, "allergies", "Penicillin"),
        ({"phone": "into"}, "phone", KNOWN["phone"]),
    ]:
        with subtests.test(keep=keep):
            assert merge(staff, known, twice.patient, keep=keep).status_code == 200
            assert getattr(now(known), field) == result
            assert undo(as_role("admin"), known, twice.patient).status_code == 200


def test_what_is_not_understood_is_refused(as_role, known, twice, subtests):
    staff, path = as_role("staff"), f"/api/patients/{known.pk}/merge"
    one = str(twice.patient.pk)
    for body, field in [
        ({}, "from"),
        ({"from": None}, "from"),
        ({"from": "x"}, "from"),
        ({"from": [one]}, "from"),
        ({"from": str(known.pk)}, "from"),
        ({"from": one, "keep": {"phone": "both"}}, "keep.phone"),
        ({"from": one, "keep": {"shoeSize": "from"}}, "keep.shoeSize"),
        ({"from": one, "keep": "from"}, "keep"),
        ({"from": one, "keep": {"account": "from"}, "dryRun": "yes"}, "dryRun"),
        ({"from": one, "into": one}, "into"),
    ]:
        with subtests.test(body=body):
            answer = post(staff, path, body)
            assert (answer.status_code, field in answer.json()["errors"]) == (400, True), answer.json()
    assert now(twice.patient).status == "confirmed"


def test_two_texts_that_are_too_long_together_are_refused(as_role, known, twice, scope):
    for chart, letter in ((known, "a"), (twice.patient, "b")):
        chart.allergies = letter * 4000
        chart.save(update_fields={"allergies"})
    staff = as_role("staff")

    for body in ({}, {"dryRun": True}):
        answer = merge(staff, known, twice.patient, **body)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["keep.allergies"])
    assert merge(staff, known, twice.patient, keep={"allergies": "from"}).status_code == 200


def test_text_that_cannot_be_decrypted_is_neither_copied_nor_replaced(as_role, known, twice, scope):
    kept = damage.lose_key(known, "allergies")
    staff = as_role("staff")

    for body in ({}, {"dryRun": True}, {"keep": {"allergies": "from"}}):
        answer = merge(staff, known, twice.patient, **body)
        (sentence,) = answer.json()["errors"]["keep.allergies"]
        assert answer.status_code == 400 and "Keep that of the chart that stays, or merge the other way" in sentence
    assert merge(staff, twice.patient, known, dryRun=True).status_code == 200
    assert merge(staff, known, twice.patient, keep={"allergies": "into"}).status_code == 200
    assert damage.stored(known, "allergies") == kept


def test_somebody_can_still_be_reached(as_role, scope):
    into = PatientFactory(phone="+1 212 555 0104", email="", address="")
    source = PatientFactory(phone="", email="ada@example.org", address="")

    answer = merge(as_role("staff"), into, source, keep={"phone": "from", "email": "into"})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["phone"])
    assert now(source).status == "confirmed"


@pytest.mark.parametrize("role", ["doctor", "billing", "patient"])
def test_only_the_front_desk_merges_and_only_the_manager_undoes(as_role, known, twice, role):
    assert merge(as_role(role), known, twice.patient).status_code == 403
    assert merge(as_role("staff"), known, twice.patient).status_code == 200
    for other in (role, "staff"):
        assert undo(as_role(other), known, twice.patient).status_code == 403
    assert now(twice.patient).status == "merged"


def test_charts_that_are_not_there_to_be_merged(as_role, practice, other_practice, known, subtests, make_user):
    with practice_scope(other_practice.pk):
        foreign = PatientFactory()
    with practice_scope(practice.pk):
        gone = PatientFactory()
        deletions.delete(by=make_user("admin"), row=gone, reason="By mistake")
        others = {status: PatientFactory(status=status) for status in ("pending", "declined")}
    staff = as_role("staff")
    for name, other, status in [
        ("foreign", foreign, 404),
        ("deleted", gone, 404),
        ("declined", others["declined"], 404),
        ("pending", others["pending"], 409),
    ]:
        with subtests.test(name=name):
            for into, source in ((known, other), (other, known)):
                for body in ({}, {"dryRun": True}):
                    assert merge(staff, into, source, **body).status_code == status
    assert now(known).status == "confirmed"


def test_merge_comes_once(as_role, known, twice, scope):
    staff, third = as_role("staff"), PatientFactory()
    assert merge(staff, known, twice.patient).status_code == 200

    for into, source in ((known, twice.patient), (twice.patient, known), (twice.patient, third)):
        answer = merge(staff, into, source)
        assert (answer.status_code, answer.json()["mergedInto"]) == (404, str(known.pk))
    assert ChartMerge.objects.count() == 1


@pytest.mark.parametrize("restricted", ["known", "twice"])
@pytest.mark.parametrize("role", ["admin", "staff"])
def test_restricted_chart_takes_regular_access(as_role, known, twice, restricted, role):
    client = as_role(role)
    with practice_scope(known.practice_id):
        chart = known if restricted == "known" else twice.patient
        Patient.objects.filter(pk=chart.pk).update(restricted=True)
        EmergencyAccessFactory(patient=chart, opened_by=client.user)

    for body in ({}, {"dryRun": True}):
        answer = merge(client, known, twice.patient, **body)
        assert answer.status_code == 403, answer.json()
    assert now(twice.patient).status == "confirmed"
    assert whole_trail().filter(kind="chart.merged", outcome="refused").count() == 2


# --- Accounts


@pytest.mark.parametrize(
    ("of_into", "of_source", "keep", "left", "closed"),
    [
        ("a", None, None, "a", None),
        (None, "b", None, "b", None),
        ("a", "b", None, "a", "b"),
        ("a", "b", "into", "a", "b"),
        ("a", "b", "from", "b", "a"),
    ],
)
def test_one_account_stays_and_undo_gives_both_back(
    as_role, make_user, known, twice, of_into, of_source, keep, left, closed
):
    accounts = {name: make_user("patient", email=f"{name}@example.org") for name in "ab"}
    with practice_scope(known.practice_id):
        for chart, name in ((known, of_into), (twice.patient, of_source)):
            chart.user = accounts.get(name)
            chart.save(update_fields={"user"})
    before = says(known), says(twice.patient)

    answer = merge(as_role("staff"), known, twice.patient, keep={"account": keep} if keep else {})

    assert answer.status_code == 200, answer.json()
    assert answer.json()["closesAccount"] == bool(closed)
    assert now(known).user_id == accounts[left].pk
    active = {name: User.objects.get(pk=account.pk).is_active for name, account in accounts.items()}
    assert active == {name: name != closed for name in "ab"}
    assert undo(as_role("admin"), known, twice.patient).status_code == 200
    assert (says(known), says(twice.patient)) == before
    assert all(User.objects.get(pk=account.pk).is_active for account in accounts.values())


def test_account_that_is_not_there_cannot_be_kept(as_role, make_user, known, twice):
    with practice_scope(known.practice_id):
        known.user = make_user("patient")
        known.save(update_fields={"user"})

    answer = merge(as_role("staff"), known, twice.patient, keep={"account": "from"})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["keep.account"])


def test_account_of_somebody_who_works_here_stays_open(as_role, make_user, known, twice):
    colleague = make_user("doctor")
    with practice_scope(known.practice_id):
        known.user, twice.patient.user = make_user("patient"), colleague
        known.save(update_fields={"user"})
        twice.patient.save(update_fields={"user"})

    assert merge(as_role("staff"), known, twice.patient).status_code == 200
    assert User.objects.get(pk=colleague.pk).is_active


def test_every_model_of_a_patient_is_moved_or_listed(known):
    """A new model cannot be forgotten: what names a patient is among the relations that are walked, and has its column
    by a foreign key."""
    walked = {relation.related_model for relation, _ in rows_of(known)}
    naming = {
        model
        for model in apps.get_models()
        if any(field.related_model is Patient for field in model._meta.concrete_fields)
    }

    assert {model.__name__ for model in naming - walked} == {
        "ChartMerge",
        "DuplicatePair",
        "EmergencyAccess",
        "LiftRequest",
        "MessagePreference",
    }
    assert all(all_rows(model) is not None for model in walked)


def test_every_field_that_people_change_is_compared():
    assert {attribute.removesuffix("_id") for attribute in FIELDS.values()} == CONTENT


def test_born_date_and_doctor_go_over_and_back(as_role, scope, doctor):
    into = PatientFactory(date_of_birth=None, gender="")
    source = PatientFactory(date_of_birth=date(1979, 3, 8), primary_doctor=doctor)

    merge(as_role("staff"), into, source)
    merged = now(into)
    assert (merged.date_of_birth, merged.primary_doctor_id, merged.gender) == (date(1979, 3, 8), doctor.pk, "female")
    assert (merged.incomplete, now(source).status) == (False, "merged")

    undo(as_role("admin"), into, source)
    again = now(into)
    assert (again.date_of_birth, again.primary_doctor_id, again.gender, again.incomplete) == (None, None, "", True)
