"""Where one is signed in, for whoever works in the admin site: the devices, and an end to each."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import pluralize
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST, require_safe

from accounts import sessions
from accounts.devices import device_of
from accounts.page_sessions import session_of
from dashboard.admin_base import acting


def addresses(admin_view: Callable[..., Any]) -> list[URLPattern]:
    return [
        path("sessions/", admin_view(require_safe(own_sessions)), name="own_sessions"),
        path("sessions/end-others/", admin_view(require_POST(end_others)), name="own_sessions_end_others"),
        path("sessions/<uuid:session_id>/end/", admin_view(require_POST(end_one)), name="own_sessions_end"),
    ]


def own_sessions(request: HttpRequest) -> HttpResponse:
    rows = [(session, device_of(session.agent)) for session in sessions.open_of(acting(request))]
    context = {
        **admin.site.each_context(request),
        "title": "Where you are signed in",
        "rows": rows,
        "here": session_of(request),
    }
    return TemplateResponse(request, "admin/own_sessions.html", context)


def end_others(request: HttpRequest) -> HttpResponse:
    ended = sessions.end_own(user=acting(request), here=_here(request))
    messages.success(request, f"{ended} session{pluralize(ended)} ended.")
    return redirect("admin:own_sessions")


def end_one(request: HttpRequest, session_id: UUID) -> HttpResponse:
    if not sessions.end_own(user=acting(request), here=_here(request), only=session_id):
        raise Http404
    messages.success(request, "The session has ended.")
    return redirect("admin:own_sessions")


def _here(request: HttpRequest) -> UUID:
    here = session_of(request)
    assert here is not None  # accounts/page_sessions.py lets nobody in without
    return here
