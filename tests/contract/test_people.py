"""/api/users: an office manager sees the practice's accounts, deactivates them, ends their sessions, and removes the
second factor of somebody who has lost theirs."""

import pytest

from tests.contract.apps import App
from tests.contract.clients import Caller
from tests.contract.clinic import NOBODY, PASSWORD
from tests.contract.second_factors import set_up_app

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


def find_user(caller, person, **query):
    (found,) = [shown for shown in listed(caller, **query) if shown["id"] == person.id]
    return found


@pytest.fixture
def admin(clinic):
    return clinic.admin


def test_team_is_listed_and_patients_on_request(clinic, admin):
    doctor, billing, patient = clinic.doctor, clinic.billing, clinic.patient
    team = listed(admin)

    assert {doctor.id, billing.id, admin.id} <= {person["id"] for person in team}
    assert patient.id not in {person["id"] for person in team}
    assert {person["role"] for person in team} <= {"admin", "doctor", "staff"}
    assert find_user(admin, patient, role="patient")["role"] == "patient"
    assert {person["role"] for person in listed(admin, role="doctor")} == {"doctor"}
    assert find_user(admin, billing, role="billing")["role"] == "staff"
    assert find_user(admin, billing, role="staff") == find_user(admin, billing)
    assert clinic.staff.id not in {person["id"] for person in listed(admin, role="billing")}


def test_account_shows_its_fields(clinic, admin):
    doctor = clinic.hire("doctor", name="Dr. Ada Moss", phone="555 0101", specialization="Therapy")
    shown = find_user(admin, doctor)

    assert list(shown) == [*SHARED[:5], "specialization", *SHARED[5:]]
    assert {name: shown[name] for name in ("name", "phone", "specialization", "email")} == {
        "name": "Dr. Ada Moss",
        "phone": "555 0101",
        "specialization": "Therapy",
        "email": doctor.user["email"],
    }
    assert (shown["isActive"], shown["secondFactor"], shown["officeId"]) == (True, False, None)


def test_accounts_are_paged(clinic, admin):
    for _ in range(2):
        clinic.hire("staff")
    everybody = [person["id"] for person in listed(admin)]

    one, two = (admin.get(USERS, page=page, limit=1).json for page in (1, 2))

    assert [person["id"] for person in (*one["users"], *two["users"])] == everybody[:2]
    assert (one["total"], one["page"], one["limit"], two["page"]) == (len(everybody), 1, 1, 2)
    assert admin.get(USERS, limit=1000).json["limit"] == 100
    assert len(admin.get(USERS).json["users"]) == min(10, len(everybody))


@pytest.mark.parametrize("query", [{"role": "owner"}, {"page": 0}, {"limit": "all"}])
def test_invalid_query_is_malformed(admin, query):
    answer = admin.get(USERS, **query)

    assert (answer.status, set(answer.json["errors"])) == (400, set(query))


def test_deactivated_account_is_let_in_nowhere_until_it_is_active_again(clinic, admin):
    person = clinic.hire("doctor")
    phone = App(clinic.transport)
    phone.log_in(person.user["email"])
    assert (person.get("/api/users/me").status, phone.get("/api/users/me").status) == (200, 200)

    answer = admin.patch(f"{USERS}/{person.id}", {"isActive": False})

    assert (answer.status, answer.json) == (200, find_user(admin, person))
    assert answer.json["isActive"] is False
    assert (person.get("/api/users/me").status, phone.get("/api/users/me").status) == (401, 401)
    assert person.post("/api/auth/refresh").status == 401
    assert Caller(clinic.transport).sign_in(person.user["email"], PASSWORD).status == 401
    assert admin.patch(f"{USERS}/{person.id}", {"isActive": True}).json["isActive"] is True
    assert person.get("/api/users/me").status == 401  # what ended stays so
    assert Caller(clinic.transport).sign_in(person.user["email"], PASSWORD).status == 200


def test_all_sessions_of_somebody_end_and_they_may_come_back(clinic, admin):
    person = clinic.hire("staff")
    phone = App(clinic.transport)
    phone.log_in(person.user["email"])

    answer = admin.request("DELETE", f"{USERS}/{person.id}/sessions")

    assert (answer.status, answer.body) == (204, b"")
    assert (person.get("/api/users/me").status, phone.get("/api/users/me").status) == (401, 401)
    assert person.post("/api/auth/refresh").status == 401
    assert Caller(clinic.transport).sign_in(person.user["email"], PASSWORD).status == 200
    assert admin.request("DELETE", f"{USERS}/{person.id}/sessions").status == 204


def test_lost_second_factor_is_removed_by_an_office_manager(clinic, admin):
    person = clinic.hire("staff")
    set_up_app(person)
    assert find_user(admin, person)["secondFactor"] is True

    assert admin.request("DELETE", f"{USERS}/{person.id}/mfa").status == 204

    assert find_user(admin, person)["secondFactor"] is False
    assert person.get("/api/users/me").status == 401
    answer = Caller(clinic.transport).sign_in(person.user["email"], PASSWORD)
    assert (answer.status, set(answer.json)) == (200, {"user"})
    assert admin.request("DELETE", f"{USERS}/{person.id}/mfa").status == 404


def test_office_manager_cannot_deactivate_themself_or_remove_own_second_factor(clinic):
    manager = clinic.hire("admin")
    set_up_app(manager)

    assert manager.patch(f"{USERS}/{manager.id}", {"isActive": False}).status == 403
    assert manager.request("DELETE", f"{USERS}/{manager.id}/mfa").status == 403

    assert find_user(manager, manager)["isActive"] is True
    assert find_user(manager, manager)["secondFactor"] is True


def test_change_needs_is_active_or_office(clinic, admin, subtests):
    for body in [{}, {"isActive": None}, {"isActive": "perhaps"}, {"isActive": []}]:
        with subtests.test(body=body):
            answer = admin.patch(f"{USERS}/{clinic.staff.id}", body)

            assert (answer.status, set(answer.json["errors"])) == (400, {"isActive"})


@pytest.fixture
def office(clinic):
    return clinic.admin.post("/api/offices", {"name": "Midtown"}).json["id"]


def test_account_comes_to_an_office_and_leaves_it(clinic, admin, office):
    person = clinic.hire("doctor")
    address = f"{USERS}/{person.id}"

    moved = admin.patch(address, {"officeId": office})

    assert (moved.status, moved.json) == (200, find_user(admin, person))
    assert (moved.json["officeId"], moved.json["isActive"]) == (office, True)
    assert person.get("/api/users/me").json["officeId"] == office  # and stays signed in
    booked = clinic.booking(chart=clinic.chart()["id"], doctor=person.id)
    assert booked["officeId"] == office
    away = admin.patch(address, {"officeId": None, "isActive": False}).json
    assert (away["officeId"], away["isActive"]) == (None, False)
    assert person.get("/api/users/me").status == 401


def test_office_of_another_practice_is_refused(clinic, admin):
    foreign = clinic.elsewhere.admin.post("/api/offices", {"name": "Elsewhere"}).json["id"]
    before = find_user(admin, clinic.staff)

    for office_id in (foreign, NOBODY):
        answer = admin.patch(f"{USERS}/{clinic.staff.id}", {"officeId": office_id, "isActive": True})
        assert (answer.status, answer.json) == (404, {"detail": "Office not found."})

    assert admin.patch(f"{USERS}/{clinic.staff.id}", {"officeId": "Midtown"}).json["errors"].keys() == {"officeId"}
    assert find_user(admin, clinic.staff) == before


def test_office_managers_change_their_own_office(clinic, office):
    manager = clinic.hire("admin")

    assert manager.patch(f"{USERS}/{manager.id}", {"officeId": office}).json["officeId"] == office


def test_other_account_fields_are_refused(clinic, admin):
    before = find_user(admin, clinic.staff)
    change = {"role": "admin", "email": "new@example.com", "is_superuser": True, "name": "New"}

    answer = admin.patch(f"{USERS}/{clinic.staff.id}", {"isActive": False, **change})

    assert (answer.status, set(answer.json["errors"])) == (400, set(change))
    assert find_user(admin, clinic.staff) == before


def on_each(caller, user_id):
    return [
        caller.patch(f"{USERS}/{user_id}", {"isActive": False}).status,
        caller.request("DELETE", f"{USERS}/{user_id}/sessions").status,
        caller.request("DELETE", f"{USERS}/{user_id}/mfa").status,
    ]


def test_another_practices_people_do_not_exist(clinic, admin):
    foreign = clinic.elsewhere.doctor

    assert on_each(admin, foreign.id) == on_each(admin, NOBODY) == [404] * 3

    assert foreign.get("/api/users/me").status == 200
    assert foreign.id not in {person["id"] for person in listed(admin)}


def test_other_roles_cannot_manage_accounts(clinic, subtests):
    for role in ["doctor", "staff", "billing", "patient"]:
        with subtests.test(role=role):
            caller = clinic.as_role(role)

            assert caller.get(USERS).status == 403
            assert on_each(caller, clinic.staff.id) == [403] * 3


def test_account_behind_a_chart_that_is_closed_to_the_manager_does_not_exist(clinic, admin):
    """Its email and phone are the chart's, and who may sign in as its patient may read it."""
    patient = clinic.hire("patient")
    chart = clinic.chart_of(patient)
    assert find_user(admin, patient, role="patient")["email"] == patient.user["email"]
    assert admin.request("PUT", f"/api/patients/{chart}/restriction").status == 204

    assert patient.id not in {person["id"] for person in listed(admin, role="patient")}
    assert on_each(admin, patient.id) == [404] * 3
    admin.post(f"/api/patients/{chart}/emergency-access", {"reason": "Unconscious in the waiting room"})
    assert on_each(admin, patient.id) == [404] * 3  # an emergency is not enough for this
    assert patient.get("/api/users/me").status == 200


def test_reading_a_patients_account_is_logged_with_their_chart(clinic, admin):
    patient = clinic.hire("patient")
    chart = clinic.chart_of(patient)
    admin.patch(f"{USERS}/{patient.id}", {"isActive": True})
    listed(admin, role="patient")

    events = admin.get(f"/api/patients/{chart}/accesses").json["accesses"]

    assert [event["event"] for event in events].count("account.read") == 2, events
