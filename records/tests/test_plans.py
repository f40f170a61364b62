"""Plans of care, through the API."""

from datetime import date
from io import BytesIO
from uuid import uuid4

import orjson
import pytest
from django.core.exceptions import FieldError
from pypdf import PdfReader

from accounts.models import User
from core.tenancy.scope import practice_scope
from patients.restriction.services import break_glass
from patients.tests.factories import PatientFactory
from records.models import GoalProgress, PlanOfCare, PlanVersion
from records.tests.factories import GoalFactory, PlanFactory
from records.tests.plans import JSON, PLAN, amend, logged_events, made, note
from tests.damage import flip_bit

# --- Creating


def test_doctor_creates_plan_with_goals(plan_doctor, plan_chart):
    plan = made(plan_doctor, plan_chart)

    assert {name: plan[name] for name in PLAN} == PLAN
    assert (plan["patientId"], plan["patientName"]) == (str(plan_chart.pk), "Ada Lovelace")
    assert (plan["doctorId"], plan["doctorName"]) == (str(plan_doctor.user.pk), plan_doctor.user.name)
    assert (plan["status"], plan["version"], plan["amendedAt"], plan["targetEndOn"]) == ("active", 1, None, None)
    assert [(goal["text"], goal["measure"], goal["target"], goal["dueOn"]) for goal in plan["goals"]] == [
        ("Lift ten kilograms", "Weight lifted", "10 kg", "2026-12-24"),
        ("Sleep through", "", "", None),
    ]
    assert all(goal["status"] == "open" and goal["progress"] == [] for goal in plan["goals"])
    assert plan["progress"] == {
        "goals": 2,
        "goalsMet": 0,
        "goalsDropped": 0,
        "percent": 0,
        "sessions": 0,
        "appointmentsDone": 0,
        "appointmentsToCome": 0,
    }
    assert plan_doctor.get(f"/api/plans/{plan['id']}").json() == plan
    brief = {name: value for name, value in plan.items() if name not in ("goals", "sessionIds", "appointmentIds")}
    assert plan_doctor.get("/api/plans").json() == {"plans": [brief], "total": 1, "page": 1, "limit": 10}


def test_plan_goal_limits(plan_doctor, plan_chart):
    assert made(plan_doctor, plan_chart, goals=[])["goals"] == []
    fifty = made(plan_doctor, plan_chart, goals=[{"text": f"Goal {n}"} for n in range(50)])
    assert [goal["text"] for goal in fifty["goals"]] == [f"Goal {n}" for n in range(50)]

    body = {"patientId": str(plan_chart.pk), **PLAN, "goals": [{"text": "Goal"}] * 51}
    answer = plan_doctor.post("/api/plans", body, JSON)
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"goals"})
    answer = amend(plan_doctor, fifty, goals=[{"text": "One more"}])
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"goals"})


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("patientId", "abc", "patientId"),
        ("title", "", "title"),
        ("title", "t" * 201, "title"),
        ("title", 7, "title"),
        ("title", None, "title"),
        ("diagnosis", "d" * 2001, "diagnosis"),
        ("frequency", "f" * 201, "frequency"),
        ("startsOn", "soon", "startsOn"),
        ("startsOn", "0001-01-01", "startsOn"),
        ("startsOn", None, "startsOn"),
        ("targetEndOn", "2026-11-01", "targetEndOn"),
        ("targetEndOn", "9999-12-31", "targetEndOn"),
        ("goals", "Lift", "goals"),
        ("goals", [{}], "goals.0.text"),
        ("goals", ["Lift"], "goals.0"),
        ("goals", [{"text": "t" * 1001}], "goals.0.text"),
        ("goals", [{"text": "t", "measure": "m" * 301}], "goals.0.measure"),
        ("goals", [{"text": "t", "target": "m" * 301}], "goals.0.target"),
        ("goals", [{"text": "t", "status": "forgotten"}], "goals.0.status"),
        ("goals", [{"text": "t", "dueOn": "x"}], "goals.0.dueOn"),
    ],
)
def test_invalid_plan_field_is_named(plan_doctor, plan_chart, field, value, named):
    answer = plan_doctor.post("/api/plans", {"patientId": str(plan_chart.pk), **PLAN, field: value}, JSON)

    assert answer.status_code == 400, answer.content
    assert set(answer.json()["errors"]) == {named}


def test_longest_texts_are_stored(plan_doctor, plan_chart):
    longest = {"title": "t" * 200, "diagnosis": "日" * 2000, "frequency": "f" * 200}
    goal = {"text": "ж" * 1000, "measure": "m" * 300, "target": "t" * 300}

    plan = made(plan_doctor, plan_chart, **longest, goals=[goal])

    assert {name: plan[name] for name in longest} == longest
    assert {name: plan["goals"][0][name] for name in goal} == goal


@pytest.mark.parametrize("role", ["admin", "staff", "billing", "patient"])
def test_plans_by_other_roles_are_forbidden(as_role, plan_doctor, plan_chart, role):
    plan, client = made(plan_doctor, plan_chart), as_role(role)

    assert client.post("/api/plans", {"patientId": str(plan_chart.pk), **PLAN}, JSON).status_code == 403
    assert amend(client, plan, title="Mine").status_code == 403
    assert note(client, plan).status_code == 403


# --- Who reads


@pytest.mark.parametrize("role", ["admin", "staff", "doctor"])
def test_record_readers_read_plans(as_role, plan_doctor, plan_chart, role):
    plan, client = made(plan_doctor, plan_chart), as_role(role)

    assert client.get(f"/api/plans/{plan['id']}").json() == plan
    assert client.get("/api/plans", {"patientId": str(plan_chart.pk)}).json()["total"] == 1
    assert client.get(f"/api/plans/{plan['id']}/versions").json()["total"] == 1


def test_patient_reads_only_own_plan(as_role, plan_doctor, plan_chart, practice):
    client = as_role("patient")
    with practice_scope(practice.pk):
        own = PatientFactory(user=client.user)
    mine, other = made(plan_doctor, own), made(plan_doctor, plan_chart)

    assert client.get(f"/api/plans/{mine['id']}").json() == mine
    assert [plan["id"] for plan in client.get("/api/plans").json()["plans"]] == [mine["id"]]
    for path in ("", "/versions", "/versions/1", "/pdf"):
        assert client.get(f"/api/plans/{other['id']}{path}").status_code == 404
        assert client.get(f"/api/plans/{mine['id']}{path}").status_code == 200
    assert client.get("/api/plans", {"patientId": str(plan_chart.pk)}).status_code == 404


def test_other_practice_plan_is_404(make_user, client_of, plan_doctor, plan_chart, other_practice):
    plan = made(plan_doctor, plan_chart)
    stranger = client_of(make_user("doctor", practice=other_practice))
    goal = plan["goals"][0]["id"]

    assert stranger.get(f"/api/plans/{plan['id']}").status_code == 404
    assert stranger.get("/api/plans").json() == {"plans": [], "total": 0, "page": 1, "limit": 10}
    assert stranger.get("/api/plans", {"patientId": str(plan_chart.pk)}).status_code == 404
    assert amend(stranger, plan, title="Mine").status_code == 404
    assert note(stranger, plan).status_code == 404
    assert stranger.get(f"/api/plans/{plan['id']}/pdf").status_code == 404
    own = plan_doctor.get(f"/api/plans/{plan['id']}").json()
    assert own["goals"][0]["id"] == goal and own == plan


def test_list_filters_by_patient_and_status(plan_doctor, plan_chart, practice):
    with practice_scope(practice.pk):
        other = PatientFactory()
    early, late = made(plan_doctor, plan_chart, startsOn="2026-01-05"), made(plan_doctor, plan_chart)
    theirs = made(plan_doctor, other, startsOn="2025-01-05")
    amend(plan_doctor, early, status="completed")

    def ids(**query):
        return [plan["id"] for plan in plan_doctor.get("/api/plans", query).json()["plans"]]

    assert ids() == [late["id"], early["id"], theirs["id"]]
    assert ids(patientId=str(plan_chart.pk)) == [late["id"], early["id"]]
    assert ids(status="completed") == [early["id"]]
    assert ids(page=2, limit=1) == [early["id"]]
    assert plan_doctor.get("/api/plans", {"status": "completed"}).json()["total"] == 1
    assert plan_doctor.get("/api/plans", {"status": "lost"}).status_code == 400
    assert plan_doctor.get("/api/plans", {"patientId": str(uuid4())}).status_code == 404


def test_closed_chart_plan_is_forbidden(as_role, plan_doctor, plan_chart, practice):
    plan = made(plan_doctor, plan_chart)
    with practice_scope(practice.pk):
        plan_chart.restricted = True
        plan_chart.save()
    other = as_role("doctor")

    for client in (other, as_role("staff")):
        assert client.get(f"/api/plans/{plan['id']}").status_code == 403
        assert client.get(f"/api/plans/{plan['id']}/pdf").status_code == 403
        assert client.get("/api/plans", {"patientId": str(plan_chart.pk)}).status_code == 403
        assert client.get("/api/plans").json()["total"] == 0
    assert amend(other, plan, title="Mine").status_code == 403
    assert note(other, plan).status_code == 403
    assert other.post("/api/plans", {"patientId": str(plan_chart.pk), **PLAN}, JSON).status_code == 403

    with practice_scope(practice.pk):
        access, _ = break_glass(patient_id=plan_chart.pk, by=other.user, reason="Unconscious")
    assert other.get(f"/api/plans/{plan['id']}").status_code == 200
    assert note(other, plan).status_code == 201
    for event in (logged_events("plan.read")[-1], logged_events("data.changed")[-1]):
        assert orjson.loads(event.details)["emergency"] == [str(access.pk)]


# --- Amending


def test_amendment_adds_version(plan_doctor, plan_chart):
    plan = made(plan_doctor, plan_chart)
    first, second = plan["goals"]

    changes = [{"id": first["id"], "target": "12 kg"}, {"text": "Climb stairs"}]
    answer = amend(plan_doctor, plan, frequency="Once a week", goals=changes)

    now = answer.json()
    assert (answer.status_code, answer["ETag"]) == (200, '"2"')
    assert (now["version"], now["frequency"], now["title"]) == (2, "Once a week", PLAN["title"])
    assert now["goals"][0] == {**first, "target": "12 kg"}
    assert now["goals"][1] == second
    assert now["goals"][2]["text"] == "Climb stairs"
    assert now["amendedAt"] is not None
    versions = plan_doctor.get(f"/api/plans/{plan['id']}/versions").json()
    assert [(v["number"], v["reason"], v["changed"]) for v in versions["versions"]] == [
        (1, "", []),
        (2, "After the review", ["frequency", "goals"]),
    ]
    kept = plan_doctor.get(f"/api/plans/{plan['id']}/versions/1").json()["content"]
    assert (kept["frequency"], len(kept["goals"]), kept["goals"][0]["target"]) == ("Twice a week", 2, "10 kg")
    change = plan_doctor.get(f"/api/plans/{plan['id']}/versions/2").json()["changes"]["frequency"]
    assert change == {"before": "Twice a week", "after": "Once a week"}
    assert plan_doctor.get(f"/api/plans/{plan['id']}/versions/3").status_code == 404
    (event,) = logged_events("data.amended")
    assert orjson.loads(event.details)["fields"] == ["frequency", "goals"]


def test_stale_amendment_returns_current_plan(plan_doctor, plan_chart):
    plan = made(plan_doctor, plan_chart)
    assert amend(plan_doctor, plan, title="New title").status_code == 200

    answer = amend(plan_doctor, plan, title="Newer title")

    assert (answer.status_code, answer.json()["current"]["title"]) == (409, "New title")
    assert answer.json()["current"] == plan_doctor.get(f"/api/plans/{plan['id']}").json()


@pytest.mark.parametrize("stale", [True, False])
def test_version_in_if_match(plan_doctor, plan_chart, stale):
    plan = made(plan_doctor, plan_chart)

    answer = plan_doctor.post(
        f"/api/plans/{plan['id']}/amendments",
        {"reason": "Review", "title": "New"},
        JSON,
        headers={"If-Match": '"7"' if stale else '"1"'},
    )

    assert answer.status_code == (409 if stale else 200)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"reason": "Why"}, {"version"}),
        ({"version": 1, "title": "New"}, {"reason"}),
        ({"version": 1, "title": "New", "reason": " "}, {"reason"}),
        ({"version": 1, "title": "New", "reason": "r" * 1001}, {"reason"}),
        ({"version": 0, "title": "New", "reason": "Why"}, {"version"}),
        ({"version": 1, "title": "", "reason": "Why"}, {"title"}),
        ({"version": 1, "status": "lost", "reason": "Why"}, {"status"}),
        ({"version": 1, "startsOn": None, "reason": "Why"}, {"startsOn"}),
        ({"version": 1, "targetEndOn": "2026-11-01", "reason": "Why"}, {"targetEndOn"}),
        ({"version": 1, "goals": [{"measure": "m"}], "reason": "Why"}, {"goals.0.text"}),
        ({"version": 1, "goals": [{"id": str(uuid4()), "text": "t"}], "reason": "Why"}, {"goals.0.id"}),
    ],
)
def test_invalid_amendment_is_refused(plan_doctor, plan_chart, body, named):
    plan = made(plan_doctor, plan_chart)

    answer = plan_doctor.post(f"/api/plans/{plan['id']}/amendments", body, JSON)

    assert (answer.status_code, set(answer.json()["errors"])) == (400, named)
    assert plan_doctor.get(f"/api/plans/{plan['id']}").json() == plan


def test_amendment_without_changes_is_refused(plan_doctor, plan_chart):
    plan = made(plan_doctor, plan_chart)
    goal = {"id": plan["goals"][0]["id"], "text": plan["goals"][0]["text"]}

    for nothing in ({}, {"title": plan["title"]}, {"goals": []}, {"goals": [goal]}):
        assert amend(plan_doctor, plan, **nothing).status_code == 400
    assert plan_doctor.get(f"/api/plans/{plan['id']}").json() == plan


def test_duplicate_or_foreign_goal_is_refused(plan_doctor, plan_chart):
    plan, other = made(plan_doctor, plan_chart), made(plan_doctor, plan_chart)
    own, foreign = ({"id": found["goals"][0]["id"], "text": "New"} for found in (plan, other))

    for goals, place in (([own, own], 1), ([own, foreign], 1)):
        answer = amend(plan_doctor, plan, goals=goals)
        assert (answer.status_code, set(answer.json()["errors"])) == (400, {f"goals.{place}.id"})
    assert plan_doctor.get(f"/api/plans/{plan['id']}").json() == plan
    assert plan_doctor.get(f"/api/plans/{other['id']}").json() == other


def test_other_doctor_amends_after_author_left(as_role, plan_doctor, plan_chart):
    plan, other = made(plan_doctor, plan_chart), as_role("doctor")

    assert amend(other, plan, title="Mine").status_code == 403
    with practice_scope(plan_doctor.user.practice_id):
        User.objects.filter(pk=plan_doctor.user.pk).update(is_active=False)
    assert amend(other, plan, title="Mine").json()["title"] == "Mine"


def test_plan_query_count_is_constant(plan_doctor, plan_chart, practice, django_assert_max_num_queries):
    with practice_scope(practice.pk):
        plan = PlanFactory(patient=plan_chart, doctor=plan_doctor.user)
        for position in range(20):
            goal = GoalFactory(plan=plan, position=position)
            for _ in range(3):
                GoalProgress.objects.create(goal=goal, author=plan_doctor.user, date=date(2026, 11, 3), text="Better")

    with django_assert_max_num_queries(8):
        assert len(plan_doctor.get(f"/api/plans/{plan.pk}").json()["goals"]) == 20


def test_damaged_text_is_marked(plan_doctor, plan_chart, practice):
    plan = made(plan_doctor, plan_chart)
    with practice_scope(practice.pk):
        flip_bit(PlanOfCare.objects.get(), "title")

    shown = plan_doctor.get(f"/api/plans/{plan['id']}").json()

    assert shown["title"].startswith("[cannot be decrypted")
    assert shown["diagnosis"] == PLAN["diagnosis"]
    assert plan_doctor.get("/api/plans").json()["total"] == 1


def test_plan_versions_cannot_be_changed(plan_doctor, plan_chart):
    made(plan_doctor, plan_chart)
    with practice_scope(plan_chart.practice_id), pytest.raises(FieldError):
        PlanVersion.objects.get().save()


def test_unknown_field_is_refused(plan_doctor, plan_chart):
    plan = made(plan_doctor, plan_chart)
    body = {"patientId": str(plan_chart.pk), **PLAN}
    for answer, named in (
        (plan_doctor.post("/api/plans", {**body, "diagnose": "Strain"}, JSON), "diagnose"),
        (
            plan_doctor.post("/api/plans", {**body, "goals": [{"text": "Sleep", "due": "2026-12-24"}]}, JSON),
            "goals.0.due",
        ),
        (amend(plan_doctor, plan, titel="Back to sport"), "titel"),
        (amend(plan_doctor, plan, goals=[{"id": plan["goals"][0]["id"], "targt": "12 kg"}]), "goals.0.targt"),
        (note(plan_doctor, plan, state="met"), "state"),
    ):
        assert (answer.status_code, answer.json()["errors"]) == (400, {named: ["Unknown field."]})
    assert plan_doctor.get(f"/api/plans/{plan['id']}").json() == plan


def test_printed_plan_names_latest_version(plan_doctor, plan_chart):
    plan = made(plan_doctor, plan_chart)
    assert "· version 1" in printed(plan_doctor, plan)
    met = note(plan_doctor, plan, status="met").json()  # a save, and no version
    amended = amend(plan_doctor, met, title="Back to sport").json()
    assert amended["version"] == 3

    assert plan_doctor.get(f"/api/plans/{plan['id']}/versions").json()["total"] == 2
    assert "as amended on " in printed(plan_doctor, amended)
    assert "version 2" in printed(plan_doctor, amended)


def printed(client, plan):
    pdf = b"".join(client.get(f"/api/plans/{plan['id']}/pdf").streaming_content)
    return " ".join(PdfReader(BytesIO(pdf)).pages[0].extract_text().split())
