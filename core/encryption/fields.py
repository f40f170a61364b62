"""Columns that hold PHI: subclasses of django-encrypted-model-fields' classes with its engine replaced.

What differs from the stock fields, each because they get it wrong: only what comes from the database is decrypted,
never what a user typed; a wrong key or label raises instead of answering ciphertext; a filter raises instead of
matching nothing; an expression raises instead of storing something unreadable.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

import orjson
from django.core.exceptions import FieldError
from django.db.models import Case, Field, Value
from django.db.models.expressions import Expression
from django.db.models.functions import Cast
from encrypted_model_fields import fields as stock

from core.encryption.keyring import get_keyring


class EncryptedFieldMixin(stock.EncryptedMixin, Field):
    """`label` is bound to the ciphertext and can never change, not even when the model or the field is renamed."""

    dump: Callable[[Any], bytes] = staticmethod(lambda value: str(value).encode())
    load: Callable[[bytes], Any] = staticmethod(bytes.decode)

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
        return None if value is None else self.decrypt(bytes(value))

    def encrypt(self, value: Any) -> bytes:
        return get_keyring().encrypt(self.dump(value), self._label)

    def decrypt(self, envelope: bytes) -> Any:
        return self.load(get_keyring().decrypt(envelope, self._label))

    def pre_save(self, model_instance: Any, add: bool) -> Any:
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


class EncryptedListField(EncryptedFieldMixin, stock.EncryptedTextField):
    """A list of strings."""

    dump = staticmethod(orjson.dumps)
    load = staticmethod(orjson.loads)

    def to_python(self, value: Any) -> list[str]:
        return list(value)
