"""The settings, but with the PostgreSQL backend of Django, which tells no scope: what a bench compares with."""

from config.settings import *  # noqa: F403
from config.settings import DATABASES

DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
