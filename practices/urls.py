"""Routes of the practice and its offices, below /api/."""

from django.urls import path

from practices import views

urlpatterns = [
    path("practice", views.PracticeSettings.as_view(), name="practice"),
    path("offices", views.Offices.as_view(), name="offices"),
    path("offices/<uuid:office_id>", views.OfficeById.as_view(), name="office"),
]
