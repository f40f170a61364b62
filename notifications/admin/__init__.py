"""Admin pages of background jobs and webhooks."""

from notifications.admin import jobs as jobs
from notifications.admin import webhooks as webhooks
