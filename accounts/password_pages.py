"""The pages of a forgotten password, for people of every role: one asks for the link, the other is where it leads."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import View
from rest_framework.exceptions import Throttled

from accounts import password_reset
from accounts.serializers import MAX_PASSWORD
from audit.trail import TrailDown
from core.api import limits
from core.api.errors import TRAIL_DOWN
from core.errors import Invalid, Refusal


class AskForm(forms.Form):
    email = forms.CharField(
        label="Email",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class NewPasswordForm(forms.Form):
    password = forms.CharField(
        label="New password",
        strip=False,
        max_length=MAX_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True}),
    )
    again = forms.CharField(
        label="The same again",
        strip=False,
        max_length=MAX_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = " ".join(password_validators_help_texts())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "password" in cleaned and "again" in cleaned and cleaned["password"] != cleaned["again"]:
            self.add_error("again", "This is not the same password.")
        return cleaned


class Page(View):
    """Kept by no browser; and the address, which may hold a token, is told to nobody as a referrer, our own server
    included. What is sent is counted by address as a sign-in is."""

    http_method_names = ["get", "head", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = self._answer(request, *args, **kwargs)
        response["Cache-Control"] = "no-store, private"
        response["Referrer-Policy"] = "strict-origin"  # with none at all, browsers send a form from "null"
        return response

    def _answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            if request.method == "POST":
                limits.count_address(request)
            return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]
        except Throttled as throttled:
            seconds = throttled.wait  # type: ignore[attr-defined]
            page = _error(request, f"Please try again in {seconds} second(s).", title="Too many attempts", status=429)
            page["Retry-After"] = str(seconds)
            return page
        except Refusal as refusal:
            return _error(request, refusal.detail, status=refusal.status)
        except TrailDown:
            return _error(request, TRAIL_DOWN, status=503)


class AskForLink(Page):
    def get(self, request: HttpRequest) -> HttpResponse:
        return _form(request, AskForm(), "ask")

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AskForm(request.POST)
        if not form.is_valid():
            return _form(request, form, "ask")
        password_reset.ask(email=form.cleaned_data["email"])
        return _told(request, "Look into your mail", password_reset.ASKED)


class SetPassword(Page):
    """Opening the page uses nothing up: programs that check mails for bad links do so, too."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            password_reset.check(token)
        except password_reset.LinkNotValid as dead:
            return _dead(request, dead)
        return _form(request, NewPasswordForm(), "set")

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        form = NewPasswordForm(request.POST)
        if not form.is_valid():
            return _form(request, form, "set")
        try:
            password_reset.confirm(token=token, password=form.cleaned_data["password"])
        except Invalid as weak:
            form.add_error("password", weak.message)
            return _form(request, form, "set")
        except password_reset.LinkNotValid as dead:
            return _dead(request, dead)
        return _told(request, "That is done", password_reset.DONE)


def _form(request: HttpRequest, form: forms.Form, which: str) -> HttpResponse:
    return render(request, f"password_reset/{which}.html", {"form": form})


def _told(request: HttpRequest, title: str, sentence: str) -> HttpResponse:
    return render(request, "password_reset/told.html", {"title": title, "sentence": sentence})


def _dead(request: HttpRequest, dead: Refusal) -> HttpResponse:
    return render(request, "password_reset/dead.html", {"sentence": dead.detail}, status=dead.status)


def _error(request: HttpRequest, sentence: str, *, status: int, title: str = "This did not work") -> HttpResponse:
    return render(request, "error.html", {"title": title, "sentence": sentence}, status=status)
