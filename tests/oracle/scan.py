"""A search by looking at every resource: slow, and plain enough to be seen to be right.

A Scan holds the resources as they were sent, with the id and lastUpdated that the server gave them. Its questions are
the same texts that are sent to the server; it reads them anew by the words of search.html.
"""

import itertools
import json
import re

import values
from facts import Postal
from special import Special
from values import asked, date_range, fold, instants, number_matches, range_matches, unit

UCUM = "http://unitsofmeasure.org"
INFINITY = float("inf")
ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
NAME_PARTS = {
    "HumanName": ("family", "given", "prefix", "suffix", "text"),
    "CodeableConcept": ("text",),
    "ContactPoint": ("value",),
    "Annotation": ("text",),
    "Address": ("line", "city", "district", "state", "postalCode", "country", "text"),
}
SPECIAL_VALUES = "http://terminology.hl7.org/CodeSystem/special-values"


def cut(text, separator):
    """At separators without a backslash before them; the backslashes stay."""
    parts = [""]
    for piece in re.findall(r"\\.|[^\\]|\\$", text, re.S):
        if piece == separator:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def plain(text):
    return re.sub(r"\\([\\,|$])", r"\1", text)


def prefixed(text):
    return (text[:2], text[2:]) if text[:2] in values.PREFIXES else ("eq", text)


def phone(text):
    bare = re.sub(r"[ ().-]", "", text)
    return bare if re.fullmatch(r"[0-9+]*", bare) else text


class Scan(Special):
    def __init__(self, facts, base, resources, gone=()):
        """gone: (type, id) of what was here and is deleted"""
        self.facts, self.base, self.gone = facts, base, gone
        self.resources = {(r["resourceType"], r["id"]): r for r in resources}
        self.by_type = {}
        for kind, id in self.resources:
            self.by_type.setdefault(kind, []).append(id)
        self.cache, self.referring = {}, {}
        self.parameters = {kind: facts.of(kind) for kind in facts.resources()}
        self.now = None  # µs; for ap
        self.hold()
        self.code_tables()

    # ---- what a parameter says of a resource

    def values(self, parameter, resource):
        key = parameter, id(resource)  # contained ones share their ids
        if key not in self.cache:
            self.cache[key] = [
                v
                for item in self.facts.items(parameter, resource)
                for v in self.of_item(parameter.kind, item, resource)
            ]
        return self.cache[key]

    def of_item(self, kind, item, resource):
        return getattr(self, "of_" + kind)(item, resource)

    def of_token(self, item, _):
        """(system, code, texts, types of an identifier, value set, how to compare)"""
        kind, _, node, valueset = item
        if kind == "CodeableConcept":
            texts = [node["text"]] if "text" in node else []
            codings = node.get("coding", [])
            return [
                (c.get("system"), c.get("code"), [c[t] for t in ("display",) if t in c], [], None, "code")
                for c in codings
            ] + ([(None, None, texts, [], None, "code")] if texts else [])
        if kind == "Coding":
            return [
                (node.get("system"), node.get("code"), [node["display"]] if "display" in node else [], [], None, "code")
            ]
        if kind == "Identifier":
            type_ = node.get("type", {})
            types = [(c.get("system"), c.get("code")) for c in type_.get("coding", [])]
            return [
                (
                    node.get("system"),
                    node.get("value"),
                    [type_["text"]] if "text" in type_ else [],
                    types,
                    None,
                    "exact",
                )
            ]
        if kind == "ContactPoint":
            return [(None, node.get("value"), [], [], None, "contact")] if "value" in node else []
        if isinstance(node, bool):
            return [(None, "true" if node else "false", [], [], "boolean", "code")]
        if isinstance(node, str):
            return [(None, node, [], [], valueset if kind == "code" else None, "code" if kind == "code" else "exact")]
        return []

    def of_string(self, item, _):
        kind, _, node, _ = item
        if isinstance(node, str):
            return [node]
        found = [Postal(node[p]) if p == "postalCode" else node[p] for p in NAME_PARTS.get(kind, ()) if p in node]
        return [t for f in found for t in (f if isinstance(f, list) else [f]) if t]

    def of_date(self, item, _):
        found = date_range(item[0], item[2])
        return [found] if found else []

    def of_uri(self, item, _):
        return [item[2]] if isinstance(item[2], str) else []

    def of_number(self, item, _):
        if item[0] == "Range":
            low, high = (item[2].get(e, {}).get("value") for e in ("low", "high"))
            return [(values.F(low) if low is not None else None, values.F(high) if high is not None else None)]
        return [(values.F(item[2]), values.F(item[2]))] if not isinstance(item[2], (str, dict, bool)) else []

    def of_quantity(self, item, _):
        """(lower end, upper end) of (number, system, code, unit) each, None where it is open"""
        kind, _, node, _ = item
        if kind == "Range":
            ends = [node.get(e, {}) for e in ("low", "high")]
        elif kind == "Money":
            ends = [{"value": node.get("value"), "system": "urn:iso:std:iso:4217", "code": node.get("currency")}] * 2
        elif kind == "SampledData":
            ends = self.samples(node)
        elif isinstance(node, dict):
            ends = [node, node]
            if node.get("comparator", "")[:1] == "<":
                ends[0] = {}
            if node.get("comparator", "")[:1] == ">":
                ends[1] = {}
        else:
            return []
        lo, hi = [
            (
                (values.F(e["value"]), e.get("system"), e.get("code"), e.get("unit"))
                if e.get("value") is not None
                else None
            )
            for e in ends
        ]
        return [(lo, hi)] if lo or hi else []

    def samples(self, node):
        """From the least to the greatest point; L and U lie beneath and beyond what is measured."""
        points = node.get("data", "").split()
        numbers = [
            values.F(node["origin"].get("value", 0)) + values.F(p) * values.F(node.get("factor", 1))
            for p in points
            if p not in ("E", "L", "U")
        ]
        numbers = numbers or [
            values.F(node[limit])
            for limit, said in (("lowerLimit", "L"), ("upperLimit", "U"))
            if said in points and limit in node
        ]
        return [
            {**node["origin"], "value": end(numbers)} if numbers and said not in points else {}
            for end, said in ((min, "L"), (max, "U"))
        ]

    def of_reference(self, item, resource):
        """(what it refers to: (type, id) here, or a URL, or None; identifier)"""
        kind, _, node, _ = item
        if isinstance(node, str):
            text, identifier = node, None
        elif "resourceType" in node:
            return []
        else:
            text, identifier = node.get("reference", ""), node.get("identifier")
        if text.startswith("#"):
            return [(self.fragment(text, resource), identifier, kind == "canonical" and text)]
        return [(self.target(text), identifier, kind == "canonical" and text)]

    def target(self, text):
        if text.startswith(self.base + "/"):
            text = text[len(self.base) + 1 :]
        m = re.fullmatch(r"(?:(.*)/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]+)?", text)
        if m and m[2] in self.facts.types:
            return f"{m[1]}/{m[2]}/{m[3]}" if m[1] else (m[2], m[3])
        return text if re.match(r"[a-z][a-z0-9+.-]*:", text) else None

    # ---- one alternative of a value against a resource

    def token(self, v, text, modifier):
        system, code, texts, types, valueset, how = v
        if modifier == "text":
            want = fold(plain(text))
            return bool(want) and any(fold(t).startswith(want) for t in texts)
        parts = [plain(p) for p in cut(text, "|")]
        if modifier in ("in", "above", "below"):
            return self.coded(v, text, modifier)
        if modifier == "of-type":
            return tuple(parts[:2]) in types and code == parts[2] and how == "exact"
        want = parts[-1]
        if code is not None and how == "code":
            same = code.lower() == want.lower()
        elif code is not None and how == "contact":
            same = phone(code).lower() == phone(want).lower()
        else:
            same = code == want
        if len(parts) == 1:
            return same
        if valueset and parts[0]:
            known = (
                parts[0] == SPECIAL_VALUES
                if valueset == "boolean"
                else want in self.facts.valuesets.get(valueset.split("|")[0], {}).get(parts[0], ())
            )
            return same and known
        if not parts[0]:
            return same and system is None
        return system == parts[0] and (same or not parts[1])

    def string(self, v, text, modifier):
        text = plain(text)
        if modifier == "exact":
            return v == text
        have, wanted = fold(v)[:400], [w[:400] for w in asked(text, modifier == "contains")]
        if isinstance(v, Postal):
            have = have.replace(" ", "")
            wanted.append(wanted[0].replace(" ", ""))
        return bool(wanted[0]) and any(w in have if modifier == "contains" else have.startswith(w) for w in wanted)

    def date(self, v, text, _):
        prefix, text = prefixed(plain(text))
        lo, hi = instants(text)
        if prefix == "ap":
            gap = abs(self.now - lo) // 10
            lo, hi = lo - gap, hi + gap
        return range_matches(prefix, v, (lo, hi))

    def number(self, v, text, _):
        return number_matches(prefixed(plain(text))[0], v, prefixed(plain(text))[1])

    def quantity(self, v, text, _):
        parts = [plain(p) for p in cut(text, "|")]
        prefix, number = prefixed(parts[0])
        ends = [e for e in v if e]
        factor, offset = 1, 0
        if len(parts) == 1:
            pass
        elif not parts[1]:
            if not all(parts[2] in e[2:] for e in ends):
                return False
        else:
            want = unit(parts[2]) if parts[1] == UCUM else None
            have = [unit(e[2]) if e[1] == UCUM and e[2] else None for e in ends]
            if want and all(have):
                if any(h[2] != want[2] for h in have):
                    return False
                offset, factor = want[:2]
                v = [(self.base_unit(e), *e[1:]) if e else None for e in v]
            elif any((e[1], e[2]) != (parts[1], parts[2]) for e in ends):
                return False
        return number_matches(prefix, [e and e[0] for e in v], number, factor, offset)

    def base_unit(self, end):
        """The number in UCUM's base units, as it is when there are none."""
        offset, factor, _ = (unit(end[2]) if end[1] == UCUM and end[2] else None) or (0, 1, 0)
        return (end[0] + offset) * factor

    def uri(self, v, text, modifier):
        text = plain(text)
        if modifier == "below":
            text = text.rstrip("/")
            return v.split("|")[0] == text or v.startswith(text + "/")
        if modifier == "above":
            v = v.split("|")[0]
            return text == v or text.startswith(v if v.endswith("/") else v + "/")
        return text in (v, v.split("|")[0])

    def reference(self, v, text, modifier):
        target, identifier, canonical = v
        if modifier == "identifier":
            if not identifier:
                return False
            return self.token((identifier.get("system"), identifier.get("value"), [], [], None, "exact"), text, None)
        text = plain(text)
        if modifier in ("above", "below"):
            kind, id = text.split("/")
            return target in self.tree(kind, id, modifier)
        if ID.fullmatch(text):
            return isinstance(target, tuple) and target[1] == text and modifier in (None, target[0])
        want = self.target(text)
        if canonical and want not in (target,):
            return text in (canonical, canonical.split("|")[0])
        return want is not None and target == want and (not modifier or target[0] == modifier)

    def composite(self, parameter, resource, text):
        wanted = cut(text, "$")
        for item in self.facts.items(parameter, resource):
            if all(self.component(c, item, resource, w) for c, w in zip(parameter.components, wanted)):
                return True
        return False

    def component(self, component, item, resource, text):
        kind = self.facts.by_url[component[0]].kind
        return any(getattr(self, kind)(v, text, None) for v in self.component_values(component, item, resource))

    def component_values(self, component, item, resource):
        if component[0].endswith("/Observation-value-string"):  # the parameter has CodeableConcept.text, too
            return self.values(self.facts.by_url[component[0]], resource)
        kind = self.facts.by_url[component[0]].kind
        return [
            v for i in self.facts.component_items(component[1], item, resource) for v in self.of_item(kind, i, resource)
        ]

    def present(self, parameter, resource):
        """It has the element, with a value: what :missing asks for."""
        items = self.facts.items(parameter, resource)
        if parameter.kind == "composite":
            return any(all(self.component_values(c, i, resource) for c in parameter.components) for i in items)
        return any(set(i[2]) - {"id", "extension"} if isinstance(i[2], dict) else True for i in items)

    # ---- a parameter of a query against a resource

    def holds(self, kind, id, name, text):
        resource = self.at(kind, id)
        special = self.special(kind, id, name, text)
        if special is not None:
            return special
        if name == "_filter":
            return self.filtered(kind, id, text)
        if name.startswith("_has:"):
            source, reference, rest = name[5:].split(":", 2)
            return any(self.holds(source, i, rest, text) for i in self.referrers(source, reference).get((kind, id), ()))
        head, _, chain = name.partition(".")
        code, _, modifier = head.partition(":")
        parameter = self.parameters[kind].get(code)
        if chain:
            return any(
                self.holds(*t, chain, text)
                for t in self.linked(parameter, resource)
                if modifier in ("", t[0]) and self.knows(t[0], chain)
            )
        if modifier == "missing":
            return self.present(parameter, resource) == (text == "false")
        if parameter.kind == "composite":
            return any(self.composite(parameter, resource, alternative) for alternative in cut(text, ","))
        test = getattr(self, parameter.kind)
        found = any(
            test(v, alternative, {"": None, "not": None, "not-in": "in"}.get(modifier, modifier))
            for alternative in cut(text, ",")
            for v in self.values(parameter, resource)
        )
        return found != (modifier in ("not", "not-in"))

    def knows(self, kind, name):
        return name.startswith("_has:") or re.split("[.:]", name)[0] in self.parameters[kind]

    def targets(self, parameter, resource):
        """The resources here that it refers to."""
        return [
            t
            for t, _, _ in self.values(parameter, resource)
            if isinstance(t, tuple) and t in self.resources and (not parameter.targets or t[0] in parameter.targets)
        ]

    def referrers(self, source, code):
        if (source, code) not in self.referring:
            found = self.referring[source, code] = {}
            for id in self.by_type.get(source, ()):
                for t in self.targets(self.parameters[source][code], self.resources[source, id]):
                    found.setdefault(t, {})[id] = True
        return self.referring[source, code]

    # ---- _filter: and, or from left to right; not(…); path operator value

    def filtered(self, kind, id, text):
        words = re.findall(r'"(?:[^"\\]|\\.)*"|[()\[\]]|[^\s()\[\]]+', text)

        def expression(at):
            value, at = term(at)
            while at < len(words) and words[at] in ("and", "or"):
                other, end = term(at + 1)
                value = value and other if words[at] == "and" else value or other
                at = end
            return value, at

        def term(at):
            if words[at] == "not":
                value, at = term(at + 1)
                return not value, at
            if words[at] == "(":
                value, at = expression(at + 1)
                return value, at + 1
            said = json.loads(words[at + 2]) if words[at + 2][0] == '"' else words[at + 2]
            return self.compares(kind, id, words[at], words[at + 1], said), at + 3

        return expression(0)[0]

    def compares(self, kind, id, path, operator, text):
        head, _, chain = path.partition(".")
        parameter, resource = self.parameters[kind][head], self.at(kind, id)
        if chain:
            return any(
                self.compares(*t, chain, operator, text)
                for t in self.linked(parameter, resource)
                if self.knows(t[0], chain)
            )
        if operator == "pr":
            return self.present(parameter, resource) == (text == "true")
        found = self.values(parameter, resource)
        if parameter.kind in ("date", "number", "quantity"):
            if operator in ("po", "co"):
                lo, hi = instants(text)
                return any(
                    (lo < v[1] and hi > v[0]) if operator == "po" else (v[0] <= lo and hi <= v[1]) for v in found
                )
            return any(getattr(self, parameter.kind)(v, operator + text, None) for v in found)
        if parameter.kind == "string":
            want, code = fold(text)[:400], fold(text).replace(" ", "")
            pairs = [
                (fold(v).replace(" ", ""), code) if isinstance(v, Postal) else (fold(v)[:400], want) for v in found
            ]
            test = {
                "eq": lambda h, w: h == w,
                "ne": lambda h, w: h != w,
                "co": lambda h, w: w in h,
                "sw": lambda h, w: h.startswith(w),
                "ew": lambda h, w: h.endswith(w),
            }
            return any(test[operator](*p) for p in pairs)
        same = any(getattr(self, parameter.kind)(v, text, None) for v in found)
        return bool(found) and not same if operator == "ne" else same

    def matches(self, kinds, criteria, compartment=None):
        """(type, id) of what all criteria hold for. kinds empty: all types"""
        return [
            (k, i)
            for k in kinds or sorted(self.by_type)
            for i in self.by_type.get(k, ())
            if (not compartment or self.is_in(compartment, k, i)) and all(self.holds(k, i, n, t) for n, t in criteria)
        ]

    def is_in(self, compartment, kind, id):
        codes = self.facts.compartments[compartment[0]].get(kind, [])
        return (
            any(id in self.referrers(kind, c).get(compartment, ()) for c in codes if c in self.parameters[kind])
            or (kind, id) == compartment
        )

    # ---- order

    def sort_value(self, kind, id, code, descending):
        """None without a value."""
        parameter, resource = self.parameters[kind][code], self.at(kind, id)
        found = self.values(parameter, resource)
        if parameter.kind == "string":
            keys = [fold(v).replace(" ", "") if isinstance(v, Postal) else fold(v)[:400] for v in found]
        elif parameter.kind == "token":
            keys = [
                v[1] if v[5] == "exact" else phone(v[1]).lower() if v[5] == "contact" else v[1].lower()
                for v in found
                if v[1] is not None
            ]
        elif parameter.kind == "date":
            keys = [v[0] for v in found]
        elif parameter.kind == "uri":
            keys = [v.split("|")[0] for v in found]
        elif parameter.kind == "number":
            keys = [
                (v[1] if v[1] is not None else INFINITY) if descending else (v[0] if v[0] is not None else -INFINITY)
                for v in found
            ]
        elif parameter.kind == "quantity":
            keys = [
                (
                    (self.base_unit(v[1]) if v[1] else INFINITY)
                    if descending
                    else (self.base_unit(v[0]) if v[0] else -INFINITY)
                )
                for v in found
            ]
        else:
            keys = [t[1] for t, _, _ in found if t in self.resources or t in self.gone]
        return (max(keys) if descending else min(keys)) if keys else None

    def orders(self, rows, sort):
        """The sort values of the rows in order: missing ones may all come first or all last, so there are several."""
        keys = [(c.lstrip("-"), c.startswith("-")) for c in sort.split(",")]
        values_ = [[self.sort_value(*r, c, d) for c, d in keys] for r in rows]
        holes = [any(v[n] is None for v in values_) for n in range(len(keys))]
        for first in itertools.product(*[(False, True) if h else (False,) for h in holes]):
            ordered = list(values_)
            for n in reversed(range(len(keys))):
                have, none = [v for v in ordered if v[n] is not None], [v for v in ordered if v[n] is None]
                have.sort(key=lambda v: v[n], reverse=keys[n][1])
                ordered = none + have if first[n] else have + none
            yield ordered

    def is_sorted(self, got, expected, sort):
        """got is the beginning of expected in order."""
        keys = [(c.lstrip("-"), c.startswith("-")) for c in sort.split(",")]
        said = [[self.sort_value(*r, c, d) for c, d in keys] for r in got]
        return any(said == o[: len(said)] for o in self.orders(expected, sort))

    # ---- includes

    def include(self, found, text, reverse, from_):
        """The resources that one _include or _revinclude adds for those of from_."""
        source, code, target = (text.split(":") + [""])[:3] if text != "*" else ("*", "*", "")
        added = set()
        if reverse:
            for parameter in self.parameters[source].values():
                if parameter.kind == "reference" and code in ("*", parameter.code):
                    index = self.referrers(source, parameter.code)
                    added |= {(source, i) for t in from_ if target in ("", t[0]) for i in index.get(t, ())}
        else:
            for kind, id in from_:
                if source not in ("*", kind):
                    continue
                for parameter in self.parameters[kind].values():
                    if parameter.kind == "reference" and code in ("*", parameter.code):
                        added |= {t for t in self.targets(parameter, self.resources[kind, id]) if target in ("", t[0])}
        return added - found

    def included(self, matches, includes):
        """includes: (reverse, iterate, text)"""
        found, new = set(matches), set(matches)
        first = True
        while new:
            added = set()
            for reverse, iterate, text in includes:
                if first or iterate:
                    added |= self.include(found, text, reverse, new)
            found |= added
            new, first = added, False
        return found - set(matches)
