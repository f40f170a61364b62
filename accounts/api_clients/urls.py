"""Routes of sign-in for mobile apps and other programs, below /auth/."""

from django.urls import path

from accounts.api_clients import mobile_views

urlpatterns = [
    path("login", mobile_views.MobileLogin.as_view(), name="mobile_login"),
    path("refresh", mobile_views.MobileRefresh.as_view(), name="mobile_refresh"),
    path("logout", mobile_views.MobileLogout.as_view(), name="mobile_logout"),
    path("roles", mobile_views.Roles.as_view(), name="roles"),
]
