"""Routes of medical records, below /api/."""

from django.urls import path

from records.attachments import views as attachment_views
from records.body_charts import views as body_views
from records.chart_lists import views as list_views
from records.export import views as export_views
from records.form_templates import views as form_template_views
from records.forms import views as form_views
from records.letters import views as letter_views
from records.measures import views as measure_views
from records.medical_records import views as record_views
from records.note_templates import views as template_views
from records.notes import views as note_views
from records.plans import views as plan_views

urlpatterns = [
    path("records", record_views.Records.as_view(), name="records"),
    path("records/<uuid:record_id>", record_views.RecordById.as_view(), name="record"),
    path("records/<uuid:record_id>/restore", record_views.RestoreRecord.as_view(), name="restore_record"),
    path("records/<uuid:record_id>/amendments", record_views.RecordAmendments.as_view(), name="record_amendments"),
    path("records/<uuid:record_id>/prescription", record_views.Prescription.as_view(), name="record_prescription"),
    path("records/<uuid:record_id>/versions", record_views.RecordVersions.as_view(), name="record_versions"),
    path(
        "records/<uuid:record_id>/versions/<int:number>",
        record_views.RecordVersionByNumber.as_view(),
        name="record_version",
    ),
    path("sessions", note_views.Notes.as_view(), name="notes"),
    path("sessions/search", note_views.NoteSearch.as_view(), name="note_search"),
    path("sessions/last-finalised", note_views.LastFinalised.as_view(), name="last_finalised_note"),
    path("sessions/<uuid:note_id>", note_views.NoteById.as_view(), name="note"),
    path("sessions/<uuid:note_id>/restore", note_views.RestoreNote.as_view(), name="restore_note"),
    path("sessions/<uuid:note_id>/finalise", note_views.Finalise.as_view(), name="note_finalise"),
    path("sessions/<uuid:note_id>/amendments", note_views.NoteAmendments.as_view(), name="note_amendments"),
    path("sessions/<uuid:note_id>/pdf", note_views.NotePdf.as_view(), name="note_pdf"),
    path("sessions/<uuid:note_id>/versions", note_views.NoteVersions.as_view(), name="note_versions"),
    path(
        "sessions/<uuid:note_id>/versions/<int:number>",
        note_views.NoteVersionByNumber.as_view(),
        name="note_version",
    ),
    path("note-templates", template_views.NoteTemplates.as_view(), name="note_templates"),
    path("note-templates/<uuid:template_id>", template_views.NoteTemplateById.as_view(), name="note_template"),
    path("letter-templates", letter_views.LetterTemplates.as_view(), name="letter_templates"),
    path(
        "letter-templates/<uuid:letter_template_id>",
        letter_views.LetterTemplateById.as_view(),
        name="letter_template",
    ),
    path("patients/<uuid:chart_id>/letters", letter_views.Letters.as_view(), name="letters"),
    path(
        "patients/<uuid:chart_id>/letters/<uuid:letter_template_id>",
        letter_views.BeginLetter.as_view(),
        name="begun_letter",
    ),
    path("phrases", template_views.Phrases.as_view(), name="phrases"),
    path("phrases/<uuid:phrase_id>", template_views.PhraseById.as_view(), name="phrase"),
    path("body-charts", body_views.BodyCharts.as_view(), name="body_charts"),
    path("body-charts/<uuid:body_chart_id>", body_views.BodyChartById.as_view(), name="body_chart"),
    path("body-charts/<uuid:body_chart_id>/restore", body_views.RestoreBodyChart.as_view(), name="restore_body_chart"),
    path(
        "body-charts/<uuid:body_chart_id>/amendments",
        body_views.BodyChartAmendments.as_view(),
        name="body_chart_amendments",
    ),
    path(
        "body-charts/<uuid:body_chart_id>/versions", body_views.BodyChartVersions.as_view(), name="body_chart_versions"
    ),
    path(
        "body-charts/<uuid:body_chart_id>/versions/<int:number>",
        body_views.BodyChartVersionByNumber.as_view(),
        name="body_chart_version",
    ),
    path("measures", measure_views.Measures.as_view(), name="measures"),
    path("measures/<uuid:measure_id>", measure_views.MeasureById.as_view(), name="measure"),
    path("measures/<uuid:measure_id>/restore", measure_views.RestoreMeasure.as_view(), name="restore_measure"),
    path("measures/<uuid:measure_id>/amendments", measure_views.MeasureAmendments.as_view(), name="measure_amendments"),
    path("measures/<uuid:measure_id>/versions", measure_views.MeasureVersions.as_view(), name="measure_versions"),
    path(
        "measures/<uuid:measure_id>/versions/<int:number>",
        measure_views.MeasureVersionByNumber.as_view(),
        name="measure_version",
    ),
    path("plans", plan_views.Plans.as_view(), name="plans"),
    path("plans/<uuid:plan_id>", plan_views.PlanById.as_view(), name="plan"),
    path("plans/<uuid:plan_id>/restore", plan_views.RestorePlan.as_view(), name="restore_plan"),
    path("plans/<uuid:plan_id>/amendments", plan_views.PlanAmendments.as_view(), name="plan_amendments"),
    path("plans/<uuid:plan_id>/versions", plan_views.PlanVersions.as_view(), name="plan_versions"),
    path("plans/<uuid:plan_id>/versions/<int:number>", plan_views.PlanVersionByNumber.as_view(), name="plan_version"),
    path(
        "plans/<uuid:plan_id>/goals/<uuid:goal_id>/progress",
        plan_views.GoalProgressNotes.as_view(),
        name="goal_progress",
    ),
    path(
        "plans/<uuid:plan_id>/appointments/<uuid:appointment_id>",
        plan_views.PlannedAppointments.as_view(),
        name="planned_appointment",
    ),
    path("plans/<uuid:plan_id>/pdf", plan_views.PlanPdf.as_view(), name="plan_pdf"),
    path("patients/<uuid:chart_id>/problems", list_views.Problems.as_view(), name="problems"),
    path("patients/<uuid:chart_id>/medications", list_views.Medications.as_view(), name="medications"),
    path("patients/<uuid:chart_id>/allergies", list_views.AllergyList.as_view(), name="allergies"),
    path(
        "patients/<uuid:chart_id>/allergies/none-known",
        list_views.NoKnownAllergies.as_view(),
        name="no_known_allergies",
    ),
    path("chart-entries/<uuid:chart_entry_id>", list_views.EntryById.as_view(), name="chart_entry"),
    path("chart-entries/<uuid:chart_entry_id>/restore", list_views.RestoreEntry.as_view(), name="restore_chart_entry"),
    path(
        "chart-entries/<uuid:chart_entry_id>/versions", list_views.EntryVersions.as_view(), name="chart_entry_versions"
    ),
    path(
        "chart-entries/<uuid:chart_entry_id>/versions/<int:number>",
        list_views.EntryVersionByNumber.as_view(),
        name="chart_entry_version",
    ),
    path("form-templates", form_template_views.FormTemplates.as_view(), name="form_templates"),
    path(
        "form-templates/<uuid:form_template_id>", form_template_views.FormTemplateById.as_view(), name="form_template"
    ),
    path("forms", form_views.Forms.as_view(), name="forms"),
    path("forms/<uuid:form_id>", form_views.FormById.as_view(), name="patient_form"),
    path("forms/<uuid:form_id>/restore", form_views.RestoreForm.as_view(), name="restore_form"),
    path("forms/<uuid:form_id>/complete", form_views.CompleteForm.as_view(), name="complete_form"),
    path("forms/<uuid:form_id>/code", form_views.HandOverForm.as_view(), name="form_code"),
    path("forms/<uuid:form_id>/withdraw", form_views.WithdrawForm.as_view(), name="withdraw_form"),
    path("forms/<uuid:form_id>/review", form_views.ReviewForm.as_view(), name="review_form"),
    path("patients/<uuid:chart_id>/export", export_views.ChartExport.as_view(), name="chart_export"),
    path("attachments", attachment_views.Attachments.as_view(), name="attachments"),
    path("attachments/<uuid:attachment_id>", attachment_views.AttachmentById.as_view(), name="attachment"),
    path(
        "attachments/<uuid:attachment_id>/restore",
        attachment_views.RestoreAttachment.as_view(),
        name="restore_attachment",
    ),
    path("attachments/<uuid:attachment_id>/content", attachment_views.Content.as_view(), name="attachment_content"),
    path("attachments/<uuid:attachment_id>/link", attachment_views.Link.as_view(), name="attachment_link"),
    path(
        "attachments/<uuid:attachment_id>/link/<str:token>",
        attachment_views.LinkedContent.as_view(),
        name="linked_attachment",
    ),
    path("patients/<uuid:chart_id>/attachments.zip", attachment_views.AttachmentsZip.as_view(), name="attachments_zip"),
]
