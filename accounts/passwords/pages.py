"""The pages for a forgotten password, for every role: requesting the link, and setting a new password with it."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views import View
from rest_framework.exceptions import Throttled

from accounts.hashers import normalise_password
from accounts.password_rules import describe_rules
from accounts.passwords import reset as password_reset
from accounts.sign_in.serializers import MAX_PASSWORD
from audit.log import AuditLogUnavailable
from core.api import throttling
from core.api.exceptions import TRAIL_DOWN
from core.error_pages import error_page, throttled_page
from core.errors import Invalid, Refusal, Sentence


class ResetRequestForm(forms.Form):
    email = forms.CharField(
        label=_("Email"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


class NewPasswordForm(forms.Form):
    password = forms.CharField(
        label=_("New password"),
        strip=False,
        max_length=MAX_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True}),
    )
    again = forms.CharField(
        label=_("Confirm password"),
        strip=False,
        max_length=MAX_PASSWORD,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, data: Any = None, *, rules: str) -> None:
        super().__init__(data)
        self.fields["password"].help_text = rules

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        typed = {normalise_password(cleaned[name]) for name in ("password", "again") if name in cleaned}
        if len(typed) > 1:
            self.add_error("again", gettext("The passwords don't match."))
        return cleaned


class Page(View):
    """Not cached, and without a referrer, since the address may contain a token. Submissions are rate-limited by
    address like sign-ins."""

    http_method_names = ["get", "head", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = self._answer(request, *args, **kwargs)
        response["Cache-Control"] = "no-store, private"
        response["Referrer-Policy"] = "strict-origin"  # with "no-referrer", browsers send forms with the origin "null"
        return response

    def _answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            if request.method == "POST":
                throttling.count_address(request)
            return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]
        except Throttled as throttled:
            return throttled_page(request, throttled)
        except Refusal as refusal:
            return error_page(request, refusal.detail, status=refusal.status)
        except AuditLogUnavailable:
            return error_page(request, TRAIL_DOWN, status=503)


class RequestLink(Page):
    def get(self, request: HttpRequest) -> HttpResponse:
        return _form_page(request, ResetRequestForm(), "ask")

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ResetRequestForm(request.POST)
        if not form.is_valid():
            return _form_page(request, form, "ask")
        password_reset.request_reset(email=form.cleaned_data["email"])
        return _message_page(request, gettext("Check your email"), password_reset.REQUESTED)


class SetPassword(Page):
    """Opening the page does not use up the link: mail scanners open links, too."""

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            user = password_reset.check(token)
        except password_reset.LinkNotValid as refusal:
            return _invalid_link_page(request, refusal)
        return _form_page(request, NewPasswordForm(rules=describe_rules(user.role)), "set")

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            form = NewPasswordForm(request.POST, rules=describe_rules(password_reset.check(token).role))
            if not form.is_valid():
                return _form_page(request, form, "set")
            password_reset.confirm(token=token, password=form.cleaned_data["password"])
        except Invalid as weak:
            form.add_error("password", weak.message)
            return _form_page(request, form, "set")
        except password_reset.LinkNotValid as refusal:
            return _invalid_link_page(request, refusal)
        return _message_page(request, gettext("Password changed"), password_reset.DONE)


def _form_page(request: HttpRequest, form: forms.Form, which: str) -> HttpResponse:
    return render(request, f"password_reset/{which}.html", {"form": form})


def _message_page(request: HttpRequest, title: Sentence, sentence: Sentence) -> HttpResponse:
    return render(request, "password_reset/message.html", {"title": title, "sentence": sentence})


def _invalid_link_page(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    return render(request, "password_reset/invalid_link.html", {"sentence": refusal.detail}, status=refusal.status)
