"""Marked strings, put in wherever the API takes text, are found neither in the database nor in the server's log.

Left out, each for its reason: an email at sign-in is the name of a Redis key by the contract; `specialization` and
`department` tell of the practice's own people; a `User-Agent` names a device. In the log is none of them either.
"""

import json
import socket
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from accounts.tests.soft_passkey import SoftPasskey
from tests.contract.clients import Answer, Caller, ServerTransport
from tests.contract.clinic import CHART, NOBODY, PASSWORD, Clinic, fresh_email, fresh_slot
from tests.contract.second_factors import MFA, set_up_app
from tests.databases import MAIN_DATABASE
from tests.server import started

pytestmark = pytest.mark.slow  # it fills every column of a clinic


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with started(tmp_path_factory.mktemp("planted")) as server:
        yield Clinic(ServerTransport(server))


class Marks:
    """Each mfa_token-for mark is a word that no program would write by itself."""

    def __init__(self, word: str = "marked") -> None:
        self._word, self._numbers = word, count(1)
        self.made: list[str] = []

    def __call__(self, kind: str = "text") -> str:
        number = next(self._numbers)
        mark = {"phone": f"5559{number:07d}731", "text": f"Zwq{number:03d}{self._word}"}[kind]
        self.made.append(mark)
        return mark


def plant(clinic: Clinic, mark: Marks) -> None:
    anonymous = Caller(clinic.transport)
    for role in ("admin", "doctor", "staff", "billing", "patient"):
        email = f"{mark()}@example.com"
        assert clinic.register(role, name=mark(), email=email, phone=mark("phone")).status == 201
        assert Caller(clinic.transport).sign_in(email, PASSWORD).status == 200
    registered = {"name": mark(), "email": f"{mark()}@example.com", "password": mark(), "role": "patient"}
    code = clinic.join_code
    assert anonymous.post("/api/auth/register", {**registered, "phone": mark("phone"), "joinCode": code}).status == 201
    password = f"{mark()} unlike name and email"
    newcomer = {"name": mark(), "email": f"{mark()}@example.com", "password": password, "role": "admin"}
    assert anonymous.post("/api/auth/register", newcomer).status == 201
    patient = clinic.patient
    assert patient.patch("/api/users/me", {"name": mark(), "phone": mark("phone")}).status == 200
    made = SoftPasskey().made(patient.post(f"{MFA}/passkeys", {"password": PASSWORD}).json)
    added = patient.post(f"{MFA}/passkeys/confirm", {"name": mark(), "credential": made})
    secret, _ = set_up_app(patient)
    mark.made += [secret, *added.json["recoveryCodes"], cookie_of_the_admin_site(clinic)]
    for _ in range(4):
        chart = clinic.chart(
            name=f"{mark()} {mark()}-{mark()}",
            email=f"{mark()}@example.com",
            phone=mark("phone"),
            address=f"{mark()} Street",
            bloodType=mark(),
            allergies=mark(),
            emergencyContact=mark(),
        )
        booking = clinic.booking(chart=chart["id"], reason=mark(), notes=mark())
        clinic.staff.patch(f"/api/appointments/{booking['id']}", {"notes": mark()})
        texts = {"diagnosis": mark(), "prescription": mark(), "notes": mark(), "attachments": [mark(), mark()]}
        clinic.record(chart=chart["id"], **texts)
        line = {name: mark() for name in ("text", "code", "codeSystem", "dose")}
        listed = clinic.doctor.post(f"/api/patients/{chart['id']}/medications", line).json
        changed = {"version": 1, "dose": mark(), "reason": mark()}
        assert clinic.doctor.patch(f"/api/chart-entries/{listed['id']}", changed).status == 200
        drawing = {"patientId": chart["id"], "marks": [], "remark": mark()}
        assert clinic.doctor.post("/api/body-charts", drawing).status == 201
        measure = {"patientId": chart["id"], "kind": "pain", "value": 3, "remark": mark()}
        taken = clinic.doctor.post("/api/measures", measure).json
        corrected = {"version": 1, "reason": mark(), "remark": mark()}
        assert clinic.doctor.post(f"/api/measures/{taken['id']}/amendments", corrected).status == 200
        clinic.doctor.post(f"/api/patients/{chart['id']}/allergies", {"text": mark(), "reaction": mark()})
        plant_notes(clinic, chart["id"], mark)
    plant_in_vain(clinic, anonymous, mark)


def plant_notes(clinic: Clinic, chart: str, mark: Marks) -> None:
    """A draft, a finalised note and its amendment, and what somebody looked for."""
    sections = ("subjective", "objective", "assessment", "plan")
    note = clinic.doctor.post("/api/sessions", {"patientId": chart, **{name: mark() for name in sections}}).json
    address = f"/api/sessions/{note['id']}"
    for way, body in (
        ("", {name: mark() for name in sections}),
        ("/finalise", {}),
        ("/amendments", {"plan": mark(), "reason": mark()}),
    ):
        method = "POST" if way else "PATCH"
        body |= {"version": note["version"]}
        note = clinic.doctor.request(method, f"{address}{way}", json=body).json
    searched = {"patientId": chart, "query": f"{note['plan']} {mark()}"}
    assert clinic.doctor.post("/api/sessions/search", searched).json["total"] == 0
    begun = {"name": "Follow-up", "texts": {"plan": mark()}, "prompts": {"plan": mark()}}
    kept = clinic.doctor.post("/api/note-templates", begun).json
    assert clinic.doctor.request("DELETE", f"/api/note-templates/{kept['id']}").status == 204
    question = {"kind": "text", "label": mark(), "hint": mark()}
    form = clinic.admin.post("/api/form-templates", {"name": "Form", "intro": mark(), "questions": [question]}).json
    asked = clinic.staff.post("/api/forms", {"patientId": chart, "templateId": form["id"]}).json
    given = {"templateVersion": 1, "answers": {"f1": mark()}}
    assert clinic.staff.post(f"/api/forms/{asked['id']}/complete", given).status == 200
    assert clinic.staff.post(f"/api/forms/{asked['id']}/withdraw", {"reason": mark()}).status == 200
    clinic.doctor.post("/api/phrases", {"word": kept["id"][-12:], "text": mark()})
    record = clinic.record(chart=chart)
    body = {"version": 1, "reason": mark(), "notes": mark()}
    assert clinic.doctor.post(f"/api/records/{record['id']}/amendments", body).status == 200


def cookie_of_the_admin_site(clinic: Clinic) -> str:
    """The office manager's, signed in on the page."""
    manager = Caller(clinic.transport)
    token = form_token(manager.request("GET", "/"))
    sent = urlencode({"csrfmiddlewaretoken": token, "username": clinic.admin.user["email"], "password": PASSWORD})
    assert manager.request("POST", "/", content=sent, headers=FORM).status == 302
    return manager.cookies["praxis_admin"][0]


def form_token(page: Answer) -> str:
    return page.body.decode().partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]


def plant_in_vain(clinic: Clinic, anonymous: Caller, mark: Marks) -> None:
    """What is refused leaves as little behind."""
    staff, doctor = clinic.staff, clinic.doctor
    statuses = [
        staff.get("/api/patients", search=mark()).status,
        staff.get("/api/patients", search=f"{mark()}@example.com {mark('phone')}").status,
        staff.get("/api/patients", page=mark()).status,
        staff.get("/api/appointments", status=mark(), date=mark()).status,
        staff.get("/api/records", patientId=mark()).status,
        staff.get(f"/api/patients/{mark()}").status,
        staff.get(f"/api/{mark()}/{quote(mark() + ' é')}").status,
        staff.get(f"/{mark()}").status,
        staff.request("GET", f"/admin/{mark()}").status,
        staff.post("/api/patients", {**CHART, "name": mark(), "gender": mark(), "dateOfBirth": mark()}).status,
        staff.post("/api/patients", {**CHART, "name": mark() * 100, mark(): mark()}).status,
        staff.request("POST", "/api/patients", content='{"name": "' + mark(), headers=JSON).status,
        staff.request("POST", "/api/patients", content=f'["{mark()}"]', headers=JSON).status,
        staff.request("POST", "/api/patients", content=mark(), headers={"Content-Type": f"text/{mark()}"}).status,
        staff.request("POST", "/api/patients", content=mark() * 100_000, headers=JSON).status,
        staff.request("PUT", f"/api/patients?name={mark()}", json={"name": mark()}).status,
        doctor.post(
            "/api/records", {"patientId": NOBODY, "diagnosis": mark(), "prescription": "", "notes": mark()}
        ).status,
        doctor.post(
            "/api/appointments", {"patientId": mark(), "doctorId": mark(), "date": mark(), "reason": ""}
        ).status,
        clinic.patient.post("/api/patients", {**CHART, "name": mark()}).status,
        clinic.register("patient", email=clinic.staff.user["email"], name=mark()).status,
        clinic.register("doctor", name=mark(), department=mark()).status,
        anonymous.post("/api/auth/login", {"email": fresh_email(), "password": mark()}).status,
        anonymous.post(
            "/api/auth/register", {"name": mark(), "email": mark(), "password": mark(), "role": mark()}
        ).status,
        anonymous.request(
            "GET", "/api/users/me", headers={"Cookie": f"access_token={mark()}; {mark()}={mark()}"}
        ).status,
        anonymous.request("GET", "/api/users/me", headers={"Authorization": f"Bearer {mark()}"}).status,
        anonymous.request("GET", "/api/users/me", headers={"Host": f"{mark()}.example"}).status,
        anonymous.request("POST", "/api/auth/login", headers={"Origin": f"https://{mark()}.example"}).status,
    ]
    for name in ("Referer", "Accept", "Accept-Language", "X-Forwarded-For", "X-Forwarded-Host", "X-Anything", "Range"):
        statuses.append(staff.request("GET", "/api/users/me", headers={name: mark()}).status)
    assert 500 not in statuses, statuses
    assert clinic.staff.post("/api/appointments", {"date": fresh_slot(), "reason": mark()}).status == 400


def plant_for_the_log(clinic: Clinic, mark: Marks) -> None:
    """What may be stored, or what no view ever sees."""
    anonymous = Caller(clinic.transport)
    anonymous.post("/api/auth/login", {"email": f"{mark()}@example.com", "password": mark()})
    anonymous.request("GET", "/api/users/me", headers={"User-Agent": mark(), "X-Request-ID": mark(), "Referer": mark()})
    anonymous.request("POST", "/api/auth/refresh", headers={"Cookie": f"refresh_token={mark()}; praxis_admin={mark()}"})
    anonymous.request("POST", "/api/auth/login", headers={"X-CSRFToken": mark(), "Sec-Fetch-Site": mark()})
    anonymous.request(mark().upper(), f"/{mark()}")
    anonymous.request("POST", "/", content=f"username={mark()}&password={mark()}", headers=FORM)
    page = anonymous.request("GET", f"/?next=/{mark()}")
    signing_in = f"csrfmiddlewaretoken={form_token(page)}&username={mark()}%40example.com&password={mark()}"
    answer = anonymous.request("POST", f"/?{mark()}={mark()}", content=signing_in, headers=FORM)
    assert (page.status, answer.status) == (200, 200)  # the form, with its sentence
    for raw in (
        f"GET /{mark()} HTTP/9.{mark()}\r\n\r\n",
        f"{mark()}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\n{mark()} {mark()}: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {mark()}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: {mark()}\r\n\r\n",
        f"GET /{mark() * 1000} HTTP/1.1\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {mark() * 1000}\r\n\r\n",
    ):
        assert answer_to(clinic, raw)[9:10] in (b"4", b"5"), raw[:80]


def answer_to(clinic: Clinic, raw: str) -> bytes:
    with socket.create_connection(("127.0.0.1", clinic.transport.server.port), timeout=300) as connection:
        connection.sendall(raw.encode())
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(4096)


JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def stored(clinic: Clinic) -> str:
    """All that the database holds, as text: the SQLite file with its log, or a dump with bytes shown as text."""
    server = clinic.transport.server
    if not MAIN_DATABASE:
        files = Path(server.database_url.removeprefix("sqlite:///")).parent.glob("praxis.sqlite3*")
        return "".join(file.read_bytes().decode("latin-1") for file in files)
    dump = subprocess.run(
        ["pg_dump", "--dbname", server.database_url], capture_output=True, text=True, check=True, timeout=300
    ).stdout
    hexed = [bytes.fromhex(part.split()[0]) for part in dump.split(r"\\x")[1:] if is_hex(part.split()[0])]
    return dump + b"\n".join(hexed).decode("latin-1")


def is_hex(text: str) -> bool:
    return len(text) % 2 == 0 and not set(text) - set("0123456789abcdef")


def test_submitted_text_is_in_neither_database_nor_log(private):
    mark = Marks()
    plant(private, mark)
    assert len(mark.made) >= 100

    database, log = stored(private).casefold(), private.transport.server.log.read_text().casefold()

    assert "new practice" in database  # what is plain is found
    assert "POST /api/patients".casefold() in log or "patients" in log
    assert [made for made in mark.made if made.casefold() in database] == []
    assert [made for made in mark.made if made.casefold() in log] == []


def test_request_content_is_not_in_the_log(private):
    mark = Marks("logged")
    plant_for_the_log(private, mark)
    assert len(mark.made) >= 25

    lines = [json.loads(line) for line in private.transport.server.log.read_text().splitlines()]

    assert {line["event"] for line in lines} <= {"request"}, lines
    assert [made for made in mark.made if made.casefold() in str(lines).casefold()] == []
