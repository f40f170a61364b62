"""What the worker does and when; messages to people, and how they want to be written to; where
events are sent."""

from notifications.models.job import Job, JobState, Schedule
from notifications.models.message import Channel, Message, MessageKind, MessageStatus
from notifications.models.preference import (
    How,
    MessageLanguage,
    MessagePreference,
    MessageSettings,
    MessageTemplate,
)
from notifications.models.webhook import Delivery, Webhook

__all__ = [
    "Channel",
    "Delivery",
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
    "Webhook",
]
