"""The pages of the calendar, below /calendar/."""

from django.urls import path

from appointments.calendar import pages

urlpatterns = [
    path("", pages.CalendarView.as_view(), name="calendar"),
    path("changes/", pages.changes, name="calendar_changes"),
    path("colours.css", pages.colours, name="calendar_colours"),
    path("slot/", pages.Slot.as_view(), name="calendar_slot"),
    path("patients/", pages.FoundPatients.as_view(), name="calendar_patients"),
    path("book/", pages.Book.as_view(), name="calendar_book"),
    path("next/", pages.NextFree.as_view(), name="calendar_next"),
    path("visits/<uuid:visit_id>/", pages.VisitPanel.as_view(), name="calendar_visit"),
    path("visits/<uuid:visit_id>/change/", pages.ChangeVisit.as_view(), name="calendar_change"),
    path("visits/<uuid:visit_id>/act/", pages.ActOnVisit.as_view(), name="calendar_act"),
]
