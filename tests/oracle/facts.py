"""What R4 says of types and search parameters, and the values that a parameter's path leads to in a resource.

Paths are walked over plain JSON, a step at a time: names, `as`, the few forms of where() that R4's parameters use.
The tables are those of conf/definitions (facts of the specification); no code is shared with the server.
"""

import decimal
import json
import pathlib
import re

DEFINITIONS = pathlib.Path(__file__).resolve().parents[2] / "conf/definitions"


class Postal(str):
    """A postal code: its separators do not matter."""


def parse(text):
    """JSON with numbers as they were written."""
    return json.loads(text, parse_float=decimal.Decimal, parse_int=decimal.Decimal)


def write(node):
    """JSON with each number as it was read."""
    if isinstance(node, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{write(v)}" for k, v in node.items()) + "}"
    if isinstance(node, list):
        return "[" + ",".join(map(write, node)) + "]"
    return str(node) if isinstance(node, decimal.Decimal) else json.dumps(node)


def lines(name):
    for line in (DEFINITIONS / name).read_text().splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


class Parameter:
    def __init__(self, base, code, kind, url, path, targets):
        self.base, self.code, self.kind, self.url, self.targets = base, code, kind, url, targets.split()
        self.branches = [steps(b) for b in split(path, "|")] if path != "-" else []
        self.components = []  # of a composite: (canonical of the parameter, branches)

    def __repr__(self):
        return f"{self.base}.{self.code}"


def split(text, separator):
    """At a separator outside of parentheses and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        quoted ^= c == "'"
        depth += 0 if quoted else (c in "([") - (c in ")]")
        if c == separator and not depth and not quoted:
            parts.append(text[start:i].strip())
            start = i + 1
    return parts + [text[start:].strip()]


def steps(path):
    """A path without unions as a list of steps: ("name", x), ("as", type), ("where", text), …"""
    if m := re.fullmatch(r"([\w.]+)\.exists\(\) and \1 != false", path):
        return steps(m[1]) + [("true unless false", None)]
    out = []
    for part in split(path, "."):
        if m := re.fullmatch(r"\((.*)\)", part):
            out += steps(m[1])
        elif m := re.fullmatch(r"([\w%]+) as (\w+)", part):
            out += [("name", m[1]), ("as", m[2])]
        elif m := re.fullmatch(r"(as|ofType|where|extension)\((.*)\)", part):
            out.append(("as" if m[1] == "ofType" else m[1], m[2]))
        elif m := re.fullmatch(r"(\w+)\[(\d+)\]", part):
            out += [("name", m[1]), ("index", int(m[2]))]
        else:
            out.append(("name", part))
    return out


class Facts:
    def __init__(self):
        self.types, self.parameters, self.compartments, self.valuesets = {}, {}, {}, {}
        for f in lines("types.txt"):
            if f[0] == "type":
                self.types[f[1]] = current = {"base": f[3], "kind": f[2], "elements": {}, "abstract": f[4] == "a"}
            elif f[0] == "e":
                current["elements"][f[1]] = (
                    f[2],
                    [t.split("(")[0] for t in f[4].split(" ")],
                    f[6] if len(f) > 6 else None,
                )
        for f in lines("search.txt"):
            if f[0] == "param":
                parameter = Parameter(*f[1:6], f[6] if len(f) > 6 else "")
                self.parameters.setdefault(f[1], {})[f[2]] = parameter
            else:
                parameter.components.append((f[1], [steps(b) for b in split(f[2], "|")]))
        for f in lines("compartments.txt"):
            if f[0] == "compartment":
                members = self.compartments.setdefault(f[1], {})
            else:
                members[f[1]] = f[2].split()
        self.read_valuesets()
        self.by_url = {p.url: p for ps in self.parameters.values() for p in ps.values()}

    def read_valuesets(self):
        """url → system → codes, of those that are nothing but whole code systems and codes of them"""
        systems, sets = {}, {}
        for kind, url, _, _, text in lines("terminology.txt"):
            (systems if kind == "CodeSystem" else sets).setdefault(url, json.loads(text))

        def codes(concepts):
            return {c for concept in concepts for c in ({concept["code"]} | codes(concept.get("concept", [])))}

        for url, valueset in sets.items():
            compose = valueset.get("compose", {})
            parts = compose.get("include", [])
            whole = "exclude" not in compose and not any("filter" in p or "valueSet" in p for p in parts)
            if not parts or not whole or any("concept" not in p and p["system"] not in systems for p in parts):
                continue
            found = self.valuesets[url] = {}
            for p in parts:
                concepts = p.get("concept") or systems[p["system"]].get("concept", [])
                found.setdefault(p["system"], set()).update(codes(concepts))

    def resources(self):
        return [t for t, d in self.types.items() if d["kind"] == "resource" and not d["abstract"]]

    def of(self, kind):
        """The search parameters of a resource type by code."""
        found = dict(self.parameters["Resource"])
        if self.types[kind]["base"] == "DomainResource":
            found.update(self.parameters["DomainResource"])
        found.update(self.parameters.get(kind, {}))
        return found

    def element(self, kind, path):
        """(cardinality, types, value set) of an element below a type, or None."""
        while kind in self.types:
            if path in self.types[kind]["elements"]:
                return self.types[kind]["elements"][path]
            kind = self.types[kind]["base"]
        return None

    # ---- walking: an item is (type, path within the type, value, value set)

    def child(self, item, name, only=None):
        kind, path, node, _ = item
        if not isinstance(node, dict):
            return
        below = f"{path}.{name}" if path else name
        plain, choice = self.element(kind, below), self.element(kind, below + "[x]")
        if plain:
            found = [(plain[1][0], node.get(name), plain[2])]
        elif choice:
            keys = [(t, name + t[0].upper() + t[1:]) for t in choice[1]]
            if choice[1] == ["*"]:
                keys = [(t, name + t[0].upper() + t[1:]) for t in self.types]
            found = [(t, node[k], choice[2]) for t, k in keys if k in node]
        else:
            return
        for t, value, valueset in found:
            for v in value if isinstance(value, list) else [value]:
                if v is None:
                    continue
                if name == "postalCode":
                    v = Postal(v)
                if t == "Resource" and isinstance(v, dict):
                    yield v["resourceType"], "", v, None
                elif t.startswith("#"):
                    yield t[1:].split(".")[0], t.split(".", 1)[1], v, None
                elif t in ("BackboneElement", "Element") and self.has_children(kind, below):
                    yield kind, below, v, None
                else:
                    yield t, "", v, valueset

    def has_children(self, kind, path):
        return any(p.startswith(path + ".") for p in self.types[kind]["elements"])

    def is_a(self, kind, wanted):
        while kind in self.types:
            if kind.lower() == wanted.lower():
                return True
            kind = self.types[kind]["base"]
        return False

    def where(self, item, condition, resource):
        node = item[2]
        if m := re.fullmatch(r"resolve\(\) is (\w+)", condition):
            return self.refers_to(node, resource) == m[1]
        if m := re.fullmatch(r"(\w+)='([^']*)'", condition):
            return node.get(m[1]) == m[2]
        if m := re.fullmatch(r"extension\('([^']*)'\)\.exists\(\)", condition):
            return any(e.get("url") == m[1] for e in node.get("extension", []))
        raise ValueError(condition)

    def refers_to(self, node, resource):
        """The type that a Reference names, by its text."""
        text = node.get("reference", "") if isinstance(node, dict) else node
        if text.startswith("#"):
            container = getattr(resource, "container", resource)
            if text == "#":
                return container["resourceType"]
            return next((c["resourceType"] for c in container.get("contained", []) if c.get("id") == text[1:]), None)
        m = re.search(r"(?:^|/)([A-Z]\w+)/[A-Za-z0-9.-]{1,64}(?:/_history/[^/]+)?$", text)
        return m[1] if m and m[1] in self.types else None

    def walk(self, branch, start, resource):
        items = [start]
        for how, what in branch:
            if how == "name" and what == "%resource":
                items = [(resource["resourceType"], "", resource, None)]
            elif how == "name" and (what in self.types and what[0].isupper()):
                items = [i for i in items if what in (i[0], "Resource", "DomainResource")]
            elif how == "name":
                items = [c for i in items for c in self.child(i, what)]
            elif how == "as":
                items = [
                    i
                    for i in items
                    if i[0].lower() == what.lower() or (self.is_a(i[0], what) and i[0][0].isupper() and i[0] != what)
                ]
            elif how == "where":
                items = [i for i in items if self.where(i, what, resource)]
            elif how == "extension":
                items = [
                    ("Extension", "", e, None)
                    for i in items
                    for e in i[2].get("extension", [])
                    if f"'{e.get('url')}'" == what
                ]
            elif how == "index":
                items = items[what : what + 1]
            else:
                items = [("boolean", "", any(i[2] is not False for i in items), None)]
        return items

    def items(self, parameter, resource):
        """What the parameter's path leads to. An Extension stands for its value."""
        start = (resource["resourceType"], "", resource, None)
        found = []
        for branch in parameter.branches:
            found += self.walk(branch, start, resource)
        return [self.without_extension(i) for i in found]

    def component_items(self, branches, item, resource):
        return [self.without_extension(i) for b in branches for i in self.walk(b, item, resource)]

    def without_extension(self, item):
        if item[0] != "Extension":
            return item
        return next(iter(self.child(item, "value")), item)
