"""Model fields for PHI: subclasses of django-encrypted-model-fields' classes with its encryption replaced.

They fix faults of the stock fields: only what comes from the database is decrypted, never user input; a wrong key or
label raises instead of returning ciphertext; a filter raises instead of matching nothing; an expression raises instead
of storing something unreadable.

A value that cannot be decrypted does not keep its row from loading (docs/adr/0007): DecryptionError is raised when that
field is read. Lists show a mark in its place.
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
from django.utils.translation import gettext as _
from encrypted_model_fields import fields as stock

from core.encryption.keyring import DecryptionError, get_keyring
from core.errors import Invalid
from core.texts import EMAIL

MARK = "[cannot be decrypted"  # how the mark begins; no field stores it
MARK_BYTES = MARK.encode()
_marking: ContextVar[bool] = ContextVar("marking", default=False)


@contextmanager
def unreadable_marked() -> Iterator[None]:
    """Make fields that cannot be decrypted return a mark instead of raising. Only for displaying rows."""
    token = _marking.set(True)
    try:
        yield
    finally:
        _marking.reset(token)


@contextmanager
def unreadable_refused() -> Iterator[None]:
    """Make fields that cannot be decrypted raise, also where rows are displayed: for what is signed as a whole."""
    token = _marking.set(False)
    try:
        yield
    finally:
        _marking.reset(token)


class EncryptedAttribute(DeferredAttribute):
    """A row's decrypted value. One that cannot be decrypted counts as deferred, so that saving the row does not change
    the column."""

    def __init__(self, field: Any) -> None:
        super().__init__(field)
        self._name, self._error = field.attname, f"_{field.attname}_unreadable"

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        values = instance.__dict__
        if self._name not in values and self._error not in values:
            self._load(instance)
        if self._error not in values:
            return values[self._name]
        if _marking.get():
            return cast("EncryptedFieldMixin", self.field).mark(values[self._error])
        raise values[self._error]

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self._error if isinstance(value, DecryptionError) else self._name] = value

    def _load(self, instance: Any) -> None:
        rows = type(instance)._base_manager.using(instance._state.db).filter(pk=instance.pk)
        self.__set__(instance, rows.values_list(self._name, flat=True).get())


def is_unreadable(instance: Any, name: str) -> bool:
    """Return whether a loaded row's value cannot be decrypted: a form must not offer its mark to be saved."""
    return f"_{name}_unreadable" in instance.__dict__


class EncryptedFieldMixin(stock.EncryptedMixin, Field):
    """`label` is authenticated with the ciphertext and must never change, even if the model or field is renamed.

    Optional text that is added to an existing table needs `default=""`: for a column of bytes Django would fill its
    rows with `b""`, which is stored as the text "b''".
    """

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
            kwargs["max_length"] = self.max_length  # the stock class omits it
        return name, path, args, kwargs

    def get_internal_type(self) -> str:
        return "BinaryField"

    def to_python(self, value: Any) -> Any:
        return super(stock.EncryptedMixin, self).to_python(value)

    def from_db_value(self, value: Any, *args: Any) -> Any:
        """Return the DecryptionError of a value that cannot be decrypted; EncryptedAttribute raises it on access."""
        if value is None:
            return None
        try:
            return self.load(get_keyring().decrypt(bytes(value), self._label))  # `decrypt`, once less for each value
        except DecryptionError as error:
            return error

    def encrypt(self, value: Any) -> bytes:
        """Encrypt a value; raise Invalid for a mark that is about to be stored as one."""
        plaintext = self.dump(value)
        if MARK_BYTES in plaintext:
            raise Invalid(self.name, _("This placeholder for a value that could not be decrypted can't be saved."))
        return get_keyring().encrypt(plaintext, self._label)

    def decrypt(self, envelope: bytes) -> Any:
        """Decrypt a stored value; raise DecryptionError."""
        return self.load(get_keyring().decrypt(envelope, self._label))

    def mark(self, error: DecryptionError) -> Any:
        """Return the mark that stands for a value that cannot be decrypted."""
        return f"{MARK}: {error.reason}]"

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        """Return the value to store; raise DecryptionError if the stored one cannot be decrypted."""
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
        """Called by Django for every value to write. The only expression allowed is the CASE of `bulk_update`, whose
        values go through get_db_prep_save one by one."""
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
        raise FieldError(f"{self.label} is encrypted: the database cannot transform it.")


class EncryptedCharField(EncryptedFieldMixin, stock.EncryptedCharField):
    pass


class EncryptedTextField(EncryptedFieldMixin, stock.EncryptedTextField):
    pass


class EncryptedEmailField(EncryptedFieldMixin, stock.EncryptedEmailField):
    default_validators = [*stock.EncryptedEmailField.default_validators, *EMAIL]


class EncryptedDateField(EncryptedFieldMixin, stock.EncryptedDateField):
    dump = staticmethod(lambda value: value.isoformat().encode())
    load = staticmethod(lambda plaintext: date.fromisoformat(plaintext.decode()))

    def mark(self, error: DecryptionError) -> None:
        """Return None: a date has no mark."""


class EncryptedListField(EncryptedFieldMixin, stock.EncryptedTextField):
    """A list of strings."""

    dump = staticmethod(orjson.dumps)
    load = staticmethod(orjson.loads)

    def to_python(self, value: Any) -> list[str]:
        return list(value)

    def mark(self, error: DecryptionError) -> list[str]:
        return [super().mark(error)]


class EncryptedJsonField(EncryptedFieldMixin, stock.EncryptedTextField):
    """A JSON object."""

    dump = staticmethod(orjson.dumps)
    load = staticmethod(orjson.loads)

    def to_python(self, value: Any) -> Any:
        return value

    def mark(self, error: DecryptionError) -> dict[str, str]:
        return {"unreadable": super().mark(error)}


class EncryptedBytesField(EncryptedFieldMixin, stock.EncryptedTextField):
    """Bytes, such as the key of a file."""

    dump = staticmethod(bytes)
    load = staticmethod(bytes)

    def to_python(self, value: Any) -> bytes:
        return bytes(value)

    def mark(self, error: DecryptionError) -> bytes:
        """Return empty bytes: a key has no mark."""
        return b""
