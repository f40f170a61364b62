"""Plans of care on the admin pages."""

from datetime import timedelta
from io import BytesIO

import orjson
import pytest
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from appointments.models import AppointmentStatus
from appointments.tests.factories import AppointmentFactory
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import Patient
from records.models import GoalProgress, PlannedAppointment, SessionNote
from records.plans.services import amend_plan
from records.tests.factories import GoalFactory, PlanFactory
from records.versions import services as versions
from tests.admin_forms import page_of

LIST = reverse("admin:records_planofcare_changelist")


@pytest.fixture
def plan(own):
    """A plan with two goals, one of them met; a session and two appointments."""
    with practice_scope(own.practice.pk):
        lift = GoalFactory(plan=own.plan, text="Lift <b>ten</b> kilograms", status="met", due_on=own.plan.starts_on)
        GoalFactory(plan=own.plan, text="Sleep through", measure="", target="")
        GoalFactory(plan=own.plan, text="Run a marathon", status="dropped")
        GoalProgress.objects.create(
            goal=lift, author=own.doctor, date=own.plan.starts_on, text="Lifts it easily", status="met"
        )
        versions.save_version(own.plan, by=own.doctor)
        SessionNote.objects.filter(pk=own.note.pk).update(plan_of_care=own.plan)
        now = timezone.now()
        for days, status in ((-2, AppointmentStatus.COMPLETED), (2, AppointmentStatus.SCHEDULED)):
            booked = AppointmentFactory(
                patient=own.chart, doctor=own.doctor, starts_at=now + timedelta(days=days), status=status
            )
            PlannedAppointment.objects.create(plan=own.plan, appointment=booked)
    return own.plan


def pdf_of(plan):
    return reverse("admin:records_planofcare_pdf", args=[plan.pk])


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_plan_page_shows_goals_and_progress(enter_as, own, plan, role):
    client = enter_as(role)
    chart = client.get(page_of(own.chart)).content.decode()
    assert page_of(plan) in chart and "1 of 2 (50%)" in chart

    page = client.get(page_of(plan)).content.decode()

    for words in ("Plan Ownwood", "Dr Ownwood", "Twice a week", "Sleep through", "Lifts it easily", "1 of 2 (50%)"):
        assert words in page
    assert "Lift &lt;b&gt;ten&lt;/b&gt; kilograms" in page
    assert "1 completed, 1 upcoming" in page
    assert page_of(own.note) in page and pdf_of(plan) in page
    assert b'name="_save"' not in client.get(page_of(plan)).content


def test_plan_page_shows_amended_goals(enter_as, own, plan):
    with practice_scope(own.practice.pk):
        goal = plan.goals.order_by("position")[1]
        amend_plan(
            by=own.doctor,
            plan_id=plan.pk,
            expected=plan.version,
            reason="Sleeps well",
            status="completed",
            goals=[{"id": goal.pk, "status": "met"}],
        )
    (newest, *_) = enter_as("staff").get(page_of(plan)).context["versions"]
    changes = {change.label: change for change in newest.changes}
    assert newest.version.reason == "Sleeps well"
    assert (changes["Status"].before, changes["Status"].after) == ("Active", "Completed")
    assert "Sleep through (open)" in changes["Goals"].before
    assert "Sleep through (met)" in changes["Goals"].after


def test_plan_pdf_is_logged(enter_as, own, plan):
    client = enter_as("staff")

    answer = client.get(pdf_of(plan))

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    printed = "".join(page.extract_text() for page in PdfReader(BytesIO(answer.getvalue())).pages)
    assert "Plan Ownwood" in printed and "Sleep through" in printed
    event = whole_trail().order_by("-id").first()
    assert (event.kind, event.about_id) == ("plan.read", plan.pk)
    assert orjson.loads(event.patients) == [str(own.chart.pk)]


def test_closed_and_foreign_plans_are_hidden(enter_as, own, foreign, plan):
    client = enter_as("admin")
    assert client.get(pdf_of(foreign.plan)).status_code == 404
    with practice_scope(own.practice.pk):
        Patient.objects.filter(pk=own.chart.pk).update(restricted=True)
    assert (client.get(pdf_of(plan)).status_code, client.get(page_of(plan)).status_code) == (404, 404)
    assert "Plan Ownwood" not in client.get(LIST).content.decode()


def test_list_query_count_is_constant(enter_as, own, plan, django_assert_num_queries, django_assert_max_num_queries):
    client = enter_as("staff")
    client.get(LIST)
    with django_assert_max_num_queries(40) as first:
        client.get(LIST)
    with practice_scope(own.practice.pk):
        for _ in range(3):
            GoalFactory(plan=PlanFactory(patient=own.chart, doctor=own.doctor))
    with django_assert_num_queries(len(first)):
        client.get(LIST)
