"""What the practice owes to its patients' privacy, below /privacy/."""

from django.urls import path

from dashboard.privacy import accesses, people, request_pages, retention

urlpatterns = [
    path("", request_pages.Requests.as_view(), name="privacy"),
    path("patients/<uuid:patient_id>/request/", request_pages.NewRequest.as_view(), name="privacy-new-request"),
    path("requests/<uuid:request_id>/", request_pages.OneRequest.as_view(), name="privacy-request"),
    path("patients/<uuid:patient_id>/accesses/", accesses.Accesses.as_view(), name="privacy-accesses"),
    path("patients/<uuid:patient_id>/accesses.csv", accesses.AccessesFile.as_view(), name="privacy-accesses-file"),
    path("patients/<uuid:patient_id>/accesses.pdf", accesses.AccessesPrint.as_view(), name="privacy-accesses-print"),
    path("retention/", retention.Retention.as_view(), name="privacy-retention"),
    path("retention.csv", retention.RetentionFile.as_view(), name="privacy-retention-file"),
    path("people/", people.People.as_view(), name="privacy-people"),
    path("people.csv", people.PeopleFile.as_view(), name="privacy-people-file"),
]
