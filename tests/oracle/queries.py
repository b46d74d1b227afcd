"""Questions made at random of values that the data have, so that most of them find something."""

import datetime
import decimal
import itertools
import json
import re
import unicodedata

import scan
import values
import words

RELATED = [
    ["g", "kg", "mg", "ug", "[lb_av]"],
    ["m", "cm", "mm", "[in_i]"],
    ["mol/L", "mmol/L", "umol/L"],
    ["g/L", "mg/dL", "g/dL", "mg/mL", "ug/mL"],
    ["mm[Hg]", "kPa", "cm[H2O]"],
    ["s", "min", "h", "d", "wk", "mo", "a"],
    ["Cel", "[degF]", "K"],
    ["L", "mL", "dL"],
    ["10*9/L", "10*3/uL", "/mL"],
    ["%", "1"],
]
WIDE = str.maketrans({c: c + 0xFEE0 for c in range(0x21, 0x7F)})
ZONES = [
    datetime.timezone.utc,
    values.ZONE,
    datetime.timezone(-datetime.timedelta(hours=5)),
    datetime.timezone(datetime.timedelta(hours=5, minutes=45)),
]


def escape(text):
    return re.sub(r"[\\,|$]", r"\\\g<0>", text)


class Query:
    def __init__(self, kinds, criteria):
        self.kinds, self.criteria = kinds, criteria
        self.compartment = None
        self.sort = None
        self.includes = []
        self.result = []  # further parameters
        self.count = None  # page size of a walk
        self.post = False
        self.contained = None  # (_contained, _containedType)


class Generator:
    def __init__(self, scan_, random, kinds=None):
        self.scan, self.random = scan_, random
        self.kinds = sorted(kinds or scan_.by_type)
        self.usable = {kind: self.usable_of(kind) for kind in scan_.by_type}

    def usable_of(self, kind):
        return [
            p
            for p in self.scan.parameters[kind].values()
            if p.branches and p.kind != "special" and not (kind == "Bundle" and p.kind == "reference")
        ]

    def chance(self, p):
        return self.random.random() < p

    def pick(self, items):
        return self.random.choice(sorted(items, key=repr) if isinstance(items, (set, dict)) else items)

    def any_of(self, kind):
        return self.scan.resources[kind, self.pick(self.scan.by_type[kind])]

    # ---- texts of a value, as somebody would ask for it: (modifier, text) or None

    def token(self, v, parameter):
        system, code, texts, types, valueset, how = v
        forms = []
        if code is not None:
            said = self.pick([code, code.upper(), code.lower()]) if how == "code" and self.chance(0.3) else code
            if how == "contact" and self.chance(0.3):
                said = re.sub("[ -]", "", said)
            forms += [escape(said)] * 3
            if system:
                forms += [escape(system) + "|" + escape(said)] * 3 + [escape(system) + "|", "|" + escape(said)]
            else:
                forms += ["|" + escape(said)]
            if valueset and (systems := self.scan.facts.valuesets.get(valueset.split("|")[0])):
                forms.append(self.pick(systems) + "|" + said)
        elif system:
            forms.append(escape(system) + "|")
        choices = [(None, f) for f in forms] * 3 + ([("not", f) for f in forms] if parameter.code != "_id" else [])
        for t in texts:
            words = t.split()
            choices += [
                ("text", escape(t)),
                ("text", escape(" ".join(words[: self.random.randint(1, len(words) or 1)]))),
            ]
        choices += [("in", s) for s in self.sets_of(v)] + [("not-in", s) for s in self.sets_of(v)[:1]]
        if system in self.scan.systems and code in self.scan.systems[system] and how == "code":
            if not re.search(r"[\\,|$]", code):
                choices += [("above", f"{system}|{code}"), ("below", f"{system}|{code}")] * 2
        for s, c in types:
            if s and c and code:
                choices += [("of-type", f"{escape(s)}|{escape(c)}|{escape(code)}")] * 4
        return self.pick(choices) if choices else None

    def sets_of(self, v):
        """Some value sets, those first that have the code."""
        system, code, _, _, valueset, how = v
        if how != "code" or code is None or valueset == "boolean":
            return []
        found = [u for u, codes in self.scan.sets.items() if (system, code) in codes]
        if valueset and valueset.split("|")[0] in self.scan.facts.valuesets:
            found.append(valueset.split("|")[0])
        elif valueset:
            return []
        return found[:2] or sorted(self.scan.sets)[:1]

    def string(self, v, _):
        folded = self.pick(
            [
                v,
                v.upper(),
                v.lower(),
                v.translate(WIDE),
                unicodedata.normalize("NFD", v),
                unicodedata.normalize("NFKC", v),
                values.fold(v),
                self.kana(v),
                re.sub("(?<=[ァ-ヺ])[アイウエオ]", "ー", v),
            ]
        )
        n = self.random.randint(1, len(folded))
        at = self.random.randint(0, max(0, len(v) - 2))
        choice = self.pick(
            [
                (None, folded),
                (None, folded[:n]),
                (None, folded[:3]),
                ("exact", v),
                ("exact", folded),
                ("exact", v[:n]),
                ("contains", v[at : at + self.random.randint(1, 8)]),
                ("contains", folded[-3:]),
            ]
        )
        return choice[0], escape(choice[1])

    def kana(self, text):
        return "".join(
            chr(ord(c) + 0x60) if "ぁ" <= c <= "ゖ" else chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in text
        )

    def date(self, v, parameter):
        ends = [e for e in (v[0], v[1] - 1) if abs(e) < values.OPEN // 2]
        if not ends:
            return None
        moment = values.EPOCH + datetime.timedelta(microseconds=self.pick(ends))
        try:
            moment += self.pick(
                [datetime.timedelta()] * 5
                + [datetime.timedelta(days=1), -datetime.timedelta(seconds=1), datetime.timedelta(days=-400)]
            )
            moment = moment.astimezone(self.pick(ZONES))
        except OverflowError:
            return None
        form = self.pick(
            [
                "%Y",
                "%Y-%m",
                "%Y-%m-%d",
                "%Y-%m-%d",
                "%Y-%m-%dT%H:%M",
                "%Y-%m-%dT%H:%M:%S",
                "%Y-%m-%dT%H:%M:%S.%f",
                "%Y-%m-%dT%H:%M:%S",
            ]
        )
        text = moment.strftime(form).rjust(len(moment.strftime(form)), "0")
        text = f"{moment.year:04d}" + text[text.index("-") :] if "-" in text else f"{moment.year:04d}"
        if "%f" in form:
            text = text[:-3]
        if "T" in form and self.chance(0.8):
            offset = moment.strftime("%z")
            text += "Z" if offset == "+0000" and self.chance(0.5) else f"{offset[:3]}:{offset[3:]}"
        prefix = self.pick(["", *values.PREFIXES])
        if prefix == "ap" and parameter.code == "_lastUpdated":  # a tenth of next to nothing
            prefix = "ge"
        return None, prefix + text

    def digits(self, number):
        d = decimal.Decimal(number.numerator) / decimal.Decimal(number.denominator)
        places = self.pick([0, 1, 2, 3])
        forms = [
            f"{d:f}",
            f"{d:f}",
            f"{d:.{places}f}",
            f"{d:.{places}f}",
            f"{d + self.pick([1, -1]) * decimal.Decimal(10) ** -places:.{places}f}",
        ]
        if d and abs(d) < 10**9:
            forms.append(f"{d:.{self.pick([0, 1, 2])}e}".replace("e+", "e"))
        return self.pick(forms)

    def number(self, v, _):
        ends = [e for e in v if e is not None]
        if not ends:
            return None
        return None, self.pick(["", "", ""] + list(values.PREFIXES)) + self.digits(self.pick(ends))

    def quantity(self, v, _):
        value, system, code, unit = self.pick([e for e in v if e])
        units = (
            [""]
            + ([f"|{escape(system)}|{escape(code)}"] * 3 if system and code else [])
            + ([f"||{escape(u)}" for u in (code, unit) if u])
        )
        said = self.pick(units)
        if system == scan.UCUM and code and self.chance(0.3):
            other = [c for group in RELATED if code in group for c in group]
            if other:
                offset, factor, _ = values.unit(code)
                other = self.pick(other)
                o, f, _ = values.unit(other)
                value = (value + offset) * factor / f - o
                value = values.F(f"{float(value):.{self.random.randint(2, 8)}g}")
                said = f"|{scan.UCUM}|{other}"
        return None, self.pick(["", "", ""] + list(values.PREFIXES)) + self.digits(value) + said

    def uri(self, v, _):
        bare = v.split("|")[0]
        choices = [(None, v), (None, bare)]
        if not v.startswith("urn:"):
            cuts = [i for i, c in enumerate(bare) if c == "/" and i > 8]
            choices += [
                ("below", bare[: self.pick(cuts)] if cuts else bare),
                ("below", bare),
                ("above", bare + "/more/of"),
                ("above", bare),
            ]
        modifier, text = self.pick(choices)
        return modifier, escape(text)

    def reference(self, v, parameter):
        target, identifier, canonical = v
        choices = []
        if isinstance(target, tuple):
            kind, id = target
            if "#" in id:
                return None
            choices += [
                (None, id),
                (None, f"{kind}/{id}"),
                (None, f"{self.scan.base}/{kind}/{id}"),
                (None, f"{kind}/{id}/_history/1"),
            ]
            if not parameter.targets or kind in parameter.targets:
                choices += [(kind, id)] * 2
            if kind in ("Location", "Organization") and kind in parameter.targets:
                choices += [("below", f"{kind}/{id}"), ("above", f"{kind}/{id}")]
        elif canonical:
            choices += [(None, escape(canonical)), (None, escape(canonical.split("|")[0]))]
        elif target:
            choices += [(None, escape(target))]
        if identifier:
            made = self.token((identifier.get("system"), identifier.get("value"), [], [], None, "exact"), parameter)
            if made and made[0] is None:
                choices += [("identifier", made[1])] * 3
        return self.pick(choices) if choices else None

    def composite(self, parameter, resource):
        items = self.scan.facts.items(parameter, resource)
        if not items:
            return None
        item, parts = self.pick(items), []
        for component in parameter.components:
            found = self.scan.component_values(component, item, resource)
            part = self.scan.facts.by_url[component[0]]
            made = [getattr(self, part.kind)(v, part) for v in found]
            made = [m[1] for m in made if m and m[0] is None]
            if not made:
                return None
            parts.append(self.pick(made))
        return None, "$".join(parts)

    # ---- criteria

    def alternative(self, parameter, resource):
        if parameter.kind == "composite":
            return self.composite(parameter, resource)
        found = self.scan.values(parameter, resource)
        return getattr(self, parameter.kind)(self.pick(found), parameter) if found else None

    def single(self, kind, resource, usable=None):
        """(name, text) that a resource of the type probably answers to"""
        for _ in range(20):
            parameter = self.pick(usable or self.usable[kind])
            if self.chance(0.03):
                return parameter.code + ":missing", self.pick(["true", "false"])
            made = self.alternative(parameter, resource)
            if not made or made[1] == "":
                continue
            modifier, texts = made[0], [made[1]]
            for _ in range(self.pick([0, 0, 0, 1, 2])):
                other = self.alternative(parameter, self.any_of(kind))
                if other and other[0] == modifier and other[1]:
                    texts.append(other[1])
            return parameter.code + (":" + modifier if modifier else ""), ",".join(texts)
        return "_id", resource["id"]

    def criterion(self, kind, resource, depth=0):
        if depth < 3 and self.chance(0.18):
            made = self.chain(kind, resource, depth)
            if made:
                return made
        if depth < 3 and self.chance(0.1):
            made = self.has(kind, resource, depth)
            if made:
                return made
        return self.single(kind, resource)

    def chain(self, kind, resource, depth):
        links = [(p, t) for p in self.usable[kind] if p.kind == "reference" for t in self.scan.targets(p, resource)]
        if not links:
            return None
        parameter, target = self.pick(links)
        name, text = self.criterion(target[0], self.scan.resources[target], depth + 1)
        others = {t for t in (parameter.targets or self.scan.parameters) if self.scan.knows(t, name)}
        typed = others != {target[0]} and (name.startswith("_has") or not name.startswith("_") or self.chance(0.5))
        return f"{parameter.code}{':' + target[0] if typed or self.chance(.2) else ''}.{name}", text

    def has(self, kind, resource, depth):
        links = []
        for source in self.kinds:
            for parameter in self.usable[source]:
                if parameter.kind == "reference" and (not parameter.targets or kind in parameter.targets):
                    for id in itertools.islice(
                        self.scan.referrers(source, parameter.code).get((kind, resource["id"]), ()), 3
                    ):
                        links.append((parameter.code, source, id))
        if not links:
            return None
        code, source, id = self.pick(links)
        name, text = self.criterion(source, self.scan.resources[source, id], depth + 1)
        return f"_has:{source}:{code}:{name}", text

    OPERATORS = {
        "date": ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "po", "co"),
        "number": ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"),
        "string": ("eq", "ne", "co", "sw", "ew"),
        "token": ("eq", "ne"),
        "reference": ("re",),
        "uri": ("eq", "ne"),
    }
    OPERATORS["quantity"] = OPERATORS["number"]

    def comparison(self, kind, resource):
        """path operator value, for _filter"""
        for _ in range(40):
            parameter = self.pick(self.usable[kind])
            targets = (
                self.scan.targets(parameter, resource)
                if parameter.kind == "reference" and len(parameter.targets) == 1
                else []
            )
            if targets and self.chance(0.5):
                inner = self.comparison(targets[0][0], self.scan.resources[targets[0]])
                return inner and f"{parameter.code}.{inner}"
            if parameter.kind not in self.OPERATORS or parameter.code in ("_lastUpdated", "_text", "_content"):
                continue
            if self.chance(0.05):
                return f"{parameter.code} pr {self.pick(['true', 'false'])}"
            found = self.scan.values(parameter, resource)
            operator = self.pick(self.OPERATORS[parameter.kind])
            if not found:
                continue
            if parameter.kind == "string":
                v = self.pick(found)
                text = {"sw": v[:3], "ew": v[-2:], "co": v[1:4]}.get(operator, v)
                if not values.fold(text) or re.search(
                    "[ァ-ヺー]", values.fold(text)
                ):  # long vowels: the plain parameter asks for them
                    continue
            else:
                made = getattr(self, parameter.kind)(self.pick(found), parameter)
                if not made or made[0] or "\\" in made[1]:
                    continue
                text = made[1]
                if parameter.kind in ("date", "number", "quantity"):
                    text = scan.prefixed(text)[1]
            word = parameter.kind != "string" and not re.search(r'[\s()\[\]",]', text)
            return f"{parameter.code} {operator} {text if word and self.chance(.7) else json.dumps(text, ensure_ascii=False)}"
        return None

    def filter(self, kind, resource):
        terms = [t for t in (self.comparison(kind, resource) for _ in range(self.pick([1, 1, 2, 2, 3]))) if t]
        if not terms:
            return "_id", resource["id"]
        terms = [f"not ({t})" if self.chance(0.15) else f"({t})" if self.chance(0.1) else t for t in terms]
        text = terms[0]
        for t in terms[1:]:
            text = f"{text} {self.pick(['and', 'or'])} {t}"
            if self.chance(0.1):
                text = f"({text})"
        return "_filter", text

    # ---- whole questions

    def across(self):
        """Over several types, or all, with parameters that they share."""
        kinds = self.random.sample(self.kinds, min(len(self.kinds), self.pick([2, 2, 3, 0])))
        alike = [{p.code: p.kind for p in self.usable[k]} for k in kinds] or [
            {c: p.kind for c, p in self.scan.facts.parameters["Resource"].items() if p.branches}
        ]
        common = {c for c, k in alike[0].items() if all(a.get(c) == k for a in alike)}
        kind = self.pick(kinds or self.kinds)
        usable = [p for p in self.usable[kind] if p.code in common and p.kind != "reference"]
        q = Query(kinds, [self.single(kind, self.any_of(kind), usable) for _ in range(self.pick([0, 1, 1, 2]))])
        holders = [c for c in self.scan.facts.compartments if c in self.scan.by_type]
        if not kinds or self.chance(0.3):
            q.compartment = (c := self.pick(holders), self.pick(self.scan.by_type[c]))
        if self.chance(0.3):
            q.sort = self.pick(["_id", "-_id", "_lastUpdated,_id", "-_lastUpdated"])
        q.count = self.pick([None, 1, 3, 7])
        return q

    def of_words(self, kind, resource):
        name = self.pick(["_text", "_content"])
        text = words.ask(self.pick, self.chance, resource, name == "_text")
        return (name, text) if text else None

    def listed(self, kind, resource):
        lists = [i for i in self.scan.by_type.get("List", ()) if self.scan.listed(kind, resource["id"], i)]
        codes = [
            c["code"]
            for i in lists
            for c in self.scan.resources["List", i].get("code", {}).get("coding", [])
            if re.fullmatch(r"[\w-]+", c.get("code", ""))
        ]
        choices = lists + ["$current-" + c for c in codes] * 2
        return ("_list", self.pick(choices)) if choices else None

    def near(self, kind, resource):
        """From a place near it, and a distance at whose edge nothing is."""
        if kind != "Location" or not resource.get("position"):
            return None
        latitude = max(-90, min(90, float(resource["position"]["latitude"]) + self.random.uniform(-2, 2)))
        longitude = (float(resource["position"]["longitude"]) + self.random.uniform(-2, 2) + 180) % 360 - 180
        latitude, longitude = round(latitude, 4), round(longitude, 4)
        km = round(self.random.choice([0.5, 5, 50, 150, 500, 5000, 20000]) * self.random.uniform(0.5, 2), 2)
        for id in self.scan.by_type["Location"]:
            d = self.scan.kilometres(self.scan.resources["Location", id], latitude, longitude)
            if d is not None and abs(d - km) < 0.01 + d / 10000:
                return None
        return "near", f"{latitude}|{longitude}|{km}|km"

    def contained(self):
        """_contained=true or both, on what is contained somewhere."""
        kind, path = self.pick(sorted(self.scan.held))
        held = self.scan.held[kind, path]
        usable = [p for p in self.usable_of(kind) if p.code not in ("_id", "_lastUpdated")]
        q = Query([kind], [])
        for _ in range(self.pick([0, 1, 1, 1, 2])):
            if self.chance(0.2):
                links = [(p, t) for p in usable if p.kind == "reference" for t in self.scan.targets(p, held)]
                if links:
                    p, target = self.pick(links)
                    name, text = self.single(target[0], self.scan.resources[target], None)
                    q.criteria.append((f"{p.code}:{target[0]}.{name}", text))
                    continue
            name, text = self.single(kind, held, usable)
            q.criteria.append((name, held["id"] if name == "_id" else text))
        q.contained = self.pick(["true", "true", "both"]), self.pick(["container", "contained"])
        if q.contained[1] == "contained" and self.chance(0.4):
            sortable = [p for p in usable if p.kind not in ("composite", "special", "reference")]
            q.sort = ("-" if self.chance(0.5) else "") + self.pick(sortable).code
        if self.chance(0.3):
            q.count = self.pick([1, 2, 3])
        return q

    def query(self):
        if self.chance(0.05):
            return self.across()
        if self.scan.held and self.chance(0.05):
            return self.contained()
        kind = self.pick(self.kinds)
        resource = self.any_of(kind)
        q = Query([kind], [self.criterion(kind, resource) for _ in range(self.pick([0, 1, 1, 1, 1, 2, 2, 3]))])
        if self.chance(0.1):
            q.criteria.append(self.filter(kind, resource))
        for make, p in ((self.of_words, 0.06), (self.listed, 0.1), (self.near, 0.3)):
            made = make(kind, resource) if self.chance(p) else None
            if made:
                q.criteria.append(made)
        if self.chance(0.02) and q.criteria:
            made = self.has(kind, resource, 0)
            q.criteria += [made] if made else []
        members = [
            c
            for c in self.scan.facts.compartments
            if kind in self.scan.facts.compartments[c] and c in self.scan.by_type
        ]
        if members and self.chance(0.08):
            q.compartment = (c := self.pick(members), self.pick(self.scan.by_type[c]))
            if self.chance(0.7):
                q.compartment = self.compartment_of(kind, resource) or q.compartment
        if self.chance(0.3):
            sortable = [p for p in self.usable[kind] if p.kind not in ("composite", "special")]
            q.sort = ",".join(
                dict.fromkeys(
                    ("-" if self.chance(0.5) else "") + self.pick(sortable).code for _ in range(self.pick([1, 1, 2, 3]))
                )
            )
        if self.chance(0.15):
            self.add_includes(q, kind, resource)
        if self.chance(0.1):
            q.result.append(("_total", "accurate"))
        elif self.chance(0.05):
            q.result.append(("_summary", "count"))
        if self.chance(0.2):
            q.count = self.pick([1, 2, 3, 5, 7])
        q.post = self.chance(0.1)
        return q

    def compartment_of(self, kind, resource):
        found = []
        for name, members in self.scan.facts.compartments.items():
            for code in members.get(kind, ()):
                if code in self.scan.parameters[kind]:
                    found += [t for t in self.scan.targets(self.scan.parameters[kind][code], resource) if t[0] == name]
        return self.pick(found) if found else None

    def add_includes(self, q, kind, resource):
        for _ in range(self.pick([1, 1, 2, 3])):
            if self.chance(0.5):
                source = kind if self.chance(0.8) else self.pick(self.kinds)
                codes = [p for p in self.usable[source] if p.kind == "reference"]
                if codes:
                    used = [p for p in codes if self.scan.targets(p, resource)] if source == kind else []
                    p = self.pick(used or codes)
                    targets = [t for t in p.targets if t in self.kinds]
                    text = self.pick(
                        [f"{source}:{p.code}", f"{source}:{p.code}", f"{source}:*"]
                        + [f"{source}:{p.code}:{self.pick(targets)}" for _ in targets[:1]]
                    )
                    q.includes.append((False, source != kind or self.chance(0.3), text))
            else:
                links = [
                    (s, p)
                    for s in self.kinds
                    for p in self.usable[s]
                    if p.kind == "reference" and kind in p.targets and self.scan.referrers(s, p.code)
                ]
                if links:
                    source, p = self.pick(links)
                    q.includes.append(
                        (
                            True,
                            self.chance(0.2),
                            self.pick(
                                [f"{source}:{p.code}", f"{source}:{p.code}", f"{source}:*", f"{source}:{p.code}:{kind}"]
                            ),
                        )
                    )

    # ---- questions that are to be refused, never answered as if they had not been asked

    WRONG = {
        "date": [
            (None, t)
            for t in (
                "2020-13",
                "20200101",
                "2021-02-29",
                "xx2020",
                "2020-1-1",
                "2020-01-01T25:00",
                "gt",
                "yesterday",
                "2020-01-01T10:00+9",
            )
        ]
        + [("exact", "2020"), ("not", "2020"), ("contains", "2020")],
        "number": [(None, t) for t in ("x", "1.2.3", "gt", "1e", "0x10", "1 2")] + [("exact", "1"), ("not", "1")],
        "quantity": [(None, t) for t in ("x", "5.4|", "5|http://unitsofmeasure.org|", "5|a|b|c", "gt|a|b", "|a|b")]
        + [("exact", "1"), ("below", "1")],
        "string": [("below", "x"), ("not", "x"), ("Patient", "x"), ("identifier", "x")],
        "token": [
            (None, "a|b|c"),
            (None, "|"),
            ("exact", "x"),
            ("contains", "x"),
            ("of-type", "a|b"),
            ("of-type", "x"),
            ("Patient", "x"),
            ("identifier", "x"),
        ],
        "reference": [("exact", "x"), ("Nothing", "x"), ("not", "x"), ("contains", "x"), (None, "no id")],
        "uri": [("exact", "x"), ("not", "x"), ("contains", "x")],
        "composite": [(None, "x"), (None, "x$"), (None, "$x"), (None, "a$b$c$d$e"), ("exact", "a$b"), ("not", "a$b")],
    }

    def wrong(self):
        """(type, name, text)"""
        kind = self.pick(self.kinds)
        p = self.pick(self.usable[kind])
        choices = list(self.WRONG[p.kind]) + [("missing", "yes"), (None, "a,,b"), (None, "a,")]
        if p.kind != "reference":
            choices.append((".name", "x"))
        modifier, text = self.pick(choices)
        if p.code == "_id" and modifier not in ("exact", ".name", "missing"):
            modifier, text = "contains", "x"
        result = [
            ("_sort", "nothing"),
            ("_count", "-1"),
            ("_count", "many"),
            ("_include", "Nothing:x"),
            ("_include", f"{kind}:nothing"),
            ("_revinclude", "Patient:nothing"),
            ("_summary", "some"),
            ("_total", "most"),
            (f"_has:Nothing:patient:{p.code}", "x"),
            ("_has:Observation:nothing:code", "x"),
            ("_has:Observation:code", "x"),
        ]
        if self.chance(0.2):
            return kind, *self.pick(result)
        return (
            kind,
            p.code + (modifier if modifier and modifier[0] == "." else ":" + modifier if modifier else ""),
            text,
        )
