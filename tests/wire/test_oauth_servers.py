#!/usr/bin/env python3
"""Two servers over one database: what one revokes, the other refuses within seconds. Clients that work by themselves."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from browser import FORM, Browser, free_port
from kagari import Client, Dev, wait_until
from provider import Key, b64

WITHIN = 5  # seconds


class Servers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.dev = cls.enterClassContext(Dev("--port", str(free_port()), "--set", "oauth.token_rate=1000000"))
        port = free_port()
        cls.other = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", kagari.BINARY, "serve", "--config", str(cls.dev.data / "kagari.conf"), "--set",
             f"http.port={port}", "--set", f"audit.directory={cls.folder}/audit"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(cls.other.wait)
        cls.addClassCleanup(cls.other.terminate)
        cls.second = Client(port, None, str(cls.dev.data / "tls.crt"))
        cls.addClassCleanup(cls.second.close)

        def ready():
            try:
                return cls.second.request("GET", "/health/ready").status == 200
            except OSError:
                return False
        assert wait_until(ready), "the second server does not become ready"
        cls.key = Key(cls.folder, "k-1")
        pathlib.Path(cls.folder, "jwks.json").write_text(json.dumps({"keys": [{**cls.key.jwk, "alg": "RS384"}]}))
        cls.command("client", "add", "backend", "--scope", "system/*.rs", "--jwks", cls.folder + "/jwks.json")

    @classmethod
    def command(cls, *words):
        subprocess.run([kagari.BINARY, *words, "--config", str(cls.dev.data / "kagari.conf")], check=True,
                       capture_output=True)

    def setUp(self):
        self.first = self.dev.client()
        self.first.token = None
        self.addCleanup(self.first.close)

    def reads(self, client, token):
        return client.request("GET", "Patient?_count=1", headers={"Authorization": "Bearer " + token}).status

    def assertEnds(self, token):
        """On both servers, and soon."""
        begun = time.monotonic()
        for client in (self.second, self.first):
            self.assertTrue(wait_until(lambda: self.reads(client, token) == 401, WITHIN))
        self.assertLess(time.monotonic() - begun, WITHIN)

    def log_in(self):
        browser = Browser(self.first, self.dev.base)
        page = browser.fill_in(browser.authorize("openid offline_access user/*.rs"), username="dev",
                               password=(self.dev.data / "password").read_text().strip())
        return browser.allow(page)

    def assertion(self, **changed):
        now = int(time.time())
        claims = {"iss": "backend", "sub": "backend", "aud": self.dev.base + "/oauth/token", "exp": now + 200,
                  "jti": str(uuid.uuid4()), **changed}
        text = ".".join(b64(json.dumps(part).encode()) for part in ({"alg": "RS384", "typ": "JWT", "kid": "k-1"}, claims))
        signed = subprocess.run(["openssl", "dgst", "-sha384", "-sign", self.key.file], input=text.encode(), check=True,
                                capture_output=True).stdout
        return text + "." + b64(signed)

    def ask(self, client, assertion, **more):
        return client.request("POST", "oauth/token", urllib.parse.urlencode({
            "grant_type": "client_credentials", "scope": "system/*.rs", "client_assertion": assertion,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", **more}), FORM)

    def test_a_token_revoked(self):
        tokens = self.log_in()
        for client in (self.first, self.second):
            self.assertEqual(self.reads(client, tokens["access_token"]), 200)
        self.assertEqual(self.first.request("POST", "oauth/revoke", urllib.parse.urlencode(
            {"client_id": "dev", "token": tokens["access_token"]}), FORM).status, 200)
        self.assertEnds(tokens["access_token"])

    def test_a_login_ended(self):
        tokens = self.log_in()
        self.assertEqual(self.reads(self.second, tokens["access_token"]), 200)
        self.assertEqual(self.first.request("GET", "oauth/logout?id_token_hint=" + tokens["id_token"]).status, 200)
        self.assertEnds(tokens["access_token"])
        refused = self.second.request("POST", "oauth/token", urllib.parse.urlencode(
            {"grant_type": "refresh_token", "client_id": "dev", "refresh_token": tokens["refresh_token"]}), FORM)
        self.assertEqual((refused.status, refused.json["error"]), (400, "invalid_grant"))

    def test_backend(self):
        """SMART Backend Services, from the metadata on; an assertion is good once, on whichever server."""
        told = self.first.request("GET", ".well-known/smart-configuration").json
        self.assertIn("client-confidential-asymmetric", told["capabilities"])
        self.assertEqual(told["token_endpoint"], self.dev.base + "/oauth/token")
        assertion = self.assertion()
        answer = self.ask(self.first, assertion)
        self.assertEqual(answer.status, 200, answer.body)
        token = answer.json["access_token"]
        for client in (self.first, self.second):
            self.assertEqual(self.reads(client, token), 200)
        self.assertEqual(client.request("POST", "Patient", {"resourceType": "Patient"},
                                        {"Authorization": "Bearer " + token}).status, 403)
        self.assertEqual(self.ask(self.second, assertion).status, 401)
        self.assertEqual(self.ask(self.second, self.assertion()).status, 200)
        self.assertEqual(self.ask(self.first, self.assertion(exp=int(time.time()) - 1)).status, 401)
        self.assertEqual(self.ask(self.first, self.assertion(aud="https://other.example/token")).status, 401)

    def test_a_client_removed(self):
        self.command("client", "add", "passing", "--scope", "system/*.rs", "--jwks", self.folder + "/jwks.json")
        token = self.ask(self.first, self.assertion(iss="passing", sub="passing")).json["access_token"]
        self.assertEqual(self.reads(self.second, token), 200)
        self.command("client", "remove", "passing")
        self.assertEnds(token)


if __name__ == "__main__":
    kagari.main()
