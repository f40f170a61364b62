"""Serializers of live updates."""

from rest_framework import serializers


class TicketShape(serializers.Serializer[None]):
    """A ticket for `/ws/events?ticket=…`, good once, for `expiresIn` seconds."""

    ticket = serializers.CharField()
    expiresIn = serializers.IntegerField()
