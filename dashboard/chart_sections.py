"""What the page of a chart shows below the chart itself: the newest of its clinical record and where the others are,
and what an office manager does with the whole of it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.models import User, known_as
from accounts.roles import Permission
from audit.events import Kind
from core.errors import Missing, Refusal
from dashboard.admin_base import acting
from dashboard.admin_deleted import DeletableAdmin
from dashboard.admin_files import FileForm
from dashboard.admin_plans import progress_of
from dashboard.admin_reads import shows
from patients import deletions, restriction
from patients.models import LIVING, LegalHold, Patient
from practices.services import current_practice
from records.export import exported
from records.files import quota
from records.files.answers import download
from records.models import Attachment, PlanOfCare, SessionNote
from records.models.note import SECTIONS

SHOWN = 10


class HoldForm(forms.Form):
    """Why. Stored encrypted, and shown to office managers."""

    reason = forms.CharField(
        label="Reason for the hold",
        max_length=1000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class WithSections(DeletableAdmin):
    """Charts, whose page has these sections."""

    def get_urls(self) -> list[URLPattern]:
        place = self.admin_site.admin_view(require_POST(self.place_hold))
        lift = self.admin_site.admin_view(require_POST(self.lift_hold))
        export = self.admin_site.admin_view(require_POST(self.export))
        own = [
            path("<uuid:patient_id>/export/", export, name="patients_patient_export"),
            path("<uuid:patient_id>/legal-hold/", place, name="patients_patient_hold"),
            path("<uuid:patient_id>/lift-legal-hold/", lift, name="patients_patient_lift_hold"),
        ]
        return own + super().get_urls()

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        chart, user = context.get("original"), acting(request)
        if chart is not None and chart.status in LIVING:
            context |= {"chart": chart, "record": record_of(chart, user), **_hold_of(chart, user)}
            context["may_export"] = user.can(Permission.EXPORT_CHARTS)
        return super().render_change_form(request, context, *args, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A registration that was declined or merged is kept as it came in."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.status in LIVING)

    def after_deletion(self, row: Any) -> HttpResponse:
        return redirect("admin:patients_patient_changelist")

    def export(self, request: HttpRequest, patient_id: UUID) -> HttpResponseBase:
        """Told before its first byte, as all that a page shows is."""
        user = acting(request)
        if not user.can(Permission.EXPORT_CHARTS):
            raise PermissionDenied
        (chart,) = restriction.open_for(user, [Patient.objects.visible_to(user).found(pk=patient_id)])
        if chart.is_closed:
            return redirect("admin:patients_patient_change", chart.pk)  # which says so
        shows(request, [chart], about=Patient._meta.label, about_id=chart.pk, kind=Kind.CHART_EXPORTED)
        chunks = exported(chart, practice=current_practice(), by=user)
        return download(chunks, name="chart.zip", content_type="application/zip")

    # --- Legal hold

    def place_hold(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        def place(by: User) -> None:
            form = HoldForm(request.POST)
            if not form.is_valid():
                raise Refusal("Say why the chart is on legal hold, in at most 1,000 characters.")
            deletions.place_hold(by=by, patient_id=patient_id, reason=form.cleaned_data["reason"])

        return self._held(request, patient_id, place, said="The chart is on legal hold: nothing of it is purged.")

    def lift_hold(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        def lift(by: User) -> None:
            deletions.lift_hold(by=by, patient_id=patient_id)

        return self._held(request, patient_id, lift, said="The legal hold is lifted.")

    def _held(
        self, request: HttpRequest, patient_id: UUID, change: Callable[[User], None], *, said: str
    ) -> HttpResponse:
        user = acting(request)
        if not user.can(Permission.HOLD_CHARTS):
            raise PermissionDenied
        try:
            change(user)
        except Missing as error:
            raise Http404 from error
        except Refusal as refusal:
            messages.error(request, refusal.detail)
        else:
            messages.success(request, said)
        return redirect("admin:patients_patient_change", patient_id)


def record_of(chart: Patient, user: User) -> dict[str, Any]:
    """The clinical record of a chart that is open to this person."""
    notes = SessionNote.objects.visible_to(user).filter(patient=chart)
    files = Attachment.objects.visible_to(user).filter(patient=chart)
    plans = PlanOfCare.objects.visible_to(user).filter(patient=chart).select_related("doctor").with_progress()
    newest_plans = _newest(plans.latest_first())
    for plan in newest_plans["shown"]:
        plan.said = progress_of(plan)
    return {
        "notes": _newest(notes.select_related("doctor").defer(*SECTIONS).latest_first()),
        "plans": newest_plans,
        "files": _newest(files.newest_first()),
        "used": quota.used_by(chart.pk),
        "room": settings.PATIENT_FILES_BYTES,
        "file_form": FileForm() if user.can(Permission.ADD_FILES) else None,
    }


def _newest(rows: QuerySet[Any]) -> dict[str, Any]:
    """`more`: how many there are beside those shown."""
    shown = list(rows[: SHOWN + 1])
    more = rows.count() - SHOWN if len(shown) > SHOWN else 0
    return {"shown": shown[:SHOWN], "more": more}


def _hold_of(chart: Patient, user: User) -> dict[str, Any]:
    if not user.can(Permission.HOLD_CHARTS):
        return {}
    hold = LegalHold.objects.filter(patient=chart).first()
    by = hold and known_as(User.objects.filter(pk=hold.placed_by_id).first())
    return {"may_hold": True, "hold": hold, "held_by": by, "hold_form": HoldForm()}
