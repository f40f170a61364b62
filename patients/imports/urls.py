"""The pages of imports, below /import/."""

from django.urls import path, re_path

from patients.imports import pages

urlpatterns = [
    path("", pages.Imports.as_view(), name="imports"),
    re_path(rf"^new/(?P<kind>{pages.KIND_OF_ADDRESS})/$", pages.upload, name="import-new"),
    path("<uuid:import_id>/", pages.OneImport.as_view(), name="import"),
    path("<uuid:import_id>/match/", pages.Match.as_view(http_method_names=["post"]), name="import-match"),
    path("<uuid:import_id>/step/", pages.Step.as_view(), name="import-step"),
    path("<uuid:import_id>/decide/", pages.Decide.as_view(), name="import-decide"),
    path("<uuid:import_id>/start/", pages.Change.as_view(verb="start"), name="import-start"),
    path("<uuid:import_id>/undo/", pages.Change.as_view(verb="undo"), name="import-undo"),
    path("<uuid:import_id>/discard/", pages.Change.as_view(verb="discard"), name="import-discard"),
    path("<uuid:import_id>/not-imported.csv", pages.Left.as_view(), name="import-left"),
]
