"""Signing in to the admin site with email and password, and changing one's own password."""

from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.auth import logout
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import Throttled
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm

from accounts.admin.second_factor import CHALLENGE_TOKEN, SecondFactor, redirect_with_next
from accounts.audit import log_event
from accounts.hashers import normalise_password
from accounts.models import SignInChannel, User
from accounts.password_rules import check_rules, describe_rules
from accounts.passwords import services as passwords_services
from accounts.second_factor_challenge import available_methods, issue_challenge_token
from accounts.sessions.admin_site import get_session_id
from audit.events import AuditEvent, Outcome
from core.admin.access_log import own_account_page
from core.admin.base import add_refusal
from core.api import throttling
from core.error_pages import throttled_page
from core.errors import Invalid


class SignInForm(AuthenticationForm):
    """The sign-in form. accounts/sign_in/lockout.py handles the sixth attempt, as for the API."""

    error_messages: ClassVar = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("Email or password is wrong, or this account has no access here."),
    }

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse a right password without access to the admin site; lockout does not count it."""
        try:
            super().confirm_login_allowed(user)
        except forms.ValidationError:
            log_event(AuditEvent.SIGN_IN_FAILED, user, by=user, outcome=Outcome.REFUSED, reason="not_in_the_admin_site")
            raise


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """Leaves checking the current password to the service, which does it in the same transaction as the change."""

    form_field_names: ClassVar = {"current": "old_password", "new": "new_password1"}  # the service's field: the form's

    def __init__(self, *args: Any, here: UUID | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.here = here  # the current session, which stays open
        self.fields["new_password1"].help_text = describe_rules(self.user.role)

    def validate_password_for_user(self, user: Any, password_field_name: str = "password2") -> None:  # noqa: S107 - the name of a field
        if password := self.cleaned_data.get(password_field_name):
            try:
                check_rules(password, user)
            except forms.ValidationError as error:
                self.add_error(password_field_name, error)

    def clean_new_password1(self) -> str:
        return normalise_password(self.cleaned_data["new_password1"])

    def clean_new_password2(self) -> str:
        return normalise_password(self.cleaned_data["new_password2"])

    def clean_old_password(self) -> str:
        return str(self.cleaned_data["old_password"])

    def save(self, commit: bool = True) -> Any:
        """Change the password. Raises what `services.change_password` raises."""
        given = {name: self.cleaned_data[field] for name, field in self.form_field_names.items()}
        passwords_services.change_password(by=self.user, keep=self.here, **given)
        return self.user


class OwnPassword(PasswordChangeView):
    form_class = OwnPasswordForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "here": get_session_id(self.request)}

    def form_valid(self, form: Any) -> HttpResponse:
        """Show a refusal in the form; LockedOut has its own page."""
        try:
            return super().form_valid(form)
        except Invalid as refusal:
            add_refusal(form, refusal, form_field_names=form.form_field_names)
            return self.form_invalid(form)


class SignIn(LoginView):
    """Django's login view, except that a person with a second factor is not signed in yet."""

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.get_user()
        if not available_methods(user):
            return super().form_valid(form)
        logout(self.request)  # anyone signed in in this browser, and their session data
        self.request.session[CHALLENGE_TOKEN] = issue_challenge_token(user, SignInChannel.ADMIN_SITE)
        return redirect_with_next("admin:second_factor", self.get_redirect_url())


@own_account_page("the form to sign in", while_factor_due=True)
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Show the sign-in form; a person with a second factor continues to its page."""
    if request.method == "GET" and admin.site.has_permission(request):
        return redirect("admin:index")
    context = {
        **admin.site.each_context(request),
        "title": gettext("Sign in"),
        "subtitle": None,
        "app_path": request.get_full_path(),
    }
    view = SignIn.as_view(authentication_form=SignInForm, template_name="admin/sign_in.html", extra_context=context)
    too_many = _count_by_address(request) if request.method == "POST" else None
    return too_many or view(request)


@own_account_page("the form for a code or a passkey at sign-in", while_factor_due=True)
def second_factor(request: HttpRequest) -> HttpResponseBase:
    """Ask for the second factor. A GET counts too, since it creates a passkey challenge."""
    return _count_by_address(request) or SecondFactor.as_view()(request)


@own_account_page("one's own password", while_factor_due=True)
def change_password(request: HttpRequest) -> HttpResponseBase:
    view = OwnPassword.as_view(
        success_url=reverse("admin:password_change_done"), extra_context=admin.site.each_context(request)
    )
    return view(request)


def _count_by_address(request: HttpRequest) -> HttpResponse | None:
    """Count the request against its address, as for the API; return an error page if there are too many."""
    try:
        throttling.count_address(request)
    except Throttled as throttled:
        return throttled_page(request, throttled)
    return None
