"""The panel of a visit: who it is, what happened, and what is changed there, of this visit or of its series."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from accounts.models import User
from appointments import services
from appointments.calendar import facts, repeating, several, waiting
from appointments.calendar.forms import ActionForm, ChangeForm
from appointments.calendar.page import CalendarPage, changed_page, describe_time, message_response, trigger_change
from appointments.calendar.preview import Preview, preview_change
from appointments.calendar.visit import get_visit, undoing, what_changed
from appointments.models import Appointment, AppointmentStatus, CancelReason, SeriesScope
from appointments.rooms.services import get_bookable_room, rooms_at
from appointments.series import services as series
from appointments.visits.machine import Action
from audit.events import AuditEvent
from core.admin.access_log import log_page_refusal
from core.errors import Conflict, Invalid, Refusal, StaleVersion
from core.formats import format_time
from core.permissions import Permission
from notifications.messages.planning import ledger_of
from notifications.messages.unsent_reasons import explain
from patients.allergies import allergies_of


class VisitPanel(CalendarPage):
    def get(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        return self.panel(get_visit(self.user, visit_id))

    def panel(self, visit: Appointment, *, preview: Preview | None = None, wanted: Any = ()) -> HttpResponse:
        chart = visit.patient
        self.read([visit], kind=AuditEvent.APPOINTMENT_READ, about_id=visit.pk)
        local = visit.starts_at.astimezone(visit.tzinfo)
        context = {
            "visit": visit,
            "chart": chart,
            "allergies": "" if chart.is_closed else allergies_of(chart),
            "age": None if chart.is_closed else chart.age_on(self.request.practice.today()),
            "when": describe_time(visit),
            "day": local.date().isoformat(),
            "time": format_time(local.time()),
            "doctors": User.objects.doctors().order_by("id"),
            "rooms": rooms_at(visit.office_id),
            "lengths": sorted({*range(15, 121, 15), visit.minutes}),
            "preview": preview,
            "wanted": wanted,
            "is_scheduled": visit.status == AppointmentStatus.SCHEDULED,
            "is_cancelled": visit.status == AppointmentStatus.CANCELLED,
            "reasons": CancelReason.choices,
            "may_write_notes": self.user.can(Permission.WRITE_RECORDS) and not chart.is_closed,
            "may_bill": self.user.can(Permission.MANAGE_BILLING) and not chart.is_closed,
            "may_code": self.user.can(Permission.CODE_VISITS) and not chart.is_closed,
            "may_take_payments": self.user.can(Permission.TAKE_PAYMENTS) and not chart.is_closed,
            "scopes": SeriesScope.choices if visit.series_id else [],
            "place": (visit.position or 0) + 1,
            "may_wait": self.user.can(Permission.MANAGE_WAITING_LIST),
            "messages": [(row, explain(row)) for row in ledger_of([visit.pk])],
            **facts.of_panel(self.user, visit),
        }
        return render(self.request, "appointments/calendar/visit.html", context)

    def refused(self, visit: Appointment, refusal: Refusal) -> HttpResponse:
        """Say why not; if somebody else was faster, say how the visit is now, and the page closes its panel."""
        log_page_refusal(self.request, refusal)
        self.read([visit], about_id=visit.pk)
        if not isinstance(refusal, StaleVersion):
            conflicts = repeating.refused(refusal.extra.get("occurrences", []), self.request.practice.tzinfo)
            return message_response(self.request, refusal.detail, is_error=True, conflicts=conflicts)
        now = get_visit(self.user, visit.pk)
        sentence = gettext("Someone else changed this visit in the meantime. Now it is: %(state)s, %(time)s.") % {
            "state": facts.describe(now, now.tzinfo) or gettext("booked"),
            "time": describe_time(now),
        }
        return trigger_change(message_response(self.request, sentence, is_error=True), now)


class ChangeVisit(VisitPanel):
    """Move, cancel, lengthen, or undo one of these. What speaks against it is shown first, and it is saved if that is
    confirmed."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        form = ChangeForm(request.POST)
        wanted, asked = form.changes(), form.validated_data
        if not wanted:
            raise Invalid("start", gettext("Choose what to change."))
        visit = get_visit(self.user, visit_id)
        before = undoing(visit, wanted)
        try:
            differing = services.differing(visit, wanted).keys()
            if not asked["confirmed"] and not wanted.keys() <= {"status", "cancel_reason"}:
                preview = self._preview(visit, wanted)
                if preview.conflict:
                    raise Conflict(preview.conflict)
                if preview.warnings or preview.overlap:
                    return self.panel(get_visit(self.user, visit_id), preview=preview, wanted=_asked_again(request))
            changed, before_all = self._change(visit_id, wanted, asked)
        except Refusal as refusal:
            return self.refused(visit, refusal)
        self.read([changed], about_id=changed.pk)
        if asked["undo"]:
            return changed_page(request, gettext("Undone."), changed, None)
        sentence = what_changed(changed, wanted, differing, asked["scope"])
        shown = self._after_cancelling(changed, wanted, asked)
        if before_all:
            undo_all = {"several": before_all}
            return changed_page(request, sentence, changed, undo_all, undo_with="calendar_restore", **shown)
        if asked["just_cancelled"] == "one":
            before = {"status": AppointmentStatus.SCHEDULED}
        is_one = asked["scope"] in ("", SeriesScope.THIS)
        undo = {**before, "version": changed.version} if before and is_one else None
        return changed_page(request, sentence, changed, undo, **shown)

    def _change(self, visit_id: UUID, wanted: dict[str, Any], asked: dict[str, Any]) -> tuple[Appointment, str]:
        """Return the visit, and if others of its series were changed with it, what all were before."""
        known: dict[str, Any] = {"by": self.user, "appointment_id": visit_id, "expected": asked["version"]}
        if asked["scope"] in (SeriesScope.FOLLOWING, SeriesScope.ALL):
            visit, before = series.change_several(scope=asked["scope"], **known, **wanted)
            return visit, several.as_text(before) if before else ""
        is_meant = asked["confirmed"]
        visit = services.change(allow_overlap=is_meant, allow_past=is_meant or asked["undo"], **known, **wanted)
        return visit, several.now_at(asked["several"], visit) if asked["several"] else ""

    def _after_cancelling(self, visit: Appointment, wanted: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        """Return what the message asks when a visit was cancelled: why, until it is said, and whom to offer its
        time."""
        is_reason = bool(asked["just_cancelled"])
        if not is_reason and wanted != {"status": AppointmentStatus.CANCELLED}:
            return {}
        fitting = waiting.would_fit(self.user, visit)
        self.read([visit, *fitting], about_id=visit.pk)
        names = {"name": fitting[0].patient.name, "others": len(fitting) - 1} if fitting else {}
        return {"reasons": [] if is_reason else CancelReason.choices, "fitting": names}

    def _preview(self, visit: Appointment, wanted: dict[str, Any]) -> Preview:
        values = services.differing(visit, wanted)
        minutes = values.pop("minutes", visit.minutes)
        for name, value in values.items():
            setattr(visit, name, value)
        if "doctor_id" in values:
            visit.doctor = User.objects.doctor(values["doctor_id"])
        if values.get("room_id"):
            visit.room = get_bookable_room(values["room_id"])
            visit.office_id = visit.room.office_id
        visit.ends_at = visit.starts_at + timedelta(minutes=minutes)
        return preview_change(visit, by=self.user)


class RestoreVisits(VisitPanel):
    """Take back a change of several visits of a series, all or none."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        before = several.from_text(several.SeveralForm(request.POST).validated_data["several"])
        visit = get_visit(self.user, visit_id)
        try:
            restored = series.restore(by=self.user, changed=before)
        except Refusal as refusal:
            return self.refused(visit, refusal)
        self.read(restored, about_id=visit.pk)
        return changed_page(request, gettext("Undone."), several.restored_visit(visit.pk, restored), None)


class ActOnVisit(VisitPanel):
    """Say what happened to a visit, or take the last of it back."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, visit_id: UUID) -> HttpResponse:
        asked = ActionForm(request.POST).validated_data
        action = Action(asked["action"])
        visit = get_visit(self.user, visit_id)
        try:
            changed = services.act(by=self.user, appointment_id=visit_id, action=action, expected=asked["version"])
        except Refusal as refusal:
            return self.refused(visit, refusal)
        self.read([changed], about_id=changed.pk)
        if action == Action.UNDO:
            return changed_page(request, gettext("Undone."), changed, None)
        sentence = f"{changed.patient.name}: {facts.describe(changed, changed.tzinfo)}"
        is_new = changed.version != visit.version  # said twice, it changes nothing
        undo = {"action": Action.UNDO.value, "version": changed.version} if is_new else None
        return changed_page(request, sentence, changed, undo, undo_with="calendar_act")


def _asked_again(request: HttpRequest) -> list[tuple[str, Any]]:
    """Return the fields of a change that is asked for once more, to be confirmed."""
    return [(name, request.POST[name]) for name in ChangeForm.base_fields if name in request.POST]
