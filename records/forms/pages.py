"""The pages of forms and consents for those who work in the practice: what a patient was asked for, filling it in with
them, handing it over on a tablet, and taking answers over into the chart."""

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.sessions.ending import sign_out_of_api
from audit.events import AuditEvent
from core.admin.access_log import log_page_refusal
from core.errors import Conflict, Refusal
from core.forms import CheckedForm
from core.pages import WorkPage
from core.permissions import Permission
from core.texts import READABLE
from patients.deletion.services import delete
from patients.models import Patient
from patients.restriction.services import check_access
from records.attachments.downloads import check_downloadable, file_response
from records.form_templates.content import Fills
from records.forms import review, services
from records.forms.answers import in_words
from records.forms.page import drawn_path, fill_context, sent
from records.models import FormTemplate, PatientForm
from records.models.patient_form import FieldKind, FormState

MOST = 100  # forms of one patient


class AskForm(CheckedForm):
    template = forms.UUIDField()


class WithdrawForm(CheckedForm):
    reason = forms.CharField(max_length=1000, required=False, validators=READABLE, label=_("Reason"))


class AcceptForm(CheckedForm):
    accept = forms.MultipleChoiceField(choices=Fills.choices, required=False)
    version = forms.IntegerField(min_value=1)


class FormsPage(WorkPage):
    needs = Permission.ASK_FOR_FORMS
    about = PatientForm._meta.label

    def get_form(self, form_id: UUID) -> PatientForm:
        return services.get_form(by=self.user, form_id=form_id)

    def read_form(self, form: PatientForm) -> None:
        self.read([form], kind=AuditEvent.FORM_READ, about_id=form.pk)


class PatientForms(FormsPage):
    """What one patient was asked for, and what is missing before their next visits."""

    def get(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        chart = check_access(self.user, Patient.objects.visible_to(self.user).get_or_refuse(pk=patient_id))
        found = PatientForm.objects.visible_to(self.user).filter(patient=chart).with_people().newest_first()
        rows = list(found[:MOST])
        self.read([chart, *rows], kind=AuditEvent.FORMS_LISTED, hits=len(rows), about_id=chart.pk)
        asked = [row for row in rows if row.state == FormState.ASKED]
        asked_for = {row.template_id for row in asked}
        context = {
            "chart": chart,
            "asked": asked,
            "others": [(row, review.may_hold_news(row)) for row in rows if row.state != FormState.ASKED],
            "missing": [each for each in services.needed_by(chart.pk) if each.pk not in asked_for],
            "templates": [each for each in FormTemplate.objects.in_use() if each.pk not in asked_for],
            "may_keep": self.user.can(Permission.KEEP_FORM_TEMPLATES),
        }
        return render(request, "records/forms/of_patient.html", context)

    def post(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        asked = AskForm(request.POST).validated_data
        form = services.ask(by=self.user, patient_id=patient_id, template_id=asked["template"])
        said = {"form": form.version.content["name"], "patient": form.patient.name}
        self.done(gettext("Asked for: %(form)s, %(patient)s.") % said)
        return redirect("form", form.pk)


class Form(FormsPage):
    """One form: to fill in, or as it was completed."""

    def get(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        form = self.get_form(form_id)
        return self.fill(form) if form.state == FormState.ASKED else self.show(form)

    def post(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        form = self.get_form(form_id)
        try:
            done = services.complete(by=self.user, form_id=form_id, **sent(request))
        except Refusal as refusal:
            form = self.get_form(form_id)
            return self.fill(form, refusal) if form.state == FormState.ASKED else self.show(form, refusal)
        said = {"form": done.version.content["name"], "patient": done.patient.name}
        messages.success(request, gettext("Completed: %(form)s, %(patient)s.") % said)
        return redirect("patient-forms", done.patient_id)

    def fill(self, form: PatientForm, refusal: Refusal | None = None) -> HttpResponse:
        self.read_form(form)
        status = refusal.status if refusal and refusal.status >= 500 else 200
        return render(self.request, "records/forms/fill.html", fill_context(form, self.request, refusal), status=status)

    def show(self, form: PatientForm, refusal: Refusal | None = None) -> HttpResponse:
        self.read_form(form)
        context = {**shown(form), "has_news": review.may_hold_news(form), "refused": refusal.detail if refusal else ""}
        return render(self.request, "records/forms/completed.html", context)


def shown(form: PatientForm) -> dict[str, Any]:
    """Return what templates/records/forms/answers.html shows of a completed form."""
    answers = [
        (question, in_words(question, form.answers.get(question["key"], "")))
        for question in form.version.questions
        if question["kind"] != FieldKind.SIGNATURE
    ]
    strokes = form.signature.get("strokes")
    return {
        "form": form,
        "answers": answers,
        "signed_by": form.signature.get("name", ""),
        "path": drawn_path(strokes) if strokes else "",
    }


class PostedForm(FormsPage):
    """What is only posted from the page of a form; who comes here from a sign-in goes on to the form."""

    def get(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        return redirect("form", form_id)


class ShowCode(PostedForm):
    """A code for the tablet. It is shown once."""

    def post(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        code, ends_at = services.hand_over(by=self.user, form_id=form_id)
        form = self.get_form(form_id)
        self.read_form(form)
        context = {"form": form, "code": code, "ends_at": ends_at, "address": settings.SITE_URL + reverse("tablet")}
        return render(request, "records/forms/code.html", context)


class HandOver(PostedForm):
    """Let the patient have this device: whoever is signed in on it is signed out, in a program that uses the API from
    this browser too, and it shows the form alone."""

    def post(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        code, _ends_at = services.hand_over(by=self.user, form_id=form_id)
        logout(request)
        response = redirect("tablet-form", code)
        sign_out_of_api(request, response)
        return response


class Withdraw(PostedForm):
    def post(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        form = services.withdraw(by=self.user, form_id=form_id, **WithdrawForm(request.POST).validated_data)
        said = {"form": form.version.content["name"], "patient": form.patient.name}
        messages.success(request, gettext("Withdrawn: %(form)s, %(patient)s.") % said)
        return redirect("form", form_id)


class TakeBack(PostedForm):
    """Ask no longer. The form can be restored, as what is deleted can."""

    def post(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        form = self.get_form(form_id)
        if form.state != FormState.ASKED:
            raise Conflict(services.DONE_ALREADY)
        delete(by=self.user, row=form, reason="No longer asked for")  # stored, in no language of a page
        messages.success(request, gettext("No longer asked for: %(form)s.") % {"form": form.version.content["name"]})
        return redirect("patient-forms", form.patient_id)


class Review(FormsPage):
    """The answers beside what the chart says."""

    def get(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        return self.page(form_id)

    def post(self, request: HttpRequest, form_id: UUID) -> HttpResponse:
        given = AcceptForm(request.POST).validated_data
        try:
            form = review.review(by=self.user, form_id=form_id, expected=given["version"], accept=given["accept"])
        except Refusal as refusal:
            log_page_refusal(request, refusal)
            return self.page(form_id, refusal.detail)
        taken = ", ".join(str(Fills(name).label) for name in given["accept"])
        said = gettext("Taken over into the chart: %(fields)s.") % {"fields": taken}
        messages.success(request, said if taken else gettext("Nothing was taken over into the chart."))
        return redirect("chart", form.patient_id)

    def page(self, form_id: UUID, mistake: str = "") -> HttpResponse:
        form = self.get_form(form_id)
        if form.state == FormState.ASKED:
            raise Conflict(review.NOTHING_TO_REVIEW)
        chart = Patient.objects.visible_to(self.user).get_or_refuse(pk=form.patient_id)
        self.read_form(form)
        check_access(self.user, chart)
        found = review.differences(by=self.user, form=form, chart=chart)
        context = {"form": form, "chart": chart, "differences": found, "mistake": mistake}
        return render(self.request, "records/forms/review.html", context)


class SignedFile(FormsPage):
    """The PDF as it was signed."""

    needs = Permission.READ_RECORDS
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest, form_id: UUID) -> HttpResponseBase:
        return signed_file(self, self.get_form(form_id))


def signed_file(page: WorkPage, form: PatientForm) -> HttpResponseBase:
    if form.file is None:
        raise PermissionDenied
    check_downloadable(form.file)
    page.read([form], kind=AuditEvent.FILE_READ, about_id=form.file_id)
    return file_response(form.file, with_body=page.request.method == "GET")
