#!/usr/bin/env python3
"""Checks an export of the trail (manage.py audit_export) without the database. Standard library alone, Python 3.9 or
newer: copy this file to wherever the export is.

    python3 verify_export.py EXPORT [--seal EARLIER] [--keys-from-env AUDIT_KEYS | --key-file FILE]

Without keys: that the events are those that the seals cover, and each seal follows from the one before. Whoever can
write all of the file anew passes that: compare it with seals kept elsewhere (--seal: an earlier export, or its
last seals). With keys: also that each line was written by who holds them, and the file is whole. Exits 0 or 1.
"""

from __future__ import annotations

import argparse
import base64
import hmac
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

ENDS = {name: re.compile(rb'(\{.*),"%s":"([0-9a-f]{64})"\}' % name) for name in (b"mac", b"digest")}
PURPOSES = {"event": b"event", "seal": b"seal", "end": b"export"}


class Bad(Exception):
    pass


def split(line: bytes, name: bytes) -> tuple[bytes, bytes]:
    """The line without its last value, and that value. Raises AttributeError where it ends in another one."""
    content, value = ENDS[name].fullmatch(line).groups()  # type: ignore[union-attr]
    return content + b"}", bytes.fromhex(value.decode())


def check_mac(line: bytes, row: dict[str, Any], keys: Mapping[int, bytes]) -> None:
    content, mac = split(line, b"mac")
    if row["key_id"] not in keys:
        raise Bad(f"its key {row['key_id']} is not among those given")
    key = hmac.digest(keys[row["key_id"]], b"praxis trail " + PURPOSES[row["type"]], "sha256")
    if not hmac.compare_digest(hmac.digest(key, content, "sha256"), mac):
        raise Bad("its MAC is not that of its content")


class Chain:
    """Of one practice: the last seal's number and line, and the hash of each event's line since then."""

    def __init__(self, practice_id: str) -> None:
        self.practice_id, self.number, self.line, self.hashes = practice_id, 0, b"", list[bytes]()

    def add_seal(self, line: bytes, seal: dict[str, Any], *, may_begin: bool) -> None:
        if self.line or self.hashes or not may_begin:
            head, digest = split(split(line, b"mac")[0], b"digest")
            before = sha256(self.line).digest() if self.line else bytes(32)
            if seal["number"] != self.number + 1:
                raise Bad(f"seal {self.number + 1} of {seal['practice_id']} should be here, not {seal['number']}")
            if seal["count"] != len(self.hashes):
                raise Bad(f"it covers {seal['count']} events, and {len(self.hashes)} are here")
            if sha256(b"".join([before, head, *self.hashes])).digest() != digest:
                raise Bad("the events that it covers, or the seal before it, are not those that were sealed")
        self.number, self.line, self.hashes = seal["number"], line, []


class Export:
    def __init__(self, keys: Mapping[int, bytes] | None, kept: Iterable[bytes]) -> None:
        self.keys, self.kept = keys, last_seals(kept)
        self.everything, self.counts = sha256(), {"trail": 0, "event": 0, "seal": 0, "email": 0}
        self.chain, self.since, self.has_ended = Chain(""), None, False

    def add(self, raw: bytes) -> None:
        line, row = raw[:-1], json.loads(raw)
        kind = row["type"]
        if raw[-1:] != b"\n" or self.has_ended or bool(self.counts["trail"]) == (kind == "trail"):
            raise Bad("it does not belong here")
        if row.get("version", 1) != 1:
            raise Bad("its version is not known here: take the script that came with the export")
        if kind in PURPOSES and self.keys is not None:
            check_mac(line, row, self.keys)
        if kind in ("event", "seal") and row["practice_id"] != self.chain.practice_id:
            if self.chain.hashes or row["practice_id"] < self.chain.practice_id:
                raise Bad("it does not belong here")
            self.chain = Chain(row["practice_id"])
        if kind == "event":
            self.chain.hashes.append(sha256(line).digest())
        elif kind == "seal":
            self.chain.add_seal(line, row, may_begin=bool(self.since))
            if self.kept.get(row["practice_id"]) == (row["number"], line):
                del self.kept[row["practice_id"]]
        elif kind == "end" and (row["counts"], row["digest"]) != (self.counts, self.everything.hexdigest()):
            raise Bad("the lines before it are not those that were written")
        self.since, self.has_ended = row.get("since", self.since), kind == "end"
        if not self.has_ended:
            self.counts[kind] += 1
            self.everything.update(raw)


def check(lines: Iterable[bytes], keys: Mapping[int, bytes] | None = None, kept: Iterable[bytes] = ()) -> str:
    """What was found. Raises Bad. `keys`: id to 32 bytes; `kept`: the lines of an earlier export."""
    export, number = Export(keys, kept), 0
    for number, raw in enumerate(lines, 1):
        try:
            export.add(raw)
        except Bad as error:
            raise Bad(f"line {number}: {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Bad(f"line {number}: it cannot be read") from None
    if not export.has_ended or export.chain.hashes:
        raise Bad(f"line {number + 1}: it is missing, the end is cut off")
    for practice_id, (seal_number, _) in export.kept.items():
        raise Bad(f"seal {seal_number} of practice {practice_id} was kept, and is not here as it was")
    depth = "hashes and chain alone, no keys were given" if keys is None else "hashes, chain and MACs"
    depth += f"; since {export.since} alone" if export.since else ""
    return "{event} events and {seal} seals are what was written ({}).".format(depth, **export.counts)


def last_seals(lines: Iterable[bytes]) -> dict[str, tuple[int, bytes]]:
    """Of each practice: number and line."""
    seals = (raw.rstrip(b"\r\n") for raw in lines if raw.startswith(b'{"type":"seal"'))
    return {(seal := json.loads(line))["practice_id"]: (seal["number"], line) for line in seals}


def parse_keys(text: str) -> dict[int, bytes]:
    """`id:base64` or `id@date:base64` entries as in AUDIT_KEYS, a comma or a line end between them. At least one."""
    entries = [entry.strip().partition(":") for entry in re.split(r"[,\n]", text) if entry.strip()]
    if not entries:
        raise ValueError("no keys")
    return {int(key_id.partition("@")[0]): base64.b64decode(secret) for key_id, _, secret in entries}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=argparse.FileType("rb"))
    parser.add_argument("--seal", type=argparse.FileType("rb"), default=())
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--keys-from-env", dest="keys", type=lambda name: parse_keys(os.environ.get(name, "")))
    keys.add_argument("--key-file", dest="keys", type=lambda path: parse_keys(Path(path).read_text()))
    asked = parser.parse_args()
    try:
        sys.stdout.write(check(asked.export, asked.keys, asked.seal) + "\n")
    except Bad as error:
        sys.exit(f"NOT what was written: {error}")


if __name__ == "__main__":
    main()
