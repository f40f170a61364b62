"""What the tests of session notes write, and what they are answered."""

FIELDS = {
    *("id", "patientId", "patientName", "doctorId", "doctorName", "appointmentId", "planId", "date"),
    *("durationMinutes", "subjective", "objective", "assessment", "plan", "status", "version"),
    *("finalisedAt", "amendedAt", "createdAt", "updatedAt"),
}
SOAP = {
    "subjective": "Low back pain for three days",
    "objective": "Flexion limited to 40 degrees",
    "assessment": "Lumbar strain",
    "plan": "Rest, ice, come back in a week",
}
FIRST = {"page": 1, "limit": 10}
NO_NOTE = {"detail": "Session note not found."}
NO_PATIENT = {"detail": "Patient not found."}
NOT_ALLOWED = {"detail": "You don't have permission to do this."}


def write(clinic, chart, *, by=None, **fields):
    answer = (by or clinic.doctor).post("/api/sessions", {"patientId": chart, **fields})
    assert answer.status == 201, answer
    return answer.json


def save(clinic, note, *, by=None, **fields):
    return (by or clinic.doctor).patch(f"/api/sessions/{note['id']}", {"version": note["version"], **fields})


def finalise(clinic, note, *, by=None):
    return (by or clinic.doctor).post(f"/api/sessions/{note['id']}/finalise", {"version": note["version"]})


def finalised(clinic, chart, **fields):
    answer = finalise(clinic, write(clinic, chart, **{**SOAP, **fields}))
    assert answer.status == 200, answer
    return answer.json


def amend(clinic, note, *, by=None, **fields):
    body = {"version": note["version"], "reason": "Left out", **fields}
    return (by or clinic.doctor).post(f"/api/sessions/{note['id']}/amendments", body)


def content_of(note):
    """What a version keeps of it."""
    return {name: note[name] for name in (*SOAP, "durationMinutes", "date", "appointmentId", "planId")}
