"""What an open page asks about its session: how long it will last if nothing happens, and that something does happen.
Typing and scrolling send no request of their own (dashboard/static/praxis/idle.js)."""

from datetime import timedelta
from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import LoginSession
from accounts.sessions import idle_timeout
from accounts.sessions.admin_site import get_session_id
from core.admin.access_log import background_request, own_account_page
from core.admin.base import current_user

_own = own_account_page("the user's own session", while_factor_due=True)


@background_request
@_own
@require_safe
def time_left(request: HttpRequest) -> JsonResponse:
    """Answer the seconds until the session ends unless something happens; 401 if it has ended."""
    return _answer(request)


@_own
@require_POST
def is_active(request: HttpRequest) -> JsonResponse:
    """Count as activity, as every page does that somebody asks for; answer the same."""
    return _answer(request)


def _answer(request: HttpRequest) -> JsonResponse:
    if not request.user.is_authenticated:
        return JsonResponse({}, status=401)
    session = LoginSession.objects.get(pk=get_session_id(request) or UUID(int=0))
    ends = session.expires_at
    if idle_timeout.applies_to(current_user(request)):
        seen = max(session.last_seen_at, idle_timeout.last_seen(session.pk) or session.last_seen_at)
        ends = min(ends, seen + idle_timeout.idle_limit())
    return JsonResponse({"seconds": max(0, (ends - timezone.now()) // timedelta(seconds=1))})
