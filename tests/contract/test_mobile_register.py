"""POST /auth/register and /auth/associate (seed 1-hipaa-auth.md, Test Strategy: POST /auth/register, POST
/auth/associate, role-based access restrictions with proper audit logging)."""

import pytest

from tests.contract.apps import App, app_of
from tests.contract.clinic import NOBODY, PASSWORD, fresh_email

ROLES = {"doctor": 1, "admin": 2, "billing": 3, "patient": 4, "staff": 5}


@pytest.fixture
def app(door):
    return App(door)


def office_of(practice, name="Main Street"):
    answer = practice.admin.post("/api/offices", {"name": name})
    assert answer.status == 201, answer
    return answer.json["id"]


def registration(office, role="staff", **fields):
    body = {"name": "New Colleague", "email": fresh_email(role), "password": PASSWORD, "role_id": ROLES[role]}
    return {**body, "office_id": office, **fields}


# --- POST /auth/register


@pytest.mark.parametrize("role", ROLES)
def test_the_office_manager_registers_every_role_at_an_office(clinic, app, role):
    office = office_of(clinic)
    body = registration(office, role)

    answer = app_of(clinic.admin).post("/auth/register", body)

    assert (answer.status, list(answer.json)) == (201, ["user_id"])
    assert app.log_in(body["email"]).status == 200
    profile = app.get("/api/users/me").json
    assert profile["id"] == answer.json["user_id"]
    assert profile["role"] == ("staff" if role == "billing" else role)
    stored = answer.json["user_id"], office
    if clinic.door.name == "client" or not clinic._on_postgres:
        stored = tuple(value.replace("-", "") for value in stored)
    ((at,),) = clinic.door.query("SELECT office_id FROM accounts_user WHERE id = %s", stored[0])
    assert str(at).replace("-", "") == stored[1].replace("-", "")


def test_a_patient_who_is_registered_has_a_pending_chart(clinic, app):
    body = registration(office_of(clinic), "patient", name="Nora Quist")
    assert app_of(clinic.admin).post("/auth/register", body).status == 201

    app.log_in(body["email"])

    (chart,) = app.get("/api/patients").json["patients"]
    assert (chart["name"], chart["dateOfBirth"]) == ("Nora Quist", None)
    assert chart["id"] not in str(clinic.staff.get("/api/patients", limit=100).json)


@pytest.mark.parametrize("role", ["doctor", "staff", "billing", "patient"])
def test_role_based_access_lets_nobody_but_the_office_manager_register(clinic, role):
    refused = app_of(clinic.as_role(role)).post("/auth/register", registration(office_of(clinic)))

    assert (refused.status, refused.json) == (403, {"detail": "Your role may not do this."})
    events = clinic.admin.get("/api/audit", kind="data.created", outcome="refused", limit=100).json["events"]
    assert clinic.as_role(role).id in str(events)


def test_nobody_unknown_registers_anybody(clinic, app):
    assert app.post("/auth/register", registration(office_of(clinic))).status == 401


def test_another_practices_office_does_not_exist(clinic):
    foreign = office_of(clinic.elsewhere)

    for office in (foreign, NOBODY):
        body = registration(office)
        answer = app_of(clinic.admin).post("/auth/register", body)
        assert (answer.status, answer.json) == (404, {"detail": "There is no such office."})
        assert App(clinic.door).log_in(body["email"]).status == 401


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("role_id", 6),
        ("role_id", "doctor"),
        ("role_id", None),
        ("office_id", "here"),
        ("email", "nobody"),
        ("password", "short"),
        ("name", ""),
    ],
)
def test_what_cannot_be_registered_names_its_field(clinic, field, value):
    answer = app_of(clinic.admin).post("/auth/register", registration(office_of(clinic), **{field: value}))

    assert (answer.status, list(answer.json["errors"])) == (400, [field])


def test_an_email_has_one_account(clinic):
    body = registration(office_of(clinic))
    manager = app_of(clinic.admin)
    assert manager.post("/auth/register", body).status == 201

    assert manager.post("/auth/register", body).json["errors"] == {"email": ["This email already has an account."]}


# --- POST /auth/associate


def test_a_join_code_brings_a_patient_to_a_doctor_and_an_office(clinic):
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
