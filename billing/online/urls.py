"""Addresses for whoever pays, signed in or not, below /pay/."""

from django.urls import path

from billing.online import pages

urlpatterns = [
    path("thanks/", pages.Thanks.as_view(), name="pay_thanks"),
    path("<str:session>/", pages.ConsoleCheckout.as_view(), name="pay_console"),
]
