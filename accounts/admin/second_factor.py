"""The admin site's page that asks for the second factor, after the password."""

from typing import Any

import orjson
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import login
from django.contrib.auth.views import RedirectURLMixin
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.models import SecondFactorMethod, SignInChannel, User
from accounts.roles import Role
from accounts.second_factor import services
from accounts.second_factor_challenge import HAS_SECOND_FACTOR, available_methods, get_challenged_user
from accounts.sign_in.backends import EmailBackend
from accounts.sign_in.lockout import locked_page
from accounts.sign_in.services import LockedOut
from core.codes import normalise_code
from core.errors import NotSignedIn
from practices.admin import SECOND_FACTOR_HINTS

CHALLENGE_TOKEN = "password_was_right"  # noqa: S105 - a key of Django's session
BACKEND = f"{EmailBackend.__module__}.{EmailBackend.__qualname__}"
NOT_UNDERSTOOD = _("Your browser sent an unexpected response. Please try again.")


def describe_missing_factors() -> str:
    """Return how many staff have no second factor, for an office manager who is about to require one."""
    team = User.objects.exclude(role=Role.PATIENT).filter(is_active=True)
    counts = team.aggregate(total=Count("pk"), without=Count("pk", filter=~HAS_SECOND_FACTOR))
    if not counts["without"]:
        return gettext("Everyone has set it up.")
    return ngettext(
        "%(without)s of %(total)s person who works here hasn't set it up yet.",
        "%(without)s of %(total)s people who work here haven't set it up yet.",
        counts["total"],
    ) % {"without": counts["without"], "total": counts["total"]}


SECOND_FACTOR_HINTS.append(describe_missing_factors)


class CodeInput(UnfoldAdminTextInputWidget):
    """An input for a code from a phone or a sheet of paper."""

    def __init__(self, **attrs: str) -> None:
        typed = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": ""}
        super().__init__(attrs={**typed, **attrs})

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


def redirect_with_next(page: str, then: str) -> HttpResponse:
    return redirect(reverse(page, query={"next": then} if then else None))


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
    template_name = "admin/second_factor.html"
    next_page = "admin:index"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        token = request.session.get(CHALLENGE_TOKEN)
        if token is None:
            return redirect_with_next("admin:login", self.get_redirect_url())
        try:
            self.person = get_challenged_user(token, SignInChannel.ADMIN_SITE)
        except NotSignedIn as refusal:
            request.session.flush()
            messages.warning(request, refusal.detail)
            return redirect_with_next("admin:login", self.get_redirect_url())
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
        return redirect(self.get_success_url())

    def _enter(self, method: SecondFactorMethod) -> None:
        """Raises NotSignedIn and AuditLogUnavailable."""
        self.request.session.flush()
        self.request.second_factor = method  # type: ignore[attr-defined] # read by accounts/sessions/admin_site.py
        login(self.request, self.person, backend=BACKEND)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        asks_passkey = SecondFactorMethod.PASSKEY in self.methods
        return super().get_context_data(
            **admin.site.each_context(self.request),
            **kwargs,
            title=gettext("Two-step verification"),
            app_path=self.request.get_full_path(),
            options=services.passkey_options(user=self.person) if asks_passkey else None,
            works_at=settings.SITE_URL,
        )
