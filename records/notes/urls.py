"""The pages of session notes, below /notes/."""

from django.urls import path

from records.note_templates import pages as template_pages
from records.notes import pages

urlpatterns = [
    path("templates/", template_pages.TemplatesPage.as_view(), name="note-templates"),
    path("templates/new/", template_pages.EditTemplate.as_view(), name="note-template-new"),
    path("templates/export/", template_pages.ExportFile.as_view(), name="note-templates-export"),
    path("templates/import/", template_pages.ImportFile.as_view(), name="note-templates-import"),
    path("templates/<uuid:template_id>/", template_pages.EditTemplate.as_view(), name="note-template-edit"),
    path("templates/<uuid:template_id>/remove/", template_pages.RemoveTemplate.as_view(), name="note-template-remove"),
    path("templates/phrases/new/", template_pages.EditPhrase.as_view(), name="phrase-new"),
    path("templates/phrases/<uuid:phrase_id>/", template_pages.EditPhrase.as_view(), name="phrase-edit"),
    path("templates/phrases/<uuid:phrase_id>/remove/", template_pages.RemovePhrase.as_view(), name="phrase-remove"),
    path("new/<uuid:patient_id>/", pages.NewNote.as_view(), name="note-new"),
    path("new/<uuid:patient_id>/save/", pages.SaveNewNote.as_view(), name="note-save-new"),
    path("<uuid:note_id>/", pages.EditNote.as_view(), name="note-edit"),
    path("<uuid:note_id>/save/", pages.SaveNote.as_view(), name="note-save"),
    path("<uuid:note_id>/review/", pages.ReviewNote.as_view(), name="note-review"),
    path("<uuid:note_id>/amend/", pages.AmendNote.as_view(), name="note-amend"),
    path("<uuid:note_id>/amend/save/", pages.SaveAmendment.as_view(), name="note-save-amendment"),
    path("<uuid:note_id>/print/", pages.PrintNote.as_view(), name="note-print"),
    path("<uuid:note_id>/versions/", pages.NoteVersions.as_view(), name="note-versions"),
]
