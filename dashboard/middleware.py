"""Middleware of the admin site and of the pages of daily work: opens the practice's scope, and logs each page to the
audit trail before it is sent."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.cache import patch_vary_headers

from accounts.sessions import admin_site
from audit import context, log
from audit.events import AuditEvent, Outcome
from audit.log import AuditLogUnavailable
from core.api.exceptions import TRAIL_DOWN
from core.client import is_on_site
from core.encryption.fields import unreadable_marked
from core.error_pages import error_page
from core.errors import Refusal
from core.forms import as_uuid
from core.languages import browser_language, speaking
from core.tenancy.scope import practice_scope
from patients.models import Patient
from practices.models import Practice

PICKED = "picked_practice"  # session key


def get_mark(view: Any, mark: str) -> Any:
    """Return a mark set on the view or its ModelAdmin by a decorator of core/admin/access_log.py, or None."""
    return getattr(view, mark, None) or getattr(getattr(view, "model_admin", None), mark, None)


class PageLanguage:
    """Answer in the language that the browser asks for, until somebody is known who has chosen one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with speaking([browser_language(request)]):
            response = self.get_response(request)
        patch_vary_headers(response, ["Accept-Language"])
        return response


class AdminPracticeMiddleware:
    """Open the practice's scope and time zone for a signed-in user's whole request, rendering included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_on_site(request):
            return self.get_response(request)
        if _has_nul(request):
            return render(request, "400.html", status=400)
        try:
            # None where nobody is signed in
            session = admin_site.check_session(request, seen=not _is_background_request(request))
        except AuditLogUnavailable:
            return unavailable(request)
        if session is None or not request.user.is_authenticated:
            return self.get_response(request)
        practice = _practice_of(request)
        context.identify(user_id=request.user.pk, role=request.user.role, practice_id=practice.pk if practice else None)
        if practice is None:
            if get_mark(resolve(request.path_info).func, "without_practice"):
                return self.get_response(request)
            return redirect("admin:pick_practice")
        if request.user.is_superuser:  # a superuser follows the rules of the practice they picked
            request.user.second_factor_due = practice.two_factor_required and not session.second_factor
        if request.user.second_factor_due and not get_mark(resolve(request.path_info).func, "while_factor_due"):
            return redirect("admin:security")
        request.practice = practice  # type: ignore[attr-defined]
        chosen = speaking((request.user.language, practice.language))
        with practice_scope(practice.pk), timezone.override(practice.tzinfo), chosen:
            return self.get_response(request)

    def process_template_response(self, request: HttpRequest, response: Any) -> Any:
        """Render a placeholder for values that cannot be decrypted; forms of such rows are refused earlier."""
        if is_on_site(request):
            response.render = unreadable_marked()(response.render)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Show an error page for a refusal that no form can display, such as sign-in without Redis, and for a malformed
        id, which Django's admin passes from a form or an address straight into a query."""
        if not is_on_site(request):
            return None
        if isinstance(exception, ValidationError):
            return render(request, "400.html", status=400)
        if not isinstance(exception, Refusal):
            return None
        return error_page(request, exception.detail, status=exception.status)


def _is_background_request(request: HttpRequest) -> bool:
    try:
        return bool(get_mark(resolve(request.path_info).func, "background_request"))
    except Resolver404:
        return False


def _has_nul(request: HttpRequest) -> bool:
    """PostgreSQL rejects the character NUL in text, and Django's admin passes query parameters on unchecked."""
    return any("\0" in text for name, values in request.GET.lists() for text in (name, *values))


def _practice_of(request: HttpRequest) -> Practice | None:
    user = request.user
    if user.practice_id is not None:  # type: ignore[union-attr]
        return user.practice  # type: ignore[union-attr]
    picked = request.session.get(PICKED)
    return Practice.objects.filter(pk=picked).first() if picked and user.is_superuser else None


class AdminAuditMiddleware:
    """Log each page to the audit trail, inside the practice's scope, before it is sent."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        practice = getattr(request, "practice", None)
        if practice is None:
            return self.get_response(request)
        response = self.get_response(request)
        try:
            _log_page(request, response, practice.pk)
        except AuditLogUnavailable:
            return unavailable(request)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return unavailable(request) if isinstance(exception, AuditLogUnavailable) else None


def unavailable(request: HttpRequest) -> HttpResponse:
    """Return the page shown when the audit trail cannot be written."""
    return error_page(request, TRAIL_DOWN, status=503)


def _log_page(request: HttpRequest, response: HttpResponse, practice_id: UUID) -> None:
    match = request.resolver_match
    page = match.url_name if match else None
    refusal: Refusal | None = getattr(request, "page_refusal", None)
    if refusal is not None or response.status_code in (403, 404):
        status = refusal.status if refusal else response.status_code
        _log_refusal(request, page, practice_id, status=status, patients=getattr(refusal, "patients", ()))
    if response.status_code == 200 and not get_mark(match and match.func, "no_patient_reason"):
        details = {"kind": AuditEvent.PAGE_READ, **request.page_read}  # type: ignore[attr-defined]
        log.record(practice_id=practice_id, page=page, **details)


def _log_refusal(
    request: HttpRequest, page: str | None, practice_id: UUID, *, status: int, patients: Iterable[UUID]
) -> None:
    """Log a refusal with the charts that it names, or the chart, or the account of a chart, whose id is in the
    address."""
    match = request.resolver_match
    requested_id = next((value for value in map(as_uuid, match.kwargs.values()) if value), None) if match else None
    named = Q(pk=requested_id) | Q(user=requested_id)
    charts = Patient.objects.filter(named).values_list("pk", flat=True) if requested_id else ()
    log.record(
        AuditEvent.PAGE_READ,
        practice_id=practice_id,
        outcome=Outcome.REFUSED,
        patients=list(patients) or charts,
        about_id=requested_id,
        page=page,
        status=status,
    )
