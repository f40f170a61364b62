"""One's own sessions in the admin site: the devices, and signing out of each."""

from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext

from accounts.sessions import services as sessions
from accounts.sessions.admin_site import get_session_id
from accounts.sessions.devices import describe_device
from core.admin.access_log import own_account_page
from core.admin.base import current_user


@own_account_page("one's own devices")
def own_sessions(request: HttpRequest) -> HttpResponse:
    rows = [(session, describe_device(session.agent)) for session in sessions.list_live_sessions(current_user(request))]
    context = {
        **admin.site.each_context(request),
        "title": gettext("Active sessions"),
        "rows": rows,
        "here": get_session_id(request),
    }
    return TemplateResponse(request, "admin/own_sessions.html", context)


@own_account_page("one's own devices")
def end_others(request: HttpRequest) -> HttpResponse:
    ended = sessions.end_own(user=current_user(request), here=_current_session_id(request))
    sentence = ngettext("Signed out of %(number)s other session.", "Signed out of %(number)s other sessions.", ended)
    messages.success(request, sentence % {"number": ended})
    return redirect("admin:own_sessions")


@own_account_page("one's own devices")
def end_session(request: HttpRequest, session_id: UUID) -> HttpResponse:
    if not sessions.end_own(user=current_user(request), here=_current_session_id(request), only=session_id):
        raise Http404
    messages.success(request, gettext("Session signed out."))
    return redirect("admin:own_sessions")


def _current_session_id(request: HttpRequest) -> UUID:
    here = get_session_id(request)
    assert here is not None  # accounts/sessions/admin_site.py signs out anyone without one
    return here
