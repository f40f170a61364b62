"""Join codes: made and withdrawn by a doctor for themself or an office manager for any doctor; typed by whoever
registers."""

import uuid
from hashlib import sha256

import pytest

from core.codes import ALPHABET
from tests.contract.clients import Caller
from tests.contract.clinic import NOBODY, PASSWORD, fresh_email

SHOWN = [
    "id",
    "doctorId",
    "doctorName",
    "officeId",
    "officeName",
    "state",
    "uses",
    "mostUses",
    "expiresAt",
    "created_at",
]
ADDRESS = "/api/join-codes"
ALL = "SELECT * FROM "


@pytest.fixture
def office(clinic):
    return clinic.admin.post("/api/offices", {"name": "Midtown"}).json


@pytest.fixture
def make(clinic, office):
    """`make(by)`: what this caller is answered who makes a code for the usual office."""

    def make(by=None, **fields):
        answer = (by or clinic.doctor).post(ADDRESS, {"officeId": office["id"], **fields})
        assert answer.status == 201, answer
        return answer.json

    return make


def newcomer(code, **fields):
    body = {"name": "Grace Hopper", "email": fresh_email("grace"), "password": PASSWORD, "role": "patient"}
    return {**body, "joinCode": code, **fields}


def listed(caller, code):
    return next((row for row in caller.get(ADDRESS, limit=100).json["joinCodes"] if row["id"] == code["id"]), None)


# --- Making


def test_doctor_makes_a_code_for_themself(clinic, office, make):
    made = make()

    assert list(made) == [*SHOWN, "code"]
    assert len(made["code"]) == 8
    assert set(made["code"]) <= set(ALPHABET)
    assert (made["doctorId"], made["doctorName"]) == (clinic.doctor.id, clinic.doctor.user["name"])
    assert (made["officeId"], made["officeName"]) == (office["id"], "Midtown")
    assert (made["state"], made["uses"], made["mostUses"], made["expiresAt"]) == ("live", 0, None, None)


def test_office_manager_makes_one_for_any_doctor(clinic, make):
    made = make(clinic.admin, doctorId=clinic.doctor.id, mostUses=3, expiresAt="2090-01-01T00:00:00Z")

    assert (made["doctorId"], made["mostUses"]) == (clinic.doctor.id, 3)
    assert made["expiresAt"].startswith("2090-01-01T00:00:00")


def test_end_is_answered_in_utc_as_the_list_has_it(clinic, make):
    for typed in ("2090-01-01T02:00:00+02:00", "2090-01-01T00:00:00"):
        made = make(expiresAt=typed)
        assert made["expiresAt"] == listed(clinic.doctor, made)["expiresAt"] == "2090-01-01T00:00:00Z"


def test_bare_day_is_the_whole_of_it(clinic, make):
    assert make(expiresAt="2090-06-30")["expiresAt"] == "2090-07-01T00:00:00Z"


def test_day_and_the_time_of_an_end_are_the_practices(clinic):
    from practices.models import Practice
    from practices.services import practice_with_code

    Practice.objects.filter(pk=practice_with_code(clinic.join_code).pk).update(timezone="America/New_York")
    office = clinic.admin.post("/api/offices", {"name": "Loop", "timezone": "America/Chicago"}).json["id"]

    ends = {
        typed: clinic.doctor.post(ADDRESS, {"officeId": office, "expiresAt": typed}).json["expiresAt"]
        for typed in ("2089-11-05", "2089-11-06", "2089-07-01T12:00:00", "2089-07-01T12:00:00+02:00")
    }

    assert list(ends.values()) == [
        "2089-11-06T04:00:00Z",
        "2089-11-07T05:00:00Z",
        "2089-07-01T16:00:00Z",
        "2089-07-01T10:00:00Z",
    ]


def test_alphabet_has_no_look_alikes():
    assert not set("01OILoil") & set(ALPHABET)
    assert len(set(ALPHABET)) == len(ALPHABET) == 31


def test_code_is_shown_once(clinic, make):
    made = make()

    answer = clinic.admin.get(ADDRESS, limit=100)

    row = next(row for row in answer.json["joinCodes"] if row["id"] == made["id"])
    assert row == {name: made[name] for name in SHOWN}
    assert made["code"].encode() not in answer.body


def test_doctor_sees_their_own_and_an_office_manager_all(clinic, make):
    colleague = clinic.hire("doctor")
    own, theirs = make(), make(colleague)

    assert listed(clinic.doctor, own) and not listed(clinic.doctor, theirs)
    assert listed(colleague, theirs) and not listed(colleague, own)
    assert listed(clinic.admin, own) and listed(clinic.admin, theirs)
    assert not listed(clinic.elsewhere.admin, own)


def test_list_is_paged_the_newest_first(clinic, make):
    doctor = clinic.hire("doctor")
    made = [make(doctor)["id"] for _ in range(3)]

    first, second = (doctor.get(ADDRESS, page=page, limit=2).json for page in (1, 2))

    assert [row["id"] for row in first["joinCodes"] + second["joinCodes"]] == made[::-1]
    assert (first["total"], first["page"], first["limit"]) == (3, 1, 2)


def test_doctor_makes_none_for_a_colleague(clinic, office):
    colleague = clinic.hire("doctor")

    answer = clinic.doctor.post(ADDRESS, {"officeId": office["id"], "doctorId": colleague.id})

    assert answer.status == 403


def test_office_manager_says_for_which_doctor(clinic, office):
    answer = clinic.admin.post(ADDRESS, {"officeId": office["id"]})

    assert (answer.status, set(answer.json["errors"])) == (400, {"doctorId"})


def test_join_code_needs_a_doctor_of_the_practice(clinic, office):
    for doctor_id in (clinic.staff.id, clinic.elsewhere.doctor.id, NOBODY):
        answer = clinic.admin.post(ADDRESS, {"officeId": office["id"], "doctorId": doctor_id})
        assert answer.status == 404


def test_another_practices_office_has_no_code(clinic):
    foreign = clinic.elsewhere.admin.post("/api/offices", {"name": "Elsewhere"}).json["id"]

    for office_id in (foreign, NOBODY):
        assert clinic.doctor.post(ADDRESS, {"officeId": office_id}).status == 404


def test_invalid_fields_are_refused(clinic, office, subtests):
    for field, value in [
        ("officeId", None),
        ("doctorId", "me"),
        ("expiresAt", "2001-01-01T00:00:00Z"),
        ("expiresAt", "2400-01-01T00:00:00Z"),
        ("expiresAt", 20311231),
        ("expiresAt", "soon"),
        ("expiresAt", "2001-01-01"),
        ("expiresAt", "2090-02-30"),
        ("expiresAt", "9999-12-31"),
        ("mostUses", 0),
        ("mostUses", -1),
        ("mostUses", 10**10),
        ("mostUses", "many"),
    ]:
        with subtests.test(field=field, value=value):
            answer = clinic.doctor.post(ADDRESS, {"officeId": office["id"], field: value})

            assert (answer.status, set(answer.json["errors"])) == (400, {field})


@pytest.mark.parametrize("role", ["staff", "billing", "patient"])
def test_other_roles_cannot_use_join_codes(clinic, make, role):
    made, caller = make(), clinic.as_role(role)

    assert caller.get(ADDRESS).status == 403
    assert caller.post(ADDRESS, {"officeId": made["officeId"]}).status == 403
    assert caller.request("DELETE", f"{ADDRESS}/{made['id']}").status == 403


# --- Withdrawing


@pytest.mark.parametrize("role", ["doctor", "admin"])
def test_code_is_withdrawn_for_good(clinic, anonymous, make, role):
    made = make()
    address = f"{ADDRESS}/{made['id']}"

    assert clinic.as_role(role).request("DELETE", address).status == 204
    assert clinic.as_role(role).request("DELETE", address).status == 204  # it stays so

    assert listed(clinic.doctor, made)["state"] == "withdrawn"
    assert anonymous.post("/api/auth/register", newcomer(made["code"])).status == 400


def test_somebody_elses_code_does_not_exist(clinic, make):
    made = make()

    for caller in (clinic.hire("doctor"), clinic.elsewhere.admin):
        assert caller.request("DELETE", f"{ADDRESS}/{made['id']}").status == 404
    assert listed(clinic.doctor, made)["state"] == "live"


# --- Registering with one


def test_who_registers_with_a_code_comes_to_its_doctor_and_office(clinic, anonymous, make):
    made = make()
    body = newcomer(f"{made['code'][:4].lower()}-{made['code'][4:]} ")

    answer = anonymous.post("/api/auth/register", body)

    assert answer.status == 201
    assert anonymous.sign_in(body["email"], PASSWORD).status == 200
    assert anonymous.get("/api/users/me").json["officeId"] == made["officeId"]
    assert listed(clinic.doctor, made)["uses"] == 1
    assert chart_of(anonymous) == ("pending", made["doctorId"])


def chart_of(patient):
    """Status and primary doctor, which the API does not show."""
    query = "SELECT status, primary_doctor_id FROM patients_patient WHERE user_id = %s"
    ((status, doctor_id),) = patient.transport.query(query, patient.id.replace("-", ""))
    return status, str(uuid.UUID(str(doctor_id)))


def test_code_that_is_used_up_takes_nobody(clinic, anonymous, make):
    made = make(mostUses=1)

    first, second = (anonymous.post("/api/auth/register", newcomer(made["code"])) for _ in range(2))

    assert (first.status, second.status) == (201, 400)
    row = listed(clinic.doctor, made)
    assert (row["state"], row["uses"]) == ("used_up", 1)


def test_registration_that_fails_uses_nothing_up(clinic, anonymous, make):
    made = make(mostUses=1)

    assert anonymous.post("/api/auth/register", newcomer(made["code"], password="x")).status == 400
    taken = clinic.patient.user["email"]
    assert anonymous.post("/api/auth/register", newcomer(made["code"], email=taken)).status == 400

    assert listed(clinic.doctor, made)["uses"] == 0
    assert anonymous.post("/api/auth/register", newcomer(made["code"])).status == 201


def test_every_invalid_code_gets_the_same_answer(clinic, anonymous, make):
    withdrawn, used_up = make(), make(mostUses=1)
    clinic.doctor.request("DELETE", f"{ADDRESS}/{withdrawn['id']}")
    anonymous.post("/api/auth/register", newcomer(used_up["code"]))

    answers = [
        anonymous.post("/api/auth/register", newcomer(code))
        for code in (withdrawn["code"], used_up["code"], "NOSUCH22", "?", "é" * 8)
    ]

    assert {answer.status for answer in answers} == {400}
    assert len({answer.body for answer in answers}) == 1
    assert set(answers[0].json["errors"]) == {"joinCode"}


def test_practices_own_code_goes_on_working(clinic, anonymous):
    body = newcomer(clinic.join_code)

    assert anonymous.post("/api/auth/register", body).status == 201
    anonymous.sign_in(body["email"], PASSWORD)
    assert "officeId" not in anonymous.get("/api/users/me").json


def test_guessing_while_registering_is_limited_by_address(clinic, settings):
    settings.JOIN_CODE_TRIES_PER_HOUR = 3
    stranger = Caller(clinic.transport)

    answers = [stranger.post("/api/auth/register", newcomer(f"GUESS22{number}")) for number in range(4)]

    assert [answer.status for answer in answers] == [400, 400, 400, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert stranger.post("/api/auth/register", newcomer(clinic.join_code)).status == 429
    plain = newcomer("")
    assert stranger.post("/api/auth/register", plain).status == 201  # no code, no guess


def test_database_dump_contains_no_usable_code(clinic, make):
    codes = [make()["code"], clinic.join_code]

    rows = [row for table in ("accounts_joincode", "practices_practice") for row in clinic.transport.query(ALL + table)]

    stored = b" ".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for row in rows for v in row)
    assert len(rows) >= 2
    for code in codes:
        assert code.encode() not in stored
        assert sha256(code.encode()).digest() not in stored
