"""What the practice owes to its patients' privacy, below /privacy/."""

from django.urls import path

from dashboard.privacy import access_pages, pages, people_pages, retention_pages

urlpatterns = [
    path("", pages.Requests.as_view(), name="privacy"),
    path("patients/<uuid:patient_id>/request/", pages.NewRequest.as_view(), name="privacy-new-request"),
    path("requests/<uuid:request_id>/", pages.OneRequest.as_view(), name="privacy-request"),
    path("patients/<uuid:patient_id>/accesses/", access_pages.Accesses.as_view(), name="privacy-accesses"),
    path("patients/<uuid:patient_id>/accesses.csv", access_pages.AccessesFile.as_view(), name="privacy-accesses-file"),
    path(
        "patients/<uuid:patient_id>/accesses.pdf", access_pages.AccessesPrint.as_view(), name="privacy-accesses-print"
    ),
    path("retention/", retention_pages.Retention.as_view(), name="privacy-retention"),
    path("retention.csv", retention_pages.RetentionFile.as_view(), name="privacy-retention-file"),
    path("people/", people_pages.People.as_view(), name="privacy-people"),
    path("people.csv", people_pages.PeopleFile.as_view(), name="privacy-people-file"),
]
