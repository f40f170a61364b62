"""The measures of a chart: written down several at a time, shown over time, corrected with a reason."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.events import AuditEvent
from core.errors import Invalid
from core.forms import CheckedForm
from core.permissions import Permission
from core.texts import READABLE, validate_line
from core.typed import LocalDateTimeField
from patients.deletion.services import delete
from records.chart.measures import measures_context
from records.chart.pages import ChartPage, DeletionForm, PostedPage
from records.measures import services
from records.measures.series import read_series
from records.models import Measure
from records.models.measure import MAX_REMARK_LENGTH, SPANS, Joint, MeasureKind, Movement, Side, series_title


class ReadingForm(CheckedForm):
    """The numbers of one kind. `value` and `unit` are those of a form with a line for each kind."""

    measured_at = LocalDateTimeField(required=False, label=_("When"))
    remark = forms.CharField(
        max_length=MAX_REMARK_LENGTH, validators=[validate_line], required=False, label=_("Remark")
    )
    diastolic = forms.DecimalField(max_digits=7, decimal_places=2, required=False, label=_("Diastolic"))
    joint = forms.ChoiceField(choices=[("", ""), *Joint.choices], required=False)
    movement = forms.ChoiceField(choices=[("", ""), *Movement.choices], required=False)
    side = forms.ChoiceField(choices=[("", ""), *Side.choices], required=False)
    grip_side = forms.ChoiceField(choices=[("", ""), *Side.choices], required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind, units in SPANS.items():
            self.fields[f"value_{kind}"] = forms.DecimalField(
                max_digits=7, decimal_places=2, required=False, label=MeasureKind(kind).label
            )
            choices = [("", ""), *((unit.value, unit.value) for unit in units)]
            self.fields[f"unit_{kind}"] = forms.ChoiceField(choices=choices, required=False)

    def measures(self) -> list[dict[str, Any]]:
        """Return what was filled in, one for each kind. Raises Invalid."""
        given = self.validated_data
        common: dict[str, Any] = {"measured_at": given["measured_at"], "remark": given["remark"]}
        found = []
        for kind in SPANS:
            one: dict[str, Any] = {"value": given[f"value_{kind}"], "unit": given[f"unit_{kind}"]}
            if kind == MeasureKind.BLOOD_PRESSURE:
                one["diastolic"] = given["diastolic"]
            if kind == MeasureKind.GRIP:
                one["side"] = given["grip_side"]
            if kind == MeasureKind.RANGE_OF_MOTION:
                one |= {name: given[name] for name in ("joint", "movement", "side")}
            if one["value"] is not None or one.get("diastolic") is not None:
                found.append({"kind": kind, **one, **common})
        if not found:
            raise Invalid("value", gettext("Enter at least one value."))
        return found


class CorrectionForm(CheckedForm):
    value = forms.DecimalField(max_digits=7, decimal_places=2, label=_("Value"))
    diastolic = forms.DecimalField(max_digits=7, decimal_places=2, required=False, label=_("Diastolic"))
    measured_at = LocalDateTimeField(label=_("When"))
    remark = forms.CharField(
        max_length=MAX_REMARK_LENGTH, validators=[validate_line], required=False, label=_("Remark")
    )
    reason = forms.CharField(max_length=1000, validators=READABLE, label=_("Reason"))
    version = forms.IntegerField(min_value=1)


class SeriesForm(CheckedForm):
    series = forms.CharField(max_length=100, required=False)


class Measures(ChartPage):
    """All that was measured, as lines and as tables: of each series the latest, or the whole of one."""

    http_method_names = ["get", "head"]
    needs = Permission.READ_RECORDS
    about = Measure._meta.label

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        asked = SeriesForm(request.GET).validated_data["series"]
        measures = read_series(self.chart)
        if asked:
            measures = measures._replace(series=[one for one in measures.series if one.key == asked], unreadable=[])
            if not measures.series:  # an old link, or the last of it was deleted
                return redirect("chart_measures", patient_id)
        self.read([self.chart], kind=AuditEvent.MEASURES_LISTED, about_id=self.chart.pk)
        context = {
            "chart": self.chart,
            "measures": measures,
            "asked": asked,
            "may_keep_lists": self.user.can(Permission.WRITE_CLINICAL_FIELDS),
        }
        return render(request, "records/chart/measures_page.html", context)


class AddMeasures(PostedPage):
    """One or several at once. htmx gets the measures of the chart anew."""

    needs = Permission.WRITE_CLINICAL_FIELDS
    about = Measure._meta.label

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        services.add_measures(by=self.user, patient_id=self.chart.pk, measures=ReadingForm(request.POST).measures())
        if "HX-Request" not in request.headers:
            self.done(gettext("Saved: the measures of %(patient)s.") % {"patient": self.chart.name})
            return redirect("chart", patient_id)
        self.read([self.chart], kind=AuditEvent.MEASURES_LISTED, about_id=self.chart.pk)
        context = {"chart": self.chart, **measures_context(by=self.user, chart=self.chart)}
        return render(request, "records/chart/measures.html", context)


class ChangedMeasure(PostedPage):
    needs = Permission.WRITE_CLINICAL_FIELDS
    about = Measure._meta.label

    def post(self, request: HttpRequest, patient_id: UUID, measure_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        measure = self.get_measure(measure_id)
        self.change(measure)
        said = {"measure": measure.get_kind_display(), "patient": self.chart.name}
        self.done(self.said % said)
        return redirect("chart_measures", patient_id)

    said: Any

    def get_measure(self, measure_id: UUID) -> Measure:
        rows = Measure.objects.visible_to(self.user).filter(patient=self.chart).select_related("doctor")
        measure: Measure = rows.get_or_refuse(pk=measure_id)
        return measure

    def change(self, measure: Measure) -> None:
        raise NotImplementedError


class CorrectMeasure(ChangedMeasure):
    said = _("Corrected: %(measure)s of %(patient)s.")

    def get(self, request: HttpRequest, patient_id: UUID, **which: Any) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        measure = self.get_measure(which["measure_id"])
        self.read([self.chart], kind=AuditEvent.MEASURES_LISTED, about_id=measure.pk)
        context = {
            "chart": self.chart,
            "row": measure,
            "title": series_title(measure.series),
            "may_delete": self.user.can(Permission.DELETE_CLINICAL) or measure.doctor_id == self.user.pk,
        }
        return render(request, "records/chart/measure_correct.html", context)

    def change(self, measure: Measure) -> None:
        fields = CorrectionForm(self.request.POST).validated_data
        version = fields.pop("version")
        shown = measure.measured_at.replace(second=0, microsecond=0)
        if _minute(fields["measured_at"]) == shown:  # the form has no seconds: they are kept
            del fields["measured_at"]
        services.correct_measure(by=self.user, measure_id=measure.pk, expected=version, **fields)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


class DeleteMeasure(ChangedMeasure):
    said = _("Deleted: %(measure)s of %(patient)s. A manager can restore it.")

    def change(self, measure: Measure) -> None:
        delete(by=self.user, row=measure, reason=DeletionForm(self.request.POST).validated_data["reason"])
