"""The admin site's Security page, where people who work here set up their second factors."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from accounts.admin.second_factor import AdminCodeInput
from accounts.second_factor.security import ConfirmForm, PasskeyForm, PasswordForm, SecurityPages
from accounts.sign_in.lockout import locked_page
from accounts.sign_in.services import LockedOut
from core.admin.access_log import own_account_page

PURPOSE = "what one proves oneself with at sign-in"


def _looking_like_unfold(form: forms.Form) -> None:
    form.fields["password"].widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"})


class AdminPasswordForm(PasswordForm):
    def __init__(self, at: str, data: Any = None) -> None:
        super().__init__(at, data)
        _looking_like_unfold(self)


class AdminPasskeyForm(PasskeyForm):
    def __init__(self, at: str, data: Any = None) -> None:
        super().__init__(at, data)
        _looking_like_unfold(self)
        self.fields["name"].widget = UnfoldAdminTextInputWidget(attrs={"maxlength": 100})


class AdminConfirmForm(ConfirmForm):
    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["code"].widget = AdminCodeInput({"inputmode": "numeric", "maxlength": "64"})


class AdminSecurity(SecurityPages):
    home = "admin:security"
    password_form, passkey_form, confirm_form = AdminPasswordForm, AdminPasskeyForm, AdminConfirmForm

    def page(self, request: HttpRequest, template: str, title: str, **shown: Any) -> HttpResponse:
        context = {**admin.site.each_context(request), "title": title, **shown}
        return TemplateResponse(request, f"admin/{template}.html", context)


def _post_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Redirect a GET to the Security page, and show the lockout page after too many wrong passwords or codes."""

    @own_account_page(PURPOSE, while_factor_due=True)
    @sensitive_post_parameters()
    @wraps(view)
    def answered(request: HttpRequest, **named: Any) -> HttpResponse:
        if request.method != "POST":
            return redirect(AdminSecurity.home)
        try:
            return view(request, **named)
        except LockedOut as refusal:
            return locked_page(request, refusal.retry_after)

    return answered


_pages = AdminSecurity()


@own_account_page(PURPOSE, while_factor_due=True)
def security(request: HttpRequest) -> HttpResponse:
    return _pages.security(request)


start_totp = _post_only(_pages.start_totp)
confirm_totp = _post_only(_pages.confirm_totp)
remove_totp = _post_only(_pages.remove_totp)
start_passkey = _post_only(_pages.start_passkey)
add_passkey = _post_only(_pages.add_passkey)
remove_passkey = _post_only(_pages.remove_passkey)
new_recovery_codes = _post_only(_pages.new_recovery_codes)
