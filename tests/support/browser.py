"""A browser at the authorisation server's pages, for tests: forms, cookies, codes with PKCE."""
import base64
import hashlib
import html
import re
import secrets
import socket
import urllib.parse

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Browser:
    """Over a kagari.Client; client_id and redirect_uri of an app that it is sent by."""

    def __init__(self, client, base, client_id="dev", redirect_uri="http://127.0.0.1/callback"):
        self.client, self.base = client, base
        self.client.token = None
        self.app = {"client_id": client_id, "redirect_uri": redirect_uri}
        self.cookies = {}

    def send(self, method, path, form=None):
        headers = dict(FORM)
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        answer = self.client.request(method, path, urllib.parse.urlencode(form) if form is not None else None, headers)
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, value = line.split(";")[0].split("=", 1)
            self.cookies[name] = value
        return answer

    def authorize(self, scope="openid fhirUser user/*.rs", **more):
        self.verifier = secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {"response_type": "code", **self.app, "scope": scope, "state": "s", "aud": self.base,
                 "code_challenge": challenge, "code_challenge_method": "S256", **more}
        return self.send("GET", "oauth/authorize?" + urllib.parse.urlencode(query))

    def fill_in(self, page, **fields):
        flow = re.search(r'name="flow" value="([^"]+)"', page.body.decode())
        assert flow, page.body
        return self.send("POST", "oauth/login", {"flow": flow[1], **fields})

    def allow(self, page):
        """The token endpoint's answer."""
        back = self.fill_in(page, decision="allow")
        assert back.status == 303, back.body
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back.headers["Location"]).query))
        return self.client.request("POST", "oauth/token", urllib.parse.urlencode(
            {"grant_type": "authorization_code", "code": query["code"], "code_verifier": self.verifier, **self.app}),
            FORM).json


def refresh_of(page):
    """Where a page sends the browser on to."""
    return html.unescape(re.search(r'<a href="([^"]+)"', page.body.decode())[1])
