"""What an e-mail is."""

from typing import NamedTuple


class Attachment(NamedTuple):
    name: str
    content: bytes
    mimetype: str


class Mail(NamedTuple):
    """`reference` comes back in the provider's reports; without a `sender` it is EMAIL_FROM."""

    to: str
    subject: str
    text: str
    sender: str = ""
    attachments: tuple[Attachment, ...] = ()
    reference: str = ""
