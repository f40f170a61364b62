"""The pages of the calendar, below /calendar/."""

from django.urls import path

from appointments.calendar import booking_pages, pages, visit_pages, waiting_pages

urlpatterns = [
    path("", pages.CalendarView.as_view(), name="calendar"),
    path("changes/", pages.changes, name="calendar_changes"),
    path("day-news/", pages.is_day_the_same, name="calendar_day_news"),
    path("colours.css", pages.colours, name="calendar_colours"),
    path("slot/", booking_pages.Slot.as_view(), name="calendar_slot"),
    path("patients/", booking_pages.FoundPatients.as_view(), name="calendar_patients"),
    path("book/", booking_pages.Book.as_view(), name="calendar_book"),
    path("keep/", booking_pages.keep_slot, name="calendar_keep"),
    path("release/", booking_pages.release_slot, name="calendar_release"),
    path("next/", pages.NextFree.as_view(), name="calendar_next"),
    path("visits/<uuid:visit_id>/", visit_pages.VisitPanel.as_view(), name="calendar_visit"),
    path("visits/<uuid:visit_id>/change/", visit_pages.ChangeVisit.as_view(), name="calendar_change"),
    path("visits/<uuid:visit_id>/restore/", visit_pages.RestoreVisits.as_view(), name="calendar_restore"),
    path("visits/<uuid:visit_id>/act/", visit_pages.ActOnVisit.as_view(), name="calendar_act"),
    path("waiting/", waiting_pages.WaitingList.as_view(), name="calendar_waiting"),
    path("waiting/entry/", waiting_pages.EntryPanel.as_view(), name="calendar_waiting_entry"),
    path("waiting/save/", waiting_pages.SaveEntry.as_view(), name="calendar_waiting_save"),
    path("waiting/remove/", waiting_pages.RemoveEntry.as_view(), name="calendar_waiting_remove"),
    path("waiting/offer/", waiting_pages.Offer.as_view(), name="calendar_offer"),
    path("waiting/take-back/", waiting_pages.TakeBack.as_view(), name="calendar_take_back"),
    path("waiting/accept/", waiting_pages.Accept.as_view(), name="calendar_accept"),
]
