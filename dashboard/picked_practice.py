"""The practice a superuser picked, and what the admin site's frame shows of the current practice."""

from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext

from dashboard.middleware import PICKED
from practices.models import Practice


def pick(request: HttpRequest, practice_id: UUID) -> None:
    """Make this the practice of the session from now on."""
    request.session[PICKED] = str(practice_id)


def practice_name(request: HttpRequest) -> str:
    """Return what stands below the site's name on every page."""
    practice: Practice | None = getattr(request, "practice", None)
    return practice.name if practice else gettext("Practice management")


def picked_label(request: HttpRequest) -> list[str] | None:
    """Return the label that reminds a superuser, on every page, which practice's data this is."""
    if not request.user.is_superuser or not hasattr(request, "practice"):
        return None
    return [gettext("Working in %(practice)s") % {"practice": practice_name(request)}, "warning"]


def is_superuser(request: HttpRequest) -> bool:
    return request.user.is_superuser
