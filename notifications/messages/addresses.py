"""The addresses that providers call."""

from urllib.parse import urlencode

from django.conf import settings

TWILIO, SENDGRID = "/api/providers/twilio", "/api/providers/sendgrid"


def twilio_address(reference: str) -> str:
    """Return where Twilio reports what became of a message; empty for a provider that reports nothing."""
    if settings.SMS_PROVIDER != "twilio":
        return ""
    return f"{settings.SITE_URL}{TWILIO}?{urlencode({'message': reference})}"
