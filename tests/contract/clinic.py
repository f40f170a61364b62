"""A clinic made through the API alone: a practice with a person of every role, and another practice beside it."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from core.encryption.keyring import get_keyring
from tests.contract.doors import Answer, Caller, Door

PASSWORD = "Passw0rd!"
NOBODY = "01890000-0000-7000-8000-000000000000"  # an id as ours are that no row has
_numbers = count(1)
_slots = count(1)


def fresh_email(who: str = "person") -> str:
    return f"{who}.{next(_numbers)}@example.com"


def fresh_slot() -> str:
    """An hour that no other booking of this run has taken, years ahead."""
    moment = datetime(2031, 1, 6, tzinfo=UTC) + timedelta(hours=next(_slots))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


CHART = {
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "phone": "+1 555 010 2030",
    "dateOfBirth": "1985-12-10",
    "gender": "female",
    "address": "12 St James's Square, London",
}
TAKEN = {"detail": "The doctor has another appointment at this time."}
RECORD = {"diagnosis": "Lumbar strain", "prescription": "Ibuprofen 400 mg", "notes": "Better with rest"}


class Practice:
    """An admin who signed up, and the people they registered. Signing somebody in costs a password hash, so a person
    is made when first asked for."""

    def __init__(self, door: Door, name: str) -> None:
        self.door, self.name = door, name
        self._people: dict[str, Caller] = {}
        answer = self._register(Caller(door), "admin")
        self.admin = self._people["admin"] = self._signed_in(answer)

    def _register(self, by: Caller, role: str, **fields: Any) -> Answer:
        body = {"name": f"{self.name} {role.title()}", "email": fresh_email(role), "password": PASSWORD, "role": role}
        return by.post("/api/auth/register", {**body, **fields})

    def _signed_in(self, registered: Answer) -> Caller:
        assert registered.status == 201, registered
        caller = Caller(self.door)
        answer = caller.sign_in(registered.json["email"], PASSWORD)
        assert answer.status == 200, answer
        return caller

    def register(self, role: str, **fields: Any) -> Answer:
        """What the practice's admin is answered."""
        return self._register(self.admin, role, **fields)

    def hire(self, role: str, **fields: Any) -> Caller:
        """Somebody new of this role, signed in."""
        return self._signed_in(self.register(role, **fields))

    def as_role(self, role: str) -> Caller:
        """The practice's usual person of this role."""
        if role not in self._people:
            details = {"doctor": {"specialization": "Chiropractic"}, "staff": {"department": "Front desk"}}
            self._people[role] = self.hire(role, **details.get(role, {}))
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
        user_id = self.admin.id if self.door.name == "server" and self._on_postgres else self.admin.id.replace("-", "")
        ((stored,),) = self.door.query(query, user_id)
        return get_keyring().decrypt(bytes(stored), b"practice.join_code").decode()

    @property
    def _on_postgres(self) -> bool:
        from tests.server import MAIN_DATABASE

        return bool(MAIN_DATABASE)

    def chart_of(self, patient: Caller) -> str:
        """The id of a patient's own chart."""
        return patient.get("/api/patients").json["patients"][0]["id"]

    def chart(self, **fields: Any) -> dict[str, Any]:
        answer = self.staff.post("/api/patients", {**CHART, **fields})
        assert answer.status == 201, answer
        return answer.json

    def booking(self, *, chart: str, doctor: str | None = None, **fields: Any) -> dict[str, Any]:
        body = {"patientId": chart, "doctorId": doctor or self.doctor.id, "date": fresh_slot(), "reason": "Back pain"}
        answer = self.staff.post("/api/appointments", {**body, **fields})
        assert answer.status == 201, answer
        return answer.json

    def record(self, *, chart: str, doctor: Caller | None = None, **fields: Any) -> dict[str, Any]:
        answer = (doctor or self.doctor).post("/api/records", {"patientId": chart, **RECORD, **fields})
        assert answer.status == 201, answer
        return answer.json


class Clinic(Practice):
    """The practice under test. `elsewhere` is another one with data that could leak."""

    def __init__(self, door: Door) -> None:
        super().__init__(door, "Demo")
        self.anonymous = Caller(door)
        self._elsewhere: Elsewhere | None = None

    @property
    def elsewhere(self) -> "Elsewhere":
        self._elsewhere = self._elsewhere or Elsewhere(self.door)
        return self._elsewhere


class Elsewhere(Practice):
    def __init__(self, door: Door) -> None:
        super().__init__(door, "Elsewhere")
        self.foreign_chart = self.chart(name="Foreign Person", email="foreign@example.com")
        self.foreign_booking = self.booking(chart=self.foreign_chart["id"])
        self.foreign_record = self.record(chart=self.foreign_chart["id"])


def ask_to_book(clinic: Practice, by: Caller, chart: str, **fields: Any) -> Answer:
    """What this caller is answered who books the practice's usual doctor."""
    body = {"patientId": chart, "doctorId": clinic.doctor.id, "date": fresh_slot(), "reason": "Back pain"}
    return by.post("/api/appointments", {**body, **fields})
