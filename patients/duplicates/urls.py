"""The worklist of possible duplicates, below /duplicates/."""

from django.urls import path

from patients.duplicates import pages

urlpatterns = [
    path("", pages.Duplicates.as_view(), name="duplicates"),
    path("compare/", pages.compare, name="duplicates-compare"),
    path("<uuid:pair_id>/dismiss/", pages.Dismiss.as_view(), name="duplicates-dismiss"),
]
