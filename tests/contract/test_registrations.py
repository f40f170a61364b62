"""GET /api/registrations, and confirming, merging, declining and reopening one."""

import uuid
from datetime import date

import pytest

from tests.contract.clients import Caller
from tests.contract.clinic import NOBODY, PASSWORD, fresh_email, try_to_book

BRIEF = ["id", "name", "email", "phone", "dateOfBirth", "gender", "address", "created_at"]


def unique_name():
    """Two words that are like nobody else's of this run."""
    letters = str.maketrans("0123456789abcdef", "qwrtzpsdfghjklxv")
    first, last = (uuid.uuid4().hex.translate(letters)[:14].title() for _ in range(2))
    return f"{first} {last}"


def newcomer(clinic, name=None, **fields):
    """Somebody who registered, signed in; `.chart` is the key of their pending chart."""
    person = clinic.hire("patient", name=name or unique_name(), **fields)
    person.chart = clinic.chart_of(person)
    return person


def waiting(clinic, chart, role="staff"):
    """The registration in the desk's list."""
    rows, page = [], 1
    while True:
        answer = clinic.as_role(role).get("/api/registrations", limit=100, page=page)
        assert answer.status == 200, answer
        rows += answer.json["registrations"]
        if len(rows) >= answer.json["total"] or not answer.json["registrations"]:
            return next((row for row in rows if row["id"] == chart), None)
        page += 1


def settle(by, chart, how="confirm", **body):
    return by.post(f"/api/registrations/{chart}/{how}", body)


def test_registration_matches_by_date_of_birth(clinic):
    known = clinic.chart(name=unique_name(), dateOfBirth="1957-03-02")
    person = newcomer(clinic, date_of_birth=date(1957, 3, 2))

    row = waiting(clinic, person.chart)

    assert row["dateOfBirth"] == "1957-03-02"
    assert {match["id"]: match["because"] for match in row["matches"]}[known["id"]] == ["birthDate"]
    assert person.get(f"/api/patients/{person.chart}").json["dateOfBirth"] == "1957-03-02"


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_desk_sees_who_waits_and_whose_charts_theirs_may_be(clinic, role):
    name = unique_name()
    known = clinic.chart(name=name.upper(), phone="+1 555 867 5309")
    person = newcomer(clinic, name, phone="5558675309")

    row = waiting(clinic, person.chart, role)

    assert list(row) == [*BRIEF, "matches"]
    assert (row["name"], row["email"], row["dateOfBirth"]) == (name, person.user["email"], None)
    match = next(match for match in row["matches"] if match["id"] == known["id"])
    assert match == {
        **{field: known[field] for field in ("id", "name", "email", "phone", "dateOfBirth")},
        "hasAccount": False,
        "because": ["phone", "name"],
    }


@pytest.mark.parametrize("role", ["doctor", "billing", "patient"])
def test_other_roles_cannot_see_or_settle_registrations(clinic, role):
    refused = {"detail": "You don't have permission to do this."}
    caller = clinic.as_role(role)

    answers = [caller.get("/api/registrations")]
    answers += [settle(caller, NOBODY, how) for how in ("confirm", "decline", "reopen")]
    answers.append(settle(clinic.staff, NOBODY, "reopen"))

    assert [(answer.status, answer.json) for answer in answers] == [(403, refused)] * 5


def test_longest_waiting_come_first_a_page_at_a_time(clinic):
    people = [newcomer(clinic) for _ in range(2)]

    whole = clinic.staff.get("/api/registrations", limit=100).json
    ids = [row["id"] for row in whole["registrations"]]
    assert ids == sorted(ids)
    assert [pk for pk in ids if pk in [person.chart for person in people]] == [person.chart for person in people]
    first = clinic.staff.get("/api/registrations", limit=1).json
    assert (first["page"], first["limit"], first["total"]) == (1, 1, whole["total"])
    assert [row["id"] for row in first["registrations"]] == ids[:1]


def test_confirmed_registration_is_one_of_the_practices_charts(clinic):
    person = newcomer(clinic)

    answer = settle(clinic.staff, person.chart)

    assert (answer.status, answer.json) == (
        200,
        {"id": person.chart, "status": "confirmed", "patientId": person.chart},
    )
    assert waiting(clinic, person.chart) is None
    assert clinic.staff.get("/api/patients", search=person.user["name"]).json["total"] == 1
    again = settle(clinic.admin, person.chart)
    assert (again.status, again.json) == (409, {"detail": "This registration has already been confirmed."})


def test_merged_registration_is_the_known_chart_with_all_that_was_booked(clinic):
    known = clinic.chart(name=unique_name())
    person = newcomer(clinic)
    booked = try_to_book(clinic, person, person.chart)
    assert booked.status == 201

    answer = settle(clinic.staff, person.chart, patientId=known["id"])

    assert (answer.status, answer.json) == (200, {"id": person.chart, "status": "merged", "patientId": known["id"]})
    (own,) = person.get("/api/patients").json["patients"]
    assert own["id"] == known["id"]
    (appointment,) = person.get("/api/appointments").json["appointments"]
    assert (appointment["id"], appointment["patientId"]) == (booked.json["id"], known["id"])
    assert person.get(f"/api/patients/{person.chart}").status == 404
    assert clinic.staff.get(f"/api/patients/{person.chart}").status == 404
    taken = settle(clinic.staff, newcomer(clinic).chart, patientId=known["id"])
    assert (taken.status, taken.json) == (409, {"detail": "This chart already has an account."})


def test_declined_person_is_signed_out_and_their_time_is_free(clinic):
    person = newcomer(clinic)
    booked = try_to_book(clinic, person, person.chart)

    answer = settle(clinic.staff, person.chart, "decline", reason="unknown")

    assert (answer.status, answer.json["status"]) == (200, "declined")
    assert person.get("/api/users/me").status == 401
    assert person.post("/api/auth/refresh").status == 401
    assert Caller(clinic.transport).sign_in(person.user["email"], PASSWORD).status == 401
    slot = {"doctorId": clinic.doctor.id, "date": booked.json["date"], "reason": "Free again"}
    known = clinic.chart(name=unique_name())
    assert clinic.staff.post("/api/appointments", {**slot, "patientId": known["id"]}).status == 201

    assert settle(clinic.staff, person.chart, "reopen").status == 403
    assert settle(clinic.admin, person.chart, "reopen").json["status"] == "pending"
    assert Caller(clinic.transport).sign_in(person.user["email"], PASSWORD).status == 200
    assert waiting(clinic, person.chart) is not None


@pytest.mark.parametrize("how", ["confirm", "decline", "reopen"])
def test_unknown_and_foreign_registrations_are_404(clinic, how):
    elsewhere = newcomer(clinic.elsewhere)

    for chart in (NOBODY, elsewhere.chart, clinic.elsewhere.foreign_chart["id"]):
        answer = settle(clinic.admin, chart, how)
        assert (answer.status, answer.json) == (404, {"detail": "Patient not found."})


def test_another_practices_chart_is_neither_a_match_nor_merged_into(clinic):
    foreign = clinic.elsewhere.foreign_chart
    person = newcomer(clinic, foreign["name"], phone=foreign["phone"], email=fresh_email())

    assert foreign["id"] not in [match["id"] for match in waiting(clinic, person.chart)["matches"]]
    assert settle(clinic.staff, person.chart, patientId=foreign["id"]).status == 404


@pytest.mark.parametrize(
    ("how", "body", "field"),
    [
        ("confirm", {"patientId": "nobody"}, "patientId"),
        ("decline", {"reason": "I do not like the name"}, "reason"),
        ("decline", {"reason": ["twice"]}, "reason"),
    ],
)
def test_unknown_field_is_named(clinic, how, body, field):
    answer = settle(clinic.staff, NOBODY, how, **body)

    assert (answer.status, list(answer.json["errors"])) == (400, [field])


def test_patient_is_not_merged_into_themself(clinic):
    person = newcomer(clinic)

    answer = settle(clinic.staff, person.chart, patientId=person.chart)

    assert (answer.status, list(answer.json["errors"])) == (400, ["patientId"])
