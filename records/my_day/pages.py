"""My day: a doctor's visits of today, and what is owed. A visit is started here, and its note begun."""

from collections import Counter
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.calendar import day_news, facts
from appointments.models import Appointment, AppointmentStatus
from appointments.services import act
from appointments.visits.machine import MAY_FOLLOW, Action, VisitState, state_of
from audit.events import AuditEvent
from core.admin.access_log import log_page_refusal
from core.errors import Refusal
from core.formats import format_time
from core.forms import CheckedForm
from core.pages import WorkPage
from core.permissions import Permission
from patients.allergies import allergies_of
from records.chart import links
from records.chart.banner import describe_age
from records.forms.services import describe_needed, missing_before
from records.models import SessionNote
from records.my_day.owed import OwedList, drafts_of, files_to_look_at, plans_to_review, visits_without_note

STATES = (VisitState.ARRIVED, VisitState.STARTED, VisitState.FINISHED, VisitState.NO_SHOW, VisitState.CONFIRMED)
OVER = (VisitState.FINISHED, VisitState.NO_SHOW)


class ActionForm(CheckedForm):
    action = forms.ChoiceField(choices=[(action.value, "") for action in (Action.START, Action.FINISH)])
    version = forms.IntegerField(min_value=1)


class Visit(NamedTuple):
    """A visit of today, as its line shows it."""

    row: Appointment
    time: str
    state: VisitState
    said: str
    age: str
    allergies: str
    drafts: int
    address: str  # the note of the visit, or where it is begun
    has_note: bool
    may_start: bool
    may_finish: bool
    forms: str = ""  # which are missing


class MyDay(WorkPage):
    needs = Permission.WRITE_RECORDS
    about = Appointment._meta.label

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show()

    def show(self, error: str = "") -> HttpResponse:
        today = self.request.practice.today()
        visits = _visits_of(self.user, self.request.practice)
        drafts, unwritten = drafts_of(self.user), visits_without_note(self.user)
        plans, files = plans_to_review(self.user, today), files_to_look_at(self.user)
        owed = [one.row for each in (drafts, unwritten, plans, files) for one in each.shown]
        self.read([*visits, *owed], kind=AuditEvent.APPOINTMENTS_LISTED, hits=len(visits))
        shown = self._described(visits, drafts, today)
        context = {
            "error": error,
            "today": today,
            "day_news": day_news.for_page(self.request, practice=self.request.practice, mine=True),
            "visits": shown,
            "next": next((visit for visit in shown if visit.state not in OVER), None),
            "drafts": drafts,
            "unwritten": unwritten,
            "files": files,
            "plans": plans,
            "states": [(state, facts.WORDS[state]) for state in STATES],
        }
        return render(self.request, "records/my_day/my_day.html", context)

    def _described(self, visits: list[Appointment], drafts: OwedList, today: date) -> list[Visit]:
        of_patients = Counter(owed.row.patient_id for owed in drafts.shown)
        own = SessionNote.objects.visible_to(self.user).filter(doctor=self.user, appointment__in=visits)
        notes = dict(own.values_list("appointment_id", "pk"))
        missing = missing_before(visits)
        return [
            _describe(row, of_patients[row.patient_id], notes.get(row.pk), today)._replace(
                forms="" if row.patient.is_closed else describe_needed(missing.get(row.pk, ()))
            )
            for row in visits
        ]


DONE_MESSAGES: dict[Action, Any] = {
    Action.CONFIRM: _("Confirmed: the visit of %(patient)s."),
    Action.ARRIVE: _("%(patient)s has arrived."),
    Action.FINISH: _("Completed: the visit of %(patient)s."),
    Action.NO_SHOW: _("Noted: %(patient)s did not come."),
    Action.UNDO: _("Undone: the visit of %(patient)s is as it was."),
}


class ActOnMyVisit(MyDay):
    """Start a visit and go on to its note, or say that it is over."""

    def get(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:  # type: ignore[override]
        return redirect("my-day")  # after a sign-in

    def post(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        asked = ActionForm(request.POST).validated_data
        action = Action(asked["action"])
        try:
            visit = act(by=self.user, appointment_id=visit_id, action=action, expected=asked["version"])
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.show(refusal.detail)
        if action == Action.START:
            return redirect(links.new_note_address(visit.patient_id, visit.pk))
        self.done(DONE_MESSAGES[action] % {"patient": visit.patient.name})
        return redirect(f"{reverse('my-day')}#next")  # where the focus goes


def _visits_of(doctor: User, practice: Any) -> list[Appointment]:
    start, end = practice.day_bounds(practice.today())
    visits = Appointment.objects.visible_to(doctor).filter(doctor=doctor, starts_at__gte=start, starts_at__lt=end)
    visits = visits.exclude(status=AppointmentStatus.CANCELLED).with_offices()
    rows = visits.select_related("patient", "type", "room").defer("patient__search_index", "patient__medical_history")
    return list(rows.order_by("starts_at", "id"))


def _describe(row: Appointment, drafts: int, note_id: UUID | None, today: date) -> Visit:
    chart, state = row.patient, state_of(row)
    address = links.note_address(note_id) if note_id else links.new_note_address(row.patient_id, row.pk)
    return Visit(
        row=row,
        time=format_time(row.starts_at.astimezone(row.tzinfo).time()),
        state=state,
        said=facts.describe(row, row.tzinfo),
        age="" if chart.is_closed else describe_age(chart, today),
        allergies="" if chart.is_closed else allergies_of(chart),
        drafts=drafts,
        address=address,
        has_note=note_id is not None,
        may_start=state in MAY_FOLLOW[Action.START],  # its day has come
        may_finish=state in MAY_FOLLOW[Action.FINISH],
    )
