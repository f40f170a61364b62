"""POST /auth/register and /auth/associate (seed 1-hipaa-auth.md, Test Strategy: POST /auth/register, POST
/auth/associate, role-based access restrictions with proper audit logging)."""

import pytest

from accounts.models import User
from tests.contract.apps import App, app_of
from tests.contract.clinic import NOBODY, PASSWORD, fresh_email

ROLES = {"doctor": 1, "admin": 2, "billing": 3, "patient": 4, "staff": 5}


@pytest.fixture
def app(transport):
    return App(transport)


def office_of(practice, name="Main Street"):
    answer = practice.admin.post("/api/offices", {"name": name})
    assert answer.status == 201, answer
    return answer.json["id"]


def registration(office, role="staff", **fields):
    body = {"name": "New Colleague", "email": fresh_email(role), "password": PASSWORD, "role_id": ROLES[role]}
    return {**body, "office_id": office, **fields}


# --- POST /auth/register


def test_office_manager_registers_every_role_at_an_office(clinic, app, subtests):
    office = office_of(clinic)

    for role in ROLES:
        with subtests.test(role=role):
            body = registration(office, role)

            answer = app_of(clinic.admin).post("/auth/register", body)

            assert (answer.status, list(answer.json)) == (201, ["user_id"])
            assert app.log_in(body["email"]).status == 200
            profile = app.get("/api/users/me").json
            assert profile["id"] == answer.json["user_id"]
            assert profile["role"] == ("staff" if role == "billing" else role)
            assert str(User.all_practices.get(pk=answer.json["user_id"]).office_id) == office


def test_patient_who_is_registered_has_a_pending_chart(clinic, app):
    body = registration(office_of(clinic), "patient", name="Nora Quist")
    assert app_of(clinic.admin).post("/auth/register", body).status == 201

    app.log_in(body["email"])

    (chart,) = app.get("/api/patients").json["patients"]
    assert (chart["name"], chart["dateOfBirth"]) == ("Nora Quist", None)
    assert chart["id"] not in str(clinic.staff.get("/api/patients", limit=100).json)


def test_role_based_access_lets_nobody_but_the_office_manager_register(clinic, subtests):
    for role in ["doctor", "staff", "billing", "patient"]:
        with subtests.test(role=role):
            refused = app_of(clinic.as_role(role)).post("/auth/register", registration(office_of(clinic)))

            assert (refused.status, refused.json) == (403, {"detail": "You don't have permission to do this."})
            events = clinic.admin.get("/api/audit", event="data.created", outcome="refused", limit=100).json["events"]
            assert clinic.as_role(role).id in str(events)


def test_anonymous_caller_is_refused(clinic, app):
    assert app.post("/auth/register", registration(office_of(clinic))).status == 401


def test_another_practices_office_does_not_exist(clinic):
    foreign = office_of(clinic.elsewhere)

    for office in (foreign, NOBODY):
        body = registration(office)
        answer = app_of(clinic.admin).post("/auth/register", body)
        assert (answer.status, answer.json) == (404, {"detail": "Office not found."})
        assert App(clinic.transport).log_in(body["email"]).status == 401


def test_invalid_registration_names_the_field(clinic, subtests):
    for field, value in [
        ("role_id", 6),
        ("role_id", "doctor"),
        ("role_id", None),
        ("office_id", "here"),
        ("email", "nobody"),
        ("password", "short"),
        ("name", ""),
    ]:
        with subtests.test(field=field, value=value):
            answer = app_of(clinic.admin).post("/auth/register", registration(office_of(clinic), **{field: value}))

            assert (answer.status, list(answer.json["errors"])) == (400, [field])


def test_email_has_one_account(clinic):
    body = registration(office_of(clinic))
    manager = app_of(clinic.admin)
    assert manager.post("/auth/register", body).status == 201

    assert manager.post("/auth/register", body).json["errors"] == {"email": ["This email already has an account."]}


# --- POST /auth/associate


def test_join_code_brings_a_patient_to_a_doctor_and_an_office(clinic):
    office = office_of(clinic)
    made = clinic.admin.post("/api/join-codes", {"doctorId": clinic.doctor.id, "officeId": office})
    assert made.status == 201, made
    app = app_of(clinic.hire("patient"))

    answer = app.post("/auth/associate", {"join_code": made.json["code"]})

    assert (answer.status, answer.json) == (200, {"chiro_id": clinic.doctor.id, "office_id": office})


def test_associating_is_a_patients_alone(clinic, app):
    assert app_of(clinic.staff).post("/auth/associate", {"join_code": "ABCD2345"}).status == 403
    assert app.post("/auth/associate", {"join_code": "ABCD2345"}).status == 401
    assert app_of(clinic.patient).post("/auth/associate", {}).status == 400
