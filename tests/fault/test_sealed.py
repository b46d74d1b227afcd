#!/usr/bin/env python3
"""With sealed identities nothing of what the server leaves behind says whom the records are about: neither a dump, nor the
database's files with its write-ahead log and log, nor what the server logs."""
import base64
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from kagari import Dev, wait_until

PATIENTS, BUNDLE = 1000, 50
KANJI = "佐藤鈴木高橋田中伊渡辺山本村小林加吉松井清水崎森池阿部石前川岡長谷遠後近坂福太西島三浦竹内原和宮野金丸新千葉久保岩桜横"
KANA = "カキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモラリルレロ"
random.seed(7)


def letters(n):
    return "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=n))


class Person:
    def __init__(self, number):
        self.number = number
        self.kanji = "".join(random.choices(KANJI, k=8))
        self.kana = "".join(random.choices(KANA, k=10))
        self.family, self.given = letters(12).capitalize(), letters(12).capitalize()
        self.identifier = "".join(random.choices("0123456789ABCDEF", k=16))
        self.phone = "".join(random.choices("0123456789", k=14))
        self.mail = letters(14) + "@mail.test"
        self.line, self.city, self.postal = letters(16), "".join(random.choices(KANJI, k=7)), letters(13)
        self.birth = f"19{random.randint(30, 99)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
        self.secret = letters(18)  # what somebody has written about him

    def needles(self):
        return [self.kanji, self.kana, self.family, self.family.lower(), self.given, self.given.lower(), self.identifier,
                self.identifier.lower(), self.phone, self.mail.split("@")[0], self.line, self.city, self.postal, self.secret]

    def patient(self):
        return {
            "resourceType": "Patient", "active": True, "gender": "female", "birthDate": self.birth,
            "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{self.kanji} {self.secret}</div>'},
            "identifier": [{"system": "http://id.test", "value": self.identifier}],
            "name": [{"text": self.kanji}, {"family": self.kana}, {"family": self.family, "given": [self.given]}],
            "telecom": [{"system": "phone", "value": self.phone}, {"system": "email", "value": self.mail}],
            "address": [{"state": "神奈川県", "city": self.city, "line": [self.line], "postalCode": self.postal}],
            "contact": [{"name": {"family": self.family}, "telecom": [{"system": "phone", "value": self.phone}]}],
            "photo": [{"contentType": "text/plain", "title": self.kanji,
                       "data": base64.b64encode(self.secret.encode()).decode()}],
        }

    def attachment(self):
        return {"contentType": "text/plain", "title": self.family,
                "data": base64.b64encode(self.secret.encode()).decode()}

    def document(self, me):
        """A document, with all that it is about."""
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">{self.kanji} {self.phone}</div>'
        return {"resourceType": "Bundle", "type": "document", "timestamp": "2026-01-01T00:00:00Z",
                "identifier": {"system": "http://id.test", "value": self.identifier}, "entry": [
                    {"fullUrl": "urn:uuid:00000000-0000-4000-9000-000000000001", "resource": {
                        "resourceType": "Composition", "status": "final", "type": {"text": "letter"}, "date": "2026-01-01",
                        "title": "Letter", "author": [{"display": self.family}],
                        "subject": {"reference": me, "display": self.kanji},
                        "section": [{"title": "Findings", "text": {"status": "generated", "div": div}}]}},
                    {"fullUrl": me, "resource": self.patient()}]}

    def bundle(self):
        me = f"urn:uuid:00000000-0000-4000-8000-{self.number:012x}"
        subject = {"reference": me, "display": f"{self.kanji} {self.family}"}
        others = [
            {"resourceType": "Observation", "status": "final", "code": {"text": "weight"}, "subject": subject,
             "valueQuantity": {"value": 50 + self.number % 50, "unit": "kg"}, "note": [{"text": self.secret}],
             "identifier": [{"value": self.identifier}]},
            {"resourceType": "QuestionnaireResponse", "status": "completed", "subject": subject,
             "item": [{"linkId": "1", "answer": [{"valueString": self.kanji}, {"valueString": self.phone}]}]},
            {"resourceType": "DocumentReference", "status": "current", "subject": subject, "description": self.secret,
             "content": [{"attachment": {"contentType": "text/plain", "title": self.family,
                                         "data": base64.b64encode(self.secret.encode()).decode()}}]},
        ]
        if self.number % 20 == 0:
            others.append({"resourceType": "Binary", "contentType": "text/plain",
                           "data": base64.b64encode(self.kanji.encode()).decode()})
            others.append({"resourceType": "Bundle", "type": "collection",
                           "entry": [{"fullUrl": me, "resource": self.patient()}]})
            others.append({"resourceType": "Condition", "subject": {"reference": "#p"}, "contained": [
                {**self.patient(), "id": "p"}]})
            others.append(self.document(me))
            others.append({"resourceType": "Communication", "status": "completed", "subject": subject, "payload": [
                {"contentString": self.secret}, {"contentAttachment": self.attachment()}]})
            others.append({"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"}, "subject": subject,
                           "presentedForm": [self.attachment()]})
            others.append({"resourceType": "QuestionnaireResponse", "status": "completed", "subject": subject,
                           "item": [{"linkId": "1", "text": self.secret, "item": [
                               {"linkId": "1.1", "answer": [{"valueAttachment": self.attachment()}, {
                                   "valueString": self.line, "item": [{"linkId": "1.1.1", "answer": [
                                       {"valueReference": {"display": self.kanji}}]}]}]}]}]})
        for resource in others:
            if resource["resourceType"] == "Condition":
                del resource["contained"][0]["text"]
        return [{"fullUrl": me, "resource": self.patient(), "request": {"method": "POST", "url": "Patient"}}] + [
            {"resource": r, "request": {"method": "POST", "url": r["resourceType"]}} for r in others]


def encodings(text):
    raw = text.encode()
    yield raw
    yield text.encode("utf-16-le")
    yield text.encode("utf-16-be")
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield urllib.parse.quote(raw, safe="").encode()
    yield urllib.parse.quote(raw, safe="").lower().encode()
    yield json.dumps(text)[1:-1].encode()
    for skipped in range(3):  # where it begins among the groups of three bytes
        encoded = base64.b64encode(b"\0" * skipped + raw)
        yield encoded[(skipped * 8 + 5) // 6: (skipped + len(raw)) * 8 // 6]


def patterns(texts):
    """For grep: those with bytes that a line of patterns cannot have are found in data without NULs instead."""
    return {p for text in texts for p in encodings(text) if b"\0" not in p and b"\n" not in p and len(p) > 7}


class Sealed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.people = [Person(i) for i in range(PATIENTS)]
        cls.dev = cls.enterClassContext(Dev("--set", "identity.seal=on", "--set", "log.level=debug"))
        cls.client = cls.dev.client(timeout=120)
        cls.ids = {}
        for start in range(0, PATIENTS, BUNDLE):
            people = cls.people[start:start + BUNDLE]
            entries = [p.bundle() for p in people]
            answer = cls.client.request("POST", "", {"resourceType": "Bundle", "type": "transaction",
                                                     "entry": [e for list in entries for e in list]})
            assert answer.status == 200, answer.body[:2000]
            at = 0
            for person, list in zip(people, entries):
                cls.ids[person] = answer.json["entry"][at]["response"]["location"].split("Patient/")[1].split("/")[0]
                at += len(list)
        cls.found = Person(0).family  # of an institution: it may be found
        assert cls.client.request("POST", "Organization", {"resourceType": "Organization", "name": cls.found}).status == 201

    def ask(self, path, status=200, method="GET", **more):
        answer = self.client.request(method, path, **more)
        self.assertEqual(answer.status, status, answer.body[:500])
        return answer.json

    def total(self, path):
        return self.ask(path + "&_total=accurate")["total"]

    def test_1_found_and_read(self):
        quote = urllib.parse.quote
        for person in random.sample(self.people, 20):
            for query in (f"name={person.family}", f"name={quote(person.kanji)}", f"family={quote(person.kana[:6])}",
                          f"given:exact={person.given}", f"name:contains={quote(person.kanji[2:6])}",
                          f"identifier=http://id.test|{person.identifier}", f"phone={person.phone}",
                          f"address={person.line}", f"address-city={quote(person.city)}", f"email={person.mail}",
                          f"address-postalcode={person.postal}", f"_text={person.secret}"):
                found = self.ask(f"Patient?{query}")
                self.assertEqual([e["resource"]["id"] for e in found["entry"]], [self.ids[person]], query)
            read = self.ask(f"Patient/{self.ids[person]}")
            for name in ("id", "meta"):
                del read[name]
            self.assertEqual(read, person.patient())

    def test_2_birth_dates(self):
        for day in random.sample(self.people, 5):
            for prefix in ("", "ne", "gt", "ge", "lt", "le", "sa", "eb"):
                for text in (day.birth, day.birth[:7], day.birth[:4]):
                    inside = lambda b: b[:len(text)] == text
                    right = {"": inside, "ne": lambda b: not inside(b), "gt": lambda b: b[:len(text)] > text,
                             "ge": lambda b: b[:len(text)] >= text, "lt": lambda b: b[:len(text)] < text,
                             "le": lambda b: b[:len(text)] <= text, "sa": lambda b: b[:len(text)] > text,
                             "eb": lambda b: b[:len(text)] < text}[prefix]
                    if prefix in ("gt", "lt") and len(text) < 10:
                        continue  # of a range that the value is within
                    self.assertEqual(self.total(f"Patient?birthdate={prefix}{text}&_count=1"),
                                     sum(right(p.birth) for p in self.people), prefix + text)

    def test_3_everything_else(self):
        person, other = self.people[3], self.people[4]
        quote, id = urllib.parse.quote, self.ids[self.people[3]]
        changed = {**person.patient(), "id": id, "maritalStatus": {"text": "x"}}
        self.ask(f"Patient/{id}", 200, "PUT", body=changed)
        self.ask(f"Patient/{id}", 200, "PATCH", body=[{"op": "replace", "path": "/name/0/text", "value": other.kanji}],
                 headers={"Content-Type": "application/json-patch+json"})
        history = self.ask(f"Patient/{id}/_history")
        self.assertEqual([e["resource"]["name"][0]["text"] for e in history["entry"]],
                         [other.kanji, person.kanji, person.kanji])
        self.ask("Patient", 200, "POST", body=person.patient(),
                 headers={"If-None-Exist": f"identifier=http://id.test|{person.identifier}"})
        self.ask(f"Patient/{id}/$everything")
        self.ask(f"Patient/{id}/$meta-add", 200, "POST", body={"resourceType": "Parameters", "parameter": [
            {"name": "meta", "valueMeta": {"tag": [{"system": "http://t.test", "code": "t"}]}}]})
        self.ask(f"Observation?subject.family={person.family}&_include=Observation:subject")
        self.ask(f"Patient?_has:Observation:patient:code-value-quantity={person.secret}$5")
        self.ask("_history?_count=50")
        self.ask("Patient/_search", 200, "POST", body="name=" + quote(person.kanji),
                 headers={"Content-Type": "application/x-www-form-urlencoded"})
        for wrong in (f"Patient?birthdate={person.secret}", f"Patient?_sort={person.secret}",
                      f"Patient?name:like={person.secret}"):
            self.ask(wrong, 400)
        self.ask(f"Patient?family={quote(person.kanji)}&unknown={person.secret}")
        by_family = self.ask("Patient?_sort=-family&_count=20")
        families = [max(n["family"].lower() for n in e["resource"]["name"] if "family" in n) for e in by_family["entry"]]
        self.assertEqual(families, sorted(families, reverse=True))
        for link in by_family["link"]:
            if link["relation"] == "next":
                self.ask(urllib.parse.urlsplit(link["url"])._replace(scheme="", netloc="").geturl())
        self.ask("Patient?_sort=birthdate,identifier&gender=female&_count=5")
        self.ask("Patient?" + urllib.parse.urlencode({"_filter": f'family gt "{person.family}"', "_count": 5}))
        self.assertIn(id, [e["resource"]["id"] for e in self.ask(f"Patient?_text={person.secret[:12]}*")["entry"]])
        self.ask(f"Patient?given:contains={person.given[0]}&_count=5")
        self.ask("Patient?_sort=family&_count=5&_filter=" + quote(f'_content co "{person.secret[:10]}*"'))
        self.assertEqual(self.client.request("POST", "Binary", person.secret.encode(), headers={
            "Content-Type": "text/plain"}).status, 201)
        self.ask("Patient", 400, "POST", body='{"resourceType":"Patient","name":[{"family":"%s"' % person.family)
        self.ask("Patient", 400, "POST", body={"resourceType": "Patient", "birthDate": person.secret})
        self.ask("Patient/$validate", 200, "POST", body=person.patient())
        self.answer_later("Patient?_count=100", {})
        self.answer_later("Patient?_outputFormat=application/fhir%2Bndjson&_count=200", {})
        job = self.client.request("POST", "$reindex", {"resourceType": "Parameters"}, headers={"Prefer": "respond-async"})
        self.assertEqual(job.status, 202, job.body[:500])
        where = urllib.parse.urlsplit(job.headers["Content-Location"]).path
        self.assertTrue(wait_until(lambda: self.client.request("GET", where).status == 200, 120))
        self.ask(f"Patient?name={quote(self.people[7].kanji)}")
        self.assertEqual(self.client.request("DELETE", f"Patient/{self.ids[self.people[5]]}").status, 204)

    def answer_later(self, path, headers):
        answer = self.client.request("GET", path, headers={"Prefer": "respond-async", **headers})
        self.assertEqual(answer.status, 202, answer.body[:500])
        where = urllib.parse.urlsplit(answer.headers["Content-Location"]).path
        done = wait_until(lambda: (lambda a: a if a.status != 202 else None)(self.client.request("GET", where)), 60)
        self.assertEqual(done.status, 200)
        for file in done.json.get("output", []):
            self.assertEqual(self.client.request("GET", urllib.parse.urlsplit(file["url"]).path).status, 200)

    def grep(self, texts, files):
        """The lines of grep's answer: file and what was found."""
        with tempfile.NamedTemporaryFile() as f:
            f.write(b"\n".join(sorted(patterns(texts))) + b"\n")
            f.flush()
            got = subprocess.run(["grep", "-aoFf", f.name, "--", *files], stdout=subprocess.PIPE,
                                 env={**os.environ, "LC_ALL": "C"})
            return got.stdout.splitlines()

    def test_4_nothing_is_left(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        dump = folder / "dump.sql"
        subprocess.run(["pg_dump", "-h", (self.dev.data / "postgres").resolve(), "-U", "kagari", "-f", dump, "kagari"],
                       check=True)
        (folder / "server.log").write_text("".join(self.dev.output))
        self.dev.stop()
        files = [dump, folder / "server.log"] + [f for f in self.dev.data.rglob("*") if f.is_file()]
        with open(folder / "narrow", "wb") as narrow:  # what is UTF-16 of ASCII shows without its NULs
            for file in files:
                narrow.write(file.read_bytes().replace(b"\0", b""))
        files.append(folder / "narrow")
        self.assertTrue(any("pg_wal" in str(f) for f in files))
        control = [line for line in self.grep([self.found], files) if b"dump.sql" in line or b"base/" in line]
        self.assertTrue(control, "grep finds nothing at all")
        found = self.grep([n for p in self.people for n in p.needles()], files)
        self.assertEqual(found[:20], [])
        rows = [line for line in dump.read_text(errors="replace").splitlines() if '"resourceType":"Patient"' in line]
        self.assertGreater(len(rows), PATIENTS)
        for birth in {p.birth for p in self.people}:
            self.assertFalse(any(birth in row for row in rows))
        self.assertFalse([r for r in rows if '"birthDate":"19' in r and not r.split('"birthDate":"')[1][4] == '"'])


if __name__ == "__main__":
    kagari.main()
