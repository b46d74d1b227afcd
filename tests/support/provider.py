"""A small OpenID Connect provider for tests: one person, who is logged in already, and whatever mistakes it is told to make.

Standard library only; openssl signs."""
import base64
import hashlib
import http.server
import json
import pathlib
import secrets
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, check=True, capture_output=True).stdout


class Key:
    def __init__(self, folder, name):
        self.kid, self.file = name, str(pathlib.Path(folder) / (name + ".key"))
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.file)
        number = openssl("rsa", "-in", self.file, "-noout", "-modulus").decode().strip().split("=")[1]
        self.jwk = {"kty": "RSA", "kid": name, "alg": "RS256", "use": "sig", "n": b64(bytes.fromhex(number)), "e": "AQAB"}

    def sign(self, text):
        return openssl("dgst", "-sha256", "-sign", self.file, data=text)


class Provider:
    """`with Provider("p") as p`: p.issuer; p.sub says who is logged in.

    p.claims changes the id_token's claims (None takes one away), p.header its header, p.key signs, p.answer changes what the
    browser brings back, p.published the discovery document. p.asked has what came to the token endpoint."""

    def __init__(self, name, client_id="kagari", tls=False):
        self.name, self.client_id, self.tls = name, client_id, tls
        self.sub = "person-1"
        self.codes = {}
        self.asked = []
        self.reset()

    def reset(self):
        self.claims, self.header, self.answer, self.published = {}, {}, {}, {}
        self.key = getattr(self, "own", None)

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.own = self.key = Key(self.folder.name, self.name)
        self.stranger = Key(self.folder.name, "stranger")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        scheme = "http"
        if self.tls:
            scheme, self.ca_file = "https", self.folder.name + "/tls.pem"
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=provider", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", self.folder.name + "/tls.key", "-out", self.ca_file)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.ca_file, self.folder.name + "/tls.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.issuer = f"{scheme}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.folder.cleanup()

    def settings(self, **more):
        """Its entry in oauth.providers."""
        return {"name": self.name, "issuer": self.issuer, "client_id": self.client_id, **more}

    # ---- what it does

    def discovery(self):
        return {"issuer": self.issuer, "authorization_endpoint": self.issuer + "/authorize",
                "token_endpoint": self.issuer + "/token", "jwks_uri": self.issuer + "/jwks", **self.published}

    def authorize(self, query):
        """Where the browser is sent back to."""
        code = secrets.token_urlsafe()
        self.codes[code] = query
        answer = {"code": code, "state": query["state"], **self.answer}
        return query["redirect_uri"] + "?" + urllib.parse.urlencode({k: v for k, v in answer.items() if v is not None})

    def jwt(self, claims):
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key.kid, **self.header}
        text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
        if header["alg"] == "none":
            return text + "."
        if header["alg"] == "HS256":  # by what everybody knows
            return text + "." + b64(hashlib.sha256(text.encode()).digest())
        return text + "." + b64(self.key.sign(text.encode()))

    def token(self, form, headers):
        self.asked.append((form, headers))
        asked = self.codes.pop(form.get("code"), None)
        digest = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if not asked or asked["code_challenge"] != digest or asked["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": self.client_id, "sub": self.sub, "nonce": asked["nonce"], "iat": now,
                  "exp": now + 60, **self.claims}
        return 200, {"access_token": "x", "token_type": "Bearer",
                     "id_token": self.jwt({k: v for k, v in claims.items() if v is not None})}

    def handler(self):
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def reply(self, status, body, headers=()):
                text = json.dumps(body).encode()
                self.send_response(status)
                for name, value in [("Content-Type", "application/json"), ("Content-Length", str(len(text))), *headers]:
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                if url.path == "/.well-known/openid-configuration":
                    self.reply(200, provider.discovery())
                elif url.path == "/jwks":
                    self.reply(200, {"keys": [provider.own.jwk]})
                elif url.path == "/authorize":
                    self.reply(302, {}, [("Location", provider.authorize(dict(urllib.parse.parse_qsl(url.query))))])
                else:
                    self.reply(404, {})

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.reply(*provider.token(dict(urllib.parse.parse_qsl(body)), dict(self.headers)))

            def log_message(self, *_):
                pass

        return Handler
