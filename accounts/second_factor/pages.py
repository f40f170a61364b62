"""The page that asks for the second factor, after the password."""

from typing import Any

import orjson
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import RedirectURLMixin
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView
from rest_framework.exceptions import Throttled

from accounts.homes import way_in
from accounts.models import SecondFactorMethod, SignInChannel
from accounts.second_factor import services
from accounts.second_factor_challenge import available_methods, get_challenged_user
from accounts.sign_in.backends import EmailBackend
from accounts.sign_in.lockout import locked_page
from accounts.sign_in.pages import CHALLENGE_TOKEN, redirect_with_next
from accounts.sign_in.services import LockedOut
from core.admin.access_log import own_account_page
from core.api import throttling
from core.codes import normalise_code
from core.error_pages import throttled_page
from core.errors import NotSignedIn

BACKEND = f"{EmailBackend.__module__}.{EmailBackend.__qualname__}"
NOT_UNDERSTOOD = _("Your browser sent an unexpected response. Please try again.")
CODE_ATTRIBUTES = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": ""}


class CodeInput(forms.TextInput):
    """An input for a code from a phone or a sheet of paper."""

    def __init__(self, attrs: dict[str, str] | None = None) -> None:
        super().__init__({**CODE_ATTRIBUTES, **(attrs or {})})

    def format_value(self, value: Any) -> None:
        """Return nothing: a wrong code is not shown again."""


class CredentialField(forms.CharField):
    """The browser's response from passkeys.js, in WebAuthn's JSON."""

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


class AnswerForm(forms.Form):
    """A code of either kind, or a passkey's response."""

    code = forms.CharField(label=_("Code"), required=False, max_length=64, widget=CodeInput)
    credential = CredentialField(required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if not self.errors and not cleaned["code"] and cleaned["credential"] is None:
            self.add_error("code", gettext("Enter a code."))
        return cleaned

    def answer(self) -> dict[str, Any]:
        """Return the arguments of the service. Recovery codes contain letters, app codes do not."""
        credential, code = self.cleaned_data["credential"], self.cleaned_data["code"]
        if credential is not None:
            return {"method": SecondFactorMethod.PASSKEY, "credential": credential}
        digits = normalise_code(code).isdigit()
        return {"method": SecondFactorMethod.TOTP if digits else SecondFactorMethod.RECOVERY_CODE, "code": code}


class SecondFactor(RedirectURLMixin, FormView):
    """Asks for the second factor of a person whose password was just right."""

    form_class = AnswerForm
    template_name = "sign_in/second_factor.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """A GET counts against the address too, since it creates a passkey challenge."""
        try:
            throttling.count_address(request)
        except Throttled as throttled:
            return throttled_page(request, throttled)
        token = request.session.get(CHALLENGE_TOKEN)
        if token is None:
            return redirect_with_next("home", self.get_redirect_url())
        try:
            self.person = get_challenged_user(token, SignInChannel.ADMIN_SITE)
        except NotSignedIn as refusal:
            request.session.flush()
            messages.warning(request, refusal.detail)
            return redirect_with_next("home", self.get_redirect_url())
        self.methods = available_methods(self.person)
        return super().dispatch(request, *args, **kwargs)

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)
        code = form.fields["code"]
        if SecondFactorMethod.TOTP in self.methods:
            code.help_text = gettext("Enter the six-digit code from your authenticator app, or a recovery code.")
        else:
            code.label = gettext("Recovery code")
            code.help_text = gettext("Use this if you have lost your passkey.")
        return form

    def form_valid(self, form: AnswerForm) -> HttpResponse:
        answer = form.answer()
        try:
            with services.sign_in_transaction(self.person):
                services.verify(user=self.person, **answer)
                self._enter(answer["method"])
        except LockedOut as refusal:
            return locked_page(self.request, refusal.retry_after)
        except NotSignedIn as refusal:
            if CHALLENGE_TOKEN not in self.request.session:
                raise  # the code was right, but the account changed in the meantime
            form.add_error(None, refusal.detail)
            return self.form_invalid(form)
        return redirect(way_in(self.request, self.get_redirect_url()))

    def _enter(self, method: SecondFactorMethod) -> None:
        """Raises NotSignedIn and AuditLogUnavailable."""
        self.request.session.flush()
        self.request.second_factor = method  # type: ignore[attr-defined] # read by accounts/sessions/admin_site.py
        login(self.request, self.person, backend=BACKEND)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        asks_passkey = SecondFactorMethod.PASSKEY in self.methods
        return super().get_context_data(
            **kwargs,
            person=self.person,
            options=services.passkey_options(user=self.person) if asks_passkey else None,
            works_at=settings.SITE_URL,
        )


second_factor = own_account_page("the form for a code or a passkey at sign-in", while_factor_due=True)(
    SecondFactor.as_view()
)
