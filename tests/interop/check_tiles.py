#!/usr/bin/env python3
"""Checks a log's exported files without any of Tongchou's code.

    check_tiles.py DIR LOG_KEY WITNESS_KEY

DIR holds `checkpoint` and `tile/` (C2SP tlog-tiles). The keys are those of the
policy (C2SP signed-note). Verified are the log's signature and the witness's
cosignature over the checkpoint, every hash of every tile, and that the entries
give the checkpoint's root. Needs hashlib and python3-cryptography only.
"""

import base64
import hashlib
import pathlib
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519, COSIGNATURE_V1 = 1, 4
WIDTH = 256


class Invalid(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Invalid(what)


class Key:
    def __init__(self, text):
        self.name, key_id, key = text.split("+", 2)
        raw = base64.b64decode(key)
        self.kind, self.public = raw[0], raw[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + raw).digest()[:4]
        expect(self.id.hex() == key_id, f"{self.name}: key id")


def signature_of(note, key):
    """The signed text and the bytes behind the key's id."""
    text, _, signatures = note.rpartition("\n\n")
    for line in signatures.splitlines():
        mark, name, blob = line.split(" ")
        raw = base64.b64decode(blob)
        if mark == "\u2014" and name == key.name and raw[:4] == key.id:
            return text + "\n", raw[4:]
    raise Invalid(f"no signature by {key.name}")


def verify(key, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature,
                                                              message)
    except InvalidSignature:
        raise Invalid(f"signature by {key.name}") from None


def check_note(note, log, witness):
    text, signature = signature_of(note, log)
    expect(log.kind == ED25519, "kind of the log's key")
    verify(log, text.encode(), signature)
    text, blob = signature_of(note, witness)
    expect(witness.kind == COSIGNATURE_V1, "kind of the witness's key")
    time = struct.unpack(">Q", blob[:8])[0]
    verify(witness, f"cosignature/v1\ntime {time}\n{text}".encode(), blob[8:])
    origin, size, root = text.splitlines()
    expect(origin == log.name, "origin")
    return int(size), base64.b64decode(root)


def path_of(folder, index, width):
    digits = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        digits.insert(0, f"x{index % 1000:03}")
    return f"tile/{folder}/{'/'.join(digits)}" + (
        "" if width == WIDTH else f".p/{width}")


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def tree(hashes):
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node(tree(hashes[:split]), tree(hashes[split:]))


def entries_of(bundle):
    while bundle:
        length = struct.unpack(">H", bundle[:2])[0]
        expect(len(bundle) >= 2 + length, "an entry is cut")
        yield bundle[2:2 + length]
        bundle = bundle[2 + length:]


def read_level(directory, folder, count):
    for index in range(0, (count + WIDTH - 1) // WIDTH):
        width = min(WIDTH, count - index * WIDTH)
        yield (directory / path_of(folder, index, width)).read_bytes()


def check(directory, log, witness):
    size, root = check_note((directory / "checkpoint").read_text(), log,
                            witness)
    hashes = []
    for bundle in read_level(directory, "entries", size):
        hashes += [hashlib.sha256(b"\0" + entry).digest()
                   for entry in entries_of(bundle)]
    expect(len(hashes) == size, f"{len(hashes)} entries of {size}")
    expect(tree(hashes) == root, "root")
    level = 0
    while hashes:
        found = b"".join(read_level(directory, level, len(hashes)))
        expect(found == b"".join(hashes), f"tiles of level {level}")
        full = len(hashes) // WIDTH
        hashes = [tree(hashes[i * WIDTH:(i + 1) * WIDTH]) for i in range(full)]
        level += 1
    return size


def main():
    directory, log, witness = sys.argv[1:]
    try:
        size = check(pathlib.Path(directory), Key(log), Key(witness))
    except (Invalid, OSError, ValueError) as error:
        sys.exit(f"{directory}: {error}")
    print(f"{directory}: {size} entries, signed and cosigned")


if __name__ == "__main__":
    main()
