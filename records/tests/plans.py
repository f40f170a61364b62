"""Plans of care over HTTP."""

from audit.tests.whole_trail import whole_trail

JSON = "application/json"


GOALS = [
    {"text": "Lift ten kilograms", "measure": "Weight lifted", "target": "10 kg", "dueOn": "2026-12-24"},
    {"text": "Sleep through"},
]


PLAN = {"title": "Back to work", "diagnosis": "Lumbar strain", "frequency": "Twice a week", "startsOn": "2026-11-02"}


def made(client, chart, **fields):
    body = {"patientId": str(chart.pk), **PLAN, "goals": GOALS, **fields}
    answer = client.post("/api/plans", body, JSON)
    assert answer.status_code == 201, answer.content
    return answer.json()


def amend(client, plan, **fields):
    body = {"reason": "After the review", "version": plan["version"], **fields}
    return client.post(f"/api/plans/{plan['id']}/amendments", body, JSON)


def note(client, plan, place=0, **fields):
    goal = plan["goals"][place]["id"]
    return client.post(f"/api/plans/{plan['id']}/goals/{goal}/progress", {"text": "6 kg", **fields}, JSON)


def logged_events(kind):
    return list(whole_trail().filter(kind=kind).order_by("id"))
