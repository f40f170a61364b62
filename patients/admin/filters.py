"""Filters of lists that other pages link to."""

from datetime import date, timedelta
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.formats import format_day
from practices.services import current_practice

EARLIEST, LATEST = date(1900, 1, 1), date(2100, 1, 1)


class DaysFilter(SimpleListFilter):
    """`?days=2026-11-02..2026-11-08`: rows of these days of the practice, both included. The page of numbers links to
    it; it is shown while it is set. A subclass says which moment of a row counts."""

    title = _("days")
    parameter_name = "days"
    column = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        days = _days_of(request.GET.get(self.parameter_name))
        if days is None:
            return []
        named = gettext("%(first)s to %(last)s") % {"first": format_day(days[0]), "last": format_day(days[1])}
        return [(address_of(*days), named)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = _days_of(self.value())
        if days is None:
            return queryset
        practice = current_practice()
        start, end = practice.day_bounds(days[0])[0], practice.day_bounds(days[1])[1]
        return queryset.filter(**{f"{self.column}__gte": start, f"{self.column}__lt": end})


def address_of(first: date, last: date) -> str:
    return f"{first}..{last}"


def _days_of(text: str | None) -> tuple[date, date] | None:
    first, _dots, last = (text or "").partition("..")
    try:
        days = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None
    is_known = EARLIEST <= days[0] <= days[1] < LATEST - timedelta(days=1)
    return days if is_known else None
