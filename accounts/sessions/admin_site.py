"""Sessions of the admin site: Django's own cookie and row, which hold the id of a LoginSession. That row has the
expiry, the device and the time last seen, as it does for the API's tokens."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import LoginSession, SignInChannel, User
from accounts.sessions import services as sessions
from accounts.sessions.tokens import Claims
from audit.log import AuditLogUnavailable
from core.errors import NotSignedIn

SESSION_KEY = "session"  # in Django's session: the id of the LoginSession
NOT_SAVED = _("Your last changes were not saved.")


def begin(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Start a session for a sign-in to the admin site (a receiver of user_logged_in), ending the one before.

    Raises NotSignedIn and AuditLogUnavailable, after which nobody is signed in.
    """
    life = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    try:
        end(sender, request)
        second_factor = getattr(request, "second_factor", "")  # set by accounts/admin/second_factor.py
        session = sessions.begin(
            user=user, request=request, channel=SignInChannel.ADMIN_SITE, second_factor=second_factor, life=life
        )
    except (NotSignedIn, AuditLogUnavailable):
        request.session.flush()
        raise
    request.session[SESSION_KEY] = str(session.pk)


def end(sender: Any, request: HttpRequest, **kwargs: Any) -> None:
    """End the session at a sign-out from the admin site (a receiver of user_logged_out)."""
    session_id = get_session_id(request)
    if session_id:
        sessions.end(session_id=session_id)


def get_session_id(request: HttpRequest) -> UUID | None:
    """Return the id of the LoginSession of an admin site request."""
    session_id = request.session.get(SESSION_KEY)
    return UUID(session_id) if session_id else None


def is_sign_in_form(request: HttpRequest) -> bool:
    """Return whether the request goes to where password or second factor are sent."""
    return request.path in (reverse("home"), reverse("second_factor"))


def check_session(request: HttpRequest, *, seen: bool = True) -> LoginSession | None:
    """Return the live session of a request, marked as seen now unless a page asks by itself (`seen`), or None if nobody
    is signed in.

    A user whose session has ended or timed out is signed out with a message. Raises AuditLogUnavailable.
    """
    if not request.user.is_authenticated:
        return None
    try:
        session_id = get_session_id(request)
        if session_id is None:  # started by a release without LoginSession
            raise NotSignedIn(sessions.ENDED_SENTENCE)
        session = sessions.get_live_session(Claims(session_id, request.user.pk), seen=seen)
        request.user.second_factor_due = session.user.second_factor_due
        return session
    except NotSignedIn as refusal:
        logout(request)
        lost = request.method not in ("GET", "HEAD") and not is_sign_in_form(request)
        messages.warning(request, f"{refusal.detail} {NOT_SAVED}" if lost else refusal.detail)
        return None
