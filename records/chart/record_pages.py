"""A medical record, and with it a prescription, written in the chart."""

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from uuid_utils.compat import uuid7

from audit.events import AuditEvent
from core.admin.base import add_refusal
from core.errors import Refusal
from core.permissions import Permission
from core.texts import READABLE
from records.chart.pages import ChartPage
from records.medical_records.serializers import MAX_NOTES_LENGTH, MAX_TEXT_LENGTH
from records.medical_records.services import create_record
from records.models import MedicalRecord
from records.versions.labels import field_label


class RecordForm(forms.Form):
    record_id = forms.UUIDField(initial=uuid7, widget=forms.HiddenInput)
    diagnosis = forms.CharField(max_length=MAX_TEXT_LENGTH, validators=READABLE, widget=forms.Textarea({"rows": 2}))
    prescription = forms.CharField(
        max_length=MAX_TEXT_LENGTH, validators=READABLE, required=False, widget=forms.Textarea({"rows": 4})
    )
    notes = forms.CharField(
        max_length=MAX_NOTES_LENGTH, validators=READABLE, required=False, widget=forms.Textarea({"rows": 4})
    )

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        for field in self.visible_fields():
            field.label = str(field_label(field.name))


class NewRecord(ChartPage):
    needs = Permission.WRITE_RECORDS
    about = MedicalRecord._meta.label

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        return self.open_chart(patient_id) or self.form_page(RecordForm())

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        refused = self.open_chart(patient_id)
        if refused is not None:
            return refused
        form = RecordForm(request.POST)
        if not form.is_valid():
            return self.form_page(form)
        record_id = form.cleaned_data.pop("record_id")
        texts = {name: text.replace("\r\n", "\n") for name, text in form.cleaned_data.items()}  # as forms send lines
        try:
            record = create_record(by=self.user, patient_id=self.chart.pk, record_id=record_id, **texts)
        except Refusal as refusal:
            add_refusal(form, refusal)
            return self.form_page(form)
        printed = reverse("prescription", args=[record.pk]) if record.prescription else ""
        self.done(gettext("Saved: the medical record of %(patient)s.") % {"patient": self.chart.name}, printed)
        return redirect("chart", self.chart.pk)

    def form_page(self, form: RecordForm) -> HttpResponse:
        self.read([self.chart], kind=AuditEvent.CHART_READ, about_id=self.chart.pk)
        context = {"chart": self.chart, "form": form}
        return render(self.request, "records/chart/record.html", context)
