"""The pages of a chart, below /patients/<id>/."""

from django.urls import path

from records.chart import file_pages, pages

urlpatterns = [
    path("", pages.Chart.as_view(), name="chart"),
    path("search/", pages.SearchNotes.as_view(), name="chart_search"),
    path("allergies/", pages.ChangeAllergies.as_view(), name="chart_allergies"),
    path("lists/take-over/", pages.TakeOverTexts.as_view(), name="chart_lists_take_over"),
    path("lists/no-known-allergies/", pages.NoKnownAllergies.as_view(), name="chart_no_known_allergies"),
    path("lists/<str:kind>/", pages.AddEntry.as_view(), name="chart_entry_add"),
    path("entries/<uuid:entry_id>/", pages.ChangeEntry.as_view(), name="chart_entry_change"),
    path("entries/<uuid:entry_id>/delete/", pages.DeleteEntry.as_view(), name="chart_entry_delete"),
    path("files/", file_pages.Files.as_view(), name="chart_files"),
    path("files/add/", file_pages.AddFile.as_view(), name="chart_file_add"),
    path("files/compare/", file_pages.CompareFiles.as_view(), name="chart_files_compare"),
    path("files/<uuid:file_id>/", file_pages.File.as_view(), name="chart_file"),
    path("files/<uuid:file_id>/content/", file_pages.FileContent.as_view(), name="chart_file_content"),
    path("files/<uuid:file_id>/download/", file_pages.DownloadFile.as_view(), name="chart_file_download"),
    path("files/<uuid:file_id>/delete/", file_pages.DeleteFile.as_view(), name="chart_file_delete"),
    path("contact/", pages.ChangeContact.as_view(), name="chart_contact"),
    path("emergency-access/", pages.OpenInEmergency.as_view(), name="chart_emergency"),
]
