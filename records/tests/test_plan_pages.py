"""Plans of care on the chart and beside a note."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from records.models import PlanOfCare
from records.tests.factories import FinalisedNoteFactory, GoalFactory, NoteFactory, PlanFactory
from records.tests.test_chart_lists import post
from records.tests.test_chart_pages import events, text_of

FORM = {"title": "Turn the head", "starts_on": "2026-03-02", "diagnosis": "", "frequency": "Weekly"}


@pytest.fixture
def paula(practice, make_user, client_of):
    """A chart with a plan of twelve visits and a goal, and three notes of it."""
    doctor = make_user("doctor", name="Dr. Daniel Reyes")
    today = practice.today()
    with practice_scope(practice.pk):
        chart = PatientFactory(name="Paula Jensen")
        whose = {"patient": chart, "doctor": doctor}
        start = today - timedelta(days=30)
        plan = PlanFactory(**whose, title="Lift again", starts_on=start, planned_visits=12)
        goal = GoalFactory(plan=plan, position=1)
        for _ in range(3):
            FinalisedNoteFactory(**whose, plan_of_care=plan)
    site = Client()
    site.force_login(doctor)
    made = {"practice": practice, "doctor": doctor, "chart": chart, "plan": plan, "goal": goal}
    return SimpleNamespace(**made, site=site, api=client_of(doctor), whose=whose)


def at(name, paula, *more):
    return reverse(name, args=[paula.chart.pk, *more])


def latest(paula):
    with practice_scope(paula.practice.pk):
        return PlanOfCare.objects.with_progress().order_by("-id").first()


def add(paula, headers=None, **fields):
    return paula.site.post(
        at("chart_plan_progress", paula, paula.plan.pk, paula.goal.pk),
        {"text": "Without pain", **fields},
        headers=headers,
    )


def test_plan_is_begun_with_goals_on_the_chart(paula):
    new = at("chart_plan_new", paula)
    assert str(paula.practice.today()) in paula.site.get(new).content.decode()
    goals = {
        "goal_0_text": "Rotation",
        "goal_0_measure": "Degrees",
        "goal_0_target": "70",
        "goal_0_due_on": "2026-05-01",
    }
    made = paula.site.post(new, {**FORM, **goals, "planned_visits": "8", "target_end_on": "2026-06-01"})
    plan = latest(paula)
    assert made.url == at("chart_plan", paula, plan.pk)
    said = text_of(paula.site.get(made.url))
    for words in ("Turn the head", "Weekly", "0 of 8", "Rotation", "Degrees: 70", "due May 1, 2026"):
        assert words in said, words
    upside_down = paula.site.post(new, {**FORM, "target_end_on": "2026-01-01"})
    assert "The target end date can" in text_of(upside_down) and "Turn the head" in upside_down.content.decode()
    lost = paula.site.post(new, {**FORM, "goal_1_target": "70"})
    assert "Enter text for the new goal." in text_of(lost)
    assert latest(paula).pk == plan.pk
    assert events(paula.practice, kind="plan.read", user_id=paula.doctor.pk)


def test_progress_is_added_on_the_page_and_drawn(paula):
    assert add(paula, value="4.50").url == at("chart_plan", paula, paula.plan.pk)
    day = paula.practice.today() - timedelta(days=9)
    add(paula, value="2", date=day.isoformat())
    page = paula.site.get(at("chart_plan", paula, paula.plan.pk))
    said = text_of(page)
    assert "3 of 12" in said and "0 of 1" in said and "4.5 Without pain" in said
    assert "Weight lifted without pain: From 2 on" in said and "<polyline" in page.content.decode()
    api = paula.api.get(f"/api/plans/{paula.plan.pk}").json()
    assert api["plannedVisits"] == 12
    assert [entry["value"] for entry in api["goals"][0]["progress"]] == [2, 4.5]
    beside = add(paula, headers={"HX-Request": "true"}, status="met")
    assert "Met" in text_of(beside) and "Added: Without pain" in text_of(beside)
    assert "1 of 1" in text_of(paula.site.get(at("chart_plan", paula, paula.plan.pk)))
    later = add(paula, headers={"HX-Request": "true"}, date="2126-01-01")
    assert (later.status_code, later["HX-Retarget"]) == (400, "#message")


def test_plan_is_amended_with_the_version_that_was_read(paula):
    amend = at("chart_plan_amend", paula, paula.plan.pk)
    page = paula.site.get(amend).content.decode()
    assert 'value="Lift again"' in page and 'value="Lift ten kilograms"' in page
    start = (paula.practice.today() - timedelta(days=30)).isoformat()
    form = {**FORM, "title": "Lift more", "starts_on": start, "status": "active", "version": "1", "reason": "Better"}
    form |= {
        "goal_0_text": "Lift twelve kilograms",
        "goal_0_status": "open",
        "goal_1_text": "Carry it",
        "goal_0_measure": "",
    }
    assert "Fill this in." in text_of(paula.site.post(amend, {**form, "reason": ""}))
    assert paula.site.post(amend, form).url == at("chart_plan", paula, paula.plan.pk)
    said = text_of(paula.site.get(at("chart_plan", paula, paula.plan.pk)))
    for words in ("Lift more", "Lift twelve kilograms", "Carry it", "amended"):
        assert words in said
    with practice_scope(paula.practice.pk):
        current = PlanOfCare.objects.get()
        assert (current.version, current.planned_visits) == (2, None)
        assert [goal.text for goal in current.goals.order_by("position")] == ["Lift twelve kilograms", "Carry it"]
    stale = paula.site.post(amend, {**form, "title": "Mine"})
    assert "Someone else changed this" in text_of(stale) and 'value="Mine"' in stale.content.decode()
    printed = paula.site.get(at("chart_plan_print", paula, paula.plan.pk))
    assert b"".join(printed)[:5] == b"%PDF-"


def test_plan_is_beside_the_note_with_the_number_of_the_visit(paula):
    new = paula.site.get(reverse("note-new", args=[paula.chart.pk]))
    said = text_of(new)
    assert "Visit 4 of 12: Lift again" in said and "0 of 1 goals met" in said
    assert re.search(rf'<option value="{paula.plan.pk}" selected>', new.content.decode())
    save = reverse("note-save-new", args=[paula.chart.pk])
    body, writer = {"plan": "Rest", "planId": str(paula.plan.pk)}, {"Praxis-Writer": str(paula.doctor.pk)}
    saved = paula.site.post(save, body, "application/json", headers=writer)
    assert saved.status_code == 200, saved.content
    with practice_scope(paula.practice.pk):
        draft = paula.plan.session_notes.get(finalised_at=None)
        second = PlanFactory(**paula.whose, title="Sleep", starts_on=paula.plan.starts_on)
        other = NoteFactory(**paula.whose)
    edited = text_of(paula.site.get(reverse("note-edit", args=[draft.pk])))
    assert "Visit 4 of 12: Lift again" in edited and "Visit 1: Sleep" in edited
    unlinked = paula.site.get(reverse("note-edit", args=[other.pk])).content.decode()
    assert "selected" not in unlinked.partition('id="planId"')[2].partition("</select>")[0]
    with practice_scope(paula.practice.pk):
        PlanOfCare.objects.filter(pk=second.pk).update(status="completed")
    assert "Sleep" not in text_of(paula.site.get(reverse("note-edit", args=[draft.pk])))


def test_walls_hold(paula, other_practice, make_user, enter_as, as_role):
    page, amend = at("chart_plan", paula, paula.plan.pk), at("chart_plan_amend", paula, paula.plan.pk)
    assert enter_as("staff").get(page).status_code == 200
    assert "Amend" not in text_of(enter_as("staff").get(page))
    for role in ("admin", "staff", "billing", "patient"):
        assert enter_as(role).get(at("chart_plan_new", paula)).status_code == 403
    for role in ("billing", "patient"):
        assert enter_as(role).get(page).status_code == 403
    colleague = enter_as("doctor")
    assert colleague.get(amend).status_code == 403  # the author alone
    stranger = Client()
    stranger.force_login(make_user("doctor", practice=other_practice))
    assert stranger.get(page).status_code == stranger.get(amend).status_code == 404
    with practice_scope(paula.practice.pk):
        elsewhere = PlanFactory(patient=PatientFactory(), doctor=paula.doctor)
        Patient.objects.filter(pk=paula.chart.pk).update(restricted=True)
    assert colleague.get(page).status_code == 403
    assert paula.site.get(at("chart_plan", paula, elsewhere.pk)).status_code in (403, 404)
    progress = f"/api/plans/{paula.plan.pk}/goals/{paula.goal.pk}/progress"
    assert post(as_role("staff"), progress, {"text": "x", "value": 1}).status_code == 403
