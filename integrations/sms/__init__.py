"""Text messages: `send(sms)` hands it to the provider that SMS_URL names: Twilio, or the console."""

from django.conf import settings

from integrations.sms import console, twilio
from integrations.sms.contract import Sms as Sms

PROVIDERS = {"console": console.send, "twilio": twilio.send}


def is_configured() -> bool:
    return settings.SMS_PROVIDER in PROVIDERS


def send(sms: Sms) -> str:
    """Send it and return the provider's id, which may be empty. Raises SendFailed."""
    return PROVIDERS[settings.SMS_PROVIDER](sms)
