"""Plans of care on the chart: begun, read with their progress, added to, amended with a reason, printed."""

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.events import AuditEvent
from core.admin.access_log import log_page_refusal
from core.admin.base import add_refusal
from core.errors import CHANGED_MEANWHILE, Invalid, Refusal, StaleVersion
from core.forms import CheckedForm
from core.permissions import Permission
from core.texts import READABLE, validate_line
from core.typed import PickedDateField
from records.attachments.downloads import download_response
from records.chart.pages import ChartPage, PostedPage
from records.measures.series import line_of
from records.models import Goal, PlanOfCare
from records.models.plan import MAX_VISITS, GoalStatus, PlanStatus
from records.plans import services as plans
from records.plans.pdf import plan_pdf
from records.plans.progress import GoalLine, goal_lines
from records.plans.serializers import (
    MAX_DIAGNOSIS_LENGTH,
    MAX_FREQUENCY_LENGTH,
    MAX_GOAL_LENGTH,
    MAX_MEASURE_LENGTH,
    MAX_PROGRESS_LENGTH,
    MAX_TITLE_LENGTH,
)
from records.versions.services import may_write_for

NEW_GOALS = 3  # empty lines for goals in a form


class PlanForm(forms.Form):
    """A plan, with its goals: those that it has, and lines for new ones."""

    title = forms.CharField(max_length=MAX_TITLE_LENGTH, validators=[validate_line], label=_("Title"))
    diagnosis = forms.CharField(
        max_length=MAX_DIAGNOSIS_LENGTH,
        required=False,
        validators=READABLE,
        label=_("Diagnosis"),
        widget=forms.Textarea({"rows": 2}),
    )
    frequency = forms.CharField(
        max_length=MAX_FREQUENCY_LENGTH, required=False, validators=[validate_line], label=_("How often")
    )
    planned_visits = forms.IntegerField(
        min_value=1, max_value=MAX_VISITS, required=False, label=_("How many visits in all")
    )
    starts_on = PickedDateField(label=_("Start"))
    target_end_on = PickedDateField(required=False, label=_("Target end"))
    form_field_names = {"targetEndOn": "target_end_on"}

    def __init__(self, *args: Any, plan: PlanOfCare | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.goals: list[Goal] = list(plan.goals.order_by("position")) if plan else []
        for place in range(len(self.goals) + NEW_GOALS):
            self._add_goal(place, self.goals[place] if place < len(self.goals) else None)
        if plan is not None:
            self.fields["status"] = forms.ChoiceField(
                choices=PlanStatus.choices, label=_("Status"), initial=plan.status
            )
            self.fields["reason"] = forms.CharField(
                max_length=1000, validators=READABLE, label=_("Reason for the amendment")
            )
            self.fields["version"] = forms.IntegerField(min_value=1, widget=forms.HiddenInput, initial=plan.version)

    def _add_goal(self, place: int, goal: Goal | None) -> None:
        named = {
            "text": forms.CharField(
                max_length=MAX_GOAL_LENGTH, required=goal is not None, validators=READABLE, label=_("Goal")
            ),
            "measure": forms.CharField(
                max_length=MAX_MEASURE_LENGTH, required=False, validators=READABLE, label=_("Measured by")
            ),
            "target": forms.CharField(
                max_length=MAX_MEASURE_LENGTH, required=False, validators=READABLE, label=_("Target")
            ),
            "due_on": PickedDateField(required=False, label=_("Due")),
        }
        if goal is not None:
            named["status"] = forms.ChoiceField(choices=GoalStatus.choices, label=_("Status"))
        for name, field in named.items():
            field.initial = getattr(goal, name) if goal else None
            self.fields[f"goal_{place}_{name}"] = field

    @property
    def goal_rows(self) -> list[list[forms.BoundField]]:
        """Return the fields of each goal."""
        names = ("text", "measure", "target", "due_on", "status")
        return [
            [self[f"goal_{place}_{name}"] for name in names if f"goal_{place}_{name}" in self.fields]
            for place in range(len(self.goals) + NEW_GOALS)
        ]

    @property
    def plain_fields(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if not field.name.startswith("goal_")]

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        plain = ("title", "diagnosis", "frequency", "planned_visits", "starts_on", "target_end_on", "status", "reason")
        values = {name: given[name] for name in plain if name in given}
        values["diagnosis"] = values["diagnosis"].replace("\r\n", "\n")  # as forms send lines
        return {**values, "goals": [goal for goal in map(self._goal, range(len(self.goal_rows))) if goal]}

    def _goal(self, place: int) -> dict[str, Any] | None:
        start = f"goal_{place}_"
        goal = {name.removeprefix(start): value for name, value in self.cleaned_data.items() if name.startswith(start)}
        if place < len(self.goals):
            return {"id": self.goals[place].pk, **goal}
        return goal if goal["text"] else None

    def clean(self) -> dict[str, Any]:
        """What was typed beside a goal without a text must not be lost."""
        cleaned = super().clean() or {}
        for place in range(len(self.goals), len(self.goals) + NEW_GOALS):
            others = [cleaned.get(f"goal_{place}_{name}") for name in ("measure", "target", "due_on")]
            if any(others) and not cleaned.get(f"goal_{place}_text"):
                self.add_error(f"goal_{place}_text", _("Enter text for the new goal."))
        return cleaned


class ProgressForm(CheckedForm):
    text = forms.CharField(max_length=MAX_PROGRESS_LENGTH, validators=READABLE, label=_("Progress"))
    value = forms.DecimalField(max_digits=9, decimal_places=2, required=False, label=_("Number"))
    status = forms.ChoiceField(choices=[("", ""), *GoalStatus.choices], required=False)
    date = PickedDateField(required=False, label=_("Date"))


class PlanPage(ChartPage):
    needs = Permission.READ_RECORDS
    about = PlanOfCare._meta.label

    def get_plan(self, plan_id: UUID) -> PlanOfCare:
        found = plans.with_details(PlanOfCare.objects.visible_to(self.user).filter(patient=self.chart))
        plan: PlanOfCare = found.get_or_refuse(pk=plan_id)
        return plan

    def may_amend(self, plan: PlanOfCare) -> bool:
        return self.user.can(Permission.WRITE_RECORDS) and may_write_for(self.user, plan.doctor)

    def form_page(self, form: PlanForm, plan: PlanOfCare | None = None, mistake: str = "") -> HttpResponse:
        self.read([plan or self.chart], kind=AuditEvent.PLAN_READ if plan else AuditEvent.CHART_READ)
        back = reverse("chart_plan", args=[self.chart.pk, plan.pk]) if plan else reverse("chart", args=[self.chart.pk])
        context = {"chart": self.chart, "form": form, "plan": plan, "mistake": mistake, "back": back}
        return render(self.request, "records/chart/plan_form.html", context)


class NewPlan(PlanPage):
    needs = Permission.WRITE_RECORDS

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        return refused or self.form_page(PlanForm(initial={"starts_on": self.chart.practice.today()}))

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        form = PlanForm(request.POST)
        if not form.is_valid():
            return self.form_page(form)
        try:
            plan = plans.create_plan(by=self.user, patient_id=self.chart.pk, **form.values())
        except Invalid as mistake:
            add_refusal(form, mistake)
            return self.form_page(form)
        self.done(
            gettext("Saved: the plan %(plan)s for %(patient)s.") % {"plan": plan.title, "patient": self.chart.name}
        )
        return redirect("chart_plan", self.chart.pk, plan.pk)


class Plan(PlanPage):
    """One plan: how far it is, its goals with what was reached, and what is to be done next."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, patient_id: UUID, plan_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        plan = self.get_plan(plan_id)
        self.read([plan], kind=AuditEvent.PLAN_READ, about_id=plan.pk)
        context = {
            "chart": self.chart,
            "plan": plan,
            "goals": [(line, drawn(line)) for line in goal_lines(plan)],
            "may_amend": self.may_amend(plan),
            "may_add": self.user.can(Permission.WRITE_RECORDS) and plan.status == PlanStatus.ACTIVE,
            "statuses": GoalStatus.choices,
        }
        return render(request, "records/chart/plan.html", context)


def drawn(line: GoalLine) -> dict[str, Any] | None:
    """Return the goal's numbers as the series that a picture is made of."""
    if not line.has_line:
        return None
    span = (min(line.values), max(line.values))
    lines = [line_of(line.days, line.values, span)]
    return {
        "key": f"goal-{line.goal.pk}",
        "title": line.goal.measure or line.goal.text,
        "text_alternative": line.text_alternative,
        "lines": lines,
    }


class AmendPlan(PlanPage):
    needs = Permission.WRITE_RECORDS

    def get(self, request: HttpRequest, patient_id: UUID, plan_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        plan = self.amendable(plan_id)
        names = ("title", "diagnosis", "frequency", "planned_visits", "starts_on", "target_end_on")
        return self.form_page(PlanForm(plan=plan, initial={name: getattr(plan, name) for name in names}), plan)

    def post(self, request: HttpRequest, patient_id: UUID, plan_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        plan = self.amendable(plan_id)
        form = PlanForm(request.POST, plan=plan)
        if request.POST.get("version") != str(plan.version):  # its goals may be others by now
            form.errors.clear()
            return self.form_page(form, plan, str(CHANGED_MEANWHILE))
        if not form.is_valid():
            return self.form_page(form, plan)
        version = form.cleaned_data["version"]
        try:
            plans.amend_plan(by=self.user, plan_id=plan.pk, expected=version, **form.values())
        except StaleVersion as stale:  # in this very moment
            return self.form_page(form, plan, stale.detail)
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            add_refusal(form, refusal)
            return self.form_page(form, plan)
        said = {"plan": form.cleaned_data["title"], "patient": self.chart.name}
        self.done(gettext("Amended: the plan %(plan)s for %(patient)s.") % said)
        return redirect("chart_plan", self.chart.pk, plan.pk)

    def amendable(self, plan_id: UUID) -> PlanOfCare:
        plan = self.get_plan(plan_id)
        if not self.may_amend(plan):
            raise PermissionDenied
        return plan


class AddProgress(PostedPage):
    """Progress on a goal: from the page of the plan, or from beside a note, which gets its line anew."""

    needs = Permission.WRITE_RECORDS
    about = PlanOfCare._meta.label

    def post(self, request: HttpRequest, patient_id: UUID, plan_id: UUID, goal_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        PlanOfCare.objects.visible_to(self.user).filter(patient=self.chart).get_or_refuse(pk=plan_id)
        asked = ProgressForm(request.POST).validated_data
        plan = plans.add_progress(by=self.user, plan_id=plan_id, goal_id=goal_id, **asked)
        if "HX-Request" not in request.headers:
            self.done(gettext("Saved: progress of %(patient)s.") % {"patient": self.chart.name})
            return redirect("chart_plan", self.chart.pk, plan.pk)
        self.read([plan], kind=AuditEvent.PLAN_READ, about_id=plan.pk)
        whole = plans.get_plan(by=self.user, plan_id=plan_id)
        line = next(line for line in goal_lines(whole) if line.goal.pk == goal_id)
        context = {"chart": self.chart, "plan": whole, "line": line, "statuses": GoalStatus.choices, "added": asked}
        return render(request, "records/chart/goal_beside.html", context)


class PrintPlan(PlanPage):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, patient_id: UUID, plan_id: UUID) -> HttpResponseBase:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        plan = self.get_plan(plan_id)
        plan.patient = self.chart
        self.read([plan], kind=AuditEvent.PLAN_READ, about_id=plan.pk)
        printed = plan_pdf(plan, practice=self.chart.practice, by=self.user)
        return download_response([printed], name="plan-of-care.pdf", content_type="application/pdf", size=len(printed))
