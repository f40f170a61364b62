"""The pages of a tablet that nobody is signed in on. They show the form and the patient's first name, and nothing else.
Tries are counted by address: see `tablet.PER_HOUR`."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts.passwords.pages import Page
from core.api import throttling
from core.encryption.fields import unreadable_marked
from core.errors import Refusal
from core.tenancy.scope import practice_scope
from practices.services import current_practice
from records.forms import tablet
from records.forms.page import fill_context, sent
from records.models import PatientForm


class CodeForm(forms.Form):
    code = forms.CharField(max_length=40)


class TabletPage(Page):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with unreadable_marked():
            return super().dispatch(request, *args, **kwargs)

    def count(self) -> None:
        throttling.count_attempt_by_address("form_code", self.request, per_hour=tablet.PER_HOUR)


class EnterCode(TabletPage):
    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "records/forms/tablet_code.html")

    def post(self, request: HttpRequest) -> HttpResponse:
        self.count()
        form = CodeForm(request.POST)
        code = form.cleaned_data["code"] if form.is_valid() else ""
        try:
            with tablet.opened(code):
                return redirect("tablet-form", tablet.normalise_code(code))
        except tablet.CodeUnusable as refusal:
            return render(request, "records/forms/tablet_code.html", {"refused": refusal.detail}, status=404)


class TabletForm(TabletPage):
    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        return self.answer(code)

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        try:
            self.count()
            tablet.complete(code, **sent(request))
        except tablet.CodeUnusable:
            return self.answer(code)
        except Refusal as refusal:
            return self.answer(code, refusal)
        return redirect("tablet-done")

    def answer(self, code: str, refusal: Refusal | None = None) -> HttpResponse:
        self.count()
        try:
            form, _person = tablet.read(code)
        except tablet.CodeUnusable as unusable:
            return render(self.request, "records/forms/tablet_code.html", {"refused": unusable.detail}, status=404)
        with practice_scope(form.practice_id), timezone.override(current_practice().tzinfo):
            return self.form_page(form, refusal)

    def form_page(self, form: PatientForm, refusal: Refusal | None) -> HttpResponse:
        shown = {**fill_context(form, self.request, refusal), "first_name": tablet.first_name(form)}
        return render(self.request, "records/forms/tablet_form.html", shown)


class Done(TabletPage):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "records/forms/tablet_done.html")
