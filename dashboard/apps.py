"""App configs: the dashboard, and the admin site that replaces Django's own."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class DashboardConfig(AppConfig):
    name = "dashboard"
    default = True


class PraxisAdminConfig(admin_apps.AdminConfig):
    default = False  # INSTALLED_APPS names it explicitly; plain `dashboard` means the config above
    default_site = "dashboard.site.PraxisAdminSite"
