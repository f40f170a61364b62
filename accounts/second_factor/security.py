"""The pages on which people set up their second factors. Each part of the site that has them says where they are and
what they look like; what they do is here.

Secrets and recovery codes are only ever the response to a form, without a URL of their own, so they are shown once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import UUID

import segno
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.second_factor import services
from accounts.second_factor.pages import CodeInput, CredentialField
from accounts.sessions.admin_site import get_session_id
from core.admin.base import add_refusal, current_user
from core.errors import Conflict, Invalid
from core.texts import validate_line

GROUP = 4  # letters of a secret between spaces


class PasswordForm(forms.Form):
    """Asks for the password; `at` identifies the form on the page."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=128,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, at: str, data: Any = None) -> None:
        super().__init__(data, auto_id=f"{at}_%s")
        self.at = at


class PasskeyForm(PasswordForm):
    field_order = ("name", "password")

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        validators=[validate_line],
        help_text=_("A name you'll recognise, such as My phone."),
    )


class ConfirmForm(forms.Form):
    code = forms.CharField(label=_("Code"), max_length=64, widget=CodeInput({"inputmode": "numeric"}))


class NewPasskeyForm(forms.Form):
    name = forms.CharField(max_length=100, validators=[validate_line], widget=forms.HiddenInput)
    credential = CredentialField()


class SecurityPages:
    """`home` is the name of the address of the page that shows what is set up; its forms' begin with it."""

    home: ClassVar[str]
    password_form: ClassVar[type[PasswordForm]] = PasswordForm
    passkey_form: ClassVar[type[PasskeyForm]] = PasskeyForm
    confirm_form: ClassVar[type[ConfirmForm]] = ConfirmForm

    def page(self, request: HttpRequest, template: str, title: str, **shown: Any) -> HttpResponse:
        raise NotImplementedError

    def security(self, request: HttpRequest, refused: PasswordForm | None = None) -> HttpResponse:
        """Show what is set up and the forms to change it; `refused` is a form with errors."""
        factors = services.get_factors(current_user(request))
        totp = "totp_remove" if factors.totp else "totp"
        passkeys = [str(passkey.pk) for passkey in factors.passkeys]
        codes = ["codes"] if factors.totp or passkeys else []
        forms_here = {
            "passkey": self.passkey_form("passkey"),
            **{at: self.password_form(at) for at in (totp, *passkeys, *codes)},
        }
        if refused and refused.at in forms_here:
            forms_here[refused.at] = refused
        elif refused:  # sent from an outdated page
            _show_errors(request, refused)
        return self.page(
            request,
            "second_factor_security",
            gettext("Security"),
            factors=factors,
            due=current_user(request).second_factor_due,
            totp_form=forms_here[totp],
            new_passkey=forms_here["passkey"],
            passkeys=list(zip(factors.passkeys, map(forms_here.get, passkeys), strict=True)),
            new_codes=forms_here.get("codes"),
        )

    def _done_page(self, request: HttpRequest, sentence: str, codes: list[str] | None = None) -> HttpResponse:
        update_session_auth_hash(request, current_user(request))  # the new epoch ended the others; keep this one
        messages.success(request, sentence)
        return self._codes_page(request, codes) if codes else redirect(self.home)

    def _codes_page(self, request: HttpRequest, codes: list[str]) -> HttpResponse:
        file = "data:text/plain;charset=utf-8," + "%0A".join([quote(gettext("Recovery codes of Praxis")), *codes, ""])
        return self.page(request, "second_factor_codes", gettext("Recovery codes"), codes=codes, file=file)

    # --- The authenticator app

    def start_totp(self, request: HttpRequest) -> HttpResponse:
        form = self.password_form("totp", request.POST)
        if form.is_valid():
            with _show_refusals_in(form):
                setup = services.start_totp(by=current_user(request), password=form.cleaned_data["password"])
                return self._totp_page(request, self.confirm_form(), setup)
        return self.security(request, form)

    def _totp_page(
        self, request: HttpRequest, form: ConfirmForm, setup: services.TotpSetup | None = None
    ) -> HttpResponse:
        """Show the form for the first code; after a wrong code, without the secret."""
        shown = {"qr": _qr_code(setup.uri), "secret": _in_groups(setup.secret)} if setup else {}
        return self.page(request, "second_factor_totp", gettext("Authenticator app"), form=form, **shown)

    def confirm_totp(self, request: HttpRequest) -> HttpResponse:
        form = self.confirm_form(request.POST)
        if form.is_valid():
            with _show_refusals_in(form):
                codes = services.confirm_totp(
                    by=current_user(request), code=form.cleaned_data["code"], session_id=_current_session_id(request)
                )
                done = gettext("Authenticator app set up. You'll be asked for a code when you sign in.")
                return self._done_page(request, done, codes)
        return self._totp_page(request, form)

    def remove_totp(self, request: HttpRequest) -> HttpResponse:
        form = self.password_form("totp_remove", request.POST)
        if form.is_valid():
            with _show_refusals_in(form):
                services.remove_totp(
                    by=current_user(request),
                    password=form.cleaned_data["password"],
                    session_id=_current_session_id(request),
                )
                return self._done_page(request, gettext("Authenticator app removed."))
        return self.security(request, form)

    # --- Passkeys

    def start_passkey(self, request: HttpRequest) -> HttpResponse:
        form = self.passkey_form("passkey", request.POST)
        if form.is_valid():
            with _show_refusals_in(form):
                options = services.start_passkey(by=current_user(request), password=form.cleaned_data["password"])
                new = NewPasskeyForm(initial={"name": form.cleaned_data["name"]})
                return self.page(
                    request,
                    "second_factor_passkey",
                    gettext("New passkey"),
                    form=new,
                    options=options,
                    works_at=settings.SITE_URL,
                )
        return self.security(request, form)

    def add_passkey(self, request: HttpRequest) -> HttpResponse:
        form = NewPasskeyForm(request.POST)
        if form.is_valid():
            with _show_refusals_in(form):
                _passkey, codes = services.add_passkey(
                    by=current_user(request),
                    name=form.cleaned_data["name"],
                    credential=form.cleaned_data["credential"],
                    session_id=_current_session_id(request),
                )
                return self._done_page(request, gettext("Passkey added. You can now use it to sign in."), codes)
        _show_errors(request, form)
        return redirect(self.home)

    def remove_passkey(self, request: HttpRequest, passkey_id: UUID) -> HttpResponse:
        form = self.password_form(str(passkey_id), request.POST)
        if form.is_valid():
            with _show_refusals_in(form):
                services.remove_passkey(
                    by=current_user(request),
                    passkey_id=passkey_id,
                    password=form.cleaned_data["password"],
                    session_id=_current_session_id(request),
                )
                return self._done_page(request, gettext("Passkey removed."))
        return self.security(request, form)

    # --- Recovery codes

    def new_recovery_codes(self, request: HttpRequest) -> HttpResponse:
        form = self.password_form("codes", request.POST)
        if form.is_valid():
            with _show_refusals_in(form):
                codes = services.new_recovery_codes(by=current_user(request), password=form.cleaned_data["password"])
                return self._codes_page(request, codes)
        return self.security(request, form)


def _show_errors(request: HttpRequest, form: forms.Form) -> None:
    for sentences in form.errors.values():
        messages.error(request, " ".join(map(str, sentences)))


@contextmanager
def _show_refusals_in(form: forms.Form) -> Iterator[None]:
    """Show a service's refusal in the form, beside its field if it has one."""
    try:
        yield
    except (Invalid, Conflict) as refusal:
        add_refusal(form, refusal)


def _current_session_id(request: HttpRequest) -> UUID:
    """Return the id of the current session, which stays open when the others end."""
    session_id = get_session_id(request)
    assert session_id is not None  # accounts/sessions/admin_site.py signs out anyone without one
    return session_id


def _qr_code(text: str) -> SafeString:
    drawn = segno.make(text, error="m").svg_inline(scale=4, light="#fff", omitsize=True)
    return mark_safe(drawn)  # noqa: S308 - generated SVG


def _in_groups(secret: str) -> str:
    return " ".join(secret[start : start + GROUP] for start in range(0, len(secret), GROUP))
