"""Serializers of calendar feeds."""

from typing import Any

from rest_framework import serializers

from core.api.serializers import OutputSerializer


class FeedShape(OutputSerializer[Any]):
    """The secret address of a calendar, which is shown once."""

    url = serializers.CharField(help_text="For a calendar program. Whoever has it can read the calendar.")
