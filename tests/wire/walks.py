"""Walks through the API over HTTP that together call every method of every route successfully."""

from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import urlencode
from uuid import uuid4

from django.urls import resolve

from accounts.tests.soft_passkey import SoftPasskey
from core.api.routes import api_routes
from tests.contract.apps import App, app_of
from tests.contract.clients import Answer, Caller, ServerTransport
from tests.contract.clinic import PASSWORD, Clinic, fresh_email, fresh_slot, past_slot
from tests.contract.second_factors import MFA, code, mfa_token, second_step, set_up_app
from tests.server import Server
from tests.wire.record_walks import (
    body_charts,
    chart_lists,
    delete,
    deletions,
    files,
    forms,
    letters,
    measures,
    notes,
    plans,
    records,
    restored,
)

EMERGENCY = {"reason": "Unconscious in the waiting room"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

Operation = tuple[str, str]  # the method and the route


def operations() -> Iterator[Operation]:
    """Yield every operation of the API; documentation pages declare no methods and count as GET."""
    for route, view in api_routes():
        methods = getattr(view, "permissions", None) or getattr(view, "methods", ["GET"])
        yield from ((method, route) for method in methods)


class RecordingTransport(ServerTransport):
    """Records the responses of each operation. Each POST carries a key, as a careful client's does: only where no test
    wraps it in a transaction is it seen that its answer can be kept."""

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.answers: defaultdict[Operation, list[Answer]] = defaultdict(list)

    def send(self, method: str, path: str, *, headers: dict[str, str], content: bytes) -> Answer:
        if method == "POST":
            headers = {"Idempotency-Key": str(uuid4()), **headers}
        answer = super().send(method, path, headers=headers, content=content)
        self.answers[method, resolve(path.partition("?")[0]).route].append(answer)
        return answer


def walk(clinic: Clinic) -> None:
    """Run all walks; creating the clinic itself registers and signs people in."""
    for part in (sign_in, second_factor, apps, colleagues, invitations, join_codes, desk, appointments):
        part(clinic)
    for part in (
        schedules,
        waiting_list,
        billing,
        claims,
        forms,
        records,
        chart_lists,
        notes,
        plans,
        letters,
        body_charts,
        measures,
        files,
        deletions,
        pages,
    ):
        part(clinic)


def sign_in(clinic: Clinic) -> None:
    person = clinic.hire("staff")
    email = person.user["email"]
    others = [Caller(clinic.transport) for _ in range(2)]
    for other in others:
        other.sign_in(email, PASSWORD)
    person.get("/api/users/me")
    person.patch("/api/users/me", {"phone": "555 0100"})
    person.post("/api/auth/refresh")
    shown = person.get("/api/users/me/sessions").json["sessions"]
    delete(person, f"/api/users/me/sessions/{next(one['id'] for one in shown if not one['current'])}")
    delete(person, "/api/users/me/sessions")
    person.post("/api/users/me/password", {"current": PASSWORD, "new": "An0ther-Passw0rd"})
    person.post("/api/auth/logout")
    clinic.anonymous.post("/api/auth/password-reset", {"email": email})
    form = {"grant_type": "password", "username": clinic.staff.user["email"], "password": PASSWORD}
    clinic.anonymous.request("POST", "/api/auth/token", content=urlencode(form), headers=FORM)


def second_factor(clinic: Clinic) -> None:
    person, passkey = clinic.hire("staff"), SoftPasskey()
    email = person.user["email"]
    secret, _ = set_up_app(person)
    made = passkey.made(person.post(f"{MFA}/passkeys", {"password": PASSWORD}).json)
    person.post(f"{MFA}/passkeys/confirm", {"name": "Phone", "credential": made})
    person.post(f"{MFA}/recovery-codes", {"password": PASSWORD})
    (shown,) = person.get(MFA).json["passkeys"]
    for base in ("/api/auth", "/auth"):
        token = mfa_token(clinic.anonymous, email, base=base)
        asking = clinic.anonymous.post(f"{base}/mfa/passkey", {"mfa_token": token})
        second_step(Caller(clinic.transport), token, base=base, passkey=passkey.used(asking.json))
    second_step(Caller(clinic.transport), mfa_token(clinic.anonymous, email), totp=code(secret, later=1))
    delete(person, f"{MFA}/passkeys/{shown['id']}", password=PASSWORD)
    delete(person, f"{MFA}/totp", password=PASSWORD)


def apps(clinic: Clinic) -> None:
    office = clinic.admin.post("/api/offices", {"name": "Harbour"}).json["id"]
    manager = app_of(clinic.admin)
    roles = manager.get("/auth/roles").json
    body = {"name": "Nora Quist", "email": fresh_email(), "password": PASSWORD, "office_id": office}
    manager.post("/auth/register", {**body, "role_id": roles[-1]["id"]})
    app = App(clinic.transport)
    app.log_in(body["email"])
    app.renew()
    app.post("/auth/logout")


def colleagues(clinic: Clinic) -> None:
    colleague = clinic.hire("staff")
    set_up_app(colleague)
    clinic.admin.get("/api/users")
    clinic.admin.patch(f"/api/users/{colleague.id}", {"isActive": True})
    delete(clinic.admin, f"/api/users/{colleague.id}/mfa")
    delete(clinic.admin, f"/api/users/{colleague.id}/sessions")
    clinic.staff.get("/api/doctors")
    clinic.staff.get(f"/api/doctors/{clinic.doctor.id}")


def invitations(clinic: Clinic) -> None:
    made = clinic.admin.post("/api/invitations", {"name": "Nora New", "email": "nora@example.com", "role": "staff"})
    assert made.status == 201
    clinic.admin.get("/api/invitations")
    clinic.admin.post(f"/api/invitations/{made.json['id']}/resend")
    clinic.admin.post(f"/api/invitations/{made.json['id']}/withdraw")


def join_codes(clinic: Clinic) -> None:
    office, closed = (clinic.admin.post("/api/offices", {"name": name}).json["id"] for name in ("Midtown", "Closed"))
    clinic.admin.get("/api/practice")
    clinic.admin.patch("/api/practice", {"bookingMonthsAhead": 120})
    clinic.admin.get("/api/offices")
    clinic.admin.get(f"/api/offices/{office}")
    clinic.admin.patch(f"/api/offices/{office}", {"name": "Uptown"})
    delete(clinic.admin, f"/api/offices/{closed}")
    clinic.admin.post("/api/ws-ticket")
    key = clinic.admin.post("/api/api-keys", {"name": "Laboratory", "permissions": ["read_charts"]}).json
    clinic.admin.get("/api/api-keys")
    delete(clinic.admin, f"/api/api-keys/{key['id']}")
    made = clinic.doctor.post("/api/join-codes", {"officeId": office}).json
    patient = clinic.hire("patient")
    patient.post("/auth/associate", {"join_code": made["code"]})
    clinic.doctor.get("/api/join-codes")
    delete(clinic.doctor, f"/api/join-codes/{made['id']}")
    emergency(clinic, clinic.chart_of(patient))


def schedules(clinic: Clinic) -> None:
    doctor = clinic.hire("doctor")
    office = clinic.admin.post("/api/offices", {"name": "With rooms"}).json["id"]
    week = {"doctorId": doctor.id, "weekday": 0, "start": "09:00", "end": "12:00"}
    day_off = {"doctorId": doctor.id, "from": "2031-01-06T09:00:00Z", "to": "2031-01-06T12:00:00Z"}
    for path, body, change in (
        ("appointment-types", {"name": "Massage", "minutes": 50}, {"minutes": 45}),
        ("rooms", {"name": "Room 1", "officeId": office}, {"name": "Room 2"}),
        ("note-templates", {"name": "First visit", "texts": {"plan": "Rest"}}, {"prompts": {"plan": "Until when?"}}),
        ("letter-templates", {"name": "Work", "title": "Certificate", "text": "{patient}"}, {"title": "Letter"}),
        ("phrases", {"word": "nka", "text": "No known allergies"}, {"word": "none"}),
        ("working-hours", week, {"end": "13:00"}),
        ("schedule-exceptions", day_off, {"reason": "Course"}),
    ):
        made = clinic.admin.post(f"/api/{path}", body).json
        clinic.admin.get(f"/api/{path}")
        address = f"/api/{path}/{made['id']}"
        clinic.admin.get(address)
        clinic.admin.patch(address, change)
        delete(clinic.admin, address)
    clinic.admin.get("/api/holidays", country="US", year=2031)
    clinic.admin.post("/api/holidays", {"country": "US", "year": 2031, "dates": ["2031-12-25"]})
    clinic.patient.get("/api/availability", doctorId=doctor.id)
    address = clinic.patient.post("/api/calendar-feed").json["url"]
    clinic.anonymous.get("/api/" + address.partition("/api/")[2], headers={"Accept": "*/*"})
    delete(clinic.patient, "/api/calendar-feed")
    held = clinic.staff.post("/api/holds", {"doctorId": doctor.id, "date": fresh_slot()}).json
    delete(clinic.staff, f"/api/holds/{held['id']}")
    clinic.patient.get("/api/availability/next", doctorId=doctor.id)


def waiting_list(clinic: Clinic) -> None:
    doctor = clinic.hire("doctor")
    entry = clinic.staff.post("/api/waiting-list", {"patientId": clinic.chart()["id"]}).json
    address, slot = f"/api/waiting-list/{entry['id']}", {"doctorId": doctor.id, "date": fresh_slot()}
    clinic.staff.get("/api/waiting-list")
    clinic.staff.get("/api/waiting-list/matches", **slot)
    clinic.staff.get(address)
    clinic.staff.patch(address, {"priority": 1})
    made = [clinic.staff.post(f"{address}/offers", {**slot, "date": fresh_slot()}).json["id"] for _ in range(2)]
    delete(clinic.staff, f"{address}/offers/{made[0]}")
    clinic.staff.post(f"{address}/offers/{made[1]}/accept", {})
    other = clinic.staff.post("/api/waiting-list", {"patientId": clinic.chart()["id"]}).json
    clinic.staff.post(f"/api/waiting-list/{other['id']}/withdraw")


def billing(clinic: Clinic) -> None:
    """A service, an invoice of it that is paid in part, credited and refunded, and a draft that is deleted."""
    chart, biller = clinic.chart(), clinic.billing
    fields = {"code": f"W{chart['id'][-6:]}", "name": "Massage", "price": "100.00", "taxRate": "19.00"}
    service = biller.post("/api/services", fields).json
    biller.get("/api/services")
    biller.get(f"/api/services/{service['id']}")
    biller.patch(f"/api/services/{service['id']}", {"version": 1, "price": "110.00"})
    body = {"patientId": chart["id"], "lines": [{"serviceId": service["id"]}]}
    invoice, draft = (biller.post("/api/invoices", body).json for _ in range(2))
    address = f"/api/invoices/{invoice['id']}"
    biller.patch(address, {"version": 1, "note": "Thank you"})
    delete(biller, f"/api/invoices/{draft['id']}")
    biller.post(f"{address}/issue", {})
    biller.get("/api/invoices")
    biller.get(address)
    paid = {"patientId": chart["id"], "amount": "50.00", "method": "card"}
    payment = clinic.staff.post("/api/payments", paid).json
    towards = f"/api/payments/{payment['id']}"
    clinic.staff.post(f"{towards}/allocations", {"allocations": [{"invoiceId": invoice["id"], "amount": "20.00"}]})
    clinic.staff.get("/api/payments")
    clinic.staff.get(towards)
    biller.post(f"{address}/pay-link")
    biller.post(f"{address}/email")
    clinic.staff.post(f"{towards}/email")
    clinic.admin.patch("/api/practice", {"doctorsSeeRevenue": True})
    clinic.doctor.get("/api/reports/own-revenue")
    for report in ("takings", "revenue", "unpaid", "payers"):
        biller.get(f"/api/reports/{report}")
    clinic.admin.get("/api/reports/visits")
    biller.post(f"{address}/use-credit")
    biller.post(f"{address}/write-off", {"amount": "1.00", "reason": "Goodwill"})
    biller.post(f"{address}/credit", {"reason": "Wrong service"})
    biller.post(f"{towards}/refund", {"amount": "50.00", "reason": "Paid too much"})
    biller.get(f"{address}/pdf")
    clinic.staff.get(f"{towards}/receipt")
    clinic.staff.get(f"/api/patients/{chart['id']}/account")
    clinic.staff.get(f"/api/patients/{chart['id']}/account/statement")


def claims(clinic: Clinic) -> None:
    biller, chart = clinic.billing, clinic.chart()["id"]
    visit = clinic.booking(chart=chart)
    for path, body in {
        "/api/billing-policy": {"noShowFeeId": None, "lateCancellationFeeId": None},
        "/api/claims/identities": {"npi": "1234567893", "doctorId": None},
        f"/api/claims/patients/{chart}/coverages": {"coverages": [{"payer": "Aetna", "memberId": "W1"}]},
        f"/api/claims/visits/{visit['id']}/codes": {
            "diagnoses": ["M54.50"],
            "lines": [{"code": "98940", "charge": "60.00"}],
        },
    }.items():
        biller.request("PUT", path, json=body)
        biller.get(path)
    biller.get(f"/api/claims/visits/{visit['id']}/superbill")
    biller.get(f"/api/claims/visits/{visit['id']}/cms1500")
    biller.get(f"/api/claims/patients/{chart}/superbill", month=visit["date"][:7])


def desk(clinic: Clinic) -> None:
    known, other = (clinic.chart_of(clinic.hire("patient")) for _ in range(2))
    clinic.staff.get("/api/registrations")
    clinic.staff.post(f"/api/registrations/{known}/confirm", {})
    clinic.staff.post(f"/api/registrations/{other}/decline", {})
    clinic.admin.post(f"/api/registrations/{other}/reopen")
    clinic.staff.get(f"/api/patients/{known}")
    clinic.admin.get(f"/api/patients/{known}/accesses")
    clinic.staff.get(f"/api/patients/{known}/message-wishes")
    clinic.staff.patch(f"/api/patients/{known}/message-wishes", {"sms": False})
    clinic.staff.patch(f"/api/patients/{known}", {"version": 1, "allergies": "Latex"})
    twice = {"from": clinic.chart()["id"]}
    clinic.staff.post(f"/api/patients/{known}/merge", {**twice, "dryRun": True, "keep": {"phone": "from"}})
    clinic.staff.post(f"/api/patients/{known}/merge", twice)
    clinic.admin.post(f"/api/patients/{known}/merge/undo", twice)


def emergency(clinic: Clinic, patient_of_the_doctor: str) -> None:
    """Only the patient's own doctor may lift the restriction."""
    chart = f"/api/patients/{patient_of_the_doctor}"
    clinic.admin.request("PUT", f"{chart}/restriction")
    access = clinic.hire("doctor").post(f"{chart}/emergency-access", EMERGENCY).json
    clinic.admin.get("/api/emergency-accesses")
    clinic.admin.post(f"/api/emergency-accesses/{access['id']}/review", {})
    clinic.doctor.request("DELETE", f"{chart}/restriction")


def appointments(clinic: Clinic) -> None:
    booked = clinic.booking(chart=clinic.chart()["id"])
    address = f"/api/appointments/{booked['id']}"
    clinic.staff.get("/api/appointments")
    clinic.staff.get(address)
    clinic.staff.patch(address, {"date": fresh_slot()})
    clinic.staff.post(f"{address}/confirm")
    clinic.staff.post(f"{address}/undo")
    begun = f"/api/appointments/{clinic.booking(chart=clinic.chart()['id'], date=past_slot())['id']}"
    for action in ("no-show", "arrive", "start", "finish"):
        clinic.staff.post(f"{begun}/{action}")
    clinic.staff.get(f"{begun}/history")
    clinic.staff.get(f"{begun}/messages")
    weekly = {"patientId": clinic.chart()["id"], "doctorId": clinic.hire("doctor").id, "unit": "week", "count": 3}
    clinic.staff.post("/api/appointments/series", {**weekly, "date": fresh_slot(), "reason": "Back pain"})
    restored(clinic, address)


def webhooks(clinic: Clinic) -> None:
    made = clinic.admin.post("/api/webhooks", {"url": "https://example.com/", "events": ["patient.changed"]}).json
    clinic.admin.get("/api/webhooks")
    address = f"/api/webhooks/{made['id']}"
    clinic.admin.get(address)
    clinic.admin.post(f"{address}/rotate-secret")
    clinic.chart()
    clinic.admin.get(f"{address}/deliveries")
    clinic.admin.patch(address, {"active": False})
    delete(clinic.admin, address)


def pages(clinic: Clinic) -> None:
    clinic.admin.get("/api/dashboard/stats")
    clinic.admin.get("/api/audit")
    webhooks(clinic)
    for part in ("health", "health/live", "health/ready", "schema", "docs", "redoc"):
        clinic.anonymous.get(f"/api/{part}", headers={"Accept": "*/*"})
