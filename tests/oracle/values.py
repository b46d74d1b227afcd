"""Values of search parameters: dates as ranges, numbers with the precision of their digits, units, folded text.

All of it by the words of search.html, slowly, with Python's own tools.
"""

import datetime
import fractions
import re
import unicodedata

ZONE = datetime.timezone(datetime.timedelta(hours=9))  # store.zone of a development instance
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
OPEN = 1 << 70  # µs; further than any date
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")


# ---- dates: [first µs, the µs after the last)


def micros(moment):
    d = moment - EPOCH
    return (d.days * 86400 + d.seconds) * 1000000 + d.microseconds


def instants(text):
    """None when it is no date."""
    m = re.fullmatch(
        r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", text or ""
    )
    if not m:
        return None
    y, mo, d, h, mi, s, fraction, zone = m.groups()
    tz = ZONE
    if zone:
        tz = (
            datetime.timezone.utc
            if zone == "Z"
            else datetime.timezone(
                (1 if zone[0] == "+" else -1) * datetime.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
            )
        )

    def at(*args):
        return micros(datetime.datetime(*args, tzinfo=tz))

    try:
        if not mo:
            return at(int(y), 1, 1), at(int(y) + 1, 1, 1) if int(y) < 9999 else at(9999, 12, 31) + 86400000000
        if not d:
            return at(int(y), int(mo), 1), at(int(y) + int(mo) // 12, int(mo) % 12 + 1, 1)
        lo = at(int(y), int(mo), int(d), int(h or 0), int(mi or 0), int(s or 0))
    except ValueError:
        return None
    if fraction:
        digits = fraction[:6].ljust(6, "0")
        return lo + int(digits), lo + int(digits) + 10 ** max(0, 6 - len(fraction))
    return lo, lo + (1000000 if s else 60000000 if h else 86400000000)


def period(node):
    start, end = instants(node.get("start")), instants(node.get("end"))
    if start or end:
        return (start or (-OPEN, 0))[0], (end or (0, OPEN))[1]
    return None


def date_range(kind, node):
    if kind == "Period":
        return period(node)
    if kind == "Timing":
        bounds = period(node.get("repeat", {}).get("boundsPeriod", {}))
        all_ = [r for r in [bounds, *(instants(e) for e in node.get("event", []))] if r]
        return (min(r[0] for r in all_), max(r[1] for r in all_)) if all_ else None
    return instants(node) if isinstance(node, str) else None


# ---- the prefixes on ranges [lo, hi): of the resource, and of the query


def range_matches(prefix, have, want):
    (lo, hi), (qlo, qhi) = have, want
    inside = qlo <= lo and hi <= qhi
    above, below = hi > qhi, lo < qlo
    return {
        "eq": inside,
        "ne": not inside,
        "gt": above,
        "lt": below,
        "ge": above or inside,
        "le": below or inside,
        "sa": lo >= qhi,
        "eb": hi <= qlo,
        "ap": lo < qhi and hi > qlo,
    }[prefix]


# ---- numbers: points, or ranges with both ends included; the number of the query has the range of its digits


def implied(text):
    """(number, lower end, upper end): 100 is [99.5, 100.5), 1e2 is [95, 105)."""
    m = re.fullmatch(r"([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?", text)
    if not m:
        return None
    digits = len(m[3] or "")
    number = fractions.Fraction(text)
    place = int(m[4] or 0) - digits
    half = fractions.Fraction(10) ** (place - (place > 0)) / 2
    return number, number - half, number + half


def number_matches(prefix, have, text, factor=1, offset=0):
    """have: (lo, hi), None an open end; the query's number is converted: (n + offset) * factor."""
    number, qlo, qhi = implied(text)
    if prefix == "ap":
        qlo, qhi = number - abs(number) / 10, number + abs(number) / 10
    number, qlo, qhi = ((n + offset) * factor for n in (number, qlo, qhi))
    lo, hi = have
    if lo is not None and lo == hi:
        near = qlo <= lo < qhi
        return {
            "eq": near,
            "ne": not near,
            "gt": lo > number,
            "lt": lo < number,
            "ge": lo >= number,
            "le": lo <= number,
            "sa": lo > number,
            "eb": lo < number,
            "ap": qlo <= lo <= qhi,
        }[prefix]
    inside = lo is not None and hi is not None and qlo <= lo and hi < qhi
    return {
        "eq": inside,
        "ne": not inside,
        "gt": hi is None or hi > number,
        "lt": lo is None or lo < number,
        "ge": hi is None or hi >= number,
        "le": lo is None or lo <= number,
        "sa": lo is not None and lo > number,
        "eb": hi is not None and hi < number,
        "ap": (lo is None or lo <= qhi) and (hi is None or hi >= qlo),
    }[prefix]


# ---- units: what UCUM says of those in the data

F = fractions.Fraction
PREFIX = {
    "Y": 24,
    "Z": 21,
    "E": 18,
    "P": 15,
    "T": 12,
    "G": 9,
    "M": 6,
    "k": 3,
    "h": 2,
    "da": 1,
    "d": -1,
    "c": -2,
    "m": -3,
    "u": -6,
    "n": -9,
    "p": -12,
    "f": -15,
    "a": -18,
}
# code → (takes prefixes, factor, dimensions)
ATOMS = {
    "m": (1, F(1), {"m": 1}),
    "g": (1, F(1), {"g": 1}),
    "s": (1, F(1), {"s": 1}),
    "K": (1, F(1), {"K": 1}),
    "C": (1, F(1), {"C": 1}),
    "rad": (1, F(1), {"rad": 1}),
    "cd": (1, F(1), {"cd": 1}),
    "mol": (1, F("6.0221367e23"), {}),
    "eq": (1, F("6.0221367e23"), {}),
    "osm": (1, F("6.0221367e23"), {}),
    "L": (1, F(1, 1000), {"m": 3}),
    "l": (1, F(1, 1000), {"m": 3}),
    "min": (0, F(60), {"s": 1}),
    "h": (0, F(3600), {"s": 1}),
    "d": (0, F(86400), {"s": 1}),
    "wk": (0, F(604800), {"s": 1}),
    "mo": (0, F(31557600, 12), {"s": 1}),
    "a": (0, F(31557600), {"s": 1}),
    "%": (0, F(1, 100), {}),
    "10*": (0, F(10), {}),
    "10^": (0, F(10), {}),
    "[ppm]": (0, F(1, 10**6), {}),
    "[ppb]": (0, F(1, 10**9), {}),
    "m[Hg]": (1, F(133322000), {"g": 1, "m": -1, "s": -2}),
    "m[H2O]": (1, F("9806650"), {"g": 1, "m": -1, "s": -2}),
    "Pa": (1, F(1000), {"g": 1, "m": -1, "s": -2}),
    "N": (1, F(1000), {"g": 1, "m": 1, "s": -2}),
    "J": (1, F(1000), {"g": 1, "m": 2, "s": -2}),
    "cal": (1, F("4184"), {"g": 1, "m": 2, "s": -2}),
    "W": (1, F(1000), {"g": 1, "m": 2, "s": -3}),
    "Hz": (1, F(1), {"s": -1}),
    "bar": (1, F(10**8), {"g": 1, "m": -1, "s": -2}),
    "[in_i]": (0, F("0.0254"), {"m": 1}),
    "[ft_i]": (0, F("0.3048"), {"m": 1}),
    "[lb_av]": (0, F("453.59237"), {"g": 1}),
    "[oz_av]": (0, F("453.59237") / 16, {"g": 1}),
    "[iU]": (1, F(1), {"[iU]": 1}),
    "[IU]": (1, F(1), {"[iU]": 1}),
    "U": (1, F("6.0221367e23") / 10**6 / 60, {"s": -1}),
    "kat": (1, F("6.0221367e23"), {"s": -1}),
    "[pH]": (0, F(1), {"[pH]": 1}),
    "[drp]": (0, F(1, 20) / 10**6, {"m": 3}),
    "deg": (0, F(0), {"?": 1}),
    "t": (1, F(10**6), {"g": 1}),
}
SCALES = {"Cel": (F("273.15"), F(1)), "[degF]": (F("459.67"), F(5, 9))}  # kelvins are (v + offset) * factor


def atom(text):
    if text in ATOMS:
        return ATOMS[text][1:]
    for p, e in PREFIX.items():
        if text.startswith(p) and text[len(p) :] in ATOMS and ATOMS[text[len(p) :]][0]:
            takes, factor, dimensions = ATOMS[text[len(p) :]]
            return factor * F(10) ** e, dimensions
    return None


def unit(code):
    """(offset, factor, dimensions) of a UCUM code, None when it is not one that is known here."""
    if code in SCALES:
        return (*SCALES[code], (("K", 1),))
    text = re.sub(r"\{[^{}]*\}", "", code)
    if code.startswith("{") and text == "":
        return F(0), F(1), ()
    factor, dimensions, sign = F(1), {}, 1
    for i, part in enumerate(re.split(r"([./])", text)):
        if part in ("", ".", "/"):
            if part:
                sign = -1 if part == "/" else 1
            elif i and "{" not in code:
                return None
            continue
        if re.fullmatch(r"\d+", part):
            factor *= F(int(part)) ** sign
            continue
        m = re.fullmatch(r"(10[*^]|.*?[^\d+-]|.*?\])([+-]?\d+)?", part)
        found = atom(m[1]) if m else None
        if not found:
            return None
        power = int(m[2] or 1) * sign
        factor *= found[0] ** power
        for d, e in found[1].items():
            dimensions[d] = dimensions.get(d, 0) + e * power
    return F(0), factor, tuple(sorted((d, e) for d, e in dimensions.items() if e))


# ---- text

KANA = str.maketrans({**{chr(c): chr(c + 0x60) for c in [*range(0x3041, 0x3097), 0x309D, 0x309E]}})
PLAIN = str.maketrans("ァィゥェォッャュョヮヵヶヰヱヲ", "アイウエオツヤユヨワカケイエオ")
KANJI = str.maketrans("髙邉邊﨑齋𠮷嶋澤國", "高辺辺崎斎吉島沢国")  # of the names in the data
VOWELS = {
    k: v
    for v, row in zip(
        "アイウエオ",
        ("アカサタナハマヤラワ", "イキシチニヒミリ", "ウクスツヌフムユル", "エケセテネヘメレ", "オコソトノホモヨロ"),
    )
    for k in row
}


def is_kanji(c):
    return "\u3400" <= c <= "\u9fff" or "\uf900" <= c <= "\ufaff" or "\U00020000" <= c <= "\U0003ffff"


def fold(text):
    """As search compares strings: docs/search.md, "Japanese strings"."""
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(KANA)
    text = re.sub("ウ\u3099([ァィェォ])", lambda m: dict(zip("ァィェォ", "ハヒヘホ"))[m[1]], text).replace(
        "ウ\u3099", "フ"
    )
    out = []
    for c in text:
        last, category = out[-1] if out else "", unicodedata.category(c)
        if category in ("Mn", "Me", "Cf"):
            continue
        if c in "\u30fd\u30fe":
            out += [last] if "ァ" <= last <= "ヺ" else []
        elif c == "ー":
            out += [VOWELS[last]] if last in VOWELS else []
        elif c == "々" and last and is_kanji(last):
            out.append(last)
        elif category[0] in "PZ" or category == "Cc":
            out.append(" ")
        else:
            c = c.translate(PLAIN).translate(KANJI)
            out.append({"ウオ": "オ", "イエ": "エ"}.get(c + VOWELS.get(last, ""), c))
    return " ".join("".join(out).split())


def asked(text, inside):
    """The folded forms of what is asked: the mark of a long vowel at its end does not count, and inside of a string it may begin within one."""
    text = fold(text[:-1] if text[-1:] in ("ー", "ｰ") else text)
    second = {"ウ": "オ", "イ": "エ"}.get(text[:1])
    return [text] + ([second + text[1:]] if inside and second else [])
