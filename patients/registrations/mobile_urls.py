"""Routes of mobile registration, below /auth/."""

from django.urls import path

from patients.registrations import mobile_views

urlpatterns = [
    path("register", mobile_views.MobileRegister.as_view(), name="mobile_register"),
    path("associate", mobile_views.Associate.as_view(), name="associate"),
]
