"""The server's own statements as scripts for pgbench.

Parameters become literals, where they are the same in every resource, and expressions over pgbench's variables where
they are not: a patient's hash follows from a random patient, a surrogate key grows as the server's does. So the indexes
are filled in the same places, and by as many rows.
"""
import json
import random
import re
import struct
import subprocess

import chart
import data

STEP = 16384  # from one surrogate key of the server's to its next: servers number theirs in between
BOOL, NUMERIC = 0, 6
TEXT, BYTEA, INT2_ARRAY, INT4_ARRAY, INT8_ARRAY, TEXT_ARRAY, NUMERIC_ARRAY, BYTEA_ARRAY = 4, 5, 8, 9, 10, 11, 12, 13
TYPES = {0: "bool", 1: "int2", 2: "int4", 3: "int8", 4: "text", 5: "bytea", 6: "numeric", 8: "int2", 9: "int4", 10: "int8", 11: "text", 12: "numeric", 13: "bytea"}
FORMATS = {0: ">?", 1: ">h", 2: ">i", 3: ">q"}


def decode(p):
    """A parameter as a list of values (None, int or str), and whether it is an array."""
    if p["data"] is None:
        return [None], False
    raw = bytes.fromhex(p["data"])
    kind = p["type"]
    if not p["binary"]:
        text = raw.decode()
        return ([None if v == "NULL" else v.strip('"') for v in text[1:-1].split(",")], True) if kind == NUMERIC_ARRAY \
            else ([text], False)
    if kind in FORMATS:
        return [struct.unpack(FORMATS[kind], raw)[0]], False
    if kind in (TEXT, BYTEA):  # there is only text in them here
        return [raw.decode()], False
    dimensions, _, _ = struct.unpack(">iiI", raw[:12])
    values, at = [], 20
    for _ in range(struct.unpack(">i", raw[12:16])[0] if dimensions else 0):
        size, = struct.unpack(">i", raw[at:at + 4])
        at += 4
        one = None if size < 0 else raw[at:at + size]
        at += max(size, 0)
        values.append(None if one is None else one.decode() if kind in (TEXT_ARRAY, BYTEA_ARRAY) else
                      int.from_bytes(one, "big", signed=True))
    return values, True


class Statement:
    """One of the server's, for a resource of which other versions are known: each differs from it in one respect, and
    stands beside the pgbench expression of what makes it differ."""

    def __init__(self, base, others, k, long):
        self.base, self.others, self.k = base, others, k
        self.long = long  # texts that travel as parameters of pgbench's: name → value

    def expression(self, kind, value, others):
        # arrays of hashes are sorted: positions tell nothing
        differs = [by for (by, _), o in zip(self.others, others) if value not in o]
        if value is None:
            return "NULL"
        if kind == BOOL:
            return str(bool(value)).lower()
        if kind in (1, 2, INT2_ARRAY, INT4_ARRAY) or (kind in (3, INT8_ARRAY) and not differs):
            return f"({value})"
        if kind in (NUMERIC, NUMERIC_ARRAY):
            return f"({value} + :v / 10.0)" if differs else value
        if kind in (3, INT8_ARRAY):
            if value == self.base["k"]:
                return self.k
            if abs(value) < 4 * 10**15:
                return f"({value} + :d * 1000000::int8)"
            return f"hashint8extended({differs[0]}, {value % 1000003})"
        if len(value) > 200:
            name = f"t{len(self.long)}_"
            self.long[name] = value
            return ":" + name
        if len(value) == 36 and differs:
            return f"(lpad(to_hex({self.k}::int8), 16, '0') || '-7000-8000-00000000')"
        return "'" + value.replace("'", "''") + "'"

    def text(self):
        # pgbench takes a colon and a letter for a variable, wherever they stand: in array slices, in to_char()
        sql = re.sub(r"(?<!:):(?=[a-z])", ": ", self.base["text"]).replace('HH24:MI:SS.MS', 'HH24":"MI":"SS.MS')
        for number in range(len(self.base["params"]), 0, -1):
            p = self.base["params"][number - 1]
            values, array = decode(p)
            others = [decode(o["params"][number - 1])[0] for _, o in self.others]
            if any(len(o) != len(values) for o in others):
                raise ValueError("the resources differ in shape")
            kind = p["type"]
            parts = [self.expression(kind, v, others) for v in values]
            literal = f"ARRAY[{', '.join(parts)}]::{TYPES[kind]}[]" if array else f"{parts[0]}::{TYPES[kind]}"
            sql = sql.replace(f"${number}", f"({literal})")
        return sql + ";\n"


SET = "\\set p random(0, 999)\n\\set e random(0, 4999)\n\\set d random(0, 300000000)\n\\set v random(0, 400)\n"
ID = "01890000-0000-7000-8000-%012d"


class Yardstick:
    """Scripts for pgbench, and the long texts (-D options) that they name."""

    def __init__(self, program, config, folder):
        self.program, self.config, self.folder = program, config, folder
        self.defines = {}
        self.k = 0  # from here on surrogate keys are free

    def statements(self, resources):
        """Of each resource a dict: operation → the server's statement."""
        files = []
        for r in resources:
            files.append(self.folder / f"statement{len(files)}.json")
            files[-1].write_text(json.dumps(r, ensure_ascii=False))
        printed = subprocess.run([self.program, self.config, *files], check=True, stdout=subprocess.PIPE, text=True).stdout
        lines = [json.loads(line) for line in printed.splitlines()]
        self.k = max(self.k, *(line["k"] for line in lines))
        return [{line["op"]: line for line in lines[i:i + 4]} for i in range(0, len(lines), 4)]

    def script(self, name, text):
        path = self.folder / f"{name}.sql"
        path.write_text(text)
        return path

    def read(self, observations):
        statement = self.statements([data.written(random.Random(1), "o1")])[0]["read"]
        tenant, rtype = (decode(p)[0][0] for p in statement["params"][:2])
        text = statement["text"].replace("$1", str(tenant)).replace("$2", str(rtype)).replace("$3", "'o' || :i")
        return [self.script("read", f"\\set i random(0, {observations - 1})\n{text};\n")]

    def create(self):
        """One Observation a transaction, of four kinds."""
        scripts = []
        for measure in data.WRITTEN:
            def variant(subject="Patient/w1", visit="Encounter/w1-0", id=ID % 1, seed=1):
                r = random.Random(seed)
                return {**data.written(r, id, subject, visit, measure, data.moment(r)),
                        "performer": [{"reference": "Practitioner/d1"}]}
            base, patient, visit, rest = (s["create"] for s in self.statements(
                [variant(), variant(subject="Patient/w2"), variant(visit="Encounter/w2-0"), variant(id=ID % 2, seed=2)]))
            text = Statement(base, [(":p", patient), (":e", visit), (":k", rest)], ":k", self.defines).text()
            scripts.append(self.script(f"create{len(scripts)}", f"\\set n :n + 1\n\\set k :base + :n * {STEP} + :client_id\n"
                                                                f"{SET}{text}"))
        return scripts

    def crud(self):
        """The 36 statements of an iteration, a transaction each."""
        ids = [{type: ID % (n * 100 + i) for i, type in enumerate(chart.ORDER)} for n in (1, 2)]
        made = [chart.nine(seed, ids[seed]) for seed in (0, 1)]
        changed = [{type: {**r, **chart.CHANGED[type]} for type, r in nine.items()} for nine in made]
        before, after = ([self.statements(nine.values()) for nine in version] for version in (made, changed))
        text = f"\\set n :n + 1\n\\set k :base + :n * {STEP} + :client_id\n{SET}"
        for op, version, order in (("create", before, 1), ("read", before, 1), ("update", after, 1), ("delete", after, -1)):
            for i in list(range(len(chart.ORDER)))[::order]:
                base, other = (nine[i][op] for nine in version)
                k = f"(:k::int8 + {i * STEP // 16})"
                text += Statement(base, [(k, other)], k, self.defines).text()
        return [self.script("crud", text)]
