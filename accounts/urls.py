"""Routes of sign-in and accounts, below /api/."""

from django.urls import path

from accounts import views

urlpatterns = [
    path("auth/login", views.Login.as_view(), name="login"),
    path("auth/refresh", views.Refresh.as_view(), name="refresh"),
    path("auth/logout", views.Logout.as_view(), name="logout"),
    path("users/me", views.Me.as_view(), name="me"),
]
