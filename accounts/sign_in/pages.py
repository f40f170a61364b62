"""The sign-in page: everybody who has an account signs in and out here, with email and password. The page for a second
factor is in accounts/second_factor/pages.py."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views import csrf
from django.views.decorators.http import require_POST
from rest_framework.exceptions import Throttled

from accounts.homes import way_in
from accounts.models import SignInChannel, User, display_name
from accounts.second_factor_challenge import available_methods, issue_challenge_token
from accounts.sessions.admin_site import is_sign_in_form
from core.admin.access_log import log_page_refusal, own_account_page
from core.api import throttling
from core.encryption.blind_index import normalised_email
from core.error_pages import throttled_page
from core.errors import Forbidden
from practices.services import only_practice

CHALLENGE_TOKEN = "password_was_right"  # noqa: S105 - a key of Django's session


def redirect_with_next(page: str, then: str) -> HttpResponse:
    return redirect(reverse(page, query={"next": then} if then else None))


class SignInForm(AuthenticationForm):
    """Email and password. accounts/sign_in/lockout.py handles the sixth attempt, as for the API."""

    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("Email or password is wrong."),
    }


class SignIn(LoginView):
    """Django's view, except that a person with a second factor is not signed in yet, and that somebody who is signed
    in already goes to their home."""

    authentication_form = SignInForm
    template_name = "sign_in/sign_in.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return redirect(way_in(request, self.get_redirect_url()))
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            throttling.count_address(request)
        except Throttled as throttled:
            return throttled_page(request, throttled)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.get_user()
        if not available_methods(user):
            super().form_valid(form)
            return redirect(way_in(self.request, self.get_redirect_url()))
        logout(self.request)  # anyone signed in in this browser, and their session data
        self.request.session[CHALLENGE_TOKEN] = issue_challenge_token(user, SignInChannel.ADMIN_SITE)
        return redirect_with_next("second_factor", self.get_redirect_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        practice = only_practice()
        return super().get_context_data(**kwargs, practice=practice.name if practice else "")


home = own_account_page("the sign-in", while_factor_due=True)(SignIn.as_view())


@own_account_page("signing out", while_factor_due=True)
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    messages.success(request, gettext("You're signed out."))
    return redirect("home")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that Django's protection against other sites refuses (CSRF_FAILURE_VIEW).

    Each sign-in changes the token. When a session times out in two tabs, both show the sign-in page; after a sign-in in
    one, the other's form has the old token. It leads to its page and says who is signed in, or, if somebody else typed
    there, only to the home of who is signed in. Whatever would be refused again (a foreign or unknown origin, no
    cookie, no token) gets the refusal, as does every other form.
    """
    if not is_sign_in_form(request) or not reason.startswith("CSRF token from POST"):
        return csrf.csrf_failure(request, reason)
    then = request.GET.get("next", "")
    if not request.user.is_authenticated:
        if not messages.get_messages(request):  # that the session timed out says it already
            messages.warning(request, gettext("This page was out of date. Please sign in again."))
        return redirect_with_next("home", then)
    name = {"name": display_name(request.user)}
    if normalised_email(request.POST.get("username", "")) == normalised_email(request.user.email):
        messages.info(request, gettext("You're already signed in as %(name)s.") % name)
        return redirect_with_next("home", then)
    refusal = Forbidden(gettext("You're signed in as %(name)s. To sign in as somebody else, sign out first.") % name)
    log_page_refusal(request, refusal)
    messages.warning(request, refusal.detail)
    return redirect("home")
