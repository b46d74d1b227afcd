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

import data

TEXT, INT2_ARRAY, INT4_ARRAY, INT8_ARRAY, TEXT_ARRAY, NUMERIC_ARRAY = 4, 8, 9, 10, 11, 12
TYPES = {1: "int2", 2: "int4", 3: "int8", 4: "text", 8: "int2", 9: "int4", 10: "int8", 11: "text", 12: "numeric"}
FORMATS = {1: ">h", 2: ">i", 3: ">q"}


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
    if kind == TEXT:
        return [raw.decode()], False
    dimensions, _, _ = struct.unpack(">iiI", raw[:12])
    values, at = [], 20
    for _ in range(struct.unpack(">i", raw[12:16])[0] if dimensions else 0):
        size, = struct.unpack(">i", raw[at:at + 4])
        at += 4
        one = None if size < 0 else raw[at:at + size]
        at += max(size, 0)
        values.append(one and (one.decode() if kind == TEXT_ARRAY else int.from_bytes(one, "big", signed=True)))
    return values, True


class Script:
    """One create. `base` is the resource; the others differ from it in one thing each."""

    def __init__(self, base, other_patient, other_visit, other_rest):
        self.base, self.others = base, (other_patient, other_visit, other_rest)
        self.k = base["k"]
        self.long = {}  # texts that travel as parameters of pgbench's

    def expression(self, kind, value, others):
        differs = [value not in o for o in others]  # arrays of hashes are sorted: positions tell nothing
        if value is None:
            return "NULL"
        if kind in (1, 2, INT2_ARRAY, INT4_ARRAY) or (kind in (3, INT8_ARRAY) and not any(differs)):
            return str(value)
        if kind == NUMERIC_ARRAY or kind == 6:
            return f"({value} + :v / 10.0)" if any(differs) else value
        if kind in (3, INT8_ARRAY):
            if value == self.k:
                return ":k"
            if abs(value) < 4 * 10**15:
                return f"({value} + :d * 1000000::int8)"
            seed = value % 1000003
            return f"hashint8extended(:{'p' if differs[0] else 'e' if differs[1] else 'k'}, {seed})"
        if len(value) > 200:
            name = f"t{len(self.long)}"
            self.long[name] = value
            return ":" + name
        if len(value) == 36 and any(differs):
            return "(lpad(to_hex(:k::int8), 16, '0') || '-7000-8000-00000000')"
        return "'" + value.replace("'", "''") + "'"

    def text(self):
        # pgbench takes a colon and a letter for a variable, wherever they stand: in array slices, in to_char()
        sql = re.sub(r"(?<!:):(?=[a-z])", ": ", self.base["text"]).replace('HH24:MI:SS.MS', 'HH24":"MI":"SS.MS')
        for number in range(len(self.base["params"]), 0, -1):
            p = self.base["params"][number - 1]
            values, array = decode(p)
            others = [decode(o["params"][number - 1])[0] for o in self.others]
            if any(len(o) != len(values) for o in others):
                raise ValueError("the resources differ in shape")
            kind = p["type"]
            parts = [self.expression(kind, v, others) for v in values]
            if array:
                literal = f"ARRAY[{', '.join(parts)}]::{TYPES[kind]}[]"
            else:
                literal = f"{parts[0]}::{TYPES[kind]}"
            sql = sql.replace(f"${number}", f"({literal})")
        return ("\\set n :n + 1\n\\set k :base + :n * 16384 + :client_id\n\\set p random(0, 999)\n\\set e random(0, 4999)\n"
                f"\\set d random(0, 300000000)\n\\set v random(0, 400)\n{sql};\n")


def prepare(statement, config, folder, observations):
    """Writes read.sql and the creates' scripts. Returns the creates' names and their -D options."""
    files = []
    for measure in data.WRITTEN:
        def variant(subject="Patient/w1", visit="Encounter/w1-0", id="01890000-0000-7000-8000-000000000001", seed=1):
            r = random.Random(seed)
            return data.written(r, id, subject, visit, measure, data.moment(r))
        for o in (variant(), variant(subject="Patient/w2"), variant(visit="Encounter/w2-0"),
                  variant(id="01890000-0000-7000-8000-000000000002", seed=2)):
            o["performer"] = [{"reference": "Practitioner/d1"}]
            files.append(folder / f"statement{len(files)}.json")
            files[-1].write_text(json.dumps(o, ensure_ascii=False))
    printed = subprocess.run([statement, config, *files], check=True, stdout=subprocess.PIPE, text=True).stdout
    read, *creates = [json.loads(line) for line in printed.splitlines()]
    tenant, rtype = (decode(p)[0][0] for p in read["params"][:2])
    text = read["text"].replace("$1", str(tenant)).replace("$2", str(rtype)).replace("$3", "'o' || :i")
    (folder / "read.sql").write_text(f"\\set i random(0, {observations - 1})\n{text};\n")
    scripts, defines = [], {}
    for i in range(0, len(creates), 4):
        script = Script(*creates[i:i + 4])
        path = folder / f"create{i // 4}.sql"
        text = script.text()
        for name, value in script.long.items():
            text = text.replace(":" + name + "]", f":{name}_{i}]")
            defines[f"{name}_{i}"] = value
        path.write_text(text)
        scripts.append(path)
    return folder / "read.sql", scripts, defines, creates[0]["k"]
