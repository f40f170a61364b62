"""What the worker does for the admin site."""

from datetime import time

from django.utils.translation import gettext_lazy as _

from accounts.sessions.admin_store import SessionStore
from notifications.jobs import scheduled


@scheduled("sessions.clear", _("Remove sessions that are over"), daily_at=time(3, 40))
def clear_sessions() -> None:
    """Remove the rows of sessions that are over, as `manage.py clearsessions` does."""
    SessionStore.clear_expired()
