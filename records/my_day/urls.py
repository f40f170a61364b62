"""The pages of a doctor's day, below /my-day/."""

from django.urls import path

from records.my_day import pages

urlpatterns = [
    path("", pages.MyDay.as_view(), name="my-day"),
    path("visits/<uuid:visit_id>/act/", pages.ActOnMyVisit.as_view(), name="my-day-act"),
]
