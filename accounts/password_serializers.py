"""Shapes of what changes a password."""

from typing import Any

from rest_framework import serializers

from accounts.serializers import MAX_PASSWORD
from core.api.shapes import Text


class PasswordInput(serializers.Serializer[Any]):
    current = Text(max_length=MAX_PASSWORD, trim_whitespace=False)
    new = Text(max_length=MAX_PASSWORD, trim_whitespace=False)


class ResetInput(serializers.Serializer[Any]):
    email = Text(max_length=254)


class ResetConfirmInput(serializers.Serializer[Any]):
    token = Text(max_length=200)
    password = Text(max_length=MAX_PASSWORD, trim_whitespace=False)
