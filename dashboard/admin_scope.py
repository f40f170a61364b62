"""In whose practice the admin site works: one's own, or the one that a platform superuser has picked."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import resolve
from django.utils import timezone

from accounts import page_sessions
from audit import context
from audit.trail import TrailDown
from core.encryption.fields import unreadable_marked
from core.errors import Refusal
from core.tenancy import practice_scope
from dashboard.admin_reads import unavailable
from practices.models import Practice

ADMIN_ROOT = "/admin/"  # in config/urls.py
PICKED = "picked_practice"  # in the admin's session
# what works before a second factor that is due is set up, and before a practice is known
ONES_OWN = {
    "pick_practice",
    "login",
    "logout",
    "jsi18n",
    "password_change",
    "password_change_done",
    "second_factor",
    "security",
    "security_totp",
    "security_totp_confirm",
    "security_totp_remove",
    "security_passkey",
    "security_passkey_add",
    "security_passkey_remove",
    "security_recovery_codes",
}
WITHOUT_PRACTICE = ONES_OWN | {"own_sessions", "own_sessions_end", "own_sessions_end_others"}


class AdminScope:
    """Opens the practice's scope and its time zone for a signed-in person's whole request, rendering included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not _in_admin(request):
            return self.get_response(request)
        if _holds_nul(request):
            return render(request, "400.html", status=400)
        try:
            session = page_sessions.keep(request)  # None where nobody is signed in
        except TrailDown:
            return unavailable(request)
        if session is None or not request.user.is_authenticated:
            return self.get_response(request)
        practice = _practice_of(request)
        context.identify(user_id=request.user.pk, role=request.user.role, practice_id=practice.pk if practice else None)
        if practice is None:
            if resolve(request.path_info).url_name in WITHOUT_PRACTICE:
                return self.get_response(request)
            return redirect("admin:pick_practice")
        if request.user.is_superuser:  # who works in a practice keeps to what it requires
            request.user.second_factor_due = practice.two_factor_required and not session.second_factor
        if request.user.second_factor_due and resolve(request.path_info).url_name not in ONES_OWN:
            return redirect("admin:security")
        request.practice = practice  # type: ignore[attr-defined]
        with practice_scope(practice.pk), timezone.override(practice.tzinfo):
            return self.get_response(request)

    def process_template_response(self, request: HttpRequest, response: Any) -> Any:
        """On a page a mark stands for what cannot be decrypted; a form of such a row is refused before."""
        if _in_admin(request):
            response.render = unreadable_marked()(response.render)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """What a service refuses where no form can say it, sign-in without Redis for one, is a page and no failure.
        So is an id that is none, which Django's admin takes from a form or an address straight into a query."""
        if not _in_admin(request):
            return None
        if isinstance(exception, ValidationError):
            return render(request, "400.html", status=400)
        if not isinstance(exception, Refusal):
            return None
        shown = {"title": "This did not work", "sentence": exception.detail}
        return render(request, "error.html", shown, status=exception.status)


def _in_admin(request: HttpRequest) -> bool:
    """By the path alone: what `reverse` gives depends on where the server is mounted."""
    return request.path_info.startswith(ADMIN_ROOT)


def _holds_nul(request: HttpRequest) -> bool:
    """No text has the character NUL, and PostgreSQL takes none; Django's admin hands queries on as they come."""
    return any("\0" in text for name, values in request.GET.lists() for text in (name, *values))


def _practice_of(request: HttpRequest) -> Practice | None:
    user = request.user
    if user.practice_id is not None:  # type: ignore[union-attr]
        return user.practice  # type: ignore[union-attr]
    picked = request.session.get(PICKED)
    return Practice.objects.filter(pk=picked).first() if picked and user.is_superuser else None


def pick(request: HttpRequest, practice_id: UUID) -> None:
    """Work in this practice from now on."""
    request.session[PICKED] = str(practice_id)


def practice_name(request: HttpRequest) -> str:
    """What stands under the site's name on every page."""
    practice: Practice | None = getattr(request, "practice", None)
    return practice.name if practice else "Practice management"


def picked_label(request: HttpRequest) -> list[str] | None:
    """The label at the top of each page that reminds a superuser whose data this is."""
    if not request.user.is_superuser or not hasattr(request, "practice"):
        return None
    return [f"Working in {practice_name(request)}", "warning"]


def is_superuser(request: HttpRequest) -> bool:
    return request.user.is_superuser
