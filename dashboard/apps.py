"""The dashboard, and the admin site in the place of Django's own."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class DashboardConfig(AppConfig):
    name = "dashboard"
    default = True


class PraxisAdminConfig(admin_apps.AdminConfig):
    default = False  # named in INSTALLED_APPS; `dashboard` itself is the app above
    default_site = "dashboard.admin_site.PraxisAdminSite"
