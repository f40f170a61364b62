"""POST /auth/associate: a signed-in patient comes to a doctor and an office."""

import uuid

import pytest

from tests.contract.clinic import PASSWORD, fresh_email
from tests.contract.doors import Caller

ADDRESS = "/auth/associate"
UNUSABLE = {
    "detail": "join_code: This join code cannot be used. Please ask the practice for another one.",
    "errors": {"join_code": ["This join code cannot be used. Please ask the practice for another one."]},
}


@pytest.fixture
def make(clinic):
    office = clinic.admin.post("/api/offices", {"name": "Midtown"}).json

    def make(by=None, **fields):
        answer = (by or clinic.doctor).post("/api/join-codes", {"officeId": office["id"], **fields})
        assert answer.status == 201, answer
        return answer.json

    return make


@pytest.fixture
def newcomer(clinic):
    """`newcomer()`: a patient who has registered with the practice and waits."""

    def register():
        return clinic.hire("patient")

    return register


def uses(clinic, code):
    rows = clinic.admin.get("/api/join-codes", limit=100).json["joinCodes"]
    return next(row["uses"] for row in rows if row["id"] == code["id"])


def chart_of(patient):
    """The chart's key and its primary doctor, which the API does not show."""
    query = "SELECT id, primary_doctor_id FROM patients_patient WHERE user_id = %s"
    ((chart_id, doctor_id),) = patient.door.query(query, patient.id.replace("-", ""))
    return uuid.UUID(str(chart_id)), doctor_id and str(uuid.UUID(str(doctor_id)))


def told(clinic, kind):
    return clinic.admin.get("/api/audit", event=kind, limit=100).json["events"]


def test_a_code_ties_account_and_chart_to_doctor_and_office(clinic, make, newcomer):
    code, patient = make(), newcomer()

    answer = patient.post(ADDRESS, {"join_code": code["code"]})

    assert (answer.status, answer.json) == (200, {"chiro_id": code["doctorId"], "office_id": code["officeId"]})
    assert chart_of(patient)[1] == code["doctorId"]
    assert patient.get("/api/users/me").json["officeId"] == code["officeId"]
    assert uses(clinic, code) == 1


@pytest.mark.parametrize("spelling", [str.lower, lambda code: f" {code[:4]}-{code[4:]} ", lambda code: " ".join(code)])
def test_small_letters_spaces_and_dashes_do_not_matter(make, newcomer, spelling):
    assert newcomer().post(ADDRESS, {"join_code": spelling(make()["code"])}).status == 200


def test_the_same_patient_with_the_same_code_uses_it_once(clinic, make, newcomer):
    code, patient = make(mostUses=1), newcomer()

    answers = [patient.post(ADDRESS, {"join_code": code["code"]}) for _ in range(3)]

    assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
    assert uses(clinic, code) == 1
    assert newcomer().post(ADDRESS, {"join_code": code["code"]}).json == UNUSABLE


def test_another_code_moves_a_patient_who_still_waits(clinic, make, newcomer):
    first, second, patient = make(), make(clinic.hire("doctor")), newcomer()
    patient.post(ADDRESS, {"join_code": first["code"]})

    answer = patient.post(ADDRESS, {"join_code": second["code"]})

    assert (answer.status, answer.json["chiro_id"]) == (200, second["doctorId"])
    assert (uses(clinic, first), uses(clinic, second)) == (1, 1)


def test_every_code_that_is_not_good_has_one_answer(clinic, make, newcomer):
    withdrawn, used_up, gone = make(), make(mostUses=1), make(clinic.hire("doctor"))
    clinic.admin.ask("DELETE", f"/api/join-codes/{withdrawn['id']}")
    newcomer().post(ADDRESS, {"join_code": used_up["code"]})
    foreign_office = clinic.elsewhere.admin.post("/api/offices", {"name": "There"}).json["id"]
    foreign = clinic.elsewhere.doctor.post("/api/join-codes", {"officeId": foreign_office}).json
    patient = newcomer()

    typed = [withdrawn["code"], used_up["code"], foreign["code"], clinic.join_code, "NOSUCH22", "?"]
    for text in typed:
        answer = patient.post(ADDRESS, {"join_code": text})
        assert (answer.status, answer.json) == (400, UNUSABLE), text

    assert chart_of(patient)[1] is None
    assert "officeId" not in patient.get("/api/users/me").json
    assert uses(clinic, gone) == 0


def test_the_doctor_must_still_work_here(inner_clinic):
    clinic = inner_clinic
    office = clinic.admin.post("/api/offices", {"name": "Midtown"}).json
    doctor = clinic.hire("doctor")
    code = doctor.post("/api/join-codes", {"officeId": office["id"]}).json["code"]
    from accounts.models import User
    from core.tenancy import installation_scope

    with installation_scope():
        User.sign_in.filter(pk=doctor.id).update(is_active=False)

    assert clinic.hire("patient").post(ADDRESS, {"join_code": code}).json == UNUSABLE


def test_a_confirmed_chart_is_the_desks(clinic, make):
    code, chart = make(), confirmed(clinic)

    answer = chart.post(ADDRESS, {"join_code": code["code"]})

    assert (answer.status, set(answer.json)) == (409, {"detail"})
    assert chart.post(ADDRESS, {"join_code": "NOSUCH22"}).json == answer.json  # and they learn nothing of codes
    assert uses(clinic, code) == 0


def confirmed(clinic):
    patient = clinic.hire("patient")
    chart_id, _ = chart_of(patient)
    answer = clinic.staff.post(f"/api/registrations/{chart_id}/confirm", {})
    assert answer.status == 200, answer
    return patient


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing"])
def test_only_patients_come_by_code(clinic, make, role):
    assert clinic.as_role(role).post(ADDRESS, {"join_code": make()["code"]}).status == 403


def test_whoever_is_not_signed_in_has_no_chart_to_tie(anonymous, make):
    assert anonymous.post(ADDRESS, {"join_code": make()["code"]}).status == 401


@pytest.mark.parametrize("body", [{}, {"join_code": ""}, {"join_code": None}, {"join_code": 5}, {"join_code": ["A"]}])
def test_what_is_no_text_is_no_code(newcomer, body):
    answer = newcomer().post(ADDRESS, body)

    assert (answer.status, set(answer.json["errors"])) == (400, {"join_code"})


# --- The trail


def test_each_use_and_each_refused_try_is_in_the_trail(clinic, make, newcomer):
    code, patient = make(), newcomer()
    chart_id = str(chart_of(patient)[0])

    patient.post(ADDRESS, {"join_code": "NOSUCH22"})
    patient.post(ADDRESS, {"join_code": code["code"]})

    refused = next(event for event in told(clinic, "join_code.refused") if event["user"]["id"] == patient.id)
    used = next(event for event in told(clinic, "join_code.used") if event["user"]["id"] == patient.id)
    assert (refused["outcome"], refused["patients"], refused["details"]["reason"]) == ("refused", [chart_id], "unknown")
    assert (used["outcome"], used["patients"], used["aboutId"]) == ("done", [chart_id], code["id"])
    assert code["code"] not in str(told(clinic, "join_code.used")) + str(told(clinic, "join_code.refused"))


# --- Guessing


@pytest.fixture
def few_tries(inner_clinic, settings):
    settings.JOIN_CODE_TRIES_PER_HOUR = 3
    office = inner_clinic.admin.post("/api/offices", {"name": "Midtown"}).json
    code = inner_clinic.doctor.post("/api/join-codes", {"officeId": office["id"]}).json["code"]
    return inner_clinic, code


def test_a_user_has_so_many_tries_an_hour_good_ones_among_them(few_tries):
    clinic, code = few_tries
    patient = clinic.hire("patient")

    answers = [patient.post(ADDRESS, {"join_code": text}) for text in (code, "NOSUCH22", "NOSUCH33", code)]

    assert [answer.status for answer in answers] == [200, 400, 400, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert told(clinic, "join_code.refused")[0]["details"] == {"reason": "too_many_tries"}


def test_an_address_has_no_more_tries_however_many_accounts_it_has(few_tries):
    clinic, code = few_tries
    patients = [clinic.hire("patient") for _ in range(4)]

    statuses = [patient.post(ADDRESS, {"join_code": "NOSUCH22"}).status for patient in patients]

    assert statuses == [400, 400, 400, 429]
    assert patients[0].post(ADDRESS, {"join_code": code}).status == 429


def test_ten_tries_is_what_is_set_where_nobody_sets_it():
    from tests.guards.test_settings import fresh

    done = fresh(
        "import django; django.setup(); from django.conf import settings; print(settings.JOIN_CODE_TRIES_PER_HOUR)"
    )

    assert done.stdout.strip() == "10"


def test_registered_with_one_code_a_patient_may_still_take_another(clinic, make):
    first, second = make(), make(clinic.hire("doctor"))
    email, patient = fresh_email("grace"), Caller(clinic.door)
    body = {"name": "Grace", "email": email, "password": PASSWORD, "role": "patient", "joinCode": first["code"]}
    assert patient.post("/api/auth/register", body).status == 201
    patient.sign_in(email, PASSWORD)

    assert patient.post(ADDRESS, {"join_code": second["code"]}).json["chiro_id"] == second["doctorId"]
