"""What the worker does and when; where events are sent."""

from notifications.models.job import Job, JobState, Schedule
from notifications.models.webhook import Delivery, Webhook

__all__ = ["Delivery", "Job", "JobState", "Schedule", "Webhook"]
