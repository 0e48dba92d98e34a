#!/usr/bin/env python3
"""Checks the rules of the house that no compiler knows.

    check_house.py [--untracked] [ROOT]

Prints one line per violation, FILE:LINE: what, what to do, and exits with 1
when there was one. In a git checkout it reads the tracked files (--untracked:
also new ones that git does not ignore), elsewhere all but build folders.
"""
import argparse
import bisect
import os
import pathlib
import posixpath
import re
import subprocess
import sys

# What each part of the program may include of the others.
COMMON = ("common/base", "common/ledger", "common/records", "common/exchange")
EVERYTHING_COMMON = COMMON + ("common/alarms", "common/transport")
LAYERS = {
    "common/base": COMMON[:1],
    "common/alarms": COMMON[:1] + ("common/alarms",),
    "common/ledger": COMMON[:2],
    "common/records": COMMON[:3],
    "common/exchange": COMMON[:4],
    "common/transport": ("common/base", "common/transport"),
    "node": EVERYTHING_COMMON + ("node",),
    "aggregator": EVERYTHING_COMMON + ("aggregator",),
    "audit": EVERYTHING_COMMON + ("audit",),
    "cli": EVERYTHING_COMMON + ("cli",),
}
SOURCE_FOLDERS = ("common", "node", "aggregator", "audit", "cli")

# Files that may include a library which the others reach through them only.
RESERVED_INCLUDES = (
    (re.compile(r"rocksdb/"),
     ("common/ledger/", "node/record_index.", "aggregator/journal/",
      "aggregator/state/")),
    (re.compile(r"grpcpp/|grpc/|.*\.grpc\.pb\.h$"),
     ("common/transport/", "node/backup_commands.", "node/node_service.", "node/uplink_client.",
      "node/write_calls.", "node/read_back.", "node/join.",
      "node/renewal.", "node/restoring_service.",
      "node/transfer_commands.", "node/transfer_service.",
      "aggregator/transfer_commands.",
      "aggregator/backup_commands.", "aggregator/service/",
      "audit/fetch.", "audit/mirror.", "audit/command_line.", "cli/")),
)

EVALUATOR = re.compile(
    r"\bK[0-9]{1,2}\.[0-9a-z]\w*|\b(?:CellKind|FigureGroup)\b")
MARKER = re.compile(r"\b(?:TODO|FIXME)\b")
EMPTY_NAMES = {"util", "utils", "misc", "helper", "helpers", "manager",
               "managers", "impl"}

# Words that belong to one machine. Paths count where a path begins, hosts
# anywhere.
MACHINE_PATHS = ("/work/", "/tmp/tc", "/root/", "/home/")
REGISTRY_HOSTS = (
    "deb.debian.org", "security.debian.org", "snapshot.debian.org",
    "archive.ubuntu.com", "pypi.org", "files.pythonhosted.org",
    "registry.npmjs.org", "crates.io", "proxy.golang.org",
    "repo.maven.apache.org", "docker.io", "ghcr.io", "quay.io",
    "center.conan.io", "mirrors.aliyun.com", "mirrors.tuna.tsinghua.edu.cn")
FORBIDDEN = re.compile(
    r"(?<![\w.})/-])(?:" + "|".join(map(re.escape, MACHINE_PATHS)) + ")"
    r"|(?<![\w-])(?:" + "|".join(map(re.escape, REGISTRY_HOSTS))
    + r")(?![\w-])")
# This file has to spell the words out.
WORDS_EXCEPT = ("tests/house/check_house.py",)

COLUMNS_MAX = 80
FUNCTION_LINES_MAX = 60
WALK_EXCEPT = {".git", "build", ".cache", "__pycache__", "tongchou-demo"}

URL = re.compile(r"\w+://\S")
# CJK punctuation, ideographs, full-width forms, the planes of extensions.
CJK = re.compile("[\u2e80-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
                 "\U00020000-\U0003ffff]")
INCLUDE = re.compile(r'[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]')


def git_files(root, untracked):
    """Paths below root by git's word; None when root is not a checkout."""
    def git(*arguments):
        return subprocess.run(["git", "-C", str(root), *arguments], check=True,
                              capture_output=True).stdout
    try:
        top = git("rev-parse", "--show-toplevel").decode().strip()
        if not os.path.samefile(top, root):
            return None
        others = ["--others", "--exclude-standard"] if untracked else []
        listed = git("ls-files", "-z", "--cached", *others)
    except (OSError, subprocess.CalledProcessError):
        return None
    return sorted(set(os.fsdecode(listed).split("\0")) - {""})


def walked_files(root):
    paths = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in WALK_EXCEPT]
        for name in names:
            path = pathlib.Path(folder, name).relative_to(root)
            paths.append(path.as_posix())
    return sorted(paths)


class Source:
    """A text file: its path below the root and its lines."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        self.is_cpp = path.endswith((".cc", ".h"))

    def under(self, *folders):
        return self.path.startswith(tuple(name + "/" for name in folders))


def read_sources(root, untracked=False):
    """All paths, and those of them that are text."""
    paths = git_files(root, untracked)
    if paths is None:
        paths = walked_files(root)
    paths = [path for path in paths if os.path.isfile(root / path)]
    sources = []
    for path in paths:
        content = (root / path).read_bytes()
        if b"\0" in content:
            continue
        sources.append(Source(path, content.decode("utf-8", "replace")))
    return paths, sources


# Every check yields (line, what, what to do) for one file.


def check_includes(source):
    if not source.is_cpp or not source.under(*SOURCE_FOLDERS):
        return
    layer = next((name for name in LAYERS if source.under(name)), None)
    if layer is None:
        yield (1, "in no layer",
               "move it into one of " + ", ".join(sorted(LAYERS)))
        return
    for number, line in enumerate(source.lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        # A path relative to the file itself must not slip through.
        target = posixpath.normpath(found[1])
        if ".." in found[1].split("/"):
            target = posixpath.normpath(
                posixpath.join(posixpath.dirname(source.path), found[1]))
        top = target.split("/")[0]
        if top in SOURCE_FOLDERS + ("tests",) and "/" in target:
            allowed = LAYERS[layer]
            if not target.startswith(tuple(name + "/" for name in allowed)):
                yield (number, f"{layer} includes {target}",
                       "depend only on " + ", ".join(allowed))
        for pattern, allowed in RESERVED_INCLUDES:
            if pattern.match(target) and not source.path.startswith(allowed):
                yield (number, f"includes {target}",
                       "go through one of " + ", ".join(allowed))


def check_evaluator(source):
    if not source.under("common"):
        return
    for number, line in enumerate(source.lines, 1):
        found = EVALUATOR.search(line)
        if found:
            yield (number, f"common/ knows of indicators ({found[0]})",
                   "keep evaluation in aggregator/indicators, its check in "
                   "audit")


def check_markers(source):
    if source.path in WORDS_EXCEPT:
        return
    for number, line in enumerate(source.lines, 1):
        found = MARKER.search(line)
        if found:
            yield number, f"leftover {found[0]}", "do it or open an issue"


def check_words(source):
    if source.path in WORDS_EXCEPT:
        return
    for number, line in enumerate(source.lines, 1):
        found = FORBIDDEN.search(line)
        if found:
            yield (number, f'names "{found[0]}" of one machine',
                   "use a relative or temporary path, or leave it out")


def check_columns(source):
    if not source.is_cpp:
        return
    for number, line in enumerate(source.lines, 1):
        line = line.rstrip("\r")
        if (len(line) > COLUMNS_MAX and not URL.search(line)
                and not CJK.search(line)):
            yield (number, f"{len(line)} columns",
                   f"break the line at {COLUMNS_MAX}")


def check_function_lengths(source):
    if not source.is_cpp or not source.under(*SOURCE_FOLDERS):
        return
    functions, trouble = find_functions(source.text)
    for name, first, last in functions:
        length = last - first + 1
        if length > FUNCTION_LINES_MAX:
            yield (first, f"{name} has {length} lines",
                   f"split it into parts of at most {FUNCTION_LINES_MAX}")
    if trouble:
        yield (trouble, "braces do not balance",
               "write the code so that every branch of #if closes what it "
               "opens")


def check_name(path):
    for part in path.split("/"):
        for word in re.split(r"[^a-z]+", part.lower()):
            if word in EMPTY_NAMES:
                yield (1, f'the name "{part}" says nothing ("{word}")',
                       "name the file after what it holds")
                break


def check_tests_named(paths, sources):
    """Yields (path, line, what, what to do) for tests that nobody builds."""
    named = set()
    for source in sources:
        if posixpath.basename(source.path) != "CMakeLists.txt":
            continue
        folder = posixpath.dirname(source.path)
        for line in source.lines:
            line = line.split("#")[0]
            for word in re.findall(r"[^\s()\";]+_test\.cc\b", line):
                word = word.replace("${CMAKE_CURRENT_SOURCE_DIR}/", "")
                start, word = ("", word.split("}/", 1)[1]) \
                    if word.startswith("${") else (folder, word)
                named.add(posixpath.normpath(posixpath.join(start, word)))
    for path in paths:
        if path.endswith("_test.cc") and path not in named:
            yield (path, 1, "no CMakeLists.txt names this test",
                   "add it to a tongchou_test of its folder")


# The scanner of functions: comments, literals and directives become blanks,
# what is left is read brace by brace.

LITERAL_OR_COMMENT = re.compile(r"[/R\"']")
RAW_STRING = re.compile(r'R"([^ ()\\\t\n]{0,16})\(')
OPERATOR = re.compile(r"\boperator\s*(\(\s*\)|\[\s*\]|[-+*/%^&|~!=<>,]+)")


def blank(text):
    """The same text without what is not space or line end."""
    return re.sub(r"[^\s]", " ", text)


def end_of_quoted(text, start):
    """Index after the literal that begins at start; it ends with its line."""
    quote, i = text[start], start + 1
    while i < len(text) and text[i] != quote and text[i] != "\n":
        i += 2 if text[i] == "\\" else 1
    return min(i + 1, len(text))


def end_of_blank(text, i):
    """Index after the comment or literal at i, or i when there is none."""
    if text.startswith("//", i):
        end = text.find("\n", i)
        while end > 0 and text[end - 1] == "\\":
            end = text.find("\n", end + 1)
        return len(text) if end < 0 else end
    if text.startswith("/*", i):
        end = text.find("*/", i + 2)
        return len(text) if end < 0 else end + 2
    before = text[i - 1] if i else " "
    raw = RAW_STRING.match(text, i)
    # An encoding prefix (u8R"...") may stand before the R.
    if raw and (not (before.isalnum() or before == "_") or before in "8uUL"):
        end = text.find(")" + raw[1] + '"', raw.end())
        return len(text) if end < 0 else end + len(raw[1]) + 2
    if text[i] == '"':
        return end_of_quoted(text, i)
    # 1'000 is a number.
    if text[i] == "'" and not (before.isalnum() and re.search(
            r"(?<!\w)[0-9][\w'.]*$", text[max(0, i - 40):i])):
        return end_of_quoted(text, i)
    return i


def without_literals(text):
    parts, i, kept = [], 0, 0
    while found := LITERAL_OR_COMMENT.search(text, i):
        i = found.start()
        end = end_of_blank(text, i)
        if end == i:
            i += 1
            continue
        # A word in a literal's place keeps an expression an expression.
        first = " " if text[i] == "/" else "_"
        parts += [text[kept:i], first, blank(text[i + 1:end])]
        i = kept = end
    parts.append(text[kept:])
    return "".join(parts)


def without_directives(text):
    """Blanks directives, and every branch of #if but the first."""
    lines, depth, skipped, continued = [], 0, [], False
    for line in text.split("\n"):
        directive = re.match(r"\s*#\s*(\w*)", line)
        if continued or directive:
            word = directive[1] if directive and not continued else ""
            continued = line.rstrip().endswith("\\")
            if word in ("if", "ifdef", "ifndef"):
                depth += 1
            elif word == "endif":
                depth -= 1
                skipped = [level for level in skipped if level <= depth]
            elif word in ("else", "elif") and depth not in skipped:
                skipped.append(depth)
            lines.append(blank(line))
        else:
            lines.append(blank(line) if skipped else line)
    return "\n".join(lines)


def without_brackets(head, opening, closing):
    """Drops what lies between balanced brackets, the brackets included."""
    kept, depth = [], 0
    for character in head:
        if character == opening:
            depth += 1
        elif character == closing and depth:
            depth -= 1
        elif not depth:
            kept.append(character)
    return "".join(kept)


def without_template(head):
    while True:
        found = re.match(r"\s*template\s*<", head)
        if not found:
            return head
        depth, i = 1, found.end()
        while i < len(head) and depth:
            depth += {"<": 1, ">": -1}.get(head[i], 0)
            i += 1
        head = head[i:]


def kind_of_block(head):
    """What a brace opens after head at the level of a namespace or class."""
    head = without_template(re.sub(r"\[\[.*?\]\]", " ", head, flags=re.S))
    head = OPERATOR.sub("operator_", head).strip()
    if re.match(r'(inline\s+)?namespace\b|extern\s+_\s*$', head):
        return "namespace"
    if head.count("(") > head.count(")"):
        return "initializer"  # of an argument
    flat = without_brackets(head, "(", ")")
    if "=" in flat:
        # A lambda with a name is a function too.
        value = flat.split("=", 1)[1].strip()
        return "function" if value.startswith("[") else "value"
    if re.match(r"(typedef\s+|static\s+|inline\s+|const\s+)*enum\b", head):
        return "value"
    tail = r"\)\s*(const|noexcept|override|final|try|mutable|&|\s)*(->.*)?$"
    is_class = re.match(
        r"(typedef\s+|static\s+|inline\s+|const\s+|constexpr\s+)*"
        r"(class|struct|union)\b", head)
    if is_class and not re.search(tail, head, re.S):
        return "class"
    if "(" not in head:
        return "value"
    if "->" not in head and re.search(r"\)\s*>[^)]*$", head):
        return "value"  # std::function<void()> name{
    # A member's initializer: Name() : member{1} {
    after = re.search(r"\)[^():]*(?<!:):(?!:)", head)
    if after and re.search(r"[\w>]$", head):
        return "initializer"
    return "function"


def name_of(head):
    head = without_template(re.sub(r"\[\[.*?\]\]", " ", head, flags=re.S))
    head = re.sub(r"\s+", " ", head).strip()
    macro = re.match(r"TEST\w*\s*\(([^)]*)\)", head)
    if macro:
        return macro[0]
    named = re.search(r"([\w:~]*operator\s*(?:\(\)|[^\s(]+)|[\w:~]+)\s*"
                      r"(?:=\s*\[|\()", head)
    return named[1] if named else "function"


def find_functions(text):
    """([(name, first line, last line)], line of unbalanced braces or 0)."""
    code = without_directives(without_literals(text))
    starts = [0] + [m.end() for m in re.finditer("\n", code)]

    def line_of(index):
        return bisect.bisect_right(starts, index)

    functions = []
    blocks = []  # (kind, index of the brace, head, where the head began)
    head, begin = "", None
    for i, character in enumerate(code):
        outside = all(kind in ("namespace", "class") for kind, *_ in blocks)
        if character == "{":
            kind = kind_of_block(head) if outside else "inner"
            blocks.append((kind, i, head, i if begin is None else begin))
            if outside:
                head, begin = "", None
        elif character == "}":
            if not blocks:
                return functions, line_of(i)
            kind, _, old_head, old_begin = blocks.pop()
            if kind == "function":
                functions.append(
                    (name_of(old_head), line_of(old_begin), line_of(i)))
            elif kind == "initializer":
                head, begin = old_head + "()", old_begin
        elif not outside:
            continue
        elif character == ";" and head.count("(") <= head.count(")"):
            head, begin = "", None
        elif character == ":" and head.strip() in ("public", "protected",
                                                   "private"):
            head, begin = "", None
        elif begin is not None or not character.isspace():
            head += character
            begin = i if begin is None else begin
    return functions, line_of(blocks[-1][1]) if blocks else 0


CHECKS = (check_includes, check_evaluator, check_markers, check_words,
          check_columns, check_function_lengths)


def violations(root, untracked=False):
    """All violations below root as sorted (path, line, what, what to do)."""
    paths, sources = read_sources(pathlib.Path(root), untracked)
    found = list(check_tests_named(paths, sources))
    for path in paths:
        found += [(path, *one) for one in check_name(path)]
    for source in sources:
        for check in CHECKS:
            found += [(source.path, *one) for one in check(source)]
    return sorted(found)


def main():
    parser = argparse.ArgumentParser(
        description="Checks the rules of the house that no compiler knows.")
    parser.add_argument("--untracked", action="store_true",
                        help="also files that are not in git yet")
    parser.add_argument("root", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2],
                        help="the tree to check (default: this one)")
    arguments = parser.parse_args()
    found = violations(arguments.root, arguments.untracked)
    for path, line, what, remedy in found:
        print(f"{path}:{line}: {what}, {remedy}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
