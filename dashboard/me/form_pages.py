"""Forms that patients fill in and sign themselves, and withdraw."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from audit.events import AuditEvent
from core.errors import Refusal
from core.permissions import Permission
from dashboard.me.pages import OwnPage
from records.forms import services
from records.forms.page import fill_context, sent
from records.forms.pages import WithdrawForm, shown, signed_file
from records.models import PatientForm
from records.models.patient_form import FormState


class FormPage(OwnPage):
    needs = Permission.FILL_OWN_FORMS
    about = PatientForm._meta.label

    def get_form(self, form_id: UUID) -> PatientForm:
        return services.get_form(by=self.user, form_id=form_id)


class FillNeeded(FormPage):
    """Begin a form that is needed before the next visit."""

    def get(self, request: HttpRequest, template_id: UUID) -> HttpResponse:
        return redirect("my_page")  # after a sign-in

    def post(self, request: HttpRequest, template_id: UUID) -> HttpResponse:
        form = services.ask(by=self.user, patient_id=self.chart().pk, template_id=template_id)
        return redirect("me_form", form.pk)


class Form(FormPage):
    def get(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        return self.page(self.get_form(form_id))

    def post(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        self.get_form(form_id)
        try:
            done = services.complete(by=self.user, form_id=form_id, **sent(request))
        except Refusal as refusal:
            return self.page(self.get_form(form_id), refusal)
        messages.success(request, gettext("Sent to the practice: %(form)s.") % {"form": done.version.content["name"]})
        return redirect("my_page")

    def page(self, form: PatientForm, refusal: Refusal | None = None) -> HttpResponse:
        self.read([form], kind=AuditEvent.FORM_READ, about_id=form.pk)
        if form.state == FormState.ASKED:
            context: dict[str, Any] = fill_context(form, self.request, refusal)
            return render(self.request, "dashboard/me/form.html", context)
        context = {**shown(form), "refused": refusal.detail if refusal else ""}
        return render(self.request, "dashboard/me/form_done.html", context)


class Withdraw(FormPage):
    def get(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        return redirect("me_form", form_id)  # after a sign-in

    def post(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        form = services.withdraw(by=self.user, form_id=form_id, **WithdrawForm(request.POST).validated_data)
        messages.success(request, gettext("Withdrawn: %(form)s.") % {"form": form.version.content["name"]})
        return redirect("me_form", form.pk)


class SignedFile(FormPage):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, form_id: UUID) -> HttpResponseBase:
        return signed_file(self, self.get_form(form_id))
