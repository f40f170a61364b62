"""GET and PATCH /api/users/me, and what ends a person's sessions."""

import re

import pytest

from accounts.models import User
from accounts.passwords import services as passwords_services
from accounts.users import services
from core.tenancy.scope import practice_scope
from tests.contract.clients import Caller
from tests.contract.clinic import PASSWORD, fresh_email

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
SHARED = {"id", "email", "name", "role", "phone", "created_at"}
EXTRA = {"admin": set(), "doctor": {"specialization"}, "staff": {"department"}, "billing": {"department"}}


def test_account_shows_the_fields_of_its_role(clinic, subtests):
    for role in ["admin", "doctor", "staff", "billing", "patient"]:
        with subtests.test(role=role):
            answer = clinic.as_role(role).get("/api/users/me")

            assert answer.status == 200
            profile = answer.json
            assert set(profile) == SHARED | EXTRA.get(role, set())
            assert profile["role"] == ("staff" if role == "billing" else role)
            assert profile["id"] == clinic.as_role(role).id
            assert MOMENT.fullmatch(profile["created_at"])
            assert all(isinstance(value, str) for value in profile.values())


def test_user_changes_their_own_account(clinic):
    doctor = clinic.hire("doctor")
    changes = {"name": "Dr. Ágnes O'Neil", "phone": "555 0142", "specialization": "Therapy"}

    answer = doctor.patch("/api/users/me", changes)

    assert answer.status == 200
    assert {name: answer.json[name] for name in changes} == changes
    assert doctor.get("/api/users/me").json == answer.json
    seen = clinic.staff.get(f"/api/doctors/{doctor.id}").json
    assert (seen["name"], seen["phone"], seen["specialization"]) == tuple(changes.values())


def test_what_is_not_named_keeps_its_value(clinic):
    staff = clinic.hire("staff", phone="555 0199", department="Front desk")
    before = staff.get("/api/users/me").json

    assert staff.patch("/api/users/me", {"phone": "555 0100"}).json == {**before, "phone": "555 0100"}
    assert staff.patch("/api/users/me", {"phone": None}).json == {**before, "phone": ""}


def test_other_account_fields_cannot_be_changed(clinic, subtests):
    staff = clinic.as_role("staff")
    before = staff.get("/api/users/me").json

    for field in ["role", "email", "id", "created_at", "is_active", "practice", "is_superuser"]:
        with subtests.test(field=field):
            answer = staff.patch("/api/users/me", {field: "admin"})

            assert (answer.status, set(answer.json["errors"])) == (400, {field})
            assert staff.get("/api/users/me").json == before


def test_invalid_change_names_the_field(clinic, subtests):
    for role, changes, field in [
        ("staff", {"name": ""}, "name"),
        ("staff", {"name": None}, "name"),
        ("staff", {"name": 5}, "name"),
        ("staff", {"name": "n" * 201}, "name"),
        ("staff", {"phone": ["5"]}, "phone"),
        ("staff", {"phone": "5\x00"}, "phone"),
        ("staff", {"specialization": "Surgery"}, "specialization"),
        ("doctor", {"department": "Front desk"}, "department"),
        ("patient", {"department": "Front desk"}, "department"),
    ]:
        with subtests.test(role=role, changes=changes, field=field):
            answer = clinic.as_role(role).patch("/api/users/me", changes)

            assert (answer.status, set(answer.json["errors"])) == (400, {field})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_account_allows_no_other_method(clinic, method):
    answer = clinic.staff.request(method, "/api/users/me", json={})

    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, PATCH"
    assert set(answer.json) == {"detail"}


class TestWhatEndsSessions:
    """The contract has no route for these; the admin site calls the same services."""

    @pytest.fixture
    def colleague(self, clinic):
        """Somebody signed in on two devices."""
        first = clinic.hire("doctor")
        second = Caller(clinic.transport)
        second.sign_in(first.user["email"], PASSWORD)
        for device in (first, second):
            assert device.get("/api/users/me").status == 200
        return first, second

    @pytest.fixture
    def change(self, clinic, colleague, django_capture_on_commit_callbacks):
        user = User.all_practices.get(pk=colleague[0].id)
        manager = User.all_practices.get(pk=clinic.admin.id)

        def call(verb, **fields):
            with practice_scope(user.practice_id), django_capture_on_commit_callbacks(execute=True):
                verb(user=user, by=manager, **fields)

        return call

    def assert_ended(self, devices):
        for device in devices:
            assert device.get("/api/users/me").status == 401
            assert device.post("/api/auth/refresh").status == 401

    def test_new_password(self, colleague, change):
        change(passwords_services.set_password, password="another one")

        self.assert_ended(colleague)
        assert colleague[0].sign_in(colleague[0].user["email"], PASSWORD).status == 401
        assert colleague[0].sign_in(colleague[0].user["email"], "another one").status == 200

    def test_deactivation(self, colleague, change):
        change(services.update_user, role="doctor", is_active=False)

        self.assert_ended(colleague)
        answer = colleague[0].sign_in(colleague[0].user["email"], PASSWORD)
        assert (answer.status, answer.json) == (401, {"detail": "Invalid email or password"})

    def test_new_role(self, colleague, change):
        change(services.update_user, role="staff", is_active=True)

        self.assert_ended(colleague)
        assert colleague[0].sign_in(colleague[0].user["email"], PASSWORD).json["user"]["role"] == "staff"

    def test_new_name_ends_nothing_and_shows_at_once(self, colleague, change):
        change(services.update_user, role="doctor", is_active=True, name="Renamed")

        assert [device.get("/api/users/me").json["name"] for device in colleague] == ["Renamed"] * 2

    def test_deactivation_that_went_around_the_services(self, colleague, settings):
        """Without Redis the row is asked on every request; with it, once a minute."""
        if settings.REDIS_URL:
            pytest.skip("Redis remembers a session's user for up to a minute")
        User.all_practices.filter(pk=colleague[0].id).update(is_active=False)

        self.assert_ended(colleague)


def test_email_that_never_signed_in_shows_nowhere(clinic):
    assert clinic.staff.get("/api/patients", search=fresh_email()).status == 200
