"""The page of the admin site between the password and Today, which asks for the second factor."""

from typing import Any

import orjson
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import login, logout
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import FormView
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.authentication import EmailBackend
from accounts.lockout import locked_page
from accounts.models import Door, Method, User
from accounts.second_factor import services
from accounts.second_factor.asking import methods_of, token_for, user_of
from accounts.services import LockedOut
from core.errors import NotSignedIn

TOKEN = "password_was_right"  # noqa: S105 - the name in Django's session, where nothing else is held meanwhile
BACKEND = f"{EmailBackend.__module__}.{EmailBackend.__qualname__}"
NOT_UNDERSTOOD = "Your browser's answer was not understood. Please try again."


class CodeInput(UnfoldAdminTextInputWidget):
    """For what is typed from a phone or a sheet of paper."""

    def __init__(self, **attrs: str) -> None:
        typed = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": ""}
        super().__init__(attrs={**typed, **attrs})

    def format_value(self, value: Any) -> None:
        """A wrong one is not shown again: another is typed."""


class CredentialField(forms.CharField):
    """What passkeys.js has got from the browser: WebAuthn's own JSON."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> dict[str, Any] | None:  # type: ignore[override]
        if not value:
            return None
        try:
            credential = orjson.loads(value)
        except orjson.JSONDecodeError:
            credential = None
        if not isinstance(credential, dict):
            raise forms.ValidationError(NOT_UNDERSTOOD)
        return credential


class SignIn(LoginView):
    """Django's; but the right password of somebody with a second factor signs nobody in yet."""

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.get_user()
        if not methods_of(user):
            return super().form_valid(form)
        logout(self.request)  # whoever was signed in at this browser, and what their session held
        self.request.session[TOKEN] = token_for(user, Door.ADMIN_SITE)
        return _onwards("admin:second_factor", self.get_redirect_url())


def _onwards(page: str, then: str) -> HttpResponse:
    return redirect(reverse(page, query={"next": then} if then else None))


class AnswerForm(forms.Form):
    """A code of either kind, or what a passkey has signed."""

    code = forms.CharField(required=False, max_length=64, widget=CodeInput)
    credential = CredentialField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if not self.errors and not cleaned["code"] and cleaned["credential"] is None:
            self.add_error("code", "Type a code.")
        return cleaned

    def answer(self) -> dict[str, Any]:
        """In the words of the service. Recovery codes hold letters."""
        credential, code = self.cleaned_data["credential"], self.cleaned_data["code"]
        if credential is not None:
            return {"method": Method.PASSKEY, "credential": credential}
        digits = "".join(code.split()).isdigit()
        return {"method": Method.TOTP if digits else Method.RECOVERY_CODE, "code": code}


class SecondFactor(RedirectURLMixin, FormView):
    """Asks whoever's password was just right for the second factor."""

    form_class = AnswerForm
    template_name = "admin/second_factor.html"
    next_page = "admin:index"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        token = request.session.get(TOKEN)
        if token is None:
            return _onwards("admin:login", self.get_redirect_url())
        try:
            self.person = user_of(token, Door.ADMIN_SITE)
        except NotSignedIn as refusal:
            request.session.flush()
            messages.warning(request, refusal.detail)
            return _onwards("admin:login", self.get_redirect_url())
        self.methods = methods_of(self.person)
        return super().dispatch(request, *args, **kwargs)

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)
        code = form.fields["code"]
        if Method.TOTP in self.methods:
            code.label, code.help_text = "Code", "The six digits of your authenticator app, or a recovery code."
        else:
            code.label, code.help_text = "Recovery code", "Where your passkey is lost."
        return form

    def form_valid(self, form: AnswerForm) -> HttpResponse:
        answer = form.answer()
        try:
            with services.entering(self.person):
                services.check(user=self.person, **answer)
                self._enter(answer["method"])
        except LockedOut as refusal:
            return locked_page(self.request, refusal.retry_after)
        except NotSignedIn as refusal:
            if TOKEN not in self.request.session:
                raise  # the code was right, and trust in the account ended meanwhile
            form.add_error(None, refusal.detail)
            return self.form_invalid(form)
        return redirect(self.get_success_url())

    def _enter(self, method: Method) -> None:
        """Raises NotSignedIn and TrailDown."""
        self.request.session.flush()
        self.request.second_factor = method  # type: ignore[attr-defined] # read by accounts/page_sessions.py
        login(self.request, self.person, backend=BACKEND)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        asks_passkey = Method.PASSKEY in self.methods
        return super().get_context_data(
            **admin.site.each_context(self.request),
            **kwargs,
            title="Second factor",
            app_path=self.request.get_full_path(),
            options=services.passkey_options(user=self.person) if asks_passkey else None,
            works_at=settings.SITE_URL,
        )
