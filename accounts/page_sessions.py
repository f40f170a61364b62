"""Sessions of the admin site: Django's own cookie and row, which name a Session of ours. That one says how long they
live, from where they were begun and when they were last seen, as it does for the API's tokens."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest

from accounts import sessions
from accounts.models import Door, Session, User
from accounts.tokens import Claims
from audit.trail import TrailDown
from core.errors import NotSignedIn

SESSION = "session"  # in Django's session: the id of ours
NOT_SAVED = "What you had just sent was not saved."


def begin(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Somebody has signed in to a page (a receiver of user_logged_in), perhaps anew; raises NotSignedIn and TrailDown,
    and then nobody is signed in."""
    life = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    try:
        end(sender, request)
        given = getattr(request, "second_factor", "")  # by dashboard/admin_second_factor.py
        session = sessions.begin(user=user, request=request, door=Door.ADMIN_SITE, second_factor=given, life=life)
    except (NotSignedIn, TrailDown):
        request.session.flush()
        raise
    request.session[SESSION] = str(session.pk)


def end(sender: Any, request: HttpRequest, **kwargs: Any) -> None:
    """Somebody signs out on a page (a receiver of user_logged_out)."""
    session_id = session_of(request)
    if session_id:
        sessions.end(session_id=session_id)


def session_of(request: HttpRequest) -> UUID | None:
    """The session that a page's request belongs to."""
    session_id = request.session.get(SESSION)
    return UUID(session_id) if session_id else None


def keep(request: HttpRequest) -> Session | None:
    """The session of a signed-in person, who was seen now, and whether it lacks a second factor that is due; None where
    nobody is signed in. Sign them out, and say so, where it has ended or timed out. Raises TrailDown."""
    if not request.user.is_authenticated:
        return None
    try:
        session_id = session_of(request)
        if session_id is None:  # begun by a release that had no such thing
            raise NotSignedIn(sessions.ENDED_SENTENCE)
        session = sessions.live_session(Claims(session_id, request.user.pk))
        request.user.second_factor_due = session.user.second_factor_due
        return session
    except NotSignedIn as refusal:
        logout(request)
        lost = request.method not in ("GET", "HEAD")
        messages.warning(request, f"{refusal.detail} {NOT_SAVED}" if lost else refusal.detail)
        return None
