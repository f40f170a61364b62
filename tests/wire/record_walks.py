"""Walks through the clinical record over HTTP, and what deletes and restores a row (walks.py calls them all)."""

from tests.contract.clients import Answer, Caller
from tests.contract.clinic import Clinic
from tests.contract.test_attachments import upload

REASON = {"reason": "Opened twice by mistake"}


def delete(by: Caller, path: str, **body: object) -> Answer:
    return by.request("DELETE", path, json=body)


def restored(clinic: Clinic, address: str) -> None:
    """Delete it and restore it."""
    delete(clinic.admin, address, **REASON)
    clinic.admin.post(f"{address}/restore")


def versions(clinic: Clinic, address: str) -> None:
    clinic.doctor.get(f"{address}/versions")
    clinic.doctor.get(f"{address}/versions/1")


def records(clinic: Clinic) -> None:
    record = clinic.record(chart=clinic.chart()["id"])
    address = f"/api/records/{record['id']}"
    clinic.doctor.get("/api/records")
    clinic.doctor.get(address)
    clinic.doctor.get(f"{address}/prescription")
    clinic.doctor.post(f"{address}/amendments", {"version": 1, "reason": "Left out", "notes": "Ice"})
    versions(clinic, address)
    restored(clinic, address)


def chart_lists(clinic: Clinic) -> None:
    chart = f"/api/patients/{clinic.chart()['id']}"
    clinic.doctor.request("PUT", f"{chart}/allergies/none-known")
    for name, body in (
        ("problems", {"text": "Asthma", "since": "2019-05-01"}),
        ("medications", {"text": "Naproxen", "dose": "250 mg twice a day with food"}),
        ("allergies", {"text": "Latex", "reaction": "Hives", "severity": "mild"}),
    ):
        made = clinic.doctor.post(f"{chart}/{name}", body).json
        clinic.doctor.get(f"{chart}/{name}")
    address = f"/api/chart-entries/{made['id']}"
    clinic.doctor.get(address)
    clinic.doctor.patch(address, {"version": 1, "until": "2026-01-31"})
    versions(clinic, address)
    restored(clinic, address)


def forms(clinic: Clinic) -> None:
    body = {"name": "Consent", "questions": [{"kind": "signature", "label": "Signature", "required": True}]}
    template = clinic.admin.post("/api/form-templates", body).json
    address = f"/api/form-templates/{template['id']}"
    clinic.staff.get("/api/form-templates")
    clinic.staff.get(address)
    clinic.admin.patch(address, {"version": 1, "intro": "Please read this."})
    chart = clinic.chart()
    asked = {"patientId": chart["id"], "templateId": template["id"]}
    address = f"/api/forms/{clinic.staff.post('/api/forms', asked).json['id']}"
    clinic.staff.get("/api/forms", patientId=chart["id"])
    clinic.staff.get(address)
    clinic.staff.post(f"{address}/code")
    clinic.staff.post(f"{address}/complete", {"templateVersion": 2, "answers": {}, "name": "Ada Lovelace"})
    clinic.staff.post(f"{address}/review", {"accept": [], "chartVersion": 1})
    clinic.staff.post(f"{address}/withdraw", {"reason": "Changed their mind"})
    restored(clinic, address)


def notes(clinic: Clinic) -> None:
    chart = clinic.chart()["id"]
    note = clinic.doctor.post("/api/sessions", {"patientId": chart, "plan": "Rest"}).json
    address = f"/api/sessions/{note['id']}"
    clinic.doctor.patch(address, {"version": 1, "plan": "Ice"})
    clinic.doctor.post(f"{address}/finalise", {"version": 2})
    clinic.doctor.post(f"{address}/amendments", {"version": 3, "reason": "Left out", "plan": "Heat"})
    clinic.doctor.get("/api/sessions")
    clinic.doctor.get(address)
    clinic.doctor.get(f"{address}/pdf")
    clinic.doctor.get("/api/sessions/last-finalised", patientId=chart)
    clinic.doctor.post("/api/sessions/search", {"patientId": chart, "query": "heat"})
    versions(clinic, address)
    restored(clinic, address)


def plans(clinic: Clinic) -> None:
    chart = clinic.chart()["id"]
    body = {"title": "Back to work", "startsOn": "2026-11-02", "goals": [{"text": "Lift ten kilograms"}]}
    plan = clinic.doctor.post("/api/plans", {"patientId": chart, **body}).json
    address, booked = f"/api/plans/{plan['id']}", clinic.booking(chart=chart)["id"]
    clinic.doctor.get("/api/plans")
    clinic.doctor.get(address)
    clinic.doctor.get(f"{address}/pdf")
    clinic.doctor.post(f"{address}/goals/{plan['goals'][0]['id']}/progress", {"text": "6 kg"})
    clinic.doctor.request("PUT", f"{address}/appointments/{booked}")
    clinic.doctor.request("DELETE", f"{address}/appointments/{booked}")
    clinic.doctor.post(f"{address}/amendments", {"version": 1, "reason": "Left out", "title": "Back to sport"})
    versions(clinic, address)
    restored(clinic, address)


def body_charts(clinic: Clinic) -> None:
    chart, marks = clinic.chart()["id"], [{"region": "front.left.knee", "sensation": "ache", "level": 4}]
    drawn = clinic.doctor.post("/api/body-charts", {"patientId": chart, "marks": marks}).json
    address = f"/api/body-charts/{drawn['id']}"
    clinic.doctor.get("/api/body-charts", patientId=chart)
    clinic.doctor.get(address)
    clinic.doctor.post(f"{address}/amendments", {"version": 1, "reason": "Left out", "remark": "Since May"})
    versions(clinic, address)
    restored(clinic, address)


def letters(clinic: Clinic) -> None:
    chart = clinic.chart()["id"]
    template = {"name": "Sport", "title": "Certificate", "text": "{patient} may do sport."}
    kept = clinic.doctor.post("/api/letter-templates", template).json["id"]
    begun = clinic.doctor.get(f"/api/patients/{chart}/letters/{kept}").json
    clinic.doctor.post(f"/api/patients/{chart}/letters", {name: begun[name] for name in ("title", "text")})


def measures(clinic: Clinic) -> None:
    chart = clinic.chart()["id"]
    taken = clinic.doctor.post("/api/measures", {"patientId": chart, "kind": "weight", "value": 172.5}).json
    address = f"/api/measures/{taken['id']}"
    clinic.doctor.get("/api/measures", patientId=chart)
    clinic.doctor.get(address)
    clinic.doctor.post(f"{address}/amendments", {"version": 1, "reason": "Misread", "value": 171})
    versions(clinic, address)
    restored(clinic, address)


def files(clinic: Clinic) -> None:
    chart = clinic.chart()["id"]
    added = upload(clinic.doctor, chart).json
    address = f"/api/attachments/{added['id']}"
    clinic.doctor.get("/api/attachments", patientId=chart)
    clinic.doctor.get(address)
    clinic.doctor.patch(address, {"name": "Knee"})
    clinic.doctor.get(f"{address}/content")
    clinic.doctor.get(clinic.doctor.post(f"{address}/link").json["url"])
    clinic.doctor.get(f"/api/patients/{chart}/attachments.zip")
    clinic.admin.get(f"/api/patients/{chart}/export")
    restored(clinic, address)


def deletions(clinic: Clinic) -> None:
    chart = f"/api/patients/{clinic.chart()['id']}"
    clinic.admin.post(f"{chart}/legal-hold", {"reason": "Order of the court"})
    clinic.admin.get(f"{chart}/legal-hold")
    clinic.admin.request("DELETE", f"{chart}/legal-hold")
    restored(clinic, chart)
    clinic.admin.get("/api/deleted")
