"""Output shapes. The fields of a Shape are what the schema says; `to_representation` builds the same as a plain dict,
without DRF's per-field machinery (a test holds the two together)."""

from typing import Any, TypeVar

from rest_framework import serializers

from core.encryption.fields import unreadable_marked
from core.encryption.keyring import DecryptionError

T = TypeVar("T")


class Shape(serializers.Serializer[T]):
    """A shape that is only ever written out."""

    @classmethod
    def of(cls, instance: Any) -> dict[str, Any]:
        """The plain dict that the renderer takes. A mark stands for what cannot be decrypted: one damaged row takes no
        list with it, and what was stored is not answered with an error."""
        try:
            return cls.whole(instance)
        except DecryptionError:
            with unreadable_marked():
                return cls.whole(instance)

    @classmethod
    def whole(cls, instance: Any) -> dict[str, Any]:
        """The same, with nothing left out; raises DecryptionError."""
        representation: dict[str, Any] = cls.to_representation(_blank(cls), instance)
        return representation


_blanks: dict[type[Any], Any] = {}


def _blank(shape: type[Any]) -> Any:
    if shape not in _blanks:
        _blanks[shape] = shape()
    return _blanks[shape]


class Text(serializers.CharField):
    """A string and nothing that merely could be written as one: 5551234 is no phone number."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        value: str = super().to_internal_value(data)
        return value


class OptionalText(Text):
    """Text that may be left out, empty or null; all three are stored as empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "allow_blank": True, "allow_null": True, **kwargs})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return "" if value is None else value


class ErrorShape(serializers.Serializer[Any]):
    detail = serializers.CharField(help_text="One sentence.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="On a 400 from validation: field to messages.",
    )
