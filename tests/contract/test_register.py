"""POST /api/auth/register: who may register whom, and where they land."""

import uuid

import pytest

from tests.contract.clinic import NOBODY, PASSWORD, Practice, fresh_email

ROLES = ["admin", "doctor", "staff", "patient", "billing"]
REFUSED = {"detail": "Only an office manager of the practice can register this role."}


def registration(role, **fields):
    return {"name": "Grace Hopper", "email": fresh_email("grace"), "password": PASSWORD, "role": role, **fields}


def test_patient_registers_with_the_practices_code(clinic, anonymous):
    body = registration("patient", joinCode=clinic.join_code, phone="555 0100")

    answer = anonymous.post("/api/auth/register", body)

    assert answer.status == 201
    assert set(answer.json) == {"id", "email", "name", "role"}
    assert uuid.UUID(answer.json["id"])
    assert (answer.json["email"], answer.json["name"], answer.json["role"]) == (body["email"], body["name"], "patient")
    assert answer.set_cookies == []


def test_registration_waits_for_the_desk(clinic, anonymous):
    before = clinic.staff.get("/api/dashboard/stats").json["pendingRegistrations"]
    body = registration("patient", joinCode=clinic.join_code.lower(), phone="555 0100")

    anonymous.post("/api/auth/register", body)

    assert clinic.staff.get("/api/dashboard/stats").json["pendingRegistrations"] == before + 1
    anonymous.sign_in(body["email"], PASSWORD)
    [chart] = anonymous.get("/api/patients").json["patients"]
    assert (chart["name"], chart["email"], chart["phone"]) == (body["name"], body["email"], "555 0100")
    listed = [row["id"] for row in clinic.staff.get("/api/patients", search=body["email"]).json["patients"]]
    assert listed == []


def test_registration_never_takes_over_a_chart_with_its_email(clinic, anonymous):
    chart = clinic.chart(email=fresh_email("there"))
    body = registration("patient", email=chart["email"], joinCode=clinic.join_code)

    assert anonymous.post("/api/auth/register", body).status == 201
    anonymous.sign_in(body["email"], PASSWORD)

    assert [row["id"] for row in anonymous.get("/api/patients").json["patients"]] != [chart["id"]]
    assert anonymous.get(f"/api/patients/{chart['id']}").status == 404


def test_code_that_no_practice_has_is_refused(clinic, anonymous):
    answer = anonymous.post("/api/auth/register", registration("patient", joinCode="NOSUCH11"))

    assert (answer.status, set(answer.json["errors"])) == (400, {"joinCode"})


def test_without_a_code_the_only_practice_is_meant_and_several_are_asked_for(clinic, anonymous):
    assert anonymous.post("/api/auth/register", registration("patient")).status == 201

    Practice(clinic.transport, "Second")

    answer = anonymous.post("/api/auth/register", registration("patient"))
    assert (answer.status, set(answer.json["errors"])) == (400, {"joinCode"})


@pytest.mark.parametrize("by", ["doctor", "staff", "billing"])
def test_colleague_registers_a_patient_in_their_own_practice(clinic, by):
    _ = clinic.elsewhere  # so that there are several
    before = clinic.staff.get("/api/dashboard/stats").json["pendingRegistrations"]

    answer = clinic.as_role(by).post("/api/auth/register", registration("patient"))

    assert answer.status == 201
    assert clinic.staff.get("/api/dashboard/stats").json["pendingRegistrations"] == before + 1


def test_colleague_may_name_another_practice(clinic):
    before = clinic.elsewhere.staff.get("/api/dashboard/stats").json["pendingRegistrations"]

    body = registration("patient", joinCode=clinic.elsewhere.join_code)
    assert clinic.staff.post("/api/auth/register", body).status == 201

    assert clinic.elsewhere.staff.get("/api/dashboard/stats").json["pendingRegistrations"] == before + 1


def test_signed_in_patient_names_the_practice_like_anybody(clinic):
    _ = clinic.elsewhere
    answer = clinic.patient.post("/api/auth/register", registration("patient"))

    assert (answer.status, set(answer.json["errors"])) == (400, {"joinCode"})


@pytest.mark.parametrize("role", ["doctor", "staff", "billing"])
def test_outsiders_cannot_register_as_staff(clinic, anonymous, role):
    answer = anonymous.post("/api/auth/register", registration(role, joinCode=clinic.join_code))

    assert (answer.status, answer.json) == (403, REFUSED)


def test_without_open_sign_up_nobody_becomes_an_admin(clinic, anonymous, settings):
    settings.PRACTICE_SIGNUP = False

    answer = anonymous.post("/api/auth/register", registration("admin"))

    assert (answer.status, answer.json) == (403, REFUSED)


def test_open_sign_up_opens_a_practice_of_its_own(clinic, anonymous):
    chart = clinic.chart()
    body = registration("admin", joinCode=clinic.join_code)

    answer = anonymous.post("/api/auth/register", body)

    assert (answer.status, answer.json["role"]) == (201, "admin")
    anonymous.sign_in(body["email"], PASSWORD)
    assert anonymous.get("/api/patients").json["total"] == 0
    assert anonymous.get(f"/api/patients/{chart['id']}").status == 404
    assert anonymous.get("/api/doctors").json["total"] == 0


def test_admin_registers_every_role_in_their_own_practice(clinic, subtests):
    for role in ROLES:
        with subtests.test(role=role):
            before = clinic.admin.get("/api/dashboard/stats").json["totalDoctors"]

            answer = clinic.admin.post("/api/auth/register", registration(role, joinCode=clinic.elsewhere.join_code))

            assert answer.status == 201
            assert answer.json["role"] == ("staff" if role == "billing" else role)
            after = clinic.admin.get("/api/dashboard/stats").json["totalDoctors"]
            assert after - before == (role == "doctor")


def office_of(practice):
    return practice.admin.post("/api/offices", {"name": "Midtown"}).json["id"]


def test_admin_may_say_in_which_office(clinic, anonymous, subtests):
    for role in ROLES:
        with subtests.test(role=role):
            office, body = office_of(clinic), registration(role)

            answer = clinic.admin.post("/api/auth/register", {**body, "officeId": office})

            assert (answer.status, set(answer.json)) == (201, {"id", "email", "name", "role"})
            anonymous.sign_in(body["email"], PASSWORD)
            assert anonymous.get("/api/users/me").json["officeId"] == office
            if role == "patient":
                assert anonymous.get("/api/patients").json["total"] == 1
            assert clinic.admin.post("/api/auth/register", registration(role, officeId=None)).status == 201


def test_another_practices_office_registers_nobody(clinic, anonymous):
    for office in (office_of(clinic.elsewhere), NOBODY):
        body = registration("staff", officeId=office)
        answer = clinic.admin.post("/api/auth/register", body)
        assert (answer.status, answer.json) == (404, {"detail": "Office not found."})
        assert anonymous.sign_in(body["email"], PASSWORD).status == 401


@pytest.mark.parametrize("by", ["staff", "patient", "nobody"])
def test_only_office_managers_choose_the_office(clinic, anonymous, by):
    caller = anonymous if by == "nobody" else clinic.as_role(by)

    answer = caller.post(
        "/api/auth/register", registration("patient", joinCode=clinic.join_code, officeId=office_of(clinic))
    )

    assert (answer.status, set(answer.json["errors"])) == (400, {"officeId"})


def test_only_office_managers_register_staff_even_with_open_sign_up(clinic, subtests):
    for by in ["doctor", "staff", "billing", "patient"]:
        for role in ["admin", "doctor", "staff", "billing"]:
            with subtests.test(by=by, role=role):
                answer = clinic.as_role(by).post("/api/auth/register", registration(role))

                assert (answer.status, answer.json) == (403, REFUSED)


def test_ended_session_registers_nobody(clinic, anonymous):
    answer = anonymous.with_cookies(access_token="x.y.z").post("/api/auth/register", registration("doctor"))

    assert answer.status == 401


def test_signed_in_registration_signs_nobody_else_in(clinic):
    assert clinic.register("staff").set_cookies == []
    assert clinic.admin.get("/api/users/me").json["role"] == "admin"


@pytest.mark.parametrize("role", ["doctor", "staff", "admin"])
def test_workforce_has_no_date_of_birth_here(clinic, role):
    answer = clinic.register(role, dateOfBirth="1957-03-02")

    assert answer.status == 400
    assert list(answer.json["errors"]) == ["dateOfBirth"]


def test_invalid_date_of_birth_is_refused(clinic, subtests):
    for born in ["1801-01-01", "2999-01-01", "yesterday", 19570302]:
        with subtests.test(born=born):
            answer = clinic.register("patient", dateOfBirth=born)

            assert (answer.status, list(answer.json["errors"])) == (400, ["dateOfBirth"])


def test_email_has_one_account_on_the_whole_installation(clinic, anonymous):
    email = clinic.staff.user["email"]

    for typed in (email, email.upper(), f" {email} "):
        answer = clinic.register("patient", email=typed)
        assert answer.status == 400
        assert answer.json["errors"] == {"email": ["This email already has an account."]}
    again = anonymous.post("/api/auth/register", registration("admin", email=email))
    assert again.status == 400
    assert clinic.elsewhere.register("doctor", email=email).status == 400


def test_refused_sign_up_leaves_no_practice_behind(clinic, anonymous):
    count = "SELECT count(*) FROM practices_practice"
    email = clinic.staff.user["email"]
    before = clinic.transport.query(count)

    assert anonymous.post("/api/auth/register", registration("admin", email=email)).status == 400

    assert clinic.transport.query(count) == before


def test_invalid_field_is_named(clinic, subtests):
    for field, value in [
        ("name", None),
        ("name", ""),
        ("name", "   "),
        ("name", "n" * 201),
        ("name", ["a"]),
        ("name", {"a": 1}),
        ("name", True),
        ("name", "a\x00b"),
        ("name", 12),
        ("email", None),
        ("email", "no-at-sign"),
        ("email", "a@b@c.example"),
        ("email", "a" * 250 + "@example.com"),
        ("email", 7),
        ("password", None),
        ("password", "short"),
        ("password", ""),
        ("password", "p" * 1025),
        ("password", "pass\x00word"),
        ("password", 1234567),
        ("role", None),
        ("role", "superuser"),
        ("role", "Admin"),
        ("role", ["admin"]),
        ("role", 1),
        ("phone", "5" * 41),
        ("phone", {"n": 5}),
        ("phone", 5550100),
        ("department", "d" * 121),
        ("department", "Only staff have one"),
        ("specialization", ["x"]),
        ("joinCode", 5),
    ]:
        with subtests.test(field=field, value=value):
            answer = clinic.admin.post("/api/auth/register", {**registration("doctor"), field: value})

            assert answer.status == 400, answer
            assert set(answer.json["errors"]) == {field}
            assert answer.json["detail"].startswith(f"{field}: ")


def test_required_field_is_named_when_it_is_missing(anonymous, subtests):
    body = registration("patient")

    for field in ["name", "email", "password", "role"]:
        with subtests.test(field=field):
            del body[field]

            answer = anonymous.post("/api/auth/register", body)

            assert answer.status == 400
            assert field in answer.json["errors"]


@pytest.mark.parametrize("empty", [None, ""])
def test_optional_field_may_be_left_empty(clinic, empty):
    answer = clinic.register("doctor", phone=empty, specialization=empty, department=empty)

    assert answer.status == 201


def test_six_characters_are_a_patients_password(clinic):
    assert clinic.register("patient", password="123456").status == 201
    assert clinic.register("patient", password="12345").status == 400


def test_long_password_counts_to_its_last_character(clinic, anonymous):
    email, password = fresh_email(), "p" * 100
    clinic.register("staff", email=email, password=password + "a")

    assert anonymous.sign_in(email, password + "b").status == 401
    assert anonymous.sign_in(email, password + "a").status == 200
