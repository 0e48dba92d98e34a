#!/usr/bin/env python3
"""Computes import rejects, receipts and the key figures from raw CSV files.

An independent second computation to compare the programs with: it shares no
code with them. It reads one folder per city, named with the six-digit city
code first, and in it TYPE.csv and TYPE-anything.csv. The first directory is
imported in upsert mode, the second as full dumps in snapshot mode. Nodes are
synthetic.

    oracle.py DAY1_DIR [DAY2_DIR] --clock YYYYMMDD [--clock2 YYYYMMDD]
              [--as-of D] [--on D] [--json FILE]

Decided here, where the description of the export files is silent:
  - the rejected column is null where the whole row is meant (ENCODING,
    COLUMNS, IDENTITY, DUPLICATE);
  - a refused file has read 0 and a member "refused" with code and column; a
    type with a refused file loses no records in snapshot mode;
  - the key of a row counts as readable when the row has the right number of
    fields, no stray quote and key columns without an error of their own;
  - nothing is given for a day before the first commit of all cities, and a
    null K1.4 only for cells that have a K1.1 now or then;
  - a header that cannot be decoded or split is refused as ENCODING or COLUMNS,
    with several faults the order is missing, unknown, double;
  - blanks are space, tab and U+3000; an unclosed quote runs to the end of the
    file;
  - an AAC002 that begins with neither digit nor letter is ID_CHAR; orders
    996-999 of 15-digit numbers are births of the 1800s;
  - a letter in the division of a credit code is USCC_CHAR; the rule for the
    division of identity numbers holds there too, without the synthetic codes;
  - the digits of a count are counted as written, amounts fit 64 bits in fen;
  - a node of 360000 takes retired county codes too, but no city's own code.
"""
import argparse
import collections
import csv
import datetime
import json
import operator
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DATA = os.path.join(ROOT, "common", "records", "data")
PROTO = os.path.join(ROOT, "proto", "tongchou", "v1", "records.proto")

# In the order in which the types of one directory are imported.
TYPES = ("unit person enrolment contribution benefit filing unemployment "
         "hardship family family_member rural_worker loan repayment vacancy "
         "seeker referral").split()
CODES = ("ENCODING COLUMNS MISSING TOO_LONG FORMAT CODE ID_LEN ID_CHAR ID_DATE "
         "ID_FUTURE ID_TOO_OLD ID_DIVISION ID_SEQ ID_CHECK USCC_LEN USCC_CHAR "
         "USCC_DIVISION USCC_ORG USCC_CHECK DIVISION ORDER AMOUNT IDENTITY "
         "DUPLICATE").split()
RANK = {code: rank for rank, code in enumerate(CODES)}
NO_BASE = {"170", "390", "391"}
PROVINCE = "360000"
BLANKS = " \t\u3000"
WIDE = {ord(wide): narrow
        for first, size in (("０", 10), ("Ａ", 26), ("ａ", 26))
        for wide, narrow in ((chr(ord(first) + i), chr(ord(first) + i - 0xFEE0))
                             for i in range(size))}
REPAIRED = {"ID_NUMBER", "CREDIT_CODE", "DIVISION", "CODE", "DATE", "MONTH",
            "COUNT", "MONEY", "RATE"}
MONEY_MAX = 2 ** 63 - 1
EMPTY_CELL = (None, (), None)


# --- Data tables and record types --------------------------------------------

def read_table(name):
    """The rows of a small data file as dictionaries (no quoted newlines)."""
    with open(os.path.join(DATA, name), encoding="utf-8-sig", newline="") as f:
        return list(csv.DictReader(f))


class Divisions:
    """Current and retired divisions of the province."""

    def __init__(self):
        current = read_table("divisions.csv")
        self.parent = {r["code"]: r["parent"] for r in current}
        self.counties = {r["code"] for r in current if r["level"] == "county"}
        self.cities = {r["code"] for r in current if r["level"] == "prefecture"}
        self.successor = {}
        self.known = set(self.parent)
        for row in read_table("divisions_history.csv"):
            self.known.add(row["code"])
            retired = row["code"] not in self.parent
            if retired and row["successor_2023"] in self.counties:
                self.successor[row["code"]] = row["successor_2023"]

    def accepted(self, city):
        """Codes that a node of this city takes, each with its county."""
        result = {city: city}
        for code in self.counties:
            if city in (PROVINCE, self.parent[code]):
                result[code] = code
        for code, county in self.successor.items():
            if city in (PROVINCE, self.parent[county]):
                result[code] = county
        return result

    def lawful(self, code):
        """Whether an identity number or credit code may carry the division."""
        if code.startswith("36"):
            return code in self.known
        return not code.startswith("00")


class Column:
    """One column of a record type with its rules."""

    def __init__(self, text, lists):
        def value(name):
            found = re.search(r"\b%s: *\"?([^\s\"]+)" % name, text)
            return found.group(1) if found else None
        self.code = value("code")
        self.format = value("format").removeprefix("FIELD_FORMAT_")
        self.key = value("key") == "true"
        self.mandatory = value("mandatory") == "true"
        self.required = self.mandatory or (
            self.key and value("key_may_be_empty") != "true")
        self.length = int(value("length_max") or 0)
        self.negative = value("may_be_negative") == "true"
        self.not_before = value("not_before")
        closed = value("code_list_closed") == "true"
        self.values = lists[value("code_list")] if closed else None
        self.rules = (self.format, self.required, self.length, self.negative,
                      closed and value("code_list"))


class RecordType:
    """Columns of a record type in the order of the table."""

    def __init__(self, name, body, lists):
        self.name = name
        self.columns = [Column(text, lists) for text in
                        re.findall(r"\[\(field\) = \{(.*?)\}\]", body, re.S)]
        self.index = {c.code: i for i, c in enumerate(self.columns)}
        self.keys = [i for i, c in enumerate(self.columns) if c.key]
        self.orders = [(i, self.index[c.not_before])
                       for i, c in enumerate(self.columns) if c.not_before]
        self.division = self.index.get("AAB301")


def read_types():
    """All importable record types by name."""
    lists = {}
    for row in read_table("code_lists.csv"):
        lists.setdefault(row["list"], set()).add(row["code"])
    with open(PROTO, encoding="utf-8") as f:
        text = f.read()
    result = {}
    for body in re.split(r"\nmessage ", text)[1:]:
        name = re.search(r"option \(record\) = \{\s*name: \"(\w+)\"", body)
        if name and name.group(1) in TYPES:
            result[name.group(1)] = RecordType(name.group(1), body, lists)
    missing = [name for name in TYPES if name not in result]
    if missing:
        sys.exit("no such record type: " + ", ".join(missing))
    return result


# --- Single values -----------------------------------------------------------

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECKS = "10X98765432"
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
ORG_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
DOCUMENT = re.compile(r"[A-Za-z0-9]+")


def is_date(text):
    """Whether YYYYMMDD names a day that exists."""
    if not re.fullmatch(r"[0-9]{8}", text):
        return False
    try:
        datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def id_check(first17):
    """Check character of a citizen identity number."""
    return ID_CHECKS[sum(w * int(c) for w, c in zip(ID_WEIGHTS, first17)) % 11]


def widen_id(text):
    """The 18-digit form of a 15-digit number; orders 996-999 are the 1800s."""
    century = "18" if text[12:] >= "996" else "19"
    first17 = text[:6] + century + text[6:]
    return first17 + id_check(first17)


def id_error(text, clock, divisions):
    """What is wrong with an 18-character number in the national form."""
    if not re.fullmatch(r"[0-9]{17}[0-9X]", text):
        return "ID_CHAR"
    birth, division = text[6:14], text[:6]
    if not is_date(birth):
        return "ID_DATE"
    if birth > clock:
        return "ID_FUTURE"
    if birth < "18500101":
        return "ID_TOO_OLD"
    synthetic = "369901" <= division <= "369999"
    if not synthetic and not divisions.lawful(division):
        return "ID_DIVISION"
    if text[14:17] == "000":
        return "ID_SEQ"
    return None if text[17] == id_check(text[:17]) else "ID_CHECK"


def read_id(text, clock, divisions):
    """Value, further repairs and error of a repaired AAC002."""
    if not re.match(r"[0-9]", text):
        if not re.match(r"[A-Za-z]", text):
            return text, (), "ID_CHAR"
        if len(text) < 4:
            return text, (), "ID_LEN"
        return text, (), None if DOCUMENT.fullmatch(text) else "ID_CHAR"
    if len(text) not in (15, 18):
        return text, (), "ID_LEN"
    repairs = ()
    if len(text) == 15:
        if not re.fullmatch(r"[0-9]{15}", text):
            return text, (), "ID_CHAR"
        text, repairs = widen_id(text), ("id15",)
    return text, repairs, id_error(text, clock, divisions)


def uscc_error(text, divisions):
    """What is wrong with a unified social credit code."""
    if len(text) != 18:
        return "USCC_LEN"
    if any(c not in USCC_ALPHABET for c in text) or not text[2:8].isdigit():
        return "USCC_CHAR"
    if not divisions.lawful(text[2:8]):
        return "USCC_DIVISION"
    total = sum(w * ORG_ALPHABET.index(c)
                for w, c in zip(ORG_WEIGHTS, text[8:16]))
    if text[16] != "0123456789X0"[11 - total % 11]:
        return "USCC_ORG"
    total = sum(pow(3, i, 31) * USCC_ALPHABET.index(c)
                for i, c in enumerate(text[:17]))
    check = USCC_ALPHABET[(31 - total % 31) % 31]
    return None if text[17] == check else "USCC_CHECK"


def read_number(text, column):
    """The scaled whole number of an amount, rate or count; None if bad."""
    places = {"MONEY": 2, "RATE": 4, "COUNT": 0}[column.format]
    match = NUMBER.fullmatch(text)
    if not match or len(match[3] or "") > places:
        return None
    value = int(match[2] + (match[3] or "").ljust(places, "0"))
    value = -value if match[1] else value
    if value < 0 and not column.negative or abs(value) > MONEY_MAX:
        return None
    if column.format == "RATE" and value > 10000:
        return None
    if column.format == "COUNT" and len(match[2]) > column.length:
        return None
    return value


class Cells(dict):
    """Read values of one kind of column by their text in the file.

    A cell is the value kept, the kinds of repair and the first error.
    """

    def __init__(self, column, node):
        super().__init__()
        self.column = column
        self.node = node

    def __missing__(self, text):
        cell = self[text] = self.read(text)
        return cell

    def repair(self, text):
        kinds = []
        trimmed = text.strip(BLANKS)
        if trimmed != text:
            kinds.append("trim")
        if self.column.format not in REPAIRED:
            return trimmed, kinds
        narrow = trimmed.translate(WIDE)
        if narrow != trimmed:
            kinds.append("fullwidth")
        upper = narrow.replace("x", "X")
        if upper != narrow:
            kinds.append("lower_x")
        return upper, kinds

    def read(self, raw):
        column = self.column
        text, kinds = self.repair(raw)
        if not text:
            error = "MISSING" if column.required else None
            return None, tuple(kinds), error
        if column.format == "ID_NUMBER":
            if len(text) > column.length:
                return text, (), "TOO_LONG"
            value, more, error = read_id(text, self.node.clock,
                                         self.node.divisions)
            return value, tuple(kinds) + more, error
        value, error = self.value(text)
        return value, tuple(kinds), error

    def value(self, text):
        """Value and error of a repaired text that is not empty."""
        column = self.column
        kind = column.format
        if kind in ("MONEY", "RATE", "COUNT"):
            number = read_number(text, column)
            return number, None if number is not None else "FORMAT"
        if kind == "DATE":
            return (int(text), None) if is_date(text) else (None, "FORMAT")
        if kind == "MONTH":
            good = len(text) == 6 and is_date(text + "01")
            return (int(text), None) if good else (None, "FORMAT")
        if kind == "CREDIT_CODE":
            return text, uscc_error(text, self.node.divisions)
        if kind == "DIVISION":
            return text, None if text in self.node.accepted else "DIVISION"
        if column.values is not None:
            return text, None if text in column.values else "CODE"
        return text, "TOO_LONG" if len(text) > column.length else None


# --- Files -------------------------------------------------------------------

def split_quoted(lines, at):
    """Fields of a record with quotes that starts at lines[at].

    Returns the fields, the index after its last line and whether a quote is
    stray or unclosed.
    """
    fields, broken, line, pos = [], False, lines[at], 0
    while True:
        parts = []
        if line.startswith(b'"', pos):
            pos += 1
            while True:
                end = line.find(b'"', pos)
                if end < 0:
                    parts += [line[pos:], b"\n"]
                    at += 1
                    if at == len(lines):
                        return fields + [b"".join(parts)], at, True
                    line, pos = lines[at], 0
                elif line.startswith(b'"', end + 1):
                    parts.append(line[pos:end + 1])
                    pos = end + 2
                else:
                    parts.append(line[pos:end])
                    pos = end + 1
                    break
            quoted = True
        else:
            quoted = False
        comma = line.find(b",", pos)
        tail = (line[pos:].removesuffix(b"\r") if comma < 0
                else line[pos:comma])
        broken = broken or (bool(tail) if quoted else b'"' in tail)
        fields.append(b"".join(parts) + tail)
        if comma < 0:
            return fields, at + 1, broken
        pos = comma + 1


def decode_fields(fields, encoding):
    """Texts of the fields; None for a field with bad bytes."""
    result = []
    for field in fields:
        try:
            result.append(field.decode(encoding))
        except UnicodeDecodeError:
            result.append(None)
    return result


def read_records(data):
    """Yields (line, fields, error) of every record, the header included.

    With the error ENCODING the fields with bad bytes are None.
    """
    encoding = "gb18030"
    if data.startswith(b"\xef\xbb\xbf"):
        data, encoding = data[3:], "utf-8"
    lines = data.split(b"\n")
    at, count = 0, len(lines)
    while at < count:
        line = lines[at]
        start = at + 1
        if b'"' in line:
            raw, at, broken = split_quoted(lines, at)
        else:
            at += 1
            line = line.removesuffix(b"\r")
            if not line:
                continue
            try:
                yield start, line.decode(encoding).split(","), None
                continue
            except UnicodeDecodeError:
                raw, broken = line.split(b","), False
        fields = decode_fields(raw, encoding)
        if None in fields:
            yield start, None if broken else fields, "ENCODING"
        else:
            yield start, fields, "COLUMNS" if broken else None


# --- Import ------------------------------------------------------------------

class Node:
    """What one city stores: rows by type and key."""

    def __init__(self, city, divisions):
        self.city = city
        self.divisions = divisions
        self.accepted = divisions.accepted(city)
        self.tables = {name: {} for name in TYPES}
        self.clock = None
        self.first_commit = None


def header_error(record_type, names):
    """Why a file is refused by its header: code and column, or None."""
    for column in record_type.columns:
        if (column.key or column.mandatory) and column.code not in names:
            return "MISSING_COLUMN", column.code
    for name in names:
        if name not in record_type.index:
            return "UNKNOWN_COLUMN", name
    for name in names:
        if names.count(name) > 1:
            return "DOUBLE_COLUMN", name
    return None


def amount_error(row):
    """The first column of a contribution that breaks the rules of amounts."""
    own, unit = row["AAE080"] or 0, row["AAE082"] or 0
    if own + unit > 0 and row["AAE140"] not in NO_BASE:
        if (row["AAE180"] or 0) <= 0:
            return "AAE180"
    for paid, due, column in ((own, row["AAE020"] or 0, "AAE080"),
                              (unit, row["AAE022"] or 0, "AAE082")):
        if due >= 0 and paid > due:
            return column
    return None


class TypeImport:
    """The files of one type in one import command."""

    def __init__(self, node, record_type, caches, rejects):
        self.node = node
        self.type = record_type
        self.rejects = rejects
        self.before = node.tables[record_type.name]
        self.after = dict(self.before)
        self.seen = {}
        self.kept = set()
        self.scope = set()
        self.refused = False
        self.columns = []
        for column in record_type.columns:
            if column.rules not in caches:
                caches[column.rules] = Cells(column, node)
            self.columns.append(caches[column.rules])

    def key(self, values):
        return tuple([values[i] for i in self.type.keys])

    def relation_error(self, values):
        """First error between the columns of a row, or with the stored one."""
        for later, earlier in self.type.orders:
            end, begin = values[later], values[earlier]
            if end is not None and begin is not None and end < begin:
                return "ORDER", self.type.columns[later].code
        if self.type.name == "contribution":
            column = amount_error({code: values[i]
                                   for code, i in self.type.index.items()})
            if column:
                return "AMOUNT", column
        if self.type.name == "person":
            stored = self.before.get(self.key(values))
            name, birth = self.type.index["AAC003"], self.type.index["AAC006"]
            if stored and (stored[name] != values[name]
                           and stored[birth] != values[birth]):
                return "IDENTITY", None
        return None

    def accept(self, values, receipt):
        """Stores a good row; false when it is a duplicate of other content."""
        key = self.key(values)
        if key in self.seen:
            if self.seen[key] != values:
                return False
            receipt["unchanged"] += 1
            return True
        stored = self.before.get(key)
        if stored is None:
            receipt["inserted"] += 1
        else:
            receipt["unchanged" if stored == values else "updated"] += 1
        self.seen[key] = self.after[key] = values
        if self.type.division is not None:
            self.scope.add(self.node.accepted[values[self.type.division]])
        return True

    def take(self, fields, picks, receipt):
        """Imports one row of the right width; its error or None."""
        values, repairs, errors = zip(*[cells[fields[place]]
                                        for cells, place in picks])
        if any(errors):
            _, i = min((RANK[e], i) for i, e in enumerate(errors) if e)
            if not any(errors[k] for k in self.type.keys):
                self.kept.add(self.key(values))
            return errors[i], self.type.columns[i].code
        error = self.relation_error(values)
        if not error and not self.accept(values, receipt):
            error = "DUPLICATE", None
        if error:
            self.kept.add(self.key(values))
            return error
        if any(repairs):
            for kinds in repairs:
                for kind in kinds:
                    count(receipt["repaired"], kind)
        return None

    def keep_key(self, fields, picks):
        """Remembers the key of a row with bad bytes, where it can be read."""
        cells = []
        for k in self.type.keys:
            cache, place = picks[k]
            if fields[place] is None:
                return
            cells.append(cache[fields[place]])
        if not any(cell[2] for cell in cells):
            self.kept.add(tuple([cell[0] for cell in cells]))

    def read_file(self, path, receipt):
        """Imports one file and fills its receipt."""
        with open(path, "rb") as f:
            records = read_records(f.read())
        _, names, error = next(records, (0, None, "EMPTY"))
        if not error:
            names = [name.strip(BLANKS) for name in names]
        refusal = (error, None) if error else header_error(self.type, names)
        if refusal:
            self.refused = True
            receipt["refused"] = {"code": refusal[0], "column": refusal[1]}
            return
        width = len(names)
        # An absent optional column reads the empty text put after the fields.
        picks = [(cells, names.index(c.code) if c.code in names else width)
                 for cells, c in zip(self.columns, self.type.columns)]
        for line, fields, error in records:
            receipt["read"] += 1
            found = (error, None)
            full = fields is not None and len(fields) == width
            if full:
                fields.append("")
            if error == "ENCODING" and full:
                self.keep_key(fields, picks)
            elif not error and full:
                found = self.take(fields, picks, receipt)
            elif not error:
                found = ("COLUMNS", None)
            if found:
                self.reject(receipt, line, *found)

    def reject(self, receipt, line, code, column):
        count(receipt["rejected"], code)
        self.rejects.append({
            "day": receipt["day"], "city": receipt["city"],
            "file": receipt["file"], "line": line, "code": code,
            "column": column})

    def delete_absent(self):
        """Ends a full dump; the number of records deleted."""
        if self.refused:
            return 0
        division = self.type.division
        gone = [key for key, row in self.before.items()
                if key not in self.seen and key not in self.kept
                and (division is None
                     or self.node.accepted[row[division]] in self.scope)]
        for key in gone:
            del self.after[key]
        return len(gone)


def count(counts, name):
    counts[name] = counts.get(name, 0) + 1


def files_of(folder):
    """File names by type, in the order of import."""
    result = {}
    names = sorted(os.listdir(folder), key=os.fsencode)
    for record_type in TYPES:
        pattern = re.compile(record_type + r"(-.+)?\.csv", re.S)
        own = [name for name in names if pattern.fullmatch(name)]
        if own:
            result[record_type] = own
    return result


def import_folder(node, folder, types, day, report):
    """One import command: all files of one city's folder."""
    caches = {}
    for name, file_names in files_of(folder).items():
        node.first_commit = node.first_commit or node.clock
        work = TypeImport(node, types[name], caches, report["rejects"])
        for file_name in file_names:
            receipt = {"day": day, "city": node.city, "file": file_name,
                       "read": 0, "inserted": 0, "updated": 0, "unchanged": 0,
                       "deleted": 0, "rejected": {}, "repaired": {}}
            work.read_file(os.path.join(folder, file_name), receipt)
            report["files"].append(receipt)
        if day == 2:
            receipt["deleted"] = work.delete_absent()
        node.tables[name] = work.after


def import_day(nodes, directory, clock, divisions, types, day, report):
    """Imports every city's folder of one directory."""
    for name in sorted(os.listdir(directory)):
        city, folder = name[:6], os.path.join(directory, name)
        known = city in divisions.cities or city == PROVINCE
        if not known or not os.path.isdir(folder):
            continue
        node = nodes.setdefault(city, Node(city, divisions))
        node.clock = clock
        import_folder(node, folder, types, day, report)


# --- Levels and periods ------------------------------------------------------
#
# A base holds sets or sums by (city, county, insurance, period). A figure
# holds numbers by (city, county, insurance, period, line); a city has no
# county, the province has neither, and its line of persons counted once over
# all cities is marked "once".

def people():
    return collections.defaultdict(set)


def sums():
    return collections.defaultdict(int)


def distinct(base, once=True):
    """Sizes of the sets at every level."""
    cities, province, figure = people(), people(), sums()
    for (city, county, insurance, period), members in base.items():
        figure[city, county, insurance, period, None] = len(members)
        cities[city, insurance, period] |= members
        province[insurance, period] |= members
    for (city, insurance, period), members in cities.items():
        figure[city, None, insurance, period, None] = len(members)
        figure[None, None, insurance, period, None] += len(members)
    if once:
        for (insurance, period), members in province.items():
            figure[None, None, insurance, period, "once"] = len(members)
    return figure


def total(base):
    """Sums at every level."""
    figure = sums()
    for (city, county, insurance, period), value in base.items():
        figure[city, county, insurance, period, None] += value
        figure[city, None, insurance, period, None] += value
        figure[None, None, insurance, period, None] += value
    return figure


def with_years(base, empty):
    """The base by month together with its years."""
    result = empty()
    for (city, county, insurance, month), value in base.items():
        for period in (month, month // 100):
            if isinstance(value, set):
                result[city, county, insurance, period] |= value
            else:
                result[city, county, insurance, period] += value
    return result


def add_year_sums(figure):
    """The figure by month together with its years as sums of the months."""
    result = sums()
    for (city, county, insurance, month, line), value in figure.items():
        result[city, county, insurance, month, line] += value
        result[city, county, insurance, month // 100, line] += value
    return result


def difference(first, second):
    return {cell: first.get(cell, 0) - second.get(cell, 0)
            for cell in {**first, **second}}


# --- Figures -----------------------------------------------------------------

class Stand:
    """The records of all cities as they stood at the end of a day."""

    def __init__(self, types, nodes, tables):
        self.types = types
        self.nodes = nodes
        self.tables = tables

    def rows(self, city, name, *codes):
        """The named columns of all records of a type in a city."""
        get = operator.itemgetter(*[self.types[name].index[c] for c in codes])
        return map(get, self.tables[city][name].values())

    def all_rows(self, name, *codes):
        """The same over all cities: (city, county) before the columns."""
        for city in self.tables:
            accepted = self.nodes[city].accepted
            for division, *values in self.rows(city, name, "AAB301", *codes):
                yield city, accepted[division], *values


def insured(stand, day):
    """Bases of K1.1, K1.2 and K1.3."""
    all_people, working, flexible = people(), people(), people()
    for city, county, person, kind, state, month, work, flag in stand.all_rows(
            "enrolment", "AAC002", "AAE140", "AAC008", "AAC049", "AAC084",
            "AAC028"):
        if state not in ("1", "2") or month is None:
            continue
        cell = city, county, kind, day
        all_people[cell].add(person)
        if work in (None, "0", "2"):
            working[cell].add(person)
        if flag == "1":
            flexible[cell].add(person)
    return all_people, working, flexible


def net_increase(now, then, nodes, cities, baseline):
    """K1.4: the cells of K1.1 now less those of the baseline day."""
    late = {city for city in cities
            if not nodes[city].first_commit
            or nodes[city].first_commit > baseline}
    return {cell: None if cell[0] in late or cell[0] is None and late else value
            for cell, value in difference(now, then).items()}


def insurance_stocks(stand, then, as_of, baseline):
    """K1.1 to K1.4 and K4."""
    day = int(as_of)
    bases = insured(stand, day)
    figures = {name: distinct(base)
               for name, base in zip(("K1.1", "K1.2", "K1.3"), bases)}
    figures["K1.4"] = net_increase(figures["K1.1"],
                                   distinct(insured(then, day)[0]),
                                   stand.nodes, stand.tables, baseline)
    for name, kind in (("K4", "391"), ("K4.390", "390")):
        figures[name] = {
            (city, county, None, period, line): value
            for (city, county, insurance, period, line), value
            in figures["K1.1"].items() if insurance == kind}
    return figures


def insurance_flows(stand):
    """K1.5 to K1.7."""
    payers, collected, first = people(), sums(), people()
    for city, county, person, kind, own, unit, date in stand.all_rows(
            "contribution", "AAC002", "AAE140", "AAE080", "AAE082", "AAE079"):
        if date is None:
            continue
        paid = (own or 0) + (unit or 0)
        if paid > 0:
            payers[city, county, kind, date // 100].add(person)
        collected[city, county, kind, date // 100] += paid
        collected[city, county, None, date // 100] += paid
    for city, county, person, kind, state, month in stand.all_rows(
            "enrolment", "AAC002", "AAE140", "AAC008", "AAC049"):
        if state in ("1", "2") and month is not None:
            first[city, county, kind, month].add(person)
    return {"K1.5": distinct(with_years(payers, people)),
            "K1.6": total(with_years(collected, sums)),
            "K1.7": distinct(with_years(first, people))}


def rural(stand):
    """K2 to K2.2."""
    moved, near, far = people(), people(), people()
    for city, county, person, date, where in stand.all_rows(
            "rural_worker", "AAC002", "AAE030", "BCCB22"):
        cell = city, county, None, date // 10000
        moved[cell].add(person)
        (near if where in ("1", "2", "3") else far)[cell].add(person)
    return {"K2": distinct(moved), "K2.1": distinct(near),
            "K2.2": distinct(far)}


def attrition(stand):
    """Base of K3.attrition: who left work, in the county of the last filing."""
    base = people()
    for city in stand.tables:
        accepted = stand.nodes[city].accepted
        filings = collections.defaultdict(list)
        for person, date, number, division in stand.rows(
                city, "filing", "AAC002", "ACC031", "ACC030", "AAB301"):
            filings[person].append((date, number, accepted[division]))
        for person, retired, died in stand.rows(
                city, "person", "AAC002", "AIC162", "AAE138"):
            for month in {d // 100 for d in (retired, died) if d is not None}:
                past = [f for f in filings.get(person, ())
                        if f[0] // 100 <= month]
                if past:
                    base[city, max(past)[2], None, month].add(person)
    return base


def employment(stand):
    """K3.*."""
    gross, found, helped = people(), people(), people()
    for city, county, person, date in stand.all_rows(
            "filing", "AAC002", "ACC031"):
        gross[city, county, None, date // 100].add(person)
    for base, name in ((found, "unemployment"), (helped, "hardship")):
        for city, county, person, date, outcome in stand.all_rows(
                name, "AAC002", "AAE031", "AAE160"):
            if outcome == "1" and date is not None:
                base[city, county, None, date // 100].add(person)
    figures = {name: add_year_sums(distinct(base)) for name, base in (
        ("K3.gross", gross), ("K3.attrition", attrition(stand)),
        ("K3.1", found), ("K3.2", helped))}
    figures["K3.net"] = difference(figures["K3.gross"],
                                   figures["K3.attrition"])
    return figures


def difficult_units(stand, on):
    """Units in recognised difficulty on the day: county by (city, unit).

    Also the base of K5.heads.
    """
    units, heads = {}, sums()
    for city, county, unit, mark, begin, end, employees in stand.all_rows(
            "unit", "AAB001", "AAB065", "AAE030", "AAE031", "AAB083"):
        started = begin is None or begin <= on
        if mark == "1" and started and (end is None or end >= on):
            units[city, unit] = county
            heads[city, county, None, on] += employees or 0
    return units, heads


def difficulty(stand, on):
    """K5.*."""
    units, heads = difficult_units(stand, on)
    persons, working = people(), people()
    for city, _, person, unit, state, work in stand.all_rows(
            "enrolment", "AAC002", "AAB001", "AAC008", "AAC084"):
        county = units.get((city, unit))
        if county is None or state not in ("1", "2"):
            continue
        persons[city, county, None, on].add(person)
        if work in (None, "0", "2"):
            working[city, county, None, on].add(person)
    figures = {"K5": distinct(persons), "K5.1": distinct(working),
               "K5.heads": total(heads)}
    figures["K5.uninsured"] = difference(figures["K5.heads"],
                                         distinct(working, once=False))
    return figures


def loans(stand, as_of):
    """K6.*."""
    rows, amount, jobs, persons = sums(), sums(), sums(), people()
    balance, county_of = sums(), {}
    for city, county, number, person, lent, date, created in stand.all_rows(
            "loan", "ACC140", "AAC002", "ACC141", "BCC13X", "BCC3Y6"):
        cell = city, county, None, date // 100
        rows[cell] += 1
        amount[cell] += lent
        jobs[cell] += created or 0
        persons[cell].add(person)
        county_of[city, number] = county
        balance[city, county, None, int(as_of)] += lent
    for city in stand.tables:
        for number, paid in stand.rows(city, "repayment", "ACC140", "BCC144"):
            county = county_of.get((city, number))
            if county is not None:
                balance[city, county, None, int(as_of)] -= paid
    return {"K6.count": total(with_years(rows, sums)),
            "K6.amount": total(with_years(amount, sums)),
            "K6.jobs": total(with_years(jobs, sums)),
            "K6.persons": distinct(with_years(persons, people)),
            "K6.balance": total(balance)}


def families(stand, on):
    """K7.*."""
    members, placed = collections.defaultdict(set), set()
    for city in stand.tables:
        for family, person, how in stand.rows(
                city, "family_member", "BCCS01", "AAC002", "BCCS23"):
            members[city, family].add(person)
            if how is not None:
                placed.add((city, family))
    stock, persons, agreed, helped = sums(), people(), sums(), sums()
    for city, county, family, date, review, end in stand.all_rows(
            "family", "BCCS01", "BCCS10", "BCCS06", "AAE031"):
        if review != "1":
            continue
        agreed[city, county, None, date // 10000] += 1
        if (city, family) in placed:
            helped[city, county, None, date // 10000] += 1
        elif end is None or end > on:
            stock[city, county, None, on] += 1
            persons[city, county, None, on] |= members.get((city, family),
                                                           set())
    return {"K7.families": total(stock), "K7.members": distinct(persons),
            "K7.agreed": total(agreed), "K7.placed": total(helped)}


def all_figures(stand, then, as_of, on, baseline):
    """Every figure as a list of objects, zeros left out."""
    figures = {**insurance_stocks(stand, then, as_of, baseline),
               **insurance_flows(stand), **rural(stand), **employment(stand),
               **difficulty(stand, int(on)), **loans(stand, as_of),
               **families(stand, int(on))}
    result = []
    for name, cells in sorted(figures.items()):
        for cell in sorted(cells, key=lambda c: tuple(x or "" for x in c[:3])
                           + (c[3], c[4] or "")):
            city, county, insurance, period, line = cell
            if cells[cell] == 0:
                continue
            entry = {"id": name, "city": city, "county": county,
                     "insurance": insurance, "period": str(period),
                     "value": cells[cell]}
            if line:
                entry["line"] = line
            result.append(entry)
    return result


# --- Command line ------------------------------------------------------------

def day_argument(text):
    text = text.replace("-", "")
    if not is_date(text):
        raise argparse.ArgumentTypeError("not a day: " + text)
    return text


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Computes import rejects and key figures from raw files.")
    parser.add_argument("day1", metavar="DAY1_DIR")
    parser.add_argument("day2", metavar="DAY2_DIR", nargs="?")
    parser.add_argument("--clock", type=day_argument, required=True,
                        help="business day of the first import")
    parser.add_argument("--clock2", type=day_argument,
                        help="business day of the second import")
    parser.add_argument("--as-of", type=day_argument,
                        help="what was recorded by then (default: last clock)")
    parser.add_argument("--on", type=day_argument,
                        help="day of validity (default: the as-of day)")
    parser.add_argument("--json", help="output file (default: standard output)")
    arguments = parser.parse_args()
    if bool(arguments.day2) != bool(arguments.clock2):
        parser.error("DAY2_DIR and --clock2 belong together")
    if arguments.clock2 and arguments.clock2 < arguments.clock:
        parser.error("--clock2 is before --clock")
    arguments.as_of = (arguments.as_of or arguments.clock2
                       or arguments.clock)
    arguments.on = arguments.on or arguments.as_of
    return arguments


def tables_on(history, day):
    """The tables of the cities that had committed by the end of a day."""
    result = {}
    for clock, tables in history:
        if clock <= day:
            result = tables
    return result


def main():
    arguments = parse_arguments()
    types, divisions = read_types(), Divisions()
    report = {"rejects": [], "files": [], "indicators": []}
    nodes, history = {}, []
    for day, directory, clock in ((1, arguments.day1, arguments.clock),
                                  (2, arguments.day2, arguments.clock2)):
        if directory:
            import_day(nodes, directory, clock, divisions, types, day, report)
            history.append((clock, {
                city: dict(node.tables) for city, node in sorted(nodes.items())
                if node.first_commit}))
    baseline = "%04d1231" % (int(arguments.as_of[:4]) - 1)
    stand, then = (Stand(types, nodes, tables_on(history, day))
                   for day in (arguments.as_of, baseline))
    report["indicators"] = all_figures(stand, then, arguments.as_of,
                                       arguments.on, baseline)
    text = json.dumps(report, ensure_ascii=False, indent=1)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as f:
            f.write(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
