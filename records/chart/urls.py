"""The pages of a chart, below /patients/<id>/."""

from django.urls import path

from records.chart import pages

urlpatterns = [
    path("", pages.Chart.as_view(), name="chart"),
    path("search/", pages.SearchNotes.as_view(), name="chart_search"),
    path("allergies/", pages.ChangeAllergies.as_view(), name="chart_allergies"),
    path("contact/", pages.ChangeContact.as_view(), name="chart_contact"),
    path("emergency-access/", pages.OpenInEmergency.as_view(), name="chart_emergency"),
]
