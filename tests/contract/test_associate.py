"""POST /auth/associate: a signed-in patient joins a doctor and an office by code."""

import uuid

import pytest

from tests.contract.clients import Caller
from tests.contract.clinic import PASSWORD, fresh_email

ADDRESS = "/auth/associate"
UNUSABLE = {
    "detail": "join_code: This join code can't be used. Please ask the practice for a new one.",
    "errors": {"join_code": ["This join code can't be used. Please ask the practice for a new one."]},
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
    ((chart_id, doctor_id),) = patient.transport.query(query, patient.id.replace("-", ""))
    return uuid.UUID(str(chart_id)), doctor_id and str(uuid.UUID(str(doctor_id)))


def events(clinic, kind):
    return clinic.admin.get("/api/audit", event=kind, limit=100).json["events"]


def test_join_code_assigns_doctor_and_office(clinic, make, newcomer):
    code, patient = make(), newcomer()

    answer = patient.post(ADDRESS, {"join_code": code["code"]})

    assert (answer.status, answer.json) == (200, {"chiro_id": code["doctorId"], "office_id": code["officeId"]})
    assert chart_of(patient)[1] == code["doctorId"]
    assert patient.get("/api/users/me").json["officeId"] == code["officeId"]
    assert uses(clinic, code) == 1


@pytest.mark.parametrize("spelling", [str.lower, lambda code: f" {code[:4]}-{code[4:]} ", lambda code: " ".join(code)])
def test_small_letters_spaces_and_dashes_do_not_matter(make, newcomer, spelling):
    assert newcomer().post(ADDRESS, {"join_code": spelling(make()["code"])}).status == 200


def test_same_patient_with_the_same_code_uses_it_once(clinic, make, newcomer):
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


def test_every_invalid_code_gets_the_same_answer(clinic, make, newcomer):
    withdrawn, used_up, gone = make(), make(mostUses=1), make(clinic.hire("doctor"))
    clinic.admin.request("DELETE", f"/api/join-codes/{withdrawn['id']}")
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


def test_doctor_must_still_work_here(clinic):
    clinic = clinic
    office = clinic.admin.post("/api/offices", {"name": "Midtown"}).json
    doctor = clinic.hire("doctor")
    code = doctor.post("/api/join-codes", {"officeId": office["id"]}).json["code"]
    from accounts.models import User
    from core.tenancy.scope import installation_scope

    with installation_scope():
        User.all_practices.filter(pk=doctor.id).update(is_active=False)

    assert clinic.hire("patient").post(ADDRESS, {"join_code": code}).json == UNUSABLE


def test_join_code_cannot_move_a_confirmed_chart(clinic, make):
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


def test_only_patients_come_by_code(clinic, make, subtests):
    for role in ["admin", "doctor", "staff", "billing"]:
        with subtests.test(role=role):
            assert clinic.as_role(role).post(ADDRESS, {"join_code": make()["code"]}).status == 403


def test_anonymous_caller_cannot_use_a_join_code(anonymous, make):
    assert anonymous.post(ADDRESS, {"join_code": make()["code"]}).status == 401


def test_non_text_code_is_refused(newcomer, subtests):
    for body in [{}, {"join_code": ""}, {"join_code": None}, {"join_code": 5}, {"join_code": ["A"]}]:
        with subtests.test(body=body):
            answer = newcomer().post(ADDRESS, body)

            assert (answer.status, set(answer.json["errors"])) == (400, {"join_code"})


# --- The trail


def test_each_use_and_refusal_is_logged(clinic, make, newcomer):
    code, patient = make(), newcomer()
    chart_id = str(chart_of(patient)[0])

    patient.post(ADDRESS, {"join_code": "NOSUCH22"})
    patient.post(ADDRESS, {"join_code": code["code"]})

    refused = next(event for event in events(clinic, "join_code.refused") if event["user"]["id"] == patient.id)
    used = next(event for event in events(clinic, "join_code.used") if event["user"]["id"] == patient.id)
    assert (refused["outcome"], refused["patients"], refused["details"]["reason"]) == ("refused", [chart_id], "unknown")
    assert (used["outcome"], used["patients"], used["aboutId"]) == ("done", [chart_id], code["id"])
    assert code["code"] not in str(events(clinic, "join_code.used")) + str(events(clinic, "join_code.refused"))


# --- Guessing


@pytest.fixture
def few_tries(clinic, settings):
    settings.JOIN_CODE_TRIES_PER_HOUR = 3
    office = clinic.admin.post("/api/offices", {"name": "Midtown"}).json
    code = clinic.doctor.post("/api/join-codes", {"officeId": office["id"]}).json["code"]
    return clinic, code


def test_user_has_so_many_tries_an_hour_good_ones_among_them(few_tries):
    clinic, code = few_tries
    patient = clinic.hire("patient")

    answers = [patient.post(ADDRESS, {"join_code": text}) for text in (code, "NOSUCH22", "NOSUCH33", code)]

    assert [answer.status for answer in answers] == [200, 400, 400, 429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert events(clinic, "join_code.refused")[0]["details"] == {"reason": "too_many_tries"}


def test_address_has_no_more_tries_however_many_accounts_it_has(few_tries):
    clinic, code = few_tries
    patients = [clinic.hire("patient") for _ in range(4)]

    statuses = [patient.post(ADDRESS, {"join_code": "NOSUCH22"}).status for patient in patients]

    assert statuses == [400, 400, 400, 429]
    assert patients[0].post(ADDRESS, {"join_code": code}).status == 429


@pytest.mark.slow  # an interpreter of its own
def test_default_limit_is_ten_tries():
    from tests.guards.test_settings import fresh

    done = fresh(
        "import django; django.setup(); from django.conf import settings; print(settings.JOIN_CODE_TRIES_PER_HOUR)"
    )

    assert done.stdout.strip() == "10"


def test_registered_with_one_code_a_patient_may_still_take_another(clinic, make):
    first, second = make(), make(clinic.hire("doctor"))
    email, patient = fresh_email("grace"), Caller(clinic.transport)
    body = {"name": "Grace", "email": email, "password": PASSWORD, "role": "patient", "joinCode": first["code"]}
    assert patient.post("/api/auth/register", body).status == 201
    patient.sign_in(email, PASSWORD)

    assert patient.post(ADDRESS, {"join_code": second["code"]}).json["chiro_id"] == second["doctorId"]
