#!/usr/bin/env python3
"""Logins at providers of identities (OpenID Connect), and what a provider, or somebody in between, could try."""
import base64
import json
import pathlib
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from browser import Browser, free_port, refresh_of
from kagari import Dev
from provider import Provider


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Federation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.first = cls.enterClassContext(Provider("first"))
        cls.second = cls.enterClassContext(Provider("second", tls=True))
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        (cls.folder / "secret").write_text("s3cret\n")
        (cls.folder / "password").write_text("correct horse battery\n")
        (cls.folder / "providers.json").write_text(json.dumps([
            cls.first.settings(title="First", title_ja="一番"),
            cls.second.settings(auth="client_secret_basic", secret_file=str(cls.folder / "secret"), scope="openid profile",
                                fhir_user_claim="fhirUser", ca_file=cls.second.ca_file),
            {"name": "away", "issuer": f"http://127.0.0.1:{free_port()}", "client_id": "x"}]))
        cls.dev = cls.enterClassContext(Dev("--port", str(free_port()), "--set",
                                            f"oauth.providers={cls.folder}/providers.json", "--set", "oauth.token_rate=1000000"))
        cls.command("user", "add", "sato", "--fhir-user", "Practitioner/7", "--password-file", str(cls.folder / "password"))
        cls.command("user", "link", "sato", "--provider", "first", "--subject", "person-1")

    @classmethod
    def command(cls, *words):
        subprocess.run([kagari.BINARY, *words, "--config", str(cls.dev.data / "kagari.conf")], check=True,
                       capture_output=True)

    def setUp(self):
        self.first.reset()
        self.second.reset()
        self.first.sub = self.second.sub = "person-1"
        self.browser = self.new_browser()

    def new_browser(self):
        client = self.dev.client()
        self.addCleanup(client.close)
        return Browser(client, self.dev.base)

    def visit(self, url, provider):
        """Where the provider sends the browser; its path on this server."""
        context = ssl.create_default_context(cafile=provider.ca_file) if provider.tls else None
        opener = urllib.request.build_opener(NoRedirect, urllib.request.HTTPSHandler(context=context))
        try:
            opener.open(url)
        except urllib.error.HTTPError as e:
            with e:
                self.assertEqual(e.code, 302)
                target = e.headers["Location"]
        self.assertTrue(target.startswith(self.dev.base + "/oauth/callback/"), target)
        return target[len(self.dev.base) + 1:]

    def go(self, provider):
        """The address that the browser comes back to."""
        page = self.browser.authorize()
        away = self.browser.fill_in(page, **{"with": provider.name})
        self.assertEqual(away.status, 200)
        self.assertTrue(away.headers["Refresh"].startswith("0;url=" + provider.issuer + "/authorize?"))
        return self.visit(refresh_of(away), provider)

    def log_in(self, provider):
        return self.browser.send("GET", self.go(provider))

    def assertRefused(self, page):
        self.assertEqual(page.status, 400)
        self.assertNotIn(b'value="allow"', page.body)

    def test_linked(self):
        page = self.browser.authorize(ui_locales="ja")
        self.assertIn("一番".encode(), page.body)
        page = self.log_in(self.first)
        self.assertIn(b'value="allow"', page.body)
        token = self.browser.allow(page)["access_token"]
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        self.assertEqual(claims["fhirUser"], "Practitioner/7")
        form, _ = self.first.asked[-1]
        self.assertEqual(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        said = json.loads(base64.urlsafe_b64decode(form["client_assertion"].split(".")[1] + "=="))
        self.assertEqual((said["iss"], said["sub"], said["aud"]), ("kagari", "kagari", self.first.issuer + "/token"))

    def test_named_by_the_provider(self):
        """Somebody new, whom a trusted provider names; again, with another name."""
        for person in ("Practitioner/21", "Practitioner/22", self.dev.base + "/Patient/p-3"):
            self.second.sub = "new " + "x" * 200
            self.second.claims = {"fhirUser": person, "name": "Tanaka <b>"}
            page = self.log_in(self.second)
            self.assertIn(b"Tanaka &lt;b&gt;", page.body)
            token = self.browser.allow(page)["access_token"]
            claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
            self.assertEqual(claims["fhirUser"], "/".join(person.split("/")[-2:]))
        self.assertEqual(self.second.asked[-1][1]["Authorization"],
                         "Basic " + base64.b64encode(b"kagari:s3cret").decode())
        for person in (None, "Medication/1", "Practitioner/", "https://evil.example/fhir/Practitioner/7", "x", 7):
            self.second.claims = {"fhirUser": person}
            self.assertRefused(self.log_in(self.second))

    def test_nobody(self):
        self.first.sub = "person-2"
        self.assertRefused(self.log_in(self.first))

    def test_the_same_name_elsewhere(self):
        """person-1 of another provider is somebody else."""
        self.assertRefused(self.log_in(self.second))

    def test_claims(self):
        now = int(time.time())
        for wrong in ({"nonce": "guess"}, {"nonce": None}, {"iss": self.second.issuer}, {"iss": None},
                      {"iss": self.first.issuer + "/"}, {"aud": "other"}, {"aud": None}, {"aud": []},
                      {"aud": ["other", "kagari"]}, {"aud": ["kagari", "other"], "azp": "other"}, {"azp": "other"},
                      {"exp": now - 120}, {"exp": None}, {"exp": "never"}, {"iat": now + 600}, {"iat": None},
                      {"sub": None}, {"sub": ""}, {"sub": 1}):
            self.first.claims = wrong
            with self.subTest(wrong):
                self.assertRefused(self.log_in(self.first))
        self.first.claims = {"aud": ["kagari", "other"], "azp": "kagari"}
        self.assertIn(b'value="allow"', self.log_in(self.first).body)

    def test_signatures(self):
        for header in ({"alg": "none"}, {"alg": "none", "kid": None}, {"alg": "HS256"}, {"alg": "ES256"},
                       {"kid": "../first"}, {"crit": ["exp"]}, {"typ": "logout+jwt"}):
            self.first.header = header
            with self.subTest(header):
                self.assertRefused(self.log_in(self.first))
        self.first.reset()
        for key, header in ((self.first.stranger, {}), (self.first.stranger, {"kid": "first"}),
                            (self.first.stranger, {"kid": "first", "jwk": self.first.stranger.jwk}),
                            (self.second.own, {})):
            self.first.key, self.first.header = key, header
            self.assertRefused(self.log_in(self.first))

    def test_mixed_up(self):
        """An answer that says, or shows by where it comes to, that it is another provider's."""
        self.first.answer = {"iss": self.second.issuer}
        asked = len(self.first.asked)
        self.assertRefused(self.log_in(self.first))
        self.assertEqual(len(self.first.asked), asked)  # the code was not shown to it
        self.first.answer = {"iss": self.first.issuer}
        self.assertIn(b'value="allow"', self.log_in(self.first).body)
        self.first.reset()
        back = self.go(self.first)
        self.assertRefused(self.browser.send("GET", back.replace("/first?", "/second?")))
        self.assertRefused(self.browser.send("GET", back.replace("/first?", "/nobody?")))
        self.assertIn(b'value="allow"', self.browser.send("GET", back).body)

    def test_answers_are_good_once(self):
        back = self.go(self.first)
        self.assertIn(b'value="allow"', self.browser.send("GET", back).body)
        self.assertRefused(self.browser.send("GET", back))

    def test_another_browser(self):
        """Neither can a victim be logged in as the attacker, nor does a stolen answer help."""
        back = self.go(self.first)
        self.assertRefused(self.new_browser().send("GET", back))
        victim = self.new_browser()
        victim.authorize()
        self.assertRefused(victim.send("GET", back))

    def test_injected_code(self):
        """Another login's code does not fit this one's verifier."""
        def code_of(url):
            return dict(urllib.parse.parse_qsl(url.split("?")[1]))["code"]
        stolen, own = code_of(self.go(self.first)), self.go(self.first)
        self.assertRefused(self.browser.send("GET", own.replace(code_of(own), stolen)))

    def test_errors(self):
        self.first.answer = {"code": None, "error": "access_denied"}
        page = self.log_in(self.first)
        self.assertRefused(page)
        self.assertIn(b'name="password"', page.body)  # another way is open
        page = self.browser.fill_in(page, username="sato", password="correct horse battery")
        self.assertIn(b'value="allow"', page.body)

    def test_away(self):
        page = self.browser.fill_in(self.browser.authorize(), **{"with": "away"})
        self.assertEqual(page.status, 400)
        self.assertIn(b"cannot be reached", page.body)
        self.assertIn(b'name="password"', page.body)

    def test_other_pages_of_this_login(self):
        """Who is at the provider is not logged in: no form goes past it."""
        page = self.browser.authorize()
        self.browser.fill_in(page, **{"with": "first"})
        self.assertRefused(self.browser.fill_in(page, decision="allow"))
        self.assertRefused(self.browser.fill_in(page, patient="p-1"))


if __name__ == "__main__":
    kagari.main()
