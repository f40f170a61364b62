"""The menu of the pages of daily work: what the signed-in person may open, and nothing else."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from core.admin.needs import may_open
from core.errors import Sentence

OF_PATIENTS = "admin:patients_patient_changelist"
PAGES = (
    ("my-day", _("My day")),
    ("calendar", _("Calendar")),
    ("billing", _("Billing")),
    ("admin:index", _("Today")),
    (OF_PATIENTS, _("Patients")),
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
            is_current = request.path.startswith(address) or (name == OF_PATIENTS and _is_about_a_patient(request))
            found.append(Entry(title, address, is_current))
    return found


def _is_about_a_patient(request: HttpRequest) -> bool:
    """Tell charts and notes, which are opened from the list of patients, from the templates that notes begin with."""
    path = request.path_info
    return path.startswith(("/patients/", "/notes/")) and not path.startswith("/notes/templates/")


def account_entries(request: HttpRequest) -> list[Entry]:
    """Return the pages of one's own account, which are those of the admin site's corner menu."""
    account: Any = settings.UNFOLD["ACCOUNT"]
    pages = [(page["title"], str(page["link"])) for page in account["navigation"]]
    found = [Entry(title, address, False) for title, address in pages if may_open(request, address)]
    return found if len(found) > 1 else []  # patients have their language on their own page


def for_templates(request: HttpRequest) -> dict[str, Callable[[], Any]]:
    """Return what templates/work.html shows (a context processor); only those who show it compute it."""
    return {
        "work_menu": partial(entries, request),
        "work_account": partial(account_entries, request),
        "may_search": partial(may_open, request, reverse("search")),
        "may_book": partial(may_open, request, reverse("calendar")),
        "may_set_up": partial(may_open, request, reverse("admin:appointments_workinghours_add")),
    }
