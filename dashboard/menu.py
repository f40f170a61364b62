"""The menu of the pages of daily work: what the signed-in person may open, and nothing else."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core.admin.needs import may_open
from core.errors import Sentence

PAGES = (
    ("my-day", _("My day")),
    ("calendar", _("Calendar")),
    ("admin:index", _("Today")),
    ("admin:patients_patient_changelist", _("Patients")),
    ("my_page", _("My page")),
)


class Entry(NamedTuple):
    title: Sentence
    address: str
    is_current: bool


def entries(request: HttpRequest) -> list[Entry]:
    found = []
    for name, title in PAGES:
        address = reverse(name)
        if may_open(request, address):
            found.append(Entry(title, address, request.path.startswith(address)))
    return found


def for_templates(request: HttpRequest) -> dict[str, Callable[[], list[Entry]]]:
    """Return what templates/work.html shows (a context processor); only those who show it compute it."""
    return {"work_menu": partial(entries, request)}
