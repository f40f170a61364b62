"""The Security page of the admin site: everybody who enters sets up here what they are asked for at sign-in.

A secret and recovery codes are answers to a form, never a page with an address of its own: they are shown once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from uuid import UUID

import segno
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from accounts.lockout import locked_page
from accounts.page_sessions import session_of
from accounts.second_factor import services
from accounts.services import LockedOut
from core.errors import Conflict, Invalid
from dashboard.admin_base import acting, show_refusal
from dashboard.admin_second_factor import CodeInput, CredentialField

GROUP = 4  # letters of a secret that are typed at a time


class PasswordForm(forms.Form):
    """`at` tells the forms of the page apart."""

    password = forms.CharField(
        strip=False, max_length=128, widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, at: str, data: Any = None) -> None:
        super().__init__(data, auto_id=f"{at}_%s")
        self.at = at


class PasskeyForm(PasswordForm):
    field_order = ("name", "password")

    name = forms.CharField(
        max_length=100, widget=UnfoldAdminTextInputWidget(), help_text="What you will know it by, such as My phone."
    )


class ConfirmForm(forms.Form):
    code = forms.CharField(label="Code", max_length=16, widget=CodeInput(inputmode="numeric"))


class NewPasskeyForm(forms.Form):
    name = forms.CharField(max_length=100, widget=forms.HiddenInput)
    credential = CredentialField()


def addresses(guarded: Callable[[Any], Any]) -> list[URLPattern]:
    """`guarded` is the admin site's admin_view."""
    pages: dict[str, tuple[str, Callable[..., HttpResponseBase]]] = {
        "security": ("security/", security),
        "security_totp": ("security/authenticator/", start_totp),
        "security_totp_confirm": ("security/authenticator/confirm/", confirm_totp),
        "security_totp_remove": ("security/authenticator/remove/", remove_totp),
        "security_passkey": ("security/passkeys/", start_passkey),
        "security_passkey_add": ("security/passkeys/add/", add_passkey),
        "security_passkey_remove": ("security/passkeys/<uuid:passkey_id>/remove/", remove_passkey),
        "security_recovery_codes": ("security/recovery-codes/", new_recovery_codes),
    }
    return [path(address, guarded(view), name=name) for name, (address, view) in pages.items()]


def security(request: HttpRequest, refused: PasswordForm | None = None) -> HttpResponse:
    """What is set up, and the forms that change it; `refused` is the one to be filled in again."""
    factors = services.factors_of(acting(request))
    totp = "totp_remove" if factors.totp else "totp"
    passkeys = [str(passkey.pk) for passkey in factors.passkeys]
    codes = ["codes"] if factors.totp or passkeys else []
    forms_here = {"passkey": PasskeyForm("passkey"), **{at: PasswordForm(at) for at in (totp, *passkeys, *codes)}}
    if refused and refused.at in forms_here:
        forms_here[refused.at] = refused
    elif refused:  # sent from a page that showed how it was before
        _say_errors(request, refused)
    return _page(
        request,
        "second_factor_security",
        "Security",
        factors=factors,
        due=acting(request).second_factor_due,
        totp_form=forms_here[totp],
        new_passkey=forms_here["passkey"],
        passkeys=list(zip(factors.passkeys, map(forms_here.get, passkeys), strict=True)),
        new_codes=forms_here.get("codes"),
    )


def _say_errors(request: HttpRequest, form: forms.Form) -> None:
    for sentences in form.errors.values():
        messages.error(request, " ".join(map(str, sentences)))


def _page(request: HttpRequest, template: str, title: str, **shown: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, **shown}
    return TemplateResponse(request, f"admin/{template}.html", context)


def _posted(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Whoever opens the address of a form comes to the page; wrong passwords and codes lock here as at sign-in."""

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
def _refusals_in(form: forms.Form) -> Iterator[None]:
    """What the service says stands in the form, beside the field where there is one."""
    try:
        yield
    except (Invalid, Conflict) as refusal:
        show_refusal(form, refusal)


def _here(request: HttpRequest) -> UUID:
    """The session that goes on where the others end."""
    session_id = session_of(request)
    assert session_id is not None  # accounts/page_sessions.py keeps nobody signed in without one
    return session_id


def _changed(request: HttpRequest, sentence: str, codes: list[str] | None = None) -> HttpResponse:
    update_session_auth_hash(request, acting(request))  # others ended with the epoch; this one goes on
    messages.success(request, sentence)
    return _codes_page(request, codes) if codes else redirect("admin:security")


def _codes_page(request: HttpRequest, codes: list[str]) -> HttpResponse:
    file = "data:text/plain;charset=utf-8," + "%0A".join(["Recovery%20codes%20of%20Praxis", *codes, ""])
    return _page(request, "second_factor_codes", "Recovery codes", codes=codes, file=file)


# --- The authenticator app


@_posted
def start_totp(request: HttpRequest) -> HttpResponse:
    form = PasswordForm("totp", request.POST)
    if form.is_valid():
        with _refusals_in(form):
            setup = services.start_totp(by=acting(request), password=form.cleaned_data["password"])
            return _totp_page(request, ConfirmForm(), setup)
    return security(request, form)


def _totp_page(request: HttpRequest, form: ConfirmForm, setup: services.TotpSetup | None = None) -> HttpResponse:
    """Without the secret where a code was wrong: the app has it, or one starts again."""
    shown = {"qr": _qr_code(setup.uri), "secret": _in_groups(setup.secret)} if setup else {}
    return _page(request, "second_factor_totp", "Authenticator app", form=form, **shown)


def _qr_code(text: str) -> SafeString:
    drawn = segno.make(text, error="m").svg_inline(scale=4, light="#fff", omitsize=True)
    return mark_safe(drawn)  # noqa: S308 - squares alone


def _in_groups(secret: str) -> str:
    return " ".join(secret[start : start + GROUP] for start in range(0, len(secret), GROUP))


@_posted
def confirm_totp(request: HttpRequest) -> HttpResponse:
    form = ConfirmForm(request.POST)
    if form.is_valid():
        with _refusals_in(form):
            codes = services.confirm_totp(by=acting(request), code=form.cleaned_data["code"], session_id=_here(request))
            return _changed(request, "Your authenticator app is set up. You are asked for its code at sign-in.", codes)
    return _totp_page(request, form)


@_posted
def remove_totp(request: HttpRequest) -> HttpResponse:
    form = PasswordForm("totp_remove", request.POST)
    if form.is_valid():
        with _refusals_in(form):
            services.remove_totp(by=acting(request), password=form.cleaned_data["password"], session_id=_here(request))
            return _changed(request, "Your authenticator app is no longer asked for.")
    return security(request, form)


# --- Passkeys


@_posted
def start_passkey(request: HttpRequest) -> HttpResponse:
    form = PasskeyForm("passkey", request.POST)
    if form.is_valid():
        with _refusals_in(form):
            options = services.start_passkey(by=acting(request), password=form.cleaned_data["password"])
            new = NewPasskeyForm(initial={"name": form.cleaned_data["name"]})
            return _page(
                request, "second_factor_passkey", "New passkey", form=new, options=options, works_at=settings.SITE_URL
            )
    return security(request, form)


@_posted
def add_passkey(request: HttpRequest) -> HttpResponse:
    form = NewPasskeyForm(request.POST)
    if form.is_valid():
        with _refusals_in(form):
            _, codes = services.add_passkey(
                by=acting(request),
                name=form.cleaned_data["name"],
                credential=form.cleaned_data["credential"],
                session_id=_here(request),
            )
            return _changed(request, "Your passkey is added. You may sign in with it from now on.", codes)
    _say_errors(request, form)
    return redirect("admin:security")


@_posted
def remove_passkey(request: HttpRequest, passkey_id: UUID) -> HttpResponse:
    form = PasswordForm(str(passkey_id), request.POST)
    if form.is_valid():
        with _refusals_in(form):
            services.remove_passkey(
                by=acting(request),
                passkey_id=passkey_id,
                password=form.cleaned_data["password"],
                session_id=_here(request),
            )
            return _changed(request, "The passkey is removed.")
    return security(request, form)


# --- Recovery codes


@_posted
def new_recovery_codes(request: HttpRequest) -> HttpResponse:
    form = PasswordForm("codes", request.POST)
    if form.is_valid():
        with _refusals_in(form):
            codes = services.new_recovery_codes(by=acting(request), password=form.cleaned_data["password"])
            return _codes_page(request, codes)
    return security(request, form)
