"""Whether a role may call a method of a view."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


def effective_method(request: Request) -> str:
    """HEAD is answered as GET without a body."""
    return "GET" if request.method == "HEAD" else str(request.method)


class RolePermission(BasePermission):
    """Default deny: the view names a permission for each of its methods, the caller's role must hold it. A tuple
    names several of which one is enough; the view then narrows what it shows."""

    message = "Your role may not do this."

    def has_permission(self, request: Request, view: Any) -> bool:
        wanted = view.permissions[effective_method(request)]
        return any(view.caller.can(permission) for permission in (wanted if isinstance(wanted, tuple) else (wanted,)))
