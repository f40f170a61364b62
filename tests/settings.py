"""The settings, but for the tests and the servers that they start: a cheap password hash, and a database that may
forget what it was told when the machine loses its power. tests/guards/test_settings.py looks at the real ones."""

from django.contrib.auth.hashers import BCryptSHA256PasswordHasher

from config.settings import *  # noqa: F403
from config.settings import DATABASES

BCryptSHA256PasswordHasher.rounds = 4
MAIL_BY_WORKER = False  # there is none in most tests

_options = DATABASES["default"]["OPTIONS"]
if DATABASES["default"]["ENGINE"] == "core.database.sqlite":
    _options["init_command"] += " PRAGMA synchronous=OFF;"
else:
    _options["options"] += " -c synchronous_commit=off"

# Cards are played: tests of Stripe set what they need.
PAYMENTS_PROVIDER = "console"
STRIPE_WEBHOOK_SECRET = "whsec_of_tests"
