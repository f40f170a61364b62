"""DRF permission classes. The first of a view's `permission_classes` that refuses determines the error."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

NOT_AUTHENTICATED = _("Not authenticated")  # the contract's message
SECOND_FACTOR_DUE = _("Your practice requires two-step verification. Set it up first.")


def effective_method(request: Request) -> str:
    """Return the request's method; HEAD is handled as GET."""
    return "GET" if request.method == "HEAD" else str(request.method)


class IsSignedIn(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        if view.caller is None:
            raise NotAuthenticated(NOT_AUTHENTICATED)
        return True


class RolePermission(BasePermission):
    """Requires the permission that the view's `permissions` names for the method. Of a tuple one is enough; the view
    then limits what it shows."""

    message = _("You don't have permission to do this.")

    def has_permission(self, request: Request, view: Any) -> bool:
        required = view.permissions[effective_method(request)]
        alternatives = required if isinstance(required, tuple) else (required,)
        return any(view.caller.can(permission) for permission in alternatives)


class SecondFactorGiven(BasePermission):
    """Lets a user whose required second factor is missing do nothing but set one up."""

    message = SECOND_FACTOR_DUE

    def has_permission(self, request: Request, view: Any) -> bool:
        return view.caller is None or view.before_second_factor or not view.caller.second_factor_due


class WorksInPractice(BasePermission):
    message = _("This account doesn't belong to a practice. Use the admin site instead.")

    def has_permission(self, request: Request, view: Any) -> bool:
        return view.caller.practice_id is not None or not view.needs_practice
