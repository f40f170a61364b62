"""The admin site's Security page, where people set up their second factors.

Secrets and recovery codes are only ever the response to a form, without a URL of their own, so they are shown once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from urllib.parse import quote
from uuid import UUID

import segno
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from accounts.admin.second_factor import AdminCodeInput
from accounts.second_factor import services
from accounts.second_factor.pages import CredentialField
from accounts.sessions.admin_site import get_session_id
from accounts.sign_in.lockout import locked_page
from accounts.sign_in.services import LockedOut
from core.admin.access_log import own_account_page
from core.admin.base import add_refusal, current_user
from core.errors import Conflict, Invalid
from core.texts import validate_line

PURPOSE = "what one proves oneself with at sign-in"
GROUP = 4  # letters of a secret between spaces


class PasswordForm(forms.Form):
    """Asks for the password; `at` identifies the form on the page."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=128,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
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
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("A name you'll recognise, such as My phone."),
    )


class ConfirmForm(forms.Form):
    code = forms.CharField(label=_("Code"), max_length=64, widget=AdminCodeInput({"inputmode": "numeric"}))


class NewPasskeyForm(forms.Form):
    name = forms.CharField(max_length=100, validators=[validate_line], widget=forms.HiddenInput)
    credential = CredentialField()


@own_account_page(PURPOSE, while_factor_due=True)
def security(request: HttpRequest, refused: PasswordForm | None = None) -> HttpResponse:
    """Show what is set up and the forms to change it; `refused` is a form with errors."""
    factors = services.get_factors(current_user(request))
    totp = "totp_remove" if factors.totp else "totp"
    passkeys = [str(passkey.pk) for passkey in factors.passkeys]
    codes = ["codes"] if factors.totp or passkeys else []
    forms_here = {"passkey": PasskeyForm("passkey"), **{at: PasswordForm(at) for at in (totp, *passkeys, *codes)}}
    if refused and refused.at in forms_here:
        forms_here[refused.at] = refused
    elif refused:  # sent from an outdated page
        _show_errors(request, refused)
    return _page(
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


def _show_errors(request: HttpRequest, form: forms.Form) -> None:
    for sentences in form.errors.values():
        messages.error(request, " ".join(map(str, sentences)))


def _page(request: HttpRequest, template: str, title: str, **shown: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, **shown}
    return TemplateResponse(request, f"admin/{template}.html", context)


def _post_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Redirect a GET to the Security page, and show the lockout page after too many wrong passwords or codes."""

    @own_account_page(PURPOSE, while_factor_due=True)
    @sensitive_post_parameters()
    @wraps(view)
    def answered(request: HttpRequest, **named: Any) -> HttpResponse:
        if request.method != "POST":
            return redirect("admin:security")
        try:
            return view(request, **named)
        except LockedOut as refusal:
            return locked_page(request, refusal.retry_after)

    return answered


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


def _done_page(request: HttpRequest, sentence: str, codes: list[str] | None = None) -> HttpResponse:
    update_session_auth_hash(request, current_user(request))  # the new epoch ended the others; keep this one
    messages.success(request, sentence)
    return _codes_page(request, codes) if codes else redirect("admin:security")


def _codes_page(request: HttpRequest, codes: list[str]) -> HttpResponse:
    file = "data:text/plain;charset=utf-8," + "%0A".join([quote(gettext("Recovery codes of Praxis")), *codes, ""])
    return _page(request, "second_factor_codes", gettext("Recovery codes"), codes=codes, file=file)


# --- The authenticator app


@_post_only
def start_totp(request: HttpRequest) -> HttpResponse:
    form = PasswordForm("totp", request.POST)
    if form.is_valid():
        with _show_refusals_in(form):
            setup = services.start_totp(by=current_user(request), password=form.cleaned_data["password"])
            return _totp_page(request, ConfirmForm(), setup)
    return security(request, form)


def _totp_page(request: HttpRequest, form: ConfirmForm, setup: services.TotpSetup | None = None) -> HttpResponse:
    """Show the form for the first code; after a wrong code, without the secret."""
    shown = {"qr": _qr_code(setup.uri), "secret": _in_groups(setup.secret)} if setup else {}
    return _page(request, "second_factor_totp", gettext("Authenticator app"), form=form, **shown)


def _qr_code(text: str) -> SafeString:
    drawn = segno.make(text, error="m").svg_inline(scale=4, light="#fff", omitsize=True)
    return mark_safe(drawn)  # noqa: S308 - generated SVG


def _in_groups(secret: str) -> str:
    return " ".join(secret[start : start + GROUP] for start in range(0, len(secret), GROUP))


@_post_only
def confirm_totp(request: HttpRequest) -> HttpResponse:
    form = ConfirmForm(request.POST)
    if form.is_valid():
        with _show_refusals_in(form):
            codes = services.confirm_totp(
                by=current_user(request), code=form.cleaned_data["code"], session_id=_current_session_id(request)
            )
            done = gettext("Authenticator app set up. You'll be asked for a code when you sign in.")
            return _done_page(request, done, codes)
    return _totp_page(request, form)


@_post_only
def remove_totp(request: HttpRequest) -> HttpResponse:
    form = PasswordForm("totp_remove", request.POST)
    if form.is_valid():
        with _show_refusals_in(form):
            services.remove_totp(
                by=current_user(request),
                password=form.cleaned_data["password"],
                session_id=_current_session_id(request),
            )
            return _done_page(request, gettext("Authenticator app removed."))
    return security(request, form)


# --- Passkeys


@_post_only
def start_passkey(request: HttpRequest) -> HttpResponse:
    form = PasskeyForm("passkey", request.POST)
    if form.is_valid():
        with _show_refusals_in(form):
            options = services.start_passkey(by=current_user(request), password=form.cleaned_data["password"])
            new = NewPasskeyForm(initial={"name": form.cleaned_data["name"]})
            return _page(
                request,
                "second_factor_passkey",
                gettext("New passkey"),
                form=new,
                options=options,
                works_at=settings.SITE_URL,
            )
    return security(request, form)


@_post_only
def add_passkey(request: HttpRequest) -> HttpResponse:
    form = NewPasskeyForm(request.POST)
    if form.is_valid():
        with _show_refusals_in(form):
            _passkey, codes = services.add_passkey(
                by=current_user(request),
                name=form.cleaned_data["name"],
                credential=form.cleaned_data["credential"],
                session_id=_current_session_id(request),
            )
            return _done_page(request, gettext("Passkey added. You can now use it to sign in."), codes)
    _show_errors(request, form)
    return redirect("admin:security")


@_post_only
def remove_passkey(request: HttpRequest, passkey_id: UUID) -> HttpResponse:
    form = PasswordForm(str(passkey_id), request.POST)
    if form.is_valid():
        with _show_refusals_in(form):
            services.remove_passkey(
                by=current_user(request),
                passkey_id=passkey_id,
                password=form.cleaned_data["password"],
                session_id=_current_session_id(request),
            )
            return _done_page(request, gettext("Passkey removed."))
    return security(request, form)


# --- Recovery codes


@_post_only
def new_recovery_codes(request: HttpRequest) -> HttpResponse:
    form = PasswordForm("codes", request.POST)
    if form.is_valid():
        with _show_refusals_in(form):
            codes = services.new_recovery_codes(by=current_user(request), password=form.cleaned_data["password"])
            return _codes_page(request, codes)
    return security(request, form)
