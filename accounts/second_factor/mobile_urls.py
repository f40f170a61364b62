"""Routes of two-factor sign-in for mobile apps, below /auth/."""

from django.urls import path

from accounts.second_factor import views

urlpatterns = [
    path("mfa", views.MobileSecondFactor.as_view(), name="mobile_mfa"),
    path("mfa/passkey", views.MobileSecondFactorPasskey.as_view(), name="mobile_mfa_passkey"),
]
