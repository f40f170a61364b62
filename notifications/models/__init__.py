"""What the worker does and when."""

from notifications.models.job import Job, JobState, Schedule

__all__ = ["Job", "JobState", "Schedule"]
