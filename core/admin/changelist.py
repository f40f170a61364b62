"""Changelists that stay fast at any length and sort only by the columns that they offer."""

from typing import Any, cast

from django.contrib.admin.views.main import ALL_VAR, PAGE_VAR
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.text import capfirst
from unfold.views import ChangeList

from core.cache import cached_counts
from core.tenancy.scope import current_practice_id


class CachedCountPaginator(Paginator):
    """Caches the count of an unfiltered table until it changes (core/cache/cached_counts.py)."""

    cache_key: str | None = None

    @cached_property
    def count(self) -> int:
        if self.cache_key is None:
            return int(super().count)
        rows = cast("QuerySet[Any]", self.object_list)
        total: int = cached_counts.get_or_compute(
            self.cache_key, practice_id=current_practice_id(), of=(rows.model,), compute=rows.count
        )
        return total


class SafeChangeList(ChangeList):
    """Ignores a sort order in the URL that the list does not offer."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.title = capfirst(str(self.opts.verbose_name_plural))  # Django's "Select appointment to change"
        self.beginnings = self.model_admin.beginnings(request)

    @property
    def print_url(self) -> str | None:
        """The address of all rows, for printing; None if there are too many."""
        if self.result_count > self.list_max_show_all:
            return None
        return f"{self.get_query_string({ALL_VAR: ''}, [PAGE_VAR])}#print"

    @property
    def export_url(self) -> str:
        """The address of the list as a file, with its search and filters."""
        return f"export.csv{self.get_query_string({}, [PAGE_VAR, ALL_VAR])}"

    @property
    def shows_all(self) -> bool:
        return not self.multi_page or (self.show_all and self.can_show_all)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.query or self.has_active_filters):
            self.full_result_count = self.result_count  # otherwise the page offers "Show all" where all rows are shown

    def get_ordering_field(self, field_name: Any) -> Any:
        return super().get_ordering_field(field_name) if field_name in self.sortable_by else None
