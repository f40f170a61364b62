"""The API's routes are found by their first segment, as Django would find them."""

import re

import pytest
from django.urls import URLResolver, get_resolver

from core.api.routes import ApiRoutes, api_routes

EXAMPLES = {"uuid": "0192f3a0-0000-7000-8000-000000000001", "int": "7", "str": "x"}
PATHS = sorted(
    {re.sub(r"<(\w+):\w+>", lambda kind: EXAMPLES[kind[1]], path) for path, _ in api_routes() if path[:4] == "api/"}
)


@pytest.mark.parametrize("path", [*PATHS, "api/", "api/nothing", "api/patients/", "api/patients/1", "api//patients"])
def test_route_is_what_django_resolves(path):
    root = get_resolver()
    routes = next(entry for entry in root.url_patterns if isinstance(entry, ApiRoutes))
    ours, django_s = root.resolve(f"/{path}"), URLResolver.resolve(routes, path)

    assert (ours.func, ours.args, ours.kwargs) == (django_s.func, django_s.args, django_s.kwargs)
    assert (ours.url_name, ours.namespaces, ours.view_name) == (django_s.url_name, [], django_s.view_name)
    assert ours.route == f"api/{django_s.route}"


def test_routes_are_indexed_with_those_of_every_app():
    assert len(PATHS) > 60
