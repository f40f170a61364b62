"""The pages of a chart, below /patients/<id>/."""

from django.urls import path

from records.chart import body_pages, file_pages, letter_pages, measure_pages, pages, plan_pages, record_pages

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
    path("files/<uuid:file_id>/small/", file_pages.SmallPicture.as_view(), name="chart_file_small"),
    path("files/<uuid:file_id>/download/", file_pages.DownloadFile.as_view(), name="chart_file_download"),
    path("files/<uuid:file_id>/delete/", file_pages.DeleteFile.as_view(), name="chart_file_delete"),
    path("letters/new/", letter_pages.NewLetter.as_view(), name="chart_letter"),
    path("letters/preview/", letter_pages.PreviewLetter.as_view(), name="chart_letter_preview"),
    path("records/new/", record_pages.NewRecord.as_view(), name="chart_record_new"),
    path("plans/new/", plan_pages.NewPlan.as_view(), name="chart_plan_new"),
    path("plans/<uuid:plan_id>/", plan_pages.Plan.as_view(), name="chart_plan"),
    path("plans/<uuid:plan_id>/amend/", plan_pages.AmendPlan.as_view(), name="chart_plan_amend"),
    path("plans/<uuid:plan_id>/print/", plan_pages.PrintPlan.as_view(), name="chart_plan_print"),
    path(
        "plans/<uuid:plan_id>/goals/<uuid:goal_id>/progress/",
        plan_pages.AddProgress.as_view(),
        name="chart_plan_progress",
    ),
    path("body/", body_pages.BodyCharts.as_view(), name="chart_body"),
    path("body/draw/", body_pages.DrawBodyChart.as_view(), name="chart_body_draw"),
    path("body/<uuid:body_chart_id>/correct/", body_pages.CorrectBodyChart.as_view(), name="chart_body_correct"),
    path("body/<uuid:body_chart_id>/delete/", body_pages.DeleteBodyChart.as_view(), name="chart_body_delete"),
    path("measures/", measure_pages.Measures.as_view(), name="chart_measures"),
    path("measures/add/", measure_pages.AddMeasures.as_view(), name="chart_measures_add"),
    path("measures/<uuid:measure_id>/correct/", measure_pages.CorrectMeasure.as_view(), name="chart_measure_correct"),
    path("measures/<uuid:measure_id>/delete/", measure_pages.DeleteMeasure.as_view(), name="chart_measure_delete"),
    path("contact/", pages.ChangeContact.as_view(), name="chart_contact"),
    path("emergency-access/", pages.OpenInEmergency.as_view(), name="chart_emergency"),
]
