"""Routes below /api/ of no other app."""

from django.urls import path

from core.api import docs, health

urlpatterns = [
    path("health", health.Health.as_view(), name="health"),
    path("health/live", health.Live.as_view(), name="live"),
    path("health/ready", health.Ready.as_view(), name="ready"),
    path("schema", docs.SchemaView.as_view(), name="schema"),
    path("docs", docs.SwaggerPage.as_view(url_name="schema"), name="docs"),
    path("redoc", docs.RedocPage.as_view(url_name="schema"), name="redoc"),
]
