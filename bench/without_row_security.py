"""The settings with Django's own PostgreSQL backend, which sends no scope, for comparison."""

from config.settings import *  # noqa: F403
from config.settings import DATABASES

DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
