"""The base of choices that API clients see."""

from django.db import models


class PublicTextChoices(models.TextChoices):
    """Choices that the OpenAPI schema lists under the name of their class (core/api/schema.py)."""
