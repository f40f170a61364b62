"""Body charts of a chart: drawn with the mouse or the keyboard, seen over time, corrected with a reason."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.events import AuditEvent
from core.errors import Invalid, Refusal
from core.forms import CheckedForm
from core.permissions import Permission
from core.texts import READABLE
from patients.deletion.services import delete
from records.body_charts import services
from records.body_charts.drawing import drawings_of, figures_of
from records.body_charts.regions import REGIONS
from records.chart.pages import ChartPage, DeletionForm, PostedPage
from records.models import BodyChart, SessionNote
from records.models.body_chart import MAX_REMARK_LENGTH, Sensation

LEVELS = range(11)


class MarksField(forms.Field):
    """`front.left.knee:pain:7`, or `front.left.knee` alone for what the form says of all marks."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[tuple[str, str, str]]:
        found = []
        for text in value or []:
            region, _colon, rest = str(text).partition(":")
            sensation, _colon, level = rest.partition(":")
            if region not in REGIONS or (rest and (sensation not in Sensation.values or level not in map(str, LEVELS))):
                raise forms.ValidationError("")
            found.append((region, sensation, level))
        return found


class DrawingForm(CheckedForm):
    mark = MarksField(required=False)
    sensation = forms.ChoiceField(choices=Sensation.choices, label=_("What is felt"))
    level = forms.IntegerField(min_value=0, max_value=10, label=_("How strong, from 0 to 10"))
    remark = forms.CharField(max_length=MAX_REMARK_LENGTH, validators=READABLE, required=False, label=_("Remark"))
    note = forms.UUIDField(required=False)
    reason = forms.CharField(max_length=1000, validators=READABLE, required=False, label=_("Reason for the correction"))
    version = forms.IntegerField(min_value=1, required=False)

    @property
    def marks(self) -> list[dict[str, Any]]:
        """Return the marks. Raises Invalid."""
        given = self.validated_data
        return [
            {
                "region": region,
                "sensation": sensation or given["sensation"],
                "level": int(level) if level else given["level"],
            }
            for region, sensation, level in dict.fromkeys(given["mark"])
        ]

    @property
    def remark_text(self) -> str:
        return str(self.validated_data["remark"]).replace("\r\n", "\n")  # as forms send lines


class PickedForm(CheckedForm):
    note = forms.UUIDField(required=False)


class BodyPage(ChartPage):
    needs = Permission.READ_RECORDS
    about = BodyChart._meta.label

    def get_drawing(self, body_chart_id: UUID) -> BodyChart:
        drawings = BodyChart.objects.visible_to(self.user).filter(patient=self.chart).with_people()
        drawing: BodyChart = drawings.get_or_refuse(pk=body_chart_id)
        return drawing

    def editor(self, *, row: BodyChart | None = None, note: SessionNote | None = None, **typed: Any) -> HttpResponse:
        """Return the page on which somebody draws: anew, from the last one, or to correct `row`."""
        last = row or next((drawing.row for drawing in drawings_of(self.chart, by=self.user, most=1)), None)
        self.read([self.chart], kind=AuditEvent.BODY_CHARTS_LISTED, about_id=row.pk if row else None)
        marks = row.mark_list if row else []
        context = {
            "chart": self.chart,
            "row": row,
            "note": note,
            "figures": figures_of(marks),
            "marked": [f"{mark['region']}:{mark['sensation']}:{mark['level']}" for mark in marks],
            "last": last if not row else None,
            "sensations": Sensation.choices,
            "levels": LEVELS,
            **typed,
        }
        return render(self.request, "records/chart/body_editor.html", context)


class BodyCharts(BodyPage):
    """All that were drawn, the latest first."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        drawings = drawings_of(self.chart, by=self.user)
        self.read([self.chart], kind=AuditEvent.BODY_CHARTS_LISTED, hits=len(drawings))
        context = {
            "chart": self.chart,
            "drawings": drawings,
            "may_keep_lists": self.user.can(Permission.WRITE_CLINICAL_FIELDS),
            "may_delete_entries": self.user.can(Permission.DELETE_CLINICAL),
        }
        return render(request, "records/chart/body_charts.html", context)


class DrawBodyChart(BodyPage):
    needs = Permission.WRITE_CLINICAL_FIELDS

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        return self.editor(note=self.get_note(PickedForm(request.GET).validated_data["note"]))

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        form = DrawingForm(request.POST)
        marks = form.marks
        note = self.get_note(form.validated_data["note"])
        note_id = note.pk if note else None
        services.draw(by=self.user, patient_id=self.chart.pk, marks=marks, note_id=note_id, remark=form.remark_text)
        self.done(gettext("Saved: the body chart of %(patient)s.") % {"patient": self.chart.name})
        return redirect("note-edit", note.pk) if note else redirect("chart_body", self.chart.pk)

    def get_note(self, note_id: UUID | None) -> SessionNote | None:
        if note_id is None:
            return None
        notes = SessionNote.objects.visible_to(self.user).filter(patient=self.chart)
        note: SessionNote = notes.get_or_refuse(pk=note_id)
        return note


class CorrectBodyChart(BodyPage):
    needs = Permission.WRITE_CLINICAL_FIELDS

    def get(self, request: HttpRequest, patient_id: UUID, body_chart_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        return refused or self.editor(row=self.get_drawing(body_chart_id))

    def post(self, request: HttpRequest, patient_id: UUID, body_chart_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        row, form = self.get_drawing(body_chart_id), DrawingForm(request.POST)
        marks, given = form.marks, form.validated_data
        if not given["reason"] or not given["version"]:
            raise Invalid("reason", str(forms.Field.default_error_messages["required"]))
        try:
            services.correct(
                by=self.user,
                body_chart_id=row.pk,
                expected=given["version"],
                reason=given["reason"],
                marks=marks,
                remark=form.remark_text,
            )
        except Refusal as refusal:
            if refusal.status not in (400, 409):
                raise
            return self.editor(row=self.get_drawing(body_chart_id), mistake=refusal.detail)
        self.done(gettext("Corrected: the body chart of %(patient)s.") % {"patient": self.chart.name})
        return redirect("chart_body", self.chart.pk)


class DeleteBodyChart(PostedPage):
    needs = Permission.WRITE_CLINICAL_FIELDS
    about = BodyChart._meta.label

    def post(self, request: HttpRequest, patient_id: UUID, body_chart_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        row = BodyChart.objects.visible_to(self.user).filter(patient=self.chart).get_or_refuse(pk=body_chart_id)
        delete(by=self.user, row=row, reason=DeletionForm(request.POST).validated_data["reason"])
        self.done(
            gettext("Deleted: a body chart of %(patient)s. A manager can restore it.") % {"patient": self.chart.name}
        )
        return redirect("chart_body", self.chart.pk)
