"""Routes of the dashboard, of doctors, of accounts and of the audit trail, below /api/."""

from django.urls import path

from dashboard import people_views, trail_views, views

urlpatterns = [
    path("dashboard/stats", views.Dashboard.as_view(), name="dashboard"),
    path("doctors", views.Doctors.as_view(), name="doctors"),
    path("doctors/<uuid:doctor_id>", views.DoctorById.as_view(), name="doctor"),
    path("users", people_views.Accounts.as_view(), name="accounts"),
    path("users/<uuid:user_id>", people_views.AccountById.as_view(), name="account"),
    path("users/<uuid:user_id>/sessions", people_views.AccountSessions.as_view(), name="account_sessions"),
    path("users/<uuid:user_id>/mfa", people_views.AccountSecondFactor.as_view(), name="account_second_factor"),
    path("audit", trail_views.Trail.as_view(), name="trail"),
    path("patients/<uuid:chart_id>/accesses", trail_views.Accesses.as_view(), name="accesses"),
]
