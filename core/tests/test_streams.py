"""Files in chunks: what goes in comes out, whatever the parts, and nothing else ever does."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.encryption.streams import (
    CHUNK_BYTES,
    TAG_BYTES,
    DamagedFile,
    Spool,
    decrypted,
    encrypted,
    new_key,
    stored_size,
)

KEY = bytes(range(32))
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 7]


def sealed(plain: bytes, *, key: bytes = KEY, context: bytes = b"file") -> bytes:
    return b"".join(encrypted([plain], key=key, context=context))


def opened(stored: bytes, *, key: bytes = KEY, context: bytes = b"file") -> bytes:
    return b"".join(decrypted(io.BytesIO(stored).read, key=key, context=context))


def text(size: int) -> bytes:
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_round_trip(size):
    stored = sealed(text(size))

    assert opened(stored) == text(size)
    assert len(stored) == stored_size(size)


@given(st.lists(st.binary(max_size=70_000), max_size=5))
def test_size_of_parts_does_not_matter(parts):
    assert b"".join(encrypted(parts, key=KEY, context=b"file")) == sealed(b"".join(parts))


def test_ciphertext_contains_no_plaintext():
    assert text(64) not in sealed(text(1000))


@pytest.mark.parametrize("size", [10, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 7])
def test_truncated_file_is_damaged(size):
    stored = sealed(text(size))

    ends = {0, 1, 2, len(stored) - 1, len(stored) - TAG_BYTES, 1 + CHUNK_BYTES + TAG_BYTES}
    for end in (end for end in ends if end < len(stored)):
        with pytest.raises(DamagedFile):
            opened(stored[:end])


def test_moved_removed_and_added_chunks_are_detected():
    stored = sealed(text(3 * CHUNK_BYTES))
    step = CHUNK_BYTES + TAG_BYTES
    head, chunks = stored[:1], [stored[1 + place * step : 1 + (place + 1) * step] for place in range(3)]

    for order in ([1, 0, 2], [0, 2], [0, 1], [0, 1, 2, 2], [2]):
        with pytest.raises(DamagedFile):
            opened(head + b"".join(chunks[place] for place in order))


@given(st.integers(min_value=0, max_value=stored_size(100) * 8 - 1))
def test_flipped_bit_is_detected(bit):
    stored = bytearray(sealed(text(100)))
    stored[bit // 8] ^= 1 << bit % 8

    with pytest.raises(DamagedFile):
        opened(bytes(stored))


def test_wrong_key_and_wrong_context_raise():
    with pytest.raises(DamagedFile):
        opened(sealed(text(10)), key=new_key())
    with pytest.raises(DamagedFile):
        opened(sealed(text(10)), context=b"another file")


def test_no_damaged_chunk_is_yielded():
    stored = bytearray(sealed(text(2 * CHUNK_BYTES)))
    stored[-1] ^= 1
    read = []

    with pytest.raises(DamagedFile):
        read.extend(decrypted(io.BytesIO(bytes(stored)).read, key=KEY, context=b"file"))

    assert b"".join(read) == text(CHUNK_BYTES)


def test_spool_is_encrypted_on_disk():
    with Spool.throwaway() as spool:
        spool.fill([text(50_000), text(50_000)])
        spool.file.seek(0)

        assert text(64) not in spool.file.read()
        assert spool.size == 100_000
        assert b"".join(spool.chunks()) == text(50_000) * 2
        assert b"".join(spool.chunks()) == text(50_000) * 2  # twice, from its beginning
