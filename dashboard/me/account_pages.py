"""What patients do with their account: sessions, the password, the second factor."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.debug import sensitive_post_parameters

from accounts.passwords.own import OwnPassword
from accounts.second_factor.security import SecurityPages
from accounts.sessions import services as sessions
from accounts.sessions.admin_site import get_session_id
from accounts.sessions.devices import describe_device
from accounts.sign_in.lockout import locked_page
from accounts.sign_in.services import LockedOut
from core.admin.access_log import own_account_page
from dashboard.me.pages import OwnPage


class Sessions(OwnPage):
    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = [(session, describe_device(session.agent)) for session in sessions.list_live_sessions(self.user)]
        return render(request, "dashboard/me/sessions.html", {"rows": rows, "here": get_session_id(request)})


class EndSessions(OwnPage):
    """End one session, or all but this one."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, session_id: UUID | None = None) -> HttpResponse:
        here = get_session_id(request)
        assert here is not None  # accounts/sessions/admin_site.py signs out anyone without one
        ended = sessions.end_own(user=self.user, here=here, only=session_id)
        if session_id and not ended:
            raise Http404
        sentence = ngettext("Signed out of %(number)s session.", "Signed out of %(number)s sessions.", ended)
        messages.success(request, sentence % {"number": ended})
        return redirect("me_sessions")


class ChangePassword(OwnPage):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._form(request)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        try:
            answer = self._form(request)
        except LockedOut as refusal:
            return locked_page(request, refusal.retry_after)
        if answer.status_code == 302:
            update_session_auth_hash(request, self.user)
            messages.success(request, gettext("Password changed. You were signed out everywhere else."))
        return answer

    def _form(self, request: HttpRequest) -> HttpResponseBase:
        view = OwnPassword.as_view(template_name="dashboard/me/password.html", success_url=reverse("my_page"))
        return view(request)


class OwnSecurity(SecurityPages):
    home = "me_security"

    def page(self, request: HttpRequest, template: str, title: str, **shown: Any) -> HttpResponse:
        return render(request, f"dashboard/me/{template}.html", {"title": title, **shown})


class Security(OwnPage):
    """What is set up for the sign-in, and the forms that change it."""

    http_method_names = ["get", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return OwnSecurity().security(request)


class SecurityForm(OwnPage):
    """What a form of the page above is sent to; `verb` is the method that answers it."""

    verb = ""

    def get(self, request: HttpRequest, **named: Any) -> HttpResponse:
        return redirect(OwnSecurity.home)

    def post(self, request: HttpRequest, **named: Any) -> HttpResponse:
        try:
            answer: HttpResponse = getattr(OwnSecurity(), self.verb)(request, **named)
        except LockedOut as refusal:
            return locked_page(request, refusal.retry_after)
        return answer


_own_account = own_account_page("the patient's own account")
sessions_page = _own_account(Sessions.as_view())
end_session = end_other_sessions = _own_account(EndSessions.as_view())
change_password = _own_account(ChangePassword.as_view())
security = _own_account(Security.as_view())
SECURITY_FORMS = {  # name of the address: where it is, and the method
    "totp": ("authenticator/", "start_totp"),
    "totp_confirm": ("authenticator/confirm/", "confirm_totp"),
    "totp_remove": ("authenticator/remove/", "remove_totp"),
    "passkey": ("passkeys/", "start_passkey"),
    "passkey_add": ("passkeys/add/", "add_passkey"),
    "passkey_remove": ("passkeys/<uuid:passkey_id>/remove/", "remove_passkey"),
    "recovery_codes": ("recovery-codes/", "new_recovery_codes"),
}


def security_form(verb: str) -> Any:
    return _own_account(sensitive_post_parameters()(SecurityForm.as_view(verb=verb)))
