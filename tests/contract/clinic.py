"""A clinic used through the API: a practice with a person of every role, and a second practice."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from core.encryption.keyring import get_keyring
from tests.contract.clients import Answer, Caller, Transport

PASSWORD = "Passw0rd!"
NOBODY = "01890000-0000-7000-8000-000000000000"  # a valid id that no row has
_numbers = count(1)
_slots = count(1)


def fresh_email(who: str = "person") -> str:
    return f"{who}.{next(_numbers)}@example.com"


def fresh_slot() -> str:
    """Return the start of an hour, years ahead, that no other booking of this run uses."""
    moment = datetime(2031, 1, 6, tzinfo=UTC) + timedelta(hours=next(_slots))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def later(moment: str, minutes: int = 30) -> str:
    """Return the end of a visit that starts then, as answers write it."""
    end = datetime.fromisoformat(moment) + timedelta(minutes=minutes)
    return end.strftime("%Y-%m-%dT%H:%M:%SZ")


def past_slot() -> str:
    """Return the start of an hour, years ago, that no other booking of this run uses."""
    moment = datetime(2011, 1, 6, tzinfo=UTC) + timedelta(hours=next(_slots))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


CHART = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "phone": "+1 555 010 2030",
    "dateOfBirth": "1985-12-10",
    "gender": "female",
    "address": "12 St James's Square, London",
}
WIDE_BOUNDS = {"maxUpcomingAppointments": 100, "bookingMonthsAhead": 120}  # `fresh_slot` is years ahead
DETAILS = {"doctor": {"specialization": "Chiropractic"}, "staff": {"department": "Front desk"}}
TAKEN = {"detail": "The doctor has another appointment at this time."}
RECORD = {"diagnosis": "Lumbar strain", "prescription": "Ibuprofen 400 mg", "notes": "Better with rest"}


@dataclass(frozen=True)
class Person:
    """A signed-in person: the user from the sign-in response, and the cookies with their paths."""

    user: Mapping[str, Any]
    cookies: Mapping[str, tuple[str, str]]

    def connect(self, transport: Transport) -> Caller:
        caller = Caller(transport)
        caller.user, caller.cookies = dict(self.user), dict(self.cookies)
        return caller


class Practice:
    """A practice with `people` by role. Without them an admin signs up, who registers the others when first needed:
    each sign-in costs a password hash."""

    def __init__(self, transport: Transport, name: str, people: Mapping[str, Person] | None = None) -> None:
        self.transport, self.name = transport, name
        self._people = {role: person.connect(transport) for role, person in (people or {}).items()}
        if not people:
            self._people["admin"] = self._sign_up()

    @property
    def admin(self) -> Caller:
        return self._people["admin"]

    def _sign_up(self) -> Caller:
        admin = self._signed_in(self._register(Caller(self.transport), "admin"))
        assert admin.patch("/api/practice", WIDE_BOUNDS).status == 200
        return admin

    def _register(self, by: Caller, role: str, **fields: Any) -> Answer:
        body = {"name": f"{self.name} {role.title()}", "email": fresh_email(role), "password": PASSWORD, "role": role}
        return by.post("/api/auth/register", {**body, **fields})

    def _signed_in(self, registered: Answer) -> Caller:
        assert registered.status == 201, registered
        caller = Caller(self.transport)
        answer = caller.sign_in(registered.json["email"], PASSWORD)
        assert answer.status == 200, answer
        return caller

    def register(self, role: str, **fields: Any) -> Answer:
        """Register somebody as the practice's admin and return the response."""
        return self._register(self.admin, role, **fields)

    def hire(self, role: str, **fields: Any) -> Caller:
        """Register somebody of this role and sign them in."""
        return self._signed_in(self.register(role, **fields))

    def as_role(self, role: str) -> Caller:
        """Return the practice's default person of this role."""
        if role not in self._people:
            self._people[role] = self.hire(role, **DETAILS.get(role, {}))
        return self._people[role]

    @property
    def doctor(self) -> Caller:
        return self.as_role("doctor")

    @property
    def staff(self) -> Caller:
        return self.as_role("staff")

    @property
    def billing(self) -> Caller:
        return self.as_role("billing")

    @property
    def patient(self) -> Caller:
        return self.as_role("patient")

    @property
    def join_code(self) -> str:
        query = (
            "SELECT join_code FROM practices_practice WHERE id = (SELECT practice_id FROM accounts_user WHERE id = %s)"
        )
        ((stored,),) = self.transport.query(query, self.admin.id.replace("-", ""))
        return get_keyring().decrypt(bytes(stored), b"practice.join_code").decode()

    def chart_of(self, patient: Caller) -> str:
        """Return the id of a patient's own chart."""
        return patient.get("/api/patients").json["patients"][0]["id"]

    def chart(self, **fields: Any) -> dict[str, Any]:
        answer = self.staff.post("/api/patients", {**CHART, **fields})
        assert answer.status == 201, answer
        return answer.json

    def booking(self, *, chart: str, doctor: str | None = None, **fields: Any) -> dict[str, Any]:
        body = {"patientId": chart, "doctorId": doctor or self.doctor.id, "date": fresh_slot(), "reason": "Back pain"}
        answer = self.staff.post("/api/appointments", {**body, "allowPast": True, **fields})
        assert answer.status == 201, answer
        return answer.json

    def record(self, *, chart: str, doctor: Caller | None = None, **fields: Any) -> dict[str, Any]:
        answer = (doctor or self.doctor).post("/api/records", {"patientId": chart, **RECORD, **fields})
        assert answer.status == 201, answer
        return answer.json


class Clinic(Practice):
    """The practice under test. `elsewhere` is another practice, with data that could leak."""

    def __init__(self, transport: Transport, people: Mapping[str, Person] | None = None) -> None:
        super().__init__(transport, "Demo", people)
        self.anonymous = Caller(transport)
        self._elsewhere: Elsewhere | None = None

    def _open_elsewhere(self) -> "Elsewhere":
        return Elsewhere(self.transport)

    @property
    def elsewhere(self) -> "Elsewhere":
        self._elsewhere = self._elsewhere or self._open_elsewhere()
        return self._elsewhere


class Elsewhere(Practice):
    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, "Elsewhere")
        self.foreign_chart = self.chart(name="Foreign Person", email="foreign@example.com")
        self.foreign_booking = self.booking(chart=self.foreign_chart["id"])
        self.foreign_record = self.record(chart=self.foreign_chart["id"])


def try_to_book(clinic: Practice, by: Caller, chart: str, **fields: Any) -> Answer:
    """Return the response to this caller booking the practice's default doctor."""
    body = {"patientId": chart, "doctorId": clinic.doctor.id, "date": fresh_slot(), "reason": "Back pain"}
    return by.post("/api/appointments", {**body, **fields})
