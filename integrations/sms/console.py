"""Prints text messages instead of sending them, as Django's console backend does with e-mails."""

import sys

from integrations.sms.contract import Sms


def send(sms: Sms) -> str:
    sys.stdout.write(f"SMS to {sms.to}\n{sms.text}\n{'-' * 79}\n")
    sys.stdout.flush()
    return ""
