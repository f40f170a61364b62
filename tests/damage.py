"""Makes stored values undecryptable, as a lost key or a bad disk does."""

from django.db import connection

from core.encryption.keyring import Keyring, get_keyring
from tests.plain_role import as_owner

LOST = Keyring({7: bytes(range(32))})  # key 7 is in no ring of the tests


def stored(row, field):
    """Return the bytes stored in the column."""
    meta = row._meta
    statement = f"SELECT {meta.get_field(field).column} FROM {meta.db_table} WHERE id = %s"
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(statement, [meta.pk.get_db_prep_value(row.pk, connection)])
        return bytes(cursor.fetchone()[0])


def store(row, field, envelope):
    meta = row._meta
    statement = f"UPDATE {meta.db_table} SET {meta.get_field(field).column} = %s WHERE id = %s"
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(statement, [envelope, meta.pk.get_db_prep_value(row.pk, connection)])
    return envelope


def lose_key(row, field):
    """Re-encrypt the value with a key that no test has."""
    label = row._meta.get_field(field).label.encode()
    return store(row, field, LOST.encrypt(get_keyring().decrypt(stored(row, field), label), label))


def exchange_key(row, field):
    """Re-encrypt the value with a different key of the same id."""
    label, other = row._meta.get_field(field).label.encode(), Keyring({1: bytes(range(32))})
    return store(row, field, other.encrypt(get_keyring().decrypt(stored(row, field), label), label))


def flip_bit(row, field):
    envelope = bytearray(stored(row, field))
    envelope[-1] ^= 1
    return store(row, field, bytes(envelope))


def truncate(row, field):
    return store(row, field, stored(row, field)[:2])
