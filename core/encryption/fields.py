"""Columns that hold PHI: subclasses of django-encrypted-model-fields' classes with its engine replaced.

What differs from the stock fields, each because they get it wrong: only what comes from the database is decrypted,
never what a user typed; a wrong key or label raises instead of answering ciphertext; a filter raises instead of
matching nothing; an expression raises instead of storing something unreadable.

A value that cannot be decrypted fails alone and late (docs/adr/0007): its row is loaded, and whoever asks the row for
that field gets the DecryptionError. Where people look at many rows, a mark stands in its place instead.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from typing import Any, cast

import orjson
from django.core.exceptions import FieldError
from django.db.models import Case, Field, Value
from django.db.models.expressions import Expression
from django.db.models.functions import Cast
from django.db.models.query_utils import DeferredAttribute
from encrypted_model_fields import fields as stock

from core.encryption.keyring import DecryptionError, get_keyring
from core.errors import Invalid

MARK = "[cannot be decrypted"  # what the mark begins with, and what no field stores
_marking: ContextVar[bool] = ContextVar("marking", default=False)


@contextmanager
def unreadable_marked() -> Iterator[None]:
    """Inside, a field that cannot be decrypted answers a mark instead of raising. For showing rows, never for working
    with them."""
    token = _marking.set(True)
    try:
        yield
    finally:
        _marking.reset(token)


class EncryptedAttribute(DeferredAttribute):
    """A row's decrypted value. One that cannot be decrypted counts as not loaded, so that saving the row leaves the
    column as it is; and it cannot be set, for the key may be found again."""

    def __init__(self, field: Any) -> None:
        super().__init__(field)
        self._name, self._error = field.attname, f"_{field.attname}_unreadable"

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        held = instance.__dict__
        if self._name not in held and self._error not in held:
            self._load(instance)
        if self._error not in held:
            return held[self._name]
        if _marking.get():
            return cast("EncryptedFieldMixin", self.field).mark(held[self._error])
        raise held[self._error]

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self._error if isinstance(value, DecryptionError) else self._name] = value

    def _load(self, instance: Any) -> None:
        rows = type(instance)._base_manager.using(instance._state.db).filter(pk=instance.pk)
        self.__set__(instance, rows.values_list(self._name, flat=True).get())


class EncryptedFieldMixin(stock.EncryptedMixin, Field):
    """`label` is bound to the ciphertext and can never change, not even when the model or the field is renamed."""

    dump: Callable[[Any], bytes] = staticmethod(lambda value: str(value).encode())
    load: Callable[[bytes], Any] = staticmethod(bytes.decode)
    descriptor_class = EncryptedAttribute

    def __init__(self, *args: Any, label: str, **kwargs: Any) -> None:
        self.label = label
        self._label = label.encode()
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs["label"] = self.label
        if self.max_length is not None:
            kwargs["max_length"] = self.max_length  # the stock class drops it
        return name, path, args, kwargs

    def get_internal_type(self) -> str:
        return "BinaryField"

    def to_python(self, value: Any) -> Any:
        return super(stock.EncryptedMixin, self).to_python(value)

    def from_db_value(self, value: Any, *args: Any) -> Any:
        """The error itself where it cannot be decrypted; a row then raises it when it is asked for the field."""
        if value is None:
            return None
        try:
            return self.decrypt(bytes(value))
        except DecryptionError as error:
            return error

    def encrypt(self, value: Any) -> bytes:
        """Raises Invalid for a mark, which somebody took for the value."""
        plaintext = self.dump(value)
        if MARK.encode() in plaintext:
            raise Invalid(self.name, "This only stands for what could not be decrypted, and is not stored over it.")
        return get_keyring().encrypt(plaintext, self._label)

    def decrypt(self, envelope: bytes) -> Any:
        """Raises DecryptionError."""
        return self.load(get_keyring().decrypt(envelope, self._label))

    def mark(self, error: DecryptionError) -> Any:
        """What stands for a value that cannot be decrypted."""
        return f"{MARK}: {error.reason}]"

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        """Raises DecryptionError where the row's stored value cannot be decrypted."""
        value = super().pre_save(model_instance, add)
        if hasattr(value, "resolve_expression"):
            raise FieldError(f"{self.label} is encrypted: the database cannot compute it.")
        return value

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value is None or isinstance(value, Expression):
            return value
        return connection.Database.Binary(self.encrypt(self.to_python(value)))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        raise FieldError(f"{self.label} is encrypted: it cannot be compared in the database.")

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        """Django asks for this for every value it is about to write; the one expression let through is the
        CASE of `bulk_update`, whose values go through get_db_prep_save one by one."""
        if isinstance(value, Expression) and not self._is_bulk_update(value):
            raise FieldError(f"{self.label} is encrypted: the database cannot compute it.")
        return "%s"

    def _is_bulk_update(self, value: Expression) -> bool:
        case = value.source_expressions[0] if isinstance(value, Cast) else value
        return isinstance(case, Case) and all(
            isinstance(when.result, Value) and when.result.for_save and when.result.output_field is self
            for when in case.cases
        )

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self.label} is encrypted: search it through the blind index.")
        return super().get_lookup(lookup_name)

    def get_transform(self, lookup_name: str) -> Any:
        raise FieldError(f"{self.label} is encrypted: the database cannot look into it.")


class EncryptedCharField(EncryptedFieldMixin, stock.EncryptedCharField):
    pass


class EncryptedTextField(EncryptedFieldMixin, stock.EncryptedTextField):
    pass


class EncryptedEmailField(EncryptedFieldMixin, stock.EncryptedEmailField):
    pass


class EncryptedDateField(EncryptedFieldMixin, stock.EncryptedDateField):
    dump = staticmethod(lambda value: value.isoformat().encode())
    load = staticmethod(lambda plaintext: date.fromisoformat(plaintext.decode()))

    def mark(self, error: DecryptionError) -> None:
        """No date can say that it is none."""


class EncryptedListField(EncryptedFieldMixin, stock.EncryptedTextField):
    """A list of strings."""

    dump = staticmethod(orjson.dumps)
    load = staticmethod(orjson.loads)

    def to_python(self, value: Any) -> list[str]:
        return list(value)

    def mark(self, error: DecryptionError) -> list[str]:
        return [super().mark(error)]


class EncryptedJsonField(EncryptedFieldMixin, stock.EncryptedTextField):
    """An object as JSON has it."""

    dump = staticmethod(orjson.dumps)
    load = staticmethod(orjson.loads)

    def to_python(self, value: Any) -> Any:
        return value

    def mark(self, error: DecryptionError) -> dict[str, str]:
        return {"unreadable": super().mark(error)}


class EncryptedBytesField(EncryptedFieldMixin, stock.EncryptedTextField):
    """Bytes: a key that opens something stored elsewhere."""

    dump = staticmethod(bytes)
    load = staticmethod(bytes)

    def to_python(self, value: Any) -> bytes:
        return bytes(value)

    def mark(self, error: DecryptionError) -> bytes:
        """No key can say that it is none."""
        return b""
