"""Merging two charts of one person, and undoing it."""

from datetime import date

import orjson
import pytest
from django.apps import apps

from accounts.models import User
from accounts.tests.second_factors import post
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.chart_rows import all_rows, rows_of
from patients.deletion import services as deletions
from patients.merging.values import FIELDS
from patients.models import CONTENT, ChartMerge, Patient
from patients.tests.factories import EmergencyAccessFactory, PatientFactory
from patients.tests.merging import KNOWN, TWICE, counts, logged, merge, now, says, undo
from tests import damage

# --- The merge


def test_preview_tells_what_moves_and_what_stays(as_role, known_chart, second_chart):
    before = says(known_chart), says(second_chart.patient), counts(known_chart)

    answer = merge(as_role("staff"), known_chart, second_chart.patient, dryRun=True, keep={"phone": "from"})

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
    assert (told["undoUntil"], told["patientId"], told["from"]) == (
        None,
        str(known_chart.pk),
        str(second_chart.patient.pk),
    )
    assert (says(known_chart), says(second_chart.patient), counts(known_chart)) == before
    assert not logged("chart.merged")
    (event,) = logged("chart.read")
    assert orjson.loads(event.patients) == [str(known_chart.pk), str(second_chart.patient.pk)]


def test_merge_moves_every_row_and_is_in_the_trail(as_role, known_chart, second_chart):
    expected = counts(second_chart.patient)
    staff = as_role("staff")

    answer = merge(staff, known_chart, second_chart.patient)

    assert answer.status_code == 200, answer.json()
    assert counts(known_chart) == {**expected, Patient: 1}
    assert counts(second_chart.patient) == {}
    assert len(expected) >= 6
    chart = now(known_chart)
    assert (chart.name, chart.phone, chart.email) == ("Ada Lovelace", KNOWN["phone"], "ada@example.org")
    assert (chart.allergies, chart.version) == ("Latex\nPenicillin", 2)
    assert says(second_chart.patient) == {
        **TWICE,
        "status": "merged",
        "user_id": None,
        "merged_into_id": known_chart.pk,
    }
    (event,) = logged("chart.merged")
    assert orjson.loads(event.patients) == [str(known_chart.pk), str(second_chart.patient.pk)]
    details = orjson.loads(event.details)
    assert (details["fields"], details["rows"]["records.SessionNote"]) == (["email", "allergies"], 2)
    assert not {"Penicillin", "ada@example.org"} & set(event.details.split('"'))


def test_merged_away_chart_says_where_it_went_and_is_found_by_neither_list_nor_search(
    as_role, known_chart, second_chart
):
    merge(as_role("admin"), known_chart, second_chart.patient)

    for role in ("admin", "staff", "doctor", "billing"):
        client = as_role(role)
        answer = client.get(f"/api/patients/{second_chart.patient.pk}")
        assert (answer.status_code, answer.json()["mergedInto"]) == (404, str(known_chart.pk))
        for query in ({}, {"search": "King"}, {"search": "ada@example.org"}):
            listed = client.get("/api/patients", query).json()["patients"]
            assert str(second_chart.patient.pk) not in [row["id"] for row in listed]
    found = as_role("staff").get("/api/patients", {"search": "ada@example.org"}).json()["patients"]
    assert [row["id"] for row in found] == [str(known_chart.pk)]
    stranger = as_role("patient").get(f"/api/patients/{second_chart.patient.pk}")
    assert (stranger.status_code, stranger.json()) == (404, {"detail": "Patient not found."})


def test_values_are_chosen_by_field(as_role, known_chart, second_chart, subtests):
    staff = as_role("staff")
    for keep, field, result in [
        ({"name": "from"}, "name", "Ada King"),
        ({"email": "into"}, "email", ""),
        ({"allergies": "into"}, "allergies", "Latex"),
        ({"allergies": "from"}, "allergies", "Penicillin"),
        ({"phone": "into"}, "phone", KNOWN["phone"]),
    ]:
        with subtests.test(keep=keep):
            assert merge(staff, known_chart, second_chart.patient, keep=keep).status_code == 200
            assert getattr(now(known_chart), field) == result
            assert undo(as_role("admin"), known_chart, second_chart.patient).status_code == 200


def test_what_is_not_understood_is_refused(as_role, known_chart, second_chart, subtests):
    staff, path = as_role("staff"), f"/api/patients/{known_chart.pk}/merge"
    one = str(second_chart.patient.pk)
    for body, field in [
        ({}, "from"),
        ({"from": None}, "from"),
        ({"from": "x"}, "from"),
        ({"from": [one]}, "from"),
        ({"from": str(known_chart.pk)}, "from"),
        ({"from": one, "keep": {"phone": "both"}}, "keep.phone"),
        ({"from": one, "keep": {"shoeSize": "from"}}, "keep.shoeSize"),
        ({"from": one, "keep": "from"}, "keep"),
        ({"from": one, "keep": {"account": "from"}, "dryRun": "yes"}, "dryRun"),
        ({"from": one, "into": one}, "into"),
    ]:
        with subtests.test(body=body):
            answer = post(staff, path, body)
            assert (answer.status_code, field in answer.json()["errors"]) == (400, True), answer.json()
    assert now(second_chart.patient).status == "confirmed"


def test_two_texts_that_are_too_long_together_are_refused(as_role, known_chart, second_chart, scope):
    for chart, letter in ((known_chart, "a"), (second_chart.patient, "b")):
        chart.allergies = letter * 4000
        chart.save(update_fields={"allergies"})
    staff = as_role("staff")

    for body in ({}, {"dryRun": True}):
        answer = merge(staff, known_chart, second_chart.patient, **body)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["keep.allergies"])
    assert merge(staff, known_chart, second_chart.patient, keep={"allergies": "from"}).status_code == 200


def test_text_that_cannot_be_decrypted_is_neither_copied_nor_replaced(as_role, known_chart, second_chart, scope):
    kept = damage.lose_key(known_chart, "allergies")
    staff = as_role("staff")

    for body in ({}, {"dryRun": True}, {"keep": {"allergies": "from"}}):
        answer = merge(staff, known_chart, second_chart.patient, **body)
        (sentence,) = answer.json()["errors"]["keep.allergies"]
        assert answer.status_code == 400 and "Keep that of the chart that stays, or merge the other way" in sentence
    assert merge(staff, second_chart.patient, known_chart, dryRun=True).status_code == 200
    assert merge(staff, known_chart, second_chart.patient, keep={"allergies": "into"}).status_code == 200
    assert damage.stored(known_chart, "allergies") == kept


def test_somebody_can_still_be_reached(as_role, scope):
    into = PatientFactory(phone="+1 212 555 0104", email="", address="")
    source = PatientFactory(phone="", email="ada@example.org", address="")

    answer = merge(as_role("staff"), into, source, keep={"phone": "from", "email": "into"})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["phone"])
    assert now(source).status == "confirmed"


@pytest.mark.parametrize("role", ["doctor", "billing", "patient"])
def test_only_the_front_desk_merges_and_only_the_manager_undoes(as_role, known_chart, second_chart, role):
    assert merge(as_role(role), known_chart, second_chart.patient).status_code == 403
    assert merge(as_role("staff"), known_chart, second_chart.patient).status_code == 200
    for other in (role, "staff"):
        assert undo(as_role(other), known_chart, second_chart.patient).status_code == 403
    assert now(second_chart.patient).status == "merged"


def test_charts_that_are_not_there_to_be_merged(as_role, practice, other_practice, known_chart, subtests, make_user):
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
            for into, source in ((known_chart, other), (other, known_chart)):
                for body in ({}, {"dryRun": True}):
                    assert merge(staff, into, source, **body).status_code == status
    assert now(known_chart).status == "confirmed"


def test_merge_comes_once(as_role, known_chart, second_chart, scope):
    staff, third = as_role("staff"), PatientFactory()
    assert merge(staff, known_chart, second_chart.patient).status_code == 200

    for into, source in (
        (known_chart, second_chart.patient),
        (second_chart.patient, known_chart),
        (second_chart.patient, third),
    ):
        answer = merge(staff, into, source)
        assert (answer.status_code, answer.json()["mergedInto"]) == (404, str(known_chart.pk))
    assert ChartMerge.objects.count() == 1


@pytest.mark.parametrize("restricted", ["known", "twice"])
@pytest.mark.parametrize("role", ["admin", "staff"])
def test_restricted_chart_takes_regular_access(as_role, known_chart, second_chart, restricted, role):
    client = as_role(role)
    with practice_scope(known_chart.practice_id):
        chart = known_chart if restricted == "known" else second_chart.patient
        Patient.objects.filter(pk=chart.pk).update(restricted=True)
        EmergencyAccessFactory(patient=chart, opened_by=client.user)

    for body in ({}, {"dryRun": True}):
        answer = merge(client, known_chart, second_chart.patient, **body)
        assert answer.status_code == 403, answer.json()
    assert now(second_chart.patient).status == "confirmed"
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
    as_role, make_user, known_chart, second_chart, of_into, of_source, keep, left, closed
):
    accounts = {name: make_user("patient", email=f"{name}@example.org") for name in "ab"}
    with practice_scope(known_chart.practice_id):
        for chart, name in ((known_chart, of_into), (second_chart.patient, of_source)):
            chart.user = accounts.get(name)
            chart.save(update_fields={"user"})
    before = says(known_chart), says(second_chart.patient)

    answer = merge(as_role("staff"), known_chart, second_chart.patient, keep={"account": keep} if keep else {})

    assert answer.status_code == 200, answer.json()
    assert answer.json()["closesAccount"] == bool(closed)
    assert now(known_chart).user_id == accounts[left].pk
    active = {name: User.objects.get(pk=account.pk).is_active for name, account in accounts.items()}
    assert active == {name: name != closed for name in "ab"}
    assert undo(as_role("admin"), known_chart, second_chart.patient).status_code == 200
    assert (says(known_chart), says(second_chart.patient)) == before
    assert all(User.objects.get(pk=account.pk).is_active for account in accounts.values())


def test_account_that_is_not_there_cannot_be_kept(as_role, make_user, known_chart, second_chart):
    with practice_scope(known_chart.practice_id):
        known_chart.user = make_user("patient")
        known_chart.save(update_fields={"user"})

    answer = merge(as_role("staff"), known_chart, second_chart.patient, keep={"account": "from"})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["keep.account"])


def test_account_of_somebody_who_works_here_stays_open(as_role, make_user, known_chart, second_chart):
    colleague = make_user("doctor")
    with practice_scope(known_chart.practice_id):
        known_chart.user, second_chart.patient.user = make_user("patient"), colleague
        known_chart.save(update_fields={"user"})
        second_chart.patient.save(update_fields={"user"})

    assert merge(as_role("staff"), known_chart, second_chart.patient).status_code == 200
    assert User.objects.get(pk=colleague.pk).is_active


def test_every_model_of_a_patient_is_moved_or_listed(known_chart):
    """A new model cannot be forgotten: what names a patient is among the relations that are walked, and has its column
    by a foreign key."""
    walked = {relation.related_model for relation, _ in rows_of(known_chart)}
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


def test_born_date_and_doctor_go_over_and_back(as_role, scope, merging_doctor):
    into = PatientFactory(date_of_birth=None, gender="")
    source = PatientFactory(date_of_birth=date(1979, 3, 8), primary_doctor=merging_doctor)

    merge(as_role("staff"), into, source)
    merged = now(into)
    assert (merged.date_of_birth, merged.primary_doctor_id, merged.gender) == (
        date(1979, 3, 8),
        merging_doctor.pk,
        "female",
    )
    assert (merged.incomplete, now(source).status) == (False, "merged")

    undo(as_role("admin"), into, source)
    again = now(into)
    assert (again.date_of_birth, again.primary_doctor_id, again.gender, again.incomplete) == (None, None, "", True)
