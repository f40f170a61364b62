"""Routes of medical records, below /api/."""

from django.urls import path

from records import views

urlpatterns = [path("records", views.Records.as_view(), name="records")]
