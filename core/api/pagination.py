"""Pagination: bounded, in a total order, with a constant number of queries.

A page is named by its number or by a cursor. A number counts rows, so a row that is deleted or added between two calls
moves the others: one is never seen, or seen twice. A cursor holds the place in the order after which the page begins,
and so does not mind either; nor that the row it was made from is gone.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from typing import Any

from django.apps import apps
from django.core.signing import BadSignature, Signer
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from core.api.serializers import CredentialField, OutputSerializer, StrictSerializer
from core.errors import Invalid
from core.tenancy.compiled import BoundQuery

DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGE = 10, 100, 1_000_000
MAX_CURSOR_LENGTH = 1000
DEEP_OFFSET = 1000  # rows to skip, above which keys are selected first
BOTH = _("Send either `page` or `cursor`.")
UNKNOWN_CURSOR = _("This cursor is not valid for this list.")


class PageQuery(StrictSerializer):
    page = serializers.IntegerField(min_value=1, max_value=MAX_PAGE, default=1, help_text="Counts from 1.")
    limit = serializers.IntegerField(
        min_value=1, default=DEFAULT_LIMIT, help_text=f"Rows per page; more than {MAX_LIMIT} count as {MAX_LIMIT}."
    )
    cursor = CredentialField(
        required=False,
        allow_blank=True,
        max_length=MAX_CURSOR_LENGTH,
        help_text="Instead of `page`: `next` of the page before, with the same filters; empty for the first page. "
        "No row is skipped or repeated while others are added or deleted.",
    )

    def validate_limit(self, limit: int) -> int:
        return min(limit, MAX_LIMIT)

    def to_internal_value(self, data: Any) -> Any:
        if "page" in self.fields and "page" in data and "cursor" in data:
            raise serializers.ValidationError({"cursor": [BOTH]})
        return super().to_internal_value(data)


class NextShape(OutputSerializer[Any]):
    # The base of what a list answers. No docstring: the schema would show it for each list.

    next = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="The `cursor` of the next page. On the last page it is left out, or null if a `cursor` was sent.",
    )


class PageShape(NextShape):
    total = serializers.IntegerField()
    page = serializers.IntegerField(required=False, help_text="Left out if a `cursor` was sent.")
    limit = serializers.IntegerField()


class Page:
    """The page that a query asks for: its rows, and what the answer and the audit trail say about it."""

    def __init__(self, *, page: int, limit: int, cursor: str | None = None) -> None:
        self._number, self._limit, self._cursor = page, limit, cursor
        self._next: str | None = None
        self._total: int | None = None

    @classmethod
    def taken_from(cls, query: dict[str, Any]) -> "Page":
        """Take `page`, `limit` and `cursor` out of a validated PageQuery; what is left are its filters."""
        return cls(page=query.pop("page"), limit=query.pop("limit"), cursor=query.pop("cursor", None))

    def rows(self, listed: QuerySet[Any] | BoundQuery[Any]) -> list[Any]:
        """Return the rows of this page of a queryset or compiled query, ordered by columns without nulls, the last of
        them unique. Raises Invalid for a cursor of another list."""
        if isinstance(listed, BoundQuery):
            order = _order_of(listed.model._meta.label, listed.order_by)
            found = self._found_by_compiled(listed, order)
        else:
            order = _order_of(listed.model._meta.label, listed.query.order_by)
            found = self._found(listed, order)
        if len(found) > self._limit:
            self._next = order.cursor(order.key(found[self._limit - 1]))
        elif not self._cursor and (found or not self._skipped):
            self._total = self._skipped + len(found)
        return found[: self._limit]

    def total(self, count: Callable[[], int]) -> int:
        """Return the number of rows on all pages: known after `rows` if the last page was asked for, else counted."""
        return count() if self._total is None else self._total

    def _found(self, queryset: QuerySet[Any], order: "_Order") -> list[Any]:
        if self._cursor:
            return list(order.after(queryset, order.place(self._cursor))[: self._limit + 1])
        return _skipping(queryset, self._skipped, self._limit + 1)

    def _found_by_compiled(self, listed: BoundQuery[Any], order: "_Order") -> list[Any]:
        number = self._limit + 1
        if self._cursor:
            return listed.narrowed(order.after, order.place(self._cursor)).rows(limit=number)
        return listed.rows(limit=number, skipped=self._skipped)

    def keys(self, found: Sequence[tuple[Any, ...]], *, of: QuerySet[Any]) -> list[Any]:
        """Return the primary keys on this page of rows that were found by other means than a query. `found` has the
        values of the columns by which `of` is ordered, latest first. Raises Invalid as `rows` does."""
        order = _order_of(of.model._meta.label, of.query.order_by)
        if self._cursor:
            place = order.place(self._cursor)
            found = [key for key in found if key < place]
        page = found[self._skipped : self._skipped + self._limit + 1]
        if len(page) > self._limit:
            self._next = order.cursor(page[self._limit - 1])
        return [key[-1] for key in page[: self._limit]]

    @property
    def _skipped(self) -> int:
        return (self._number - 1) * self._limit  # none with a cursor: the number is 1 then

    @property
    def asked(self) -> dict[str, Any]:
        """Which page was asked for."""
        return {"limit": self._limit} if self._cursor is not None else {"page": self._number, "limit": self._limit}

    @property
    def next(self) -> dict[str, str | None]:
        """The answer's `next`, known after `rows` or `keys`. Pages by number have it only where one follows: their
        answers are as the contract shows them."""
        return {} if self._cursor is None and self._next is None else {"next": self._next}


def _skipping(queryset: QuerySet[Any], skipped: int, number: int) -> list[Any]:
    """Return `number` rows after the skipped ones. Where these are many the keys are selected first, so that they are
    only read from the index."""
    if skipped < DEEP_OFFSET:
        return list(queryset[skipped : skipped + number])
    keys = queryset.select_related(None).values_list("pk", flat=True)[skipped : skipped + number]
    return list(queryset.filter(pk__in=list(keys)))


@cache
def _order_of(label: str, columns: tuple[str, ...]) -> "_Order":
    return _Order(apps.get_model(label), columns)


class _Order:
    """The order of a list, and cursors in it: the values of a row in the columns of the order, signed. Only what the
    caller has been shown is in them."""

    def __init__(self, model: Any, columns: tuple[str, ...]) -> None:
        meta = model._meta
        self._columns = columns
        names = [column.lstrip("-") for column in self._columns]
        self._fields = [meta.pk if name == "pk" else meta.get_field(name) for name in names]
        self._signer = Signer(salt=f"cursor:{meta.label}:{','.join(self._columns)}")

    def key(self, row: Any) -> tuple[Any, ...]:
        return tuple(getattr(row, field.attname) for field in self._fields)

    def cursor(self, key: tuple[Any, ...]) -> str:
        return self._signer.sign_object([value.isoformat() if isinstance(value, date) else str(value) for value in key])

    def place(self, cursor: str) -> tuple[Any, ...]:
        """Return the key that the cursor holds."""
        try:
            texts = self._signer.unsign_object(cursor)
        except (BadSignature, ValueError) as error:
            raise Invalid("cursor", UNKNOWN_CURSOR) from error
        return tuple(field.to_python(text) for field, text in zip(self._fields, texts, strict=True))

    def after(self, queryset: QuerySet[Any], place: tuple[Any, ...]) -> QuerySet[Any]:
        """Return what comes after the row with this key: a later value in the first column, or the same and a later
        one in the next. The first condition says this of the first column alone, so that an index on it is used."""
        steps = [
            (field.name, "lt" if column.startswith("-") else "gt", value)
            for column, field, value in zip(self._columns, self._fields, place, strict=True)
        ]
        later, same = Q(), dict[str, Any]()
        for name, comparison, value in steps:
            later |= Q(**same, **{f"{name}__{comparison}": value})
            same[name] = value
        name, comparison, value = steps[0]
        return queryset.filter(later, **{f"{name}__{comparison}e": value})
