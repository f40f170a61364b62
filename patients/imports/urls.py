"""The pages of imports, below /import/."""

from django.urls import path

from patients.imports import pages
from patients.models import ImportKind

urlpatterns = [
    path("", pages.Imports.as_view(), name="imports"),
    *(path(f"new/{kind}/", pages.upload, {"kind": kind}, name="import-new") for kind in ImportKind.values),
    path("<uuid:import_id>/", pages.OneImport.as_view(), name="import"),
    path("<uuid:import_id>/match/", pages.Match.as_view(http_method_names=["post"]), name="import-match"),
    path("<uuid:import_id>/step/", pages.Step.as_view(), name="import-step"),
    path("<uuid:import_id>/decide/", pages.Decide.as_view(), name="import-decide"),
    path("<uuid:import_id>/start/", pages.Change.as_view(verb="start"), name="import-start"),
    path("<uuid:import_id>/undo/", pages.Change.as_view(verb="undo"), name="import-undo"),
    path("<uuid:import_id>/discard/", pages.Change.as_view(verb="discard"), name="import-discard"),
    path("<uuid:import_id>/not-imported.csv", pages.NotImported.as_view(), name="import-left"),
]
