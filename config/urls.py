"""The root URL configuration."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from accounts.invitations import pages as invitation_pages
from accounts.language.pages import Language
from accounts.passwords import pages as password_pages
from accounts.second_factor import pages as second_factor_pages
from accounts.sessions import pages as session_pages
from accounts.sign_in import pages as sign_in_pages
from appointments.messages import pages as message_pages
from appointments.patient_visits.pages import PatientVisits
from appointments.visit_links import pages as visit_link_pages
from core.api.routes import ApiRoutes
from core.api.views import UnknownPath
from core.monitoring.pages import metrics
from dashboard.search.pages import Search
from notifications.live import views as live
from patients.message_wishes.pages import WishesPage
from records.forms import pages as form_pages
from records.forms import tablet_pages
from records.medical_records import pages as record_pages

api: list[URLPattern | URLResolver] = [
    path("", include("practices.urls")),
    path("", include("accounts.urls")),
    path("", include("notifications.urls")),
    path("", include("patients.urls")),
    path("", include("appointments.urls")),
    path("", include("records.urls")),
    path("", include("billing.urls")),
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
    path("", sign_in_pages.home, name="home"),
    path("second-factor/", second_factor_pages.second_factor, name="second_factor"),
    path("sign-out/", sign_in_pages.sign_out, name="sign_out"),
    path("password-reset/", password_pages.RequestLink.as_view(), name="password_reset_ask"),
    path("password-reset/<str:token>/", password_pages.SetPassword.as_view(), name="password_reset_set"),
    path("session/left/", session_pages.time_left, name="session_left"),
    path("session/active/", session_pages.is_active, name="session_active"),
    path("invitation/<str:token>/", invitation_pages.Accept.as_view(), name="invitation"),
    path("ws/events", live.events, name="ws_events"),
    path("metrics", metrics, name="metrics"),
    path("messages", RedirectView.as_view(pattern_name="messages")),
    path("messages/", message_pages.MessagesPage.as_view(), name="messages"),
    path("messages/<str:kind>/<str:channel>/<str:language>/", message_pages.TextPage.as_view(), name="message_text"),
    path("visit/offer/<str:token>/", visit_link_pages.OfferLink.as_view(), name="offer_link"),
    path("visit/<str:token>/", visit_link_pages.VisitLink.as_view(), name="visit_link"),
    path("billing", RedirectView.as_view(pattern_name="billing")),
    path("billing/", include("billing.page_urls")),
    path("calendar", RedirectView.as_view(pattern_name="calendar", query_string=True)),
    path("calendar/", include("appointments.calendar.urls")),
    path("import/", include("patients.imports.urls")),
    path("duplicates/", include("patients.duplicates.urls")),
    path("me", RedirectView.as_view(pattern_name="my_page")),
    path("me/", include("dashboard.me.urls")),
    path("letter-templates/", include("records.letters.urls")),
    path("pay/", include("billing.online.urls")),
    path("notes/", include("records.notes.urls")),
    path("numbers/", include("dashboard.numbers.urls")),
    path("forms/", include("records.forms.urls")),
    path("language/", Language.as_view(), name="language"),
    path("privacy/", include("dashboard.privacy.urls")),
    path("search/", Search.as_view(), name="search"),
    path("tablet/", tablet_pages.EnterCode.as_view(), name="tablet"),
    path("tablet/done/", tablet_pages.Done.as_view(), name="tablet-done"),
    path("tablet/<str:code>/", tablet_pages.TabletForm.as_view(), name="tablet-form"),
    path("prescriptions/<uuid:record_id>/", record_pages.PrintPrescription.as_view(), name="prescription"),
    path("patients/<uuid:patient_id>/messages/", WishesPage.as_view(), name="chart_messages"),
    path("patients/<uuid:patient_id>/visits/", PatientVisits.as_view(), name="patient_visits"),
    path("patients/<uuid:patient_id>/forms/", form_pages.PatientForms.as_view(), name="patient-forms"),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    ApiRoutes("api/", api),
    path("api", UnknownPath.as_view()),
    # after the API, which has the name `chart` too: of two names that take the same, the last is the one for links
    path("my-day/", include("records.my_day.urls")),
    path("patients/<uuid:patient_id>/", include("records.chart.urls")),
    path("auth/", include(mobile)),
    path("auth", UnknownPath.as_view()),
]
handler400 = "core.api.exceptions.bad_request"
handler404 = "core.api.exceptions.not_found"
handler500 = "core.api.exceptions.server_error"
