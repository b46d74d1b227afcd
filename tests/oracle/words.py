"""The words of a resource's text, for _text and _content, and questions of words: by docs/search.md, "Words"."""

import re

from values import fold, is_kanji

MOST = 16000  # words of a resource are searched
NO_TEXT = ("resourceType", "id", "versionId", "reference", "data", "hash", "fullUrl", "linkId")
WITHIN = "a abbr b big em font i ins small span strong sub sup tt u".split()
ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}


def entity(m):
    if m[1].startswith("#"):
        number = int(m[1][2:], 16) if m[1][1] == "x" else int(m[1][1:])
        return chr(number) if 0x20 <= number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else " "
    return ENTITIES.get(m[1], " ")


def plain(xhtml):
    def tag(m):
        return "" if m[1] in WITHIN else " "

    text = re.sub(r"<!--.*?>|</?([A-Za-z0-9]*)[^>]*>", tag, xhtml, flags=re.S)
    return re.sub(r"&(#x[0-9a-fA-F]+|#[0-9]+|\w+);", entity, text)


def is_noise(name, text):
    return name in NO_TEXT or re.match(r"\d{4}-\d\d-\d\d", text) or text.startswith("urn:") or "://" in text


def strings(node, name=""):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from strings(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value, name)
    elif isinstance(node, str) and name == "div":
        yield plain(node)
    elif isinstance(node, str) and not is_noise(name, node):
        yield node


def is_joined(c):
    """Of a writing without blanks between words."""
    return "\u30a1" <= c <= "\u30fe" or c == "々" or "\u3105" <= c <= "\u312f" or is_kanji(c)


def units(text):
    """The words of a text: whole words, and each character of a run of kana and kanji, with the number of its run."""
    out, run, last = [], 0, " "
    for c in fold(text):
        if is_joined(c):
            run += not is_joined(last)
            out.append((c, run))
        elif c != " ":
            if last == " " or is_joined(last):
                out.append(("", 0))
            out[-1] = out[-1][0] + c, 0
        last = c
    return out


def lines(resource, narrative):
    """Each string of the text as units, as far as they are searched."""
    div = resource.get("text", {}).get("div")
    found = [plain(div)] if isinstance(div, str) else []
    if not narrative:
        rest = {k: v for k, v in resource.items() if k != "text" or not found}
        found += strings(rest)
    out, left = [], MOST
    for text in found:
        line = units(text)[:left]
        left -= len(line)
        out.append(line)
    return out


def stands(want, line, open_):
    """The units one after the other; those of one run in one run. open_: the last word may go on."""
    for at in range(len(line) - len(want) + 1):
        have = line[at : at + len(want)]
        if all(
            (h[0].startswith(w[0]) if open_ and n == len(want) - 1 and not w[1] else h[0] == w[0])
            and (n == 0 or not w[1] or w[1] != want[n - 1][1] or h[1] == have[n - 1][1])
            for n, (w, h) in enumerate(zip(want, have))
        ):
            return True
    return False


def holds(resource, narrative, text):
    """text: alternatives of terms that must all hold; -term must not; "…" is a phrase, …* a beginning."""
    have = lines(resource, narrative)

    def term(t):
        if t[0] == "-":
            return not term(t[1:])
        return any(stands(units(t.strip('"*')), line, t.endswith("*")) for line in have)

    return any(all(term(t) for t in re.findall(r'-?"[^"]*"|[^\s"]+', a)) for a in text.split(" OR "))


def ask(pick, chance, resource, narrative):
    """A question that the resource probably answers to; None: it has no words."""
    choices = [line for line in lines(resource, narrative) if line]
    if not choices:
        return None

    def term():
        line = pick(choices)
        at = pick(range(len(line)))
        word, run = line[at]
        if run:
            same = [c for c, r in line[at : at + pick([1, 2, 2, 3, 4])] if r == run]
            return "".join(same)
        if not re.fullmatch(r"\w{1,20}", word) or word in ("and", "or", "not"):
            return None
        if chance(0.2):
            following = line[at : at + 3]
            if all(not r and re.fullmatch(r"\w{1,20}", w) for w, r in following):
                return '"' + " ".join(w for w, _ in following) + '"'
        return word[: pick([2, 3])] + "*" if chance(0.2) else pick([word, word, word.upper()])

    terms = [t for t in (term() for _ in range(pick([1, 1, 2, 3]))) if t]
    if not terms:
        return None
    if len(terms) > 1 and chance(0.25):
        terms[-1] = "-" + terms[-1]
    if len(terms) > 1 and chance(0.3) and terms[-1][0] != "-":
        return " OR ".join(terms)
    return " ".join(terms)
