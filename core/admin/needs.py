"""What it takes to open a page, said once: the page refuses by it, and menus and the way in after a sign-in ask it."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import Resolver404, ResolverMatch, get_script_prefix, resolve

from core.client import ADMIN_ROOT, WORK_ROOTS
from core.permissions import Permission


def needs(permission: Permission) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a page that is a function. One that is a class has the attribute `needs`."""

    def decorate(page: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(page)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not request.user.can(permission):  # type: ignore[union-attr]
                raise PermissionDenied
            return page(request, *args, **kwargs)

        checked.needs = permission  # type: ignore[attr-defined]
        return checked

    return decorate


def _is_only_posted(page: Any) -> bool:
    """Return whether the page takes forms alone, so that nobody can come back to it."""
    view = getattr(page, "view_class", None)
    if view is None:
        return getattr(page, "only_posted", False)
    return "get" not in view.http_method_names or not hasattr(view, "get")


@lru_cache(maxsize=1024)
def _found_at(address: str) -> ResolverMatch | None:
    """Return what is at this path. Menus ask for the same forty on each page."""
    try:
        return resolve(address)
    except Resolver404:
        return None


def may_open(request: HttpRequest, address: str) -> bool:
    """Return whether a page of the site is at this path, without its query, and lets the signed-in user in. Of a row
    that it shows this says nothing."""
    address = "/" + address.removeprefix(get_script_prefix())
    user = request.user
    if not user.is_authenticated or not address.startswith((ADMIN_ROOT, *WORK_ROOTS)):
        return False
    match = _found_at(address)
    if match is None:
        return False
    page: Any = match.func
    if getattr(page, "superuser_only", False) and not user.is_superuser:
        return False
    if _is_only_posted(page) or (address.startswith(ADMIN_ROOT) and not user.is_staff):
        return False
    if model_admin := getattr(page, "model_admin", None):
        adds = match.url_name is not None and match.url_name.endswith("_add")
        return bool((model_admin.has_add_permission if adds else model_admin.has_view_permission)(request))
    needed = getattr(getattr(page, "view_class", page), "needs", None)
    return needed is None or user.can(needed)
