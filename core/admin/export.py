"""A list of the admin site as a CSV file: the columns and rows that the list shows, with its search and filters."""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any
from uuid import UUID

from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import formats, timezone
from django.utils.html import strip_tags
from django.utils.text import capfirst
from django.utils.translation import gettext

from audit import log
from audit.events import AuditEvent
from core.admin.access_log import log_page_read, rows_read
from core.csv_files import csv_response, in_this_context
from core.tenancy.scope import current_practice_id

ROWS_AT_ONCE = 500
FILE_NAME = "{}-{:%Y-%m-%d}.csv"
UUID_BYTES = 16


def export_list(model_admin: Any, request: HttpRequest) -> HttpResponseBase:
    """Answer the file. That somebody takes the list along is in the trail before the first byte leaves, and whom each
    part of it names before that part does."""
    listed = model_admin.get_changelist_instance(request)
    columns = [name for name in model_admin.get_list_display(request) if name != "action_checkbox"]
    header = [capfirst(str(label_for_field(name, model_admin.model, model_admin))) for name in columns]
    label = model_admin.model._meta.label
    filters = sorted(request.GET.keys() - {PAGE_VAR, "q", "o"})
    details: dict[str, Any] = {"searched": True} if listed.query else {}
    log_page_read(
        request, [], about=label, kind=AuditEvent.LIST_EXPORTED, count=listed.result_count, filters=filters, **details
    )
    keys = b"".join(key.bytes for key in listed.queryset.values_list("pk", flat=True).iterator(ROWS_AT_ONCE * 10))

    def load(some: list[UUID]) -> dict[UUID, Model]:
        rows = listed.apply_select_related(model_admin.get_queryset(request).filter(pk__in=some))
        return {row.pk: row for row in rows}

    def values(row: Any) -> list[str]:
        return [_text(name, row, model_admin) for name in columns]

    rows = in_this_context(_parts(keys, load, values, request, label))
    return csv_response(file_name(model_admin.opts.verbose_name_plural), header, rows)


def file_name(what: Any) -> str:
    name = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in str(what).lower())
    return FILE_NAME.format(name, timezone.localdate())


def _parts(
    keys: bytes,
    load: Callable[[list[UUID]], dict[UUID, Model]],
    values: Callable[[Any], list[str]],
    request: HttpRequest,
    label: str,
) -> Iterator[list[list[str]]]:
    step = ROWS_AT_ONCE * UUID_BYTES
    for start in range(0, len(keys), step):
        part = keys[start : start + step]
        some = [UUID(bytes=part[at : at + UUID_BYTES]) for at in range(0, len(part), UUID_BYTES)]
        found = load(some)
        rows: list[Any] = [found[key] for key in some if key in found]
        log_exported_part(rows, by=request.user, about=label, part=start // step + 1)
        yield [values(row) for row in rows]


def log_exported_part(rows: list[Any], *, by: Any, about: str, part: int) -> None:
    """Tell the audit trail whom the next part of a file names, and unlock what of it this person may read."""
    details: dict[str, Any] = {}
    answers: list[tuple[Any, Any]] = rows_read.send(sender=None, user=by, rows=rows)
    for _receiver, returned in answers:
        details |= returned
    patients = list(chain.from_iterable(row.about_patients() for row in rows))
    if patients:
        practice_id = current_practice_id()
        log.record(
            AuditEvent.LIST_EXPORTED, practice_id=practice_id, patients=patients, about=about, part=part, **details
        )


def _text(name: Any, row: Any, model_admin: Any) -> str:
    """Return what the list shows of the row in this column, as text alone."""
    try:
        field, attribute, value = lookup_field(name, row, model_admin)
    except ObjectDoesNotExist:
        return ""
    if value is None:
        return ""
    if (field is None and getattr(attribute, "boolean", False)) or isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if field is not None and field.flatchoices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, list | tuple):
        value = ", ".join(str(part) for part in value if part)
    if isinstance(value, str):
        return strip_tags(value).strip()
    return str(formats.localize(value)) if not isinstance(value, Model) else str(getattr(value, "name", value))
