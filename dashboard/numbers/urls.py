"""The practice's numbers, below /numbers/."""

from django.urls import path

from dashboard.numbers import pages

urlpatterns = [
    path("", pages.Numbers.as_view(), name="numbers"),
    path("numbers.csv", pages.NumbersFile.as_view(), name="numbers-file"),
    path("owed/", pages.OwedVisits.as_view(), name="numbers-owed"),
]
