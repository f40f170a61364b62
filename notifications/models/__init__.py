"""What the worker does and when; messages to people, and how they want to be written to."""

from notifications.models.job import Job, JobState, Schedule
from notifications.models.message import Channel, Message, MessageKind, MessageStatus
from notifications.models.preference import (
    How,
    MessageLanguage,
    MessagePreference,
    MessageSettings,
    MessageTemplate,
)

__all__ = [
    "Channel",
    "How",
    "Job",
    "JobState",
    "Message",
    "MessageKind",
    "MessageLanguage",
    "MessagePreference",
    "MessageSettings",
    "MessageStatus",
    "MessageTemplate",
    "Schedule",
]
