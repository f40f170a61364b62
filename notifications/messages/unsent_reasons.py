"""Why a message was not sent, or not yet, in words for whoever looks at a visit."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.formats import format_date
from notifications.models import Channel, How, Message, MessageStatus


class UnsentReason(TextChoices):
    OPTED_OUT = "opted_out", _("opted out")
    NO_ADDRESS = "no_address", _("there is no address for it in the chart")
    NO_ACCOUNT = "no_account", _("the patient has no account to see it with")
    NO_PROVIDER = "no_provider", _("no provider is set up for it")
    TOO_LATE = "too_late", _("its time had passed")
    QUIET = "quiet", _("it would have been sent at night")
    GONE = "gone", _("what it was about is no longer there")
    CHANGED = "changed", _("the visit was changed")
    SETTINGS = "settings", _("the practice now writes at another time")
    NEXT = "next_visit", _("the patient has a next visit")
    SERIES = "series", _("the message about the first visit of the series lists it")
    NOTHING_NEW = "told", _("it would have told nothing new")
    TEXT = "text", _("its text can't be filled in")
    BUSY = "busy", _("the provider can't take it at the moment")
    UNREACHABLE = "unreachable", _("the provider can't be reached")
    CREDENTIALS = "credentials", _("the provider refuses our credentials")
    REFUSED = "refused", _("the provider refused it")
    ADDRESS = "address", _("the address doesn't exist")
    UNKNOWN = "unknown", _("nobody knows whether it was sent, so it isn't sent again")
    BOUNCED = "bounced", _("it couldn't be delivered")


def explain(message: Message) -> str:
    """Return a sentence such as "suppressed: opted out of text messages on March 3"; empty if there is nothing to
    explain."""
    if not message.why:
        return ""
    return gettext("%(status)s: %(why)s") % {
        "status": message.get_status_display().lower(),
        "why": _reason(message.why, message.channel, message.why_details),
    }


def _reason(why: str, channel: str, details: Mapping[str, Any]) -> str:
    if why == UnsentReason.OPTED_OUT and "since" in details:
        sentence = gettext("opted out of text messages on %(day)s (%(how)s)")
        sentence = sentence if channel == Channel.SMS else gettext("opted out of emails on %(day)s (%(how)s)")
        since = datetime.fromisoformat(details["since"])
        how = dict(How.choices).get(details.get("how", ""), "")
        return sentence % {"day": format_date(since), "how": how}
    if why == UnsentReason.NO_ADDRESS:
        return gettext("no mobile number in the chart") if channel == Channel.SMS else gettext("no email in the chart")
    label = dict(UnsentReason.choices).get(why, why)
    return (
        gettext("%(why)s (code %(code)s)") % {"why": label, "code": details["code"]}
        if details.get("code")
        else str(label)
    )


def is_planned(message: Message) -> bool:
    return message.status in (MessageStatus.PLANNED, MessageStatus.SENDING)
