"""Rows for tests."""

from uuid import UUID

import factory
from uuid_utils.compat import uuid7

from notifications.models import Delivery, JobState, Webhook


class WebhookFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Webhook

    url = "https://example.com/hook"
    events = ["appointment.changed"]
    secret = "whsec_of_a_test"


class DeliveryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Delivery

    webhook = factory.SubFactory(WebhookFactory)
    event_key = factory.LazyFunction(lambda: UUID(bytes=uuid7().bytes))
    type = "appointment.changed"
    about_id = factory.LazyFunction(lambda: UUID(bytes=uuid7().bytes))
    version = 3
    state = JobState.FAILED
    attempts = 17
    answered = 500
    error = "The answer was 500."
