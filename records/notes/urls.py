"""The pages of session notes, below /notes/."""

from django.urls import path

from records.notes import pages

urlpatterns = [
    path("new/<uuid:patient_id>/", pages.NewNote.as_view(), name="note-new"),
    path("new/<uuid:patient_id>/save/", pages.save_new, name="note-save-new"),
    path("<uuid:note_id>/", pages.EditNote.as_view(), name="note-edit"),
    path("<uuid:note_id>/save/", pages.save, name="note-save"),
    path("<uuid:note_id>/review/", pages.ReviewNote.as_view(), name="note-review"),
    path("<uuid:note_id>/amend/", pages.AmendNote.as_view(), name="note-amend"),
    path("<uuid:note_id>/amend/save/", pages.save_amendment, name="note-save-amendment"),
    path("<uuid:note_id>/versions/", pages.NoteVersions.as_view(), name="note-versions"),
]
