"""Plans of care and a chart's export."""

import zipfile
from io import BytesIO

from pypdf import PdfReader

from tests.contract.clinic import NOBODY

PLAN = {"title": "Back to work", "startsOn": "2026-11-02", "goals": [{"text": "Lift ten kilograms"}]}


def made(clinic, chart):
    answer = clinic.doctor.post("/api/plans", {"patientId": chart, **PLAN})
    assert answer.status == 201, answer
    return answer.json


def test_plan_is_made_amended_and_read(clinic):
    chart = clinic.chart()["id"]
    plan = made(clinic, chart)

    body = {"reason": "Review", "version": plan["version"], "status": "completed"}
    amended = clinic.doctor.post(f"/api/plans/{plan['id']}/amendments", body)

    assert (amended.status, amended.json["status"], amended.headers["ETag"]) == (200, "completed", '"2"')
    assert clinic.staff.get(f"/api/plans/{plan['id']}").json == amended.json
    assert clinic.staff.get("/api/plans", patientId=chart).json["total"] == 1
    stale = clinic.doctor.post(f"/api/plans/{plan['id']}/amendments", {**body, "status": "active"})
    assert (stale.status, stale.json["current"]) == (409, amended.json)


def test_plan_is_printed(clinic):
    chart = clinic.chart()
    plan = made(clinic, chart["id"])

    answer = clinic.doctor.get(f"/api/plans/{plan['id']}/pdf")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="plan-of-care.pdf"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    words = PdfReader(BytesIO(answer.body)).pages[0].extract_text()
    for said in (PLAN["title"], PLAN["goals"][0]["text"], chart["name"], "born Dec 10, 1985", "Page 1 of"):
        assert said in words


def test_patients_take_their_own_chart_home(clinic):
    chart = clinic.chart_of(clinic.patient)
    made(clinic, chart)

    answer = clinic.patient.get(f"/api/patients/{chart}/export")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    found = zipfile.ZipFile(BytesIO(answer.body))
    assert found.testzip() is None
    assert found.namelist()[:2] == ["chart.json", "chart.pdf"]
    assert b"Back to work" in found.read("chart.json")


def test_rows_of_another_practice_are_404(clinic):
    foreign = clinic.elsewhere.foreign_chart["id"]
    for path in (f"patients/{foreign}/export", f"patients/{NOBODY}/export", f"plans/{NOBODY}", f"plans/{NOBODY}/pdf"):
        assert clinic.admin.get(f"/api/{path}").status == 404
    assert clinic.doctor.post("/api/plans", {"patientId": foreign, **PLAN}).status == 404
