"""Pages of lists (DESIGN.md rule 11): bounded, in a total order, at a constant number of queries."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGE = 10, 100, 1_000_000
DEEP = 1000  # rows to skip


class PageQuery(serializers.Serializer[Any]):
    """`page` from 1 on; `limit` rows a page, more than 100 is served as 100."""

    page = serializers.IntegerField(min_value=1, max_value=MAX_PAGE, default=1)
    limit = serializers.IntegerField(min_value=1, default=DEFAULT_LIMIT)

    def validate_limit(self, limit: int) -> int:
        return min(limit, MAX_LIMIT)


def page_of(queryset: QuerySet[Any], *, page: int, limit: int) -> QuerySet[Any]:
    """The rows of one page. On a deep page the keys are picked first, so that the many skipped rows are only walked
    in the index."""
    start = (page - 1) * limit
    if start < DEEP:
        return queryset[start : start + limit]
    keys = queryset.select_related(None).values_list("pk", flat=True)[start : start + limit]
    return queryset.filter(pk__in=list(keys))
