"""Requests for a copy of a chart or for its erasure: which are due, whose they are, and how they were answered."""

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments.calendar.forms import SearchForm
from audit.events import AuditEvent
from core.errors import Conflict, Invalid
from core.formats import format_day
from core.forms import CheckedForm
from core.typed import PickedDateField
from dashboard.privacy.base import PrivacyPage
from patients.deletion.services import get_hold
from patients.models import Patient, PrivacyRequest, RefusalReason, RequestKind, RequestState
from patients.privacy import services
from patients.search import search_charts

SHOWN, MOST_CHARTS = 100, 8


class RequestForm(CheckedForm):
    kind = forms.ChoiceField(label=_("What is asked for"), choices=RequestKind.choices)
    received_on = PickedDateField(label=_("Received"))
    due_on = PickedDateField(
        label=_("Due"),
        required=False,
        help_text=_("If empty, 30 days later; the law where you are may give another time."),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("received_on") and not given.get("due_on") and "due_on" not in self.errors:
            given["due_on"] = services.default_due(given["received_on"])
        return given


class AnswerForm(CheckedForm):
    refusal = forms.ChoiceField(
        label=_("Why it is refused"), choices=[("", _("Choose …")), *RefusalReason.choices], required=False
    )


class Requests(PrivacyPage):
    """The open requests by when they are due, and those that were answered. What somebody types to find a chart comes
    in the body: addresses end up in logs and in the browser's history."""

    about = PrivacyRequest._meta.label

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page()

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SearchForm(request.POST)
        query = form.cleaned_data["q"] if form.is_valid() else ""
        try:
            charts, sentence = self._charts(query) if query else [], ""
        except Invalid as too_many:
            charts, sentence = [], str(too_many.message)
        return self._page(query=query, charts=charts, sentence=sentence)

    def _page(self, *, query: str = "", charts: list[Patient] | None = None, sentence: str = "") -> HttpResponse:
        found = charts or []
        answered = self._of([RequestState.DONE, RequestState.REFUSED]).order_by("-handled_at", "-id")
        open_ones = list(self._of([RequestState.OPEN]).order_by("due_on", "id")[: SHOWN + 1])
        past = list(answered[: SHOWN + 1])
        details = {"kind": AuditEvent.CHARTS_SEARCHED, "searched": True} if query else {}
        self.read([*open_ones[:SHOWN], *past[:SHOWN], *found], hits=len(found), **details)
        context = {
            "tab": "requests",
            "open_requests": open_ones[:SHOWN],
            "answered": past[:SHOWN],
            "are_more": len(open_ones) > SHOWN or len(past) > SHOWN,
            "today": self.request.practice.today(),
            "query": query,
            "charts": found,
            "sentence": sentence,
        }
        return render(self.request, "dashboard/privacy/requests.html", context)

    def _of(self, states: list[RequestState]) -> Any:
        return PrivacyRequest.objects.with_people().filter(state__in=states)

    def _charts(self, query: str) -> list[Patient]:
        hits = search_charts(Patient.objects.visible_to(self.user).newest_first(), query)
        if isinstance(hits, list):
            hits = Patient.objects.filter(pk__in=hits[:MOST_CHARTS]).newest_first()
        return list(hits.brief()[:MOST_CHARTS])


class NewRequest(PrivacyPage):
    about = Patient._meta.label

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        today: date = request.practice.today()  # type: ignore[attr-defined]
        form = RequestForm(initial={"received_on": today})
        return self._page(patient_id, form)

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        form = RequestForm(request.POST)
        if form.is_valid():
            try:
                entered = services.enter(by=self.user, patient_id=patient_id, **form.cleaned_data)
                self.done(gettext("Request entered, due %(day)s.") % {"day": format_day(entered.due_on)})
                return redirect("privacy-request", entered.pk)
            except Invalid as wrong:
                form.add_error(next(iter(wrong.errors or {}), None), wrong.message)
            except Conflict as conflict:
                form.add_error(None, str(conflict.detail))
        return self._page(patient_id, form, status=400)

    def _page(self, patient_id: UUID, form: RequestForm, status: int = 200) -> HttpResponse:
        chart = Patient.objects.visible_to(self.user).get_or_refuse(pk=patient_id)
        self.read([chart], about_id=chart.pk)
        context = {"tab": "requests", "chart": chart, "form": form}
        return render(self.request, "dashboard/privacy/new_request.html", context, status=status)


class OneRequest(PrivacyPage):
    about = PrivacyRequest._meta.label

    def get(self, request: HttpRequest, request_id: UUID) -> HttpResponse:
        return self._page(request_id)

    def post(self, request: HttpRequest, request_id: UUID) -> HttpResponse:
        refuses = "refuse" in request.POST
        form = AnswerForm(request.POST)
        refusal = form.cleaned_data["refusal"] if form.is_valid() else ""
        if refuses and not refusal:
            return self._page(request_id, mistake=_("Choose why it is refused."), status=400)
        try:
            services.answer(by=self.user, request_id=request_id, refusal=refusal if refuses else "")
        except Conflict as conflict:
            return self._page(request_id, mistake=conflict.detail, status=409)
        self.done(gettext("Request refused.") if refuses else gettext("Request closed as done."))
        return redirect("privacy-request", request_id)

    def _page(self, request_id: UUID, *, mistake: Any = "", status: int = 200) -> HttpResponse:
        rows = PrivacyRequest.objects.with_people()
        shown = rows.get_or_refuse(pk=request_id)
        self.read([shown], about_id=shown.pk)
        chart, hold = shown.patient, None
        if chart is not None and shown.is_open and chart in Patient.with_deleted.active().filter(pk=chart.pk):
            _chart, hold = get_hold(by=self.user, patient_id=chart.pk)
        context = {
            "tab": "requests",
            "one": shown,
            "chart": chart,
            "hold": hold,
            "is_export": shown.kind == RequestKind.EXPORT,
            "form": AnswerForm(),
            "mistake": mistake,
            "today": self.request.practice.today(),
        }
        return render(self.request, "dashboard/privacy/request.html", context, status=status)
