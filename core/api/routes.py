"""Every address of the API and the view behind it, as the URL configuration has them."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

PREFIXES = ("api", "auth")


def api_routes() -> Iterator[tuple[str, Any]]:
    """`("api/patients/<uuid:chart_id>", ChartById)`; None for what is no class of view."""
    for path, view in _routes(get_resolver(), ""):
        if path.startswith(PREFIXES):
            yield path, view


def _routes(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield path, getattr(entry.callback, "view_class", None) or getattr(entry.callback, "cls", None)
