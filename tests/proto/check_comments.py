#!/usr/bin/env python3
"""Expects a // comment above every declaration: check_comments.py [ROOT].

ROOT is the folder of the .proto files. Prints one line per declaration
without a comment and exits with 1 when there was one.
"""
import bisect
import pathlib
import re
import sys

BLOCKS = ("service", "rpc", "message", "enum", "oneof", "extend")
# What a statement within a block declares.
MEMBERS = {"service": "rpc", "message": "field", "oneof": "field",
           "extend": "field", "enum": "enum value"}
WITHOUT_COMMENT = ("option", "reserved", "extensions")
IGNORED = re.compile(r"//[^\n]*|/\*.*?\*/"
                     r"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def without_literals(text):
    """Comments become blanks, literals a word of the same length."""
    def replace(found):
        fill = " " if found[0].startswith("/") else "x"
        return re.sub(r"[^\n]", fill, found[0])
    return IGNORED.sub(replace, text)


def declarations(text):
    """Yields (line from 1, kind, name) of everything that text declares."""
    code = without_literals(text)
    starts = [0] + [found.end() for found in re.finditer("\n", code)]
    blocks = []  # kind per open brace, "value" within options
    begin = None
    for i, character in enumerate(code):
        statement = "" if begin is None else code[begin:i]
        words = re.findall(r"[\w.]+", statement)
        inside = blocks[-1] if blocks else "file"
        line = 0 if begin is None else bisect.bisect_right(starts, begin)
        if character == "{":
            if inside == "value" or not words or words[0] not in BLOCKS \
                    or re.match(r"\w+\s*=", statement) or "[" in statement:
                blocks.append("value")
                continue
            # An extend names a message that is explained elsewhere.
            if words[0] != "extend":
                yield line, words[0], words[1] if len(words) > 1 else "?"
            blocks.append(words[0])
            begin = None
        elif character == "}":
            kind = blocks.pop() if blocks else "file"
            begin = begin if kind == "value" else None
        elif character == ";" and inside != "value":
            kind = MEMBERS.get(inside)
            if kind and words and words[0] not in WITHOUT_COMMENT:
                yield line, kind, name_of(kind, statement)
            begin = None
        elif begin is None and not character.isspace():
            begin = i


def name_of(kind, statement):
    if kind == "rpc":
        return re.findall(r"\w+", statement)[1]
    found = re.search(r"(\w+)\s*=", statement)
    return found[1] if found else "?"


def check(path, shown):
    """The lines to print for one file."""
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    found = list(declarations(text))
    missing = [
        f"{shown}:{line}: {kind} {name} has no comment, "
        "say in a // line directly above what it is"
        for line, kind, name in found
        if not re.match(r"\s*//\s*\S", lines[line - 2] if line > 1 else "")]
    return missing or ([] if found else [
        f"{shown}:1: declares nothing, remove it"])


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "proto"
    paths = sorted(folder.rglob("*.proto"))
    if not paths:
        print(f"no .proto files in {folder}, name the folder that has them")
        return 1
    missing = [line for path in paths
               for line in check(path, path.relative_to(folder.parent))]
    for line in missing:
        print(line)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
