"""/api/users: an office manager sees the practice's accounts, deactivates them, ends their sessions, and removes the
second factor of somebody who has lost theirs."""

import pytest

from tests.contract.apps import App
from tests.contract.clinic import NOBODY, PASSWORD
from tests.contract.doors import Caller
from tests.contract.second_factors import with_app

USERS = "/api/users"
SHARED = ["id", "email", "name", "role", "phone", "created_at", "officeId", "isActive", "secondFactor"]


def listed(caller, **query):
    """All of them, however many pages."""
    found, page = [], 1
    while True:
        answer = caller.get(USERS, page=page, limit=100, **query)
        assert answer.status == 200, answer
        found += answer.json["users"]
        if len(found) >= answer.json["total"]:
            return found
        page += 1


def the(caller, person, **query):
    (found,) = [shown for shown in listed(caller, **query) if shown["id"] == person.id]
    return found


@pytest.fixture
def admin(clinic):
    return clinic.admin


def test_the_team_is_listed_and_patients_when_asked_for(clinic, admin):
    doctor, billing, patient = clinic.doctor, clinic.billing, clinic.patient
    team = listed(admin)

    assert {doctor.id, billing.id, admin.id} <= {person["id"] for person in team}
    assert patient.id not in {person["id"] for person in team}
    assert {person["role"] for person in team} <= {"admin", "doctor", "staff"}
    assert the(admin, patient, role="patient")["role"] == "patient"
    assert {person["role"] for person in listed(admin, role="doctor")} == {"doctor"}
    assert the(admin, billing, role="billing")["role"] == "staff"
    assert the(admin, billing, role="staff") == the(admin, billing)
    assert clinic.staff.id not in {person["id"] for person in listed(admin, role="billing")}


def test_an_account_says_who_it_is_and_whether_it_can_sign_in(clinic, admin):
    doctor = clinic.hire("doctor", name="Dr. Ada Moss", phone="555 0101", specialization="Therapy")
    shown = the(admin, doctor)

    assert list(shown) == [*SHARED[:5], "specialization", *SHARED[5:]]
    assert {name: shown[name] for name in ("name", "phone", "specialization", "email")} == {
        "name": "Dr. Ada Moss",
        "phone": "555 0101",
        "specialization": "Therapy",
        "email": doctor.user["email"],
    }
    assert (shown["isActive"], shown["secondFactor"], shown["officeId"]) == (True, False, None)


def test_it_comes_in_pages(clinic, admin):
    for _ in range(2):
        clinic.hire("staff")
    everybody = [person["id"] for person in listed(admin)]

    one, two = (admin.get(USERS, page=page, limit=1).json for page in (1, 2))

    assert [person["id"] for person in (*one["users"], *two["users"])] == everybody[:2]
    assert (one["total"], one["page"], one["limit"], two["page"]) == (len(everybody), 1, 1, 2)
    assert admin.get(USERS, limit=1000).json["limit"] == 100
    assert len(admin.get(USERS).json["users"]) == min(10, len(everybody))


@pytest.mark.parametrize("query", [{"role": "owner"}, {"page": 0}, {"limit": "all"}])
def test_a_question_that_makes_no_sense_is_malformed(admin, query):
    answer = admin.get(USERS, **query)

    assert (answer.status, set(answer.json["errors"])) == (400, set(query))


def test_a_deactivated_account_is_let_in_nowhere_until_it_is_active_again(clinic, admin):
    person = clinic.hire("doctor")
    phone = App(clinic.door)
    phone.log_in(person.user["email"])
    assert (person.get("/api/users/me").status, phone.get("/api/users/me").status) == (200, 200)

    answer = admin.patch(f"{USERS}/{person.id}", {"isActive": False})

    assert (answer.status, answer.json) == (200, the(admin, person))
    assert answer.json["isActive"] is False
    assert (person.get("/api/users/me").status, phone.get("/api/users/me").status) == (401, 401)
    assert person.post("/api/auth/refresh").status == 401
    assert Caller(clinic.door).sign_in(person.user["email"], PASSWORD).status == 401
    assert admin.patch(f"{USERS}/{person.id}", {"isActive": True}).json["isActive"] is True
    assert person.get("/api/users/me").status == 401  # what ended stays so
    assert Caller(clinic.door).sign_in(person.user["email"], PASSWORD).status == 200


def test_all_sessions_of_somebody_end_and_they_may_come_back(clinic, admin):
    person = clinic.hire("staff")
    phone = App(clinic.door)
    phone.log_in(person.user["email"])

    answer = admin.ask("DELETE", f"{USERS}/{person.id}/sessions")

    assert (answer.status, answer.body) == (204, b"")
    assert (person.get("/api/users/me").status, phone.get("/api/users/me").status) == (401, 401)
    assert person.post("/api/auth/refresh").status == 401
    assert Caller(clinic.door).sign_in(person.user["email"], PASSWORD).status == 200
    assert admin.ask("DELETE", f"{USERS}/{person.id}/sessions").status == 204


def test_a_lost_second_factor_is_removed_by_an_office_manager(clinic, admin):
    person = clinic.hire("staff")
    with_app(person)
    assert the(admin, person)["secondFactor"] is True

    assert admin.ask("DELETE", f"{USERS}/{person.id}/mfa").status == 204

    assert the(admin, person)["secondFactor"] is False
    assert person.get("/api/users/me").status == 401
    answer = Caller(clinic.door).sign_in(person.user["email"], PASSWORD)
    assert (answer.status, set(answer.json)) == (200, {"user"})
    assert admin.ask("DELETE", f"{USERS}/{person.id}/mfa").status == 404


def test_nobody_deactivates_themself_or_removes_their_own_second_factor_so(clinic):
    manager = clinic.hire("admin")
    with_app(manager)

    assert manager.patch(f"{USERS}/{manager.id}", {"isActive": False}).status == 403
    assert manager.ask("DELETE", f"{USERS}/{manager.id}/mfa").status == 403

    assert the(manager, manager)["isActive"] is True
    assert the(manager, manager)["secondFactor"] is True


@pytest.mark.parametrize("body", [{}, {"isActive": None}, {"isActive": "perhaps"}, {"isActive": []}])
def test_a_change_says_active_or_not(clinic, admin, body):
    answer = admin.patch(f"{USERS}/{clinic.staff.id}", body)

    assert (answer.status, set(answer.json["errors"])) == (400, {"isActive"})


@pytest.fixture
def office(clinic):
    return clinic.admin.post("/api/offices", {"name": "Midtown"}).json["id"]


def test_an_account_comes_to_an_office_and_leaves_it(clinic, admin, office):
    person = clinic.hire("doctor")
    address = f"{USERS}/{person.id}"

    moved = admin.patch(address, {"officeId": office})

    assert (moved.status, moved.json) == (200, the(admin, person))
    assert (moved.json["officeId"], moved.json["isActive"]) == (office, True)
    assert person.get("/api/users/me").json["officeId"] == office  # and stays signed in
    booked = clinic.booking(chart=clinic.chart()["id"], doctor=person.id)
    assert booked["officeId"] == office
    away = admin.patch(address, {"officeId": None, "isActive": False}).json
    assert (away["officeId"], away["isActive"]) == (None, False)
    assert person.get("/api/users/me").status == 401


def test_another_practices_office_is_nobodys(clinic, admin):
    foreign = clinic.elsewhere.admin.post("/api/offices", {"name": "Elsewhere"}).json["id"]
    before = the(admin, clinic.staff)

    for office_id in (foreign, NOBODY):
        answer = admin.patch(f"{USERS}/{clinic.staff.id}", {"officeId": office_id, "isActive": True})
        assert (answer.status, answer.json) == (404, {"detail": "There is no such office."})

    assert admin.patch(f"{USERS}/{clinic.staff.id}", {"officeId": "Midtown"}).json["errors"].keys() == {"officeId"}
    assert the(admin, clinic.staff) == before


def test_ones_own_office_is_ones_own_to_change(clinic, office):
    manager = clinic.hire("admin")

    assert manager.patch(f"{USERS}/{manager.id}", {"officeId": office}).json["officeId"] == office


def test_nothing_else_of_an_account_is_changed_here(clinic, admin):
    before = the(admin, clinic.staff)
    change = {"isActive": True, "role": "admin", "email": "new@example.com", "is_superuser": True, "name": "New"}

    assert admin.patch(f"{USERS}/{clinic.staff.id}", change).json == before


def on_each(caller, user_id):
    return [
        caller.patch(f"{USERS}/{user_id}", {"isActive": False}).status,
        caller.ask("DELETE", f"{USERS}/{user_id}/sessions").status,
        caller.ask("DELETE", f"{USERS}/{user_id}/mfa").status,
    ]


def test_another_practices_people_do_not_exist(clinic, admin):
    foreign = clinic.elsewhere.doctor

    assert on_each(admin, foreign.id) == on_each(admin, NOBODY) == [404] * 3

    assert foreign.get("/api/users/me").status == 200
    assert foreign.id not in {person["id"] for person in listed(admin)}


@pytest.mark.parametrize("role", ["doctor", "staff", "billing", "patient"])
def test_nobody_else_manages_accounts(clinic, role):
    caller = clinic.as_role(role)

    assert caller.get(USERS).status == 403
    assert on_each(caller, clinic.staff.id) == [403] * 3


def test_the_account_behind_a_chart_that_is_closed_to_the_manager_does_not_exist(clinic, admin):
    """Its email and phone are the chart's, and who may sign in as its patient may read it."""
    patient = clinic.hire("patient")
    chart = clinic.chart_of(patient)
    assert the(admin, patient, role="patient")["email"] == patient.user["email"]
    assert admin.ask("PUT", f"/api/patients/{chart}/restriction").status == 204

    assert patient.id not in {person["id"] for person in listed(admin, role="patient")}
    assert on_each(admin, patient.id) == [404] * 3
    admin.post(f"/api/patients/{chart}/emergency-access", {"reason": "Unconscious in the waiting room"})
    assert on_each(admin, patient.id) == [404] * 3  # an emergency does not reach that far
    assert patient.get("/api/users/me").status == 200


def test_reading_a_patients_account_is_told_with_their_chart(clinic, admin):
    patient = clinic.hire("patient")
    chart = clinic.chart_of(patient)
    admin.patch(f"{USERS}/{patient.id}", {"isActive": True})
    listed(admin, role="patient")

    events = admin.get(f"/api/patients/{chart}/accesses").json["accesses"]

    assert [event["event"] for event in events].count("account.read") == 2, events
