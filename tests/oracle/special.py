"""What a scan says of contained resources, what codes mean, trees of resources, lists, distances and words: a part of Scan."""

import math

import words


class Held(dict):
    """A contained resource; container is what it is in."""


def number(node):
    return float(node) if node is not None else None


class Special:
    def hold(self):
        """self.held: (type, "Container/id#id") → Held"""
        self.held = {}
        for (kind, id), container in self.resources.items():
            for c in container.get("contained", []):
                if "id" in c and c.get("resourceType") in self.parameters:
                    updated = {k: v for k, v in container["meta"].items() if k == "lastUpdated"}
                    held = Held({**c, "meta": {**c.get("meta", {}), **updated}})
                    held.container = container
                    self.held[c["resourceType"], f"{kind}/{id}#{c['id']}"] = held
        self.held_by_type = {}
        for kind, path in self.held:
            self.held_by_type.setdefault(kind, []).append(path)

    def at(self, kind, id):
        return self.held[kind, id] if "#" in id else self.resources[kind, id]

    def fragment(self, text, resource):
        """What "#id" refers to: (type, "Container/id#id"), or the container."""
        container = getattr(resource, "container", resource)
        place = container["resourceType"], container["id"]
        if text == "#":
            return place if container is not resource else None
        for c in container.get("contained", []):
            if c.get("id") == text[1:]:
                return c["resourceType"], f"{place[0]}/{place[1]}#{text[1:]}"
        return None

    def linked(self, parameter, resource):
        """Where a chain leads: to resources here, and to those that it contains."""
        return [
            t
            for t, _, _ in self.values(parameter, resource)
            if isinstance(t, tuple)
            and (t in self.resources or t in self.held)
            and (not parameter.targets or t[0] in parameter.targets)
        ]

    def matches_contained(self, kind, criteria, which, itself):
        """_contained=true or both: containers, or themselves."""
        held = [p for p in self.held_by_type.get(kind, ()) if all(self.holds(kind, p, n, t) for n, t in criteria)]
        found = [(kind, p) for p in held] if itself else [tuple(p.split("#")[0].split("/")) for p in held]
        if which == "both":
            found = self.matches([kind], criteria) + found
        return list(dict.fromkeys(found))

    # ---- what codes mean

    def code_tables(self):
        """self.systems: url → code, lower case → (code, code above it or None); self.sets: url → {(system, code)}"""
        self.systems, self.sets = {}, {}
        stored = [r for r in self.resources.values()]
        for r in stored:
            if r["resourceType"] == "CodeSystem" and r.get("content") == "complete" and "url" in r:
                table = self.systems[r["url"]] = {}

                def walk(concepts, above):
                    for c in concepts:
                        table[c["code"]] = above
                        walk(c.get("concept", []), c["code"])

                walk(r.get("concept", []), None)
        for r in stored:
            parts = r.get("compose", {}).get("include", []) if r["resourceType"] == "ValueSet" else []
            if parts and all(set(p) == {"system", "concept"} for p in parts) and "exclude" not in r["compose"]:
                self.sets[r["url"]] = {(p["system"], c["code"]) for p in parts for c in p["concept"]}

    def coded(self, v, text, modifier):
        """Is the value one of the codes that text stands for?"""
        system, code, _, _, valueset, how = v
        if code is None or how == "contact":
            return False
        if modifier == "in":
            wanted = self.sets.get(text) or {
                (s, c) for s, codes in self.facts.valuesets.get(text, {}).items() for c in codes
            }
        else:
            s, c = text.split("|", 1)
            table = self.systems[s]
            above = lambda x: {x} | (above(table[x]) if table[x] else set())
            wanted = {(s, x) for x in table if (x in above(c) if modifier == "above" else c in above(x))}
        same = [s for s, c in wanted if (c == code if how == "exact" else c.lower() == code.lower())]
        if valueset and valueset != "boolean":  # a plain code is of the system of its value set
            known = self.facts.valuesets.get(valueset.split("|")[0], {})
            return any(code in known.get(s, ()) for s in same)
        return system in same if system else False

    # ---- trees, lists, distances

    def tree(self, kind, id, modifier):
        """Those that a resource is part of, or that are part of it, and itself."""
        parent = self.parameters[kind].get("partof") or self.parameters[kind]["part-of"]
        found, new = {(kind, id)}, {(kind, id)}
        while new:
            if modifier == "above":
                next_ = {
                    t
                    for n in new
                    if n in self.resources
                    for t, _, _ in self.values(parent, self.resources[n])
                    if isinstance(t, tuple) and t[0] == kind and (t in self.resources or t in self.gone)
                }
            else:
                next_ = {
                    (kind, i)
                    for i in self.by_type.get(kind, ())
                    if any(t in new for t, _, _ in self.values(parent, self.resources[kind, i]))
                }
            new = next_ - found
            found |= new
        return found

    def listed(self, kind, id, text):
        """_list: the id of a List, or $current- and a code that it has."""
        for i in self.by_type.get("List", ()):
            r = self.resources["List", i]
            if text.startswith("$current-"):
                codes = [c.get("code", "").lower() for c in r.get("code", {}).get("coding", [])]
                meant = r["status"] == "current" and text[9:].lower() in codes
            else:
                meant = i == text
            if meant and any(
                not e.get("deleted") and self.target(e["item"].get("reference", "")) == (kind, id)
                for e in r.get("entry", [])
            ):
                return True
        return False

    def kilometres(self, resource, latitude, longitude):
        position = resource.get("position") or {}
        lat, lon = number(position.get("latitude")), number(position.get("longitude"))
        if lat is None or lon is None:
            return None
        a, b, c, d = (math.radians(x) for x in (lat, lon, latitude, longitude))
        chord = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
        return 2 * 6371.0088 * math.asin(min(1, math.sqrt(chord)))

    def special(self, kind, id, name, text):
        """None: it is no such parameter."""
        if name in ("_text", "_content"):
            return words.holds(self.at(kind, id), name == "_text", text)
        if name == "_list":
            return any(self.listed(kind, id, t) for t in text.split(","))
        if name == "near":
            latitude, longitude, distance, unit = text.split("|")
            km = self.kilometres(self.at(kind, id), float(latitude), float(longitude))
            return km is not None and km <= float(distance) * {"km": 1, "m": 0.001, "[mi_i]": 1.609344}[unit]
        return None
