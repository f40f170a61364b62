"""The page on which the front desk, or patients themselves, say how they want to be written to."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.events import AuditEvent
from core.pages import WorkPage
from core.permissions import Permission
from notifications.models import MessageLanguage
from patients.message_wishes import services
from patients.models import Patient


class WishesForm(forms.Form):
    email = forms.BooleanField(required=False, label=_("Emails about visits"))
    sms = forms.BooleanField(required=False, label=_("Text messages about visits"))
    language = forms.ChoiceField(
        required=False,
        label=_("Language of messages"),
        choices=[("", _("The practice's language")), *MessageLanguage.choices],
    )


class WishesPage(WorkPage):
    """Of any patient, for the front desk."""

    http_method_names = ["get", "head", "post"]
    needs = Permission.WRITE_CHARTS
    about = Patient._meta.label

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        chart, wishes = services.get_wishes(by=self.user, patient_id=patient_id)
        initial = {
            "email": wishes.no_email_since is None,
            "sms": wishes.no_sms_since is None,
            "language": wishes.language,
        }
        return self.show(WishesForm(initial=initial), chart, wishes)

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        form = WishesForm(request.POST)
        if not form.is_valid():
            return self.show(form, *services.get_wishes(by=self.user, patient_id=patient_id))
        services.change_wishes(by=self.user, patient_id=patient_id, **form.cleaned_data)
        self.done(gettext("Saved: how messages are sent."))
        return redirect(self.back(patient_id))

    def back(self, patient_id: UUID) -> Any:
        return reverse("chart", args=[patient_id])

    def show(self, form: WishesForm, chart: Patient, wishes: Any) -> HttpResponse:
        self.read([chart], kind=AuditEvent.CHART_READ, about_id=chart.pk)
        shown = {"form": form, "chart": chart, "wishes": wishes, "back": self.back(chart.pk)}
        return render(self.request, "patients/message_wishes/wishes.html", shown)
