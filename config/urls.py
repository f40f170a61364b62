"""The root URL configuration."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView, TemplateView

from accounts.passwords import pages as password_pages
from appointments.patient_visits.pages import PatientVisits
from core.api.routes import ApiRoutes
from core.api.views import UnknownPath

api: list[URLPattern | URLResolver] = [
    path("", include("practices.urls")),
    path("", include("accounts.urls")),
    path("", include("patients.urls")),
    path("", include("appointments.urls")),
    path("", include("records.urls")),
    path("", include("audit_review.urls")),
    path("", include("dashboard.urls")),
    path("", include("core.api.urls")),
    re_path("", UnknownPath.as_view(), name="unknown"),
]
mobile: list[URLPattern | URLResolver] = [
    path("", include("accounts.api_clients.urls")),
    path("", include("accounts.second_factor.mobile_urls")),
    path("", include("patients.registrations.mobile_urls")),
    re_path("", UnknownPath.as_view()),
]
urlpatterns = [
    path("", TemplateView.as_view(template_name="home.html"), name="home"),
    path("password-reset/", password_pages.RequestLink.as_view(), name="password_reset_ask"),
    path("password-reset/<str:token>/", password_pages.SetPassword.as_view(), name="password_reset_set"),
    path("calendar", RedirectView.as_view(pattern_name="calendar", query_string=True)),
    path("calendar/", include("appointments.calendar.urls")),
    path("patients/<uuid:patient_id>/visits/", PatientVisits.as_view(), name="patient_visits"),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    ApiRoutes("api/", api),
    path("api", UnknownPath.as_view()),
    path("auth/", include(mobile)),
    path("auth", UnknownPath.as_view()),
]
handler400 = "core.api.exceptions.bad_request"
handler404 = "core.api.exceptions.not_found"
handler500 = "core.api.exceptions.server_error"
