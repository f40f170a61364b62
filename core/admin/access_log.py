"""How a page of the admin site declares to the audit trail which patients it shows, or that it shows none."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model
from django.dispatch import Signal
from django.http import HttpRequest

from core.errors import Refusal

Page = TypeVar("Page")

# Sent before a page shows `rows` to `user`. Receivers unlock the rows that this person may read (a restricted chart
# stays locked otherwise) and return further details for the audit event.
rows_read = Signal()


def shows_no_patient(reason: str) -> Callable[[Page], Page]:
    """Mark a page, or a whole ModelAdmin, that shows no patient, and say why. Any other page must call `log_page_read`,
    or its answer is withheld."""
    return _marked(no_patient_reason=reason)


def own_account_page(reason: str, *, while_factor_due: bool = False) -> Callable[[Page], Page]:
    """Mark a page of one's own account. It works before a practice is chosen and, with `while_factor_due`, before a
    required second factor is set up."""
    return _marked(no_patient_reason=reason, without_practice=True, while_factor_due=while_factor_due)


def background_request(page: Page) -> Page:
    """Mark what an open page asks for by itself: it is nobody's activity, and the session times out all the same."""
    return _marked(background_request=True)(page)


def _marked(**marks: Any) -> Callable[[Any], Any]:
    def mark(page: Any) -> Any:
        for name, value in marks.items():
            setattr(page, name, value)
        return page

    return mark


def log_page_read(
    request: HttpRequest, rows: Iterable[Model], *, about: str, about_id: UUID | None = None, **details: Any
) -> None:
    """Declare the rows that the page shows, and unlock those that this person may read.

    The audit event names the patients of the rows; rows without a patient, such as staff accounts, by their own keys.
    """
    rows = list(rows)
    answers: list[tuple[Any, Any]] = rows_read.send(sender=None, user=request.user, rows=rows)
    for _, returned in answers:
        details |= returned
    named = {row.pk: row.about_patients() for row in rows}  # type: ignore[attr-defined] # core.models.Model
    patients = [patient for row in rows for patient in named[row.pk]]
    others = [row.pk for row in rows if not named[row.pk]]
    if others:
        details["rows"] = others
    request.page_read = {"patients": patients, "about": about, "about_id": about_id, **details}  # type: ignore[attr-defined]


def log_page_refusal(request: HttpRequest, refusal: Refusal) -> None:
    """Declare that somebody was refused what they may not do or see, where the page answers with a message or a form
    and not with the status of the refusal. A taken slot or a wrong date is nobody's lack of permission."""
    if refusal.status in (403, 404):
        request.page_refusal = refusal  # type: ignore[attr-defined]
