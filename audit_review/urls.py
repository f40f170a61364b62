"""Routes of the audit trail, below /api/."""

from django.urls import path

from audit_review import views

urlpatterns = [
    path("audit", views.Trail.as_view(), name="trail"),
    path("patients/<uuid:chart_id>/accesses", views.Accesses.as_view(), name="accesses"),
]
