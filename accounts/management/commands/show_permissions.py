"""`manage.py show_permissions`: the matrix of accounts/roles.py, and what it opens in the API, as Markdown."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import BaseCommand

from accounts.roles import PERMISSIONS, Role
from core.api.routes import api_routes
from core.api.views import ApiView, PublicView, UnknownPath
from core.permissions import Permission

HEADER = """# Who may do what

Printed by `manage.py show_permissions` from `accounts/roles.py` and the API's views; a test keeps this page current.
Anything in neither table is refused. A platform superuser, who belongs to no practice, works in the admin site.
"""
READING = """A mark means that the role has access; the permission's sentence says whose data it sees. Where a practice
requires two-step verification, staff who have not set it up yet have access only where it says "first".
"""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
EVERYONE = "anyone"


class Command(BaseCommand):
    help = "Print who may do what, role by role, as Markdown: docs/permissions.md is this command's output."

    def handle(self, *args: Any, **options: Any) -> None:
        roles = [str(role.label) for role in Role]
        self.stdout.write(f"{HEADER}\n## Permissions\n\n")
        self._table(["Permission", *roles], ([permission.value, *_marks([permission])] for permission in Permission))
        self.stdout.write(f"\n## Addresses of the API\n\n{READING}\n")
        self._table(["Method", "Address", *roles, "First"], _addresses())

    def _table(self, head: list[str], rows: Iterable[list[str]]) -> None:
        self.stdout.write(_line(head))
        self.stdout.write(_line(["---"] * len(head)))
        for row in rows:
            self.stdout.write(_line(row))


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _marks(permissions: Iterable[Permission]) -> list[str]:
    """Return a mark for each role that has one of these."""
    wanted = set(permissions)
    return ["x" if wanted & PERMISSIONS[role] else "" for role in Role]


def _addresses() -> Iterator[list[str]]:
    for path, view in sorted(api_routes(), key=lambda route: route[0]):
        if not isinstance(view, type) or issubclass(view, UnknownPath):
            continue
        if issubclass(view, ApiView):
            for method in METHODS:
                if method in view.permissions:
                    first = "first" if view.before_second_factor else ""
                    yield [method, f"`/{path}`", *_marks(needed(view, method)), first]
        elif issubclass(view, PublicView):
            for method in view.methods:
                yield [method, f"`/{path}`", *[EVERYONE] * len(Role), "first"]


def needed(view: type[ApiView], method: str) -> tuple[Permission, ...]:
    """Return the permissions of which a caller needs one."""
    wanted = view.permissions[method]
    return wanted if isinstance(wanted, tuple) else (wanted,)
