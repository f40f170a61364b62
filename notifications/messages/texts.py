"""The texts that come with Praxis, and filling them in. None says why somebody comes, or anything clinical: whoever
lies beside the phone may read it. A practice may write its own (notifications/messages/templates/)."""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from core.errors import Invalid
from core.texts import has_visible
from notifications.models import Channel, MessageKind, MessageLanguage
from notifications.models.preference import LONGEST_SMS

K, EN, DE = MessageKind, MessageLanguage.ENGLISH, MessageLanguage.GERMAN
FIELD = re.compile(r"\{\s*([^{}]*?)\s*\}")

FIELDS = {  # what may stand in a text, and what it stands for
    "name": _("the patient's name"),
    "practice": _("the practice's name"),
    "date": _("the day of the visit"),
    "time": _("the time of the visit"),
    "doctor": _("the doctor's name"),
    "office": _("the office"),
    "address": _("the office's address"),
    "phone": _("the phone number to call"),
    "link": _("the link, such as to confirm or cancel"),
    "series": _("the further visits of a series"),
    "video": _("where to meet by video"),
}
OF_VISITS = frozenset(FIELDS)
OF_OTHERS = frozenset({"name", "practice", "phone", "link"})
FIELDS_OF = dict.fromkeys((K.BOOKED, K.MOVED, K.CANCELLED, K.REMINDER, K.OFFER), OF_VISITS)


class MessageText(NamedTuple):
    subject: str
    text: str
    version: int = 0


_WHERE = "{office}, {address}\n{video}"
_END_EN = "\n\n{practice}\n{phone}"
DEFAULTS: dict[tuple[str, str, str], MessageText] = {
    (K.BOOKED, "email", EN): MessageText(
        "Your appointment on {date}",
        "Dear {name},\n\nyour appointment at {practice} is on {date} at {time}.\n\n{series}\n\n" + _WHERE + "\n\n"
        "To confirm or cancel it:\n{link}" + _END_EN,
    ),
    (K.BOOKED, "sms", EN): MessageText("", "{practice}: your appointment is on {date} at {time}. {link}"),
    (K.MOVED, "email", EN): MessageText(
        "Your appointment is now on {date}",
        "Dear {name},\n\nyour appointment at {practice} has changed. It is now on {date} at {time}.\n\n"
        + _WHERE
        + "\n\nTo confirm or cancel it:\n{link}"
        + _END_EN,
    ),
    (K.MOVED, "sms", EN): MessageText("", "{practice}: your appointment is now on {date} at {time}. {link}"),
    (K.CANCELLED, "email", EN): MessageText(
        "Your appointment on {date} is cancelled",
        "Dear {name},\n\nyour appointment at {practice} on {date} at {time} is cancelled.\n\n"
        "To book another one, please contact us." + _END_EN,
    ),
    (K.CANCELLED, "sms", EN): MessageText("", "{practice}: your appointment on {date} at {time} is cancelled. {phone}"),
    (K.REMINDER, "email", EN): MessageText(
        "Reminder: your appointment on {date}",
        "Dear {name},\n\nwe look forward to seeing you at {practice} on {date} at {time}.\n\n" + _WHERE + "\n\n"
        "To confirm or cancel your appointment:\n{link}" + _END_EN,
    ),
    (K.REMINDER, "sms", EN): MessageText(
        "",
        "{practice}: reminder of your appointment on {date} at {time}. Reply C to confirm, STOP for no more texts. "
        "To cancel: {link}",
    ),
    (K.OFFER, "email", EN): MessageText(
        "An appointment is free on {date}",
        "Dear {name},\n\nan appointment at {practice} is free on {date} at {time}, and we keep it for you for a short "
        "time.\n\nTo take it, or to let someone else have it:\n{link}\n\nOr call us." + _END_EN,
    ),
    (K.OFFER, "sms", EN): MessageText("", "{practice}: an appointment is free on {date} at {time}. {link} {phone}"),
    (K.REGISTERED, "email", EN): MessageText(
        "Welcome to {practice}",
        "Dear {name},\n\n{practice} has confirmed your registration. You can now book appointments:\n{link}" + _END_EN,
    ),
    (K.REGISTERED, "sms", EN): MessageText("", "{practice} has confirmed your registration. {link}"),
    (K.INVOICE, "email", EN): MessageText(
        "An invoice from {practice}", "Dear {name},\n\nthere is a new invoice for you. To see it:\n{link}" + _END_EN
    ),
    (K.INVOICE, "sms", EN): MessageText("", "{practice}: there is a new invoice for you. {link}"),
    (K.RECEIPT, "email", EN): MessageText(
        "A receipt from {practice}", "Dear {name},\n\nthank you for your payment. The receipt:\n{link}" + _END_EN
    ),
    (K.RECEIPT, "sms", EN): MessageText("", "{practice}: thank you for your payment. {link}"),
    (K.RECALL, "email", EN): MessageText(
        "Time for your next regular appointment",
        "Dear {name},\n\nit is time to book your next regular appointment at {practice}:\n{link}" + _END_EN,
    ),
    (K.RECALL, "sms", EN): MessageText("", "{practice}: it is time to book your next regular appointment. {link}"),
    (K.BOOKED, "email", DE): MessageText(
        "Ihr Termin am {date}",
        "Guten Tag {name},\n\nIhr Termin bei {practice} ist am {date} um {time}.\n\n{series}\n\n" + _WHERE + "\n\n"
        "Bestätigen oder absagen:\n{link}" + _END_EN,
    ),
    (K.BOOKED, "sms", DE): MessageText("", "{practice}: Ihr Termin ist am {date} um {time}. {link}"),
    (K.MOVED, "email", DE): MessageText(
        "Ihr Termin ist jetzt am {date}",
        "Guten Tag {name},\n\nIhr Termin bei {practice} wurde geändert. Er ist jetzt am {date} um {time}.\n\n"
        + _WHERE
        + "\n\nBestätigen oder absagen:\n{link}"
        + _END_EN,
    ),
    (K.MOVED, "sms", DE): MessageText("", "{practice}: Ihr Termin ist jetzt am {date} um {time}. {link}"),
    (K.CANCELLED, "email", DE): MessageText(
        "Ihr Termin am {date} ist abgesagt",
        "Guten Tag {name},\n\nIhr Termin bei {practice} am {date} um {time} ist abgesagt.\n\n"
        "Für einen neuen Termin melden Sie sich bitte bei uns." + _END_EN,
    ),
    (K.CANCELLED, "sms", DE): MessageText("", "{practice}: Ihr Termin am {date} um {time} ist abgesagt. {phone}"),
    (K.REMINDER, "email", DE): MessageText(
        "Erinnerung: Ihr Termin am {date}",
        "Guten Tag {name},\n\nwir freuen uns auf Sie: {practice}, {date} um {time}.\n\n" + _WHERE + "\n\n"
        "Bestätigen oder absagen:\n{link}" + _END_EN,
    ),
    (K.REMINDER, "sms", DE): MessageText(
        "",
        "{practice}: Erinnerung an Ihren Termin am {date} um {time}. Antworten Sie C zum Bestätigen, STOP für "
        "keine SMS mehr. Absagen: {link}",
    ),
    (K.OFFER, "email", DE): MessageText(
        "Ein Termin ist frei am {date}",
        "Guten Tag {name},\n\nbei {practice} ist ein Termin frei: {date} um {time}. Wir halten ihn kurze Zeit für Sie."
        "\n\nAnnehmen oder ablehnen:\n{link}\n\nOder rufen Sie uns an." + _END_EN,
    ),
    (K.OFFER, "sms", DE): MessageText("", "{practice}: Ein Termin ist frei am {date} um {time}. {link} {phone}"),
    (K.REGISTERED, "email", DE): MessageText(
        "Willkommen bei {practice}",
        "Guten Tag {name},\n\n{practice} hat Ihre Anmeldung bestätigt. Sie können jetzt Termine buchen:\n{link}"
        + _END_EN,
    ),
    (K.REGISTERED, "sms", DE): MessageText("", "{practice} hat Ihre Anmeldung bestätigt. {link}"),
    (K.INVOICE, "email", DE): MessageText(
        "Eine Rechnung von {practice}", "Guten Tag {name},\n\nIhre Rechnung finden Sie hier:\n{link}" + _END_EN
    ),
    (K.INVOICE, "sms", DE): MessageText("", "{practice}: Ihre Rechnung: {link}"),
    (K.RECEIPT, "email", DE): MessageText(
        "Eine Quittung von {practice}",
        "Guten Tag {name},\n\nvielen Dank für Ihre Zahlung. Die Quittung:\n{link}" + _END_EN,
    ),
    (K.RECEIPT, "sms", DE): MessageText("", "{practice}: Vielen Dank für Ihre Zahlung. {link}"),
    (K.RECALL, "email", DE): MessageText(
        "Zeit für Ihren nächsten regelmäßigen Termin",
        "Guten Tag {name},\n\nes ist Zeit für Ihren nächsten regelmäßigen Termin bei {practice}:\n{link}" + _END_EN,
    ),
    (K.RECALL, "sms", DE): MessageText("", "{practice}: Zeit für Ihren nächsten regelmäßigen Termin. {link}"),
}
UNKNOWN = _("This text has no field {%(name)s}.")


def check(kind: str, channel: str, *, subject: str, text: str) -> None:
    """Raise Invalid for a field that nothing could be filled into, and for a text without one."""
    for name, value in (("subject", subject), ("text", text)):
        for found in FIELD.findall(value):
            if found not in FIELDS_OF.get(MessageKind(kind), OF_OTHERS):
                raise Invalid(name, UNKNOWN % {"name": found})
    if not has_visible(text):
        raise Invalid("text", _("Enter a text."))
    if channel == Channel.EMAIL and not has_visible(subject):
        raise Invalid("subject", _("Enter a subject."))
    if channel == Channel.SMS and len(text) > LONGEST_SMS:
        raise Invalid("text", _("This is too long for a text message."))


def fill(text: str, fields: Mapping[str, str]) -> str:
    """Return the text with its fields filled in. Where there is nothing to fill in, such as an address, the commas
    beside it are left out, and so is a line that is empty then."""
    filled = "\n".join([_fill_line(line, fields) for line in _lines(text)])
    return re.sub(r"\n{3,}", "\n\n", filled).strip()


@lru_cache(maxsize=256)
def _lines(text: str) -> list[list[str]]:
    """Return each line in parts: what stands there and the name of a field, in turn."""
    return [FIELD.split(line) for line in text.split("\n")]


def _fill_line(parts: list[str], fields: Mapping[str, str]) -> str:
    if len(parts) == 1:
        return parts[0]
    values = [fields.get(name, "") for name in parts[1::2]]
    filled = "".join(chain.from_iterable(zip(parts[::2], [*values, ""], strict=True)))
    return filled if all(values) else filled.strip(" ,")


FURTHER: dict[str, str] = {EN: "Further appointments:", DE: "Weitere Termine:"}  # above the other visits of a series
BY_VIDEO: dict[str, str] = {EN: "We meet by video:", DE: "Wir treffen uns per Video:"}  # before the link
ANSWERS = {  # to what somebody texts
    ("stop", EN): "You will get no more text messages from us. Reply START to get them again.",
    ("start", EN): "You will get text messages from us again. Reply STOP for no more.",
    ("confirmed", EN): "Thank you. Your appointment on {date} at {time} is confirmed.",
    ("over", EN): "This appointment can't be confirmed any more. Please call us.",
    ("stop", DE): "Sie erhalten keine SMS mehr von uns. Mit START erhalten Sie wieder welche.",
    ("start", DE): "Sie erhalten wieder SMS von uns. Mit STOP erhalten Sie keine mehr.",
    ("confirmed", DE): "Danke. Ihr Termin am {date} um {time} ist bestätigt.",
    ("over", DE): "Dieser Termin kann nicht mehr bestätigt werden. Bitte rufen Sie uns an.",
}


def answer(what: str, language: str, **fields: str) -> str:
    return fill(ANSWERS[what, MessageLanguage(language or EN)], fields)
