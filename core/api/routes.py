"""The routes of the API and their views, from the URL configuration."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

PREFIXES = ("api", "auth")


def api_routes() -> Iterator[tuple[str, Any]]:
    """Yield routes such as `("api/patients/<uuid:chart_id>", ChartById)`; the view is None unless it is a class."""
    for path, view in routes():
        if path.startswith(PREFIXES):
            yield path, view


def routes() -> Iterator[tuple[str, Any]]:
    """Yield the same of every page."""
    return _routes(get_resolver(), "")


def _routes(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield path, getattr(entry.callback, "view_class", None) or getattr(entry.callback, "cls", None)


class ApiRoutes(URLResolver):
    """`path(route, include(routes))` for routes without namespaces that looks only at those with the path's first
    segment. Django would try them all in their order, app by app."""

    def __init__(self, route: str, routes: Sequence[URLPattern | URLResolver]) -> None:
        super().__init__(RoutePattern(route), routes)

    def resolve(self, path: str) -> ResolverMatch:
        found = self.pattern.match(path)
        if found:
            rest = found[0]
            for entry in self._by_first_segment.get(rest.partition("/")[0], ()):
                match: ResolverMatch | None = entry.resolve(rest)
                if match:
                    return match
        return super().resolve(path)  # such as an unknown path

    @cached_property
    def _by_first_segment(self) -> dict[str, list[URLPattern]]:
        found = defaultdict(list)
        for entry in _patterns(self):
            found[str(entry.pattern).partition("/")[0]].append(entry)
        return dict(found)


def _patterns(resolver: URLResolver) -> Iterator[URLPattern]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            yield entry
        elif not str(entry.pattern):  # the others have a prefix of their own
            yield from _patterns(entry)
