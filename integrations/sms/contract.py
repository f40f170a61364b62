"""What a text message is."""

from typing import NamedTuple


class Sms(NamedTuple):
    """`to` is an international number (E.164); `report_to` is the address for the provider's reports, if there is
    one."""

    to: str
    text: str
    report_to: str = ""


class Inbound(NamedTuple):
    """What somebody texted back."""

    sender: str
    text: str
