"""A SMART app in a real browser: fhirclient (npm) in headless Chromium, from the launch to the patient's record and a refresh.

Chromium is driven by its DevTools protocol over a pipe; nothing else is needed.
"""
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time

PATIENT = {"resourceType": "Patient", "id": "smart-1", "name": [{"family": "山田", "given": ["太郎"]}]}

LAUNCH = """<!DOCTYPE html><title>launch</title><script src="fhir-client.js"></script><script>
FHIR.oauth2.authorize({clientId: "dev", iss: %s, redirectUri: location.origin + "/callback", pkceMode: "required",
                       scope: "openid fhirUser launch/patient patient/*.rs offline_access"})
    .catch(e => document.title = "failed: " + e)
</script>"""

CALLBACK = """<!DOCTYPE html><title>callback</title><script src="fhir-client.js"></script><script>
FHIR.oauth2.ready().then(async client => {
    const patient = await client.patient.read()
    const first = client.state.tokenResponse.access_token
    await client.refresh()
    const again = await client.request("Patient/" + client.patient.id)
    window.result = {patient: patient.id, name: patient.name[0].family, user: client.user.fhirUser,
                     fresh: client.state.tokenResponse.access_token !== first, again: again.id,
                     others: await client.request("Patient?_summary=count").then(b => b.total)}
    document.title = "done"
}).catch(e => document.title = "failed: " + e)
</script>"""


class Browser:
    """Headless Chromium with one page."""

    def __init__(self, binary, folder):
        to_read, self.write_end = os.pipe()
        self.read_end, to_write = os.pipe()
        self.number, self.buffer = 0, b""

        def ends():
            os.dup2(to_read, 100), os.dup2(to_write, 101)
            os.dup2(100, 3), os.dup2(101, 4)

        self.process = subprocess.Popen(
            [binary, "--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--ignore-certificate-errors", "--no-first-run", "--lang=en", "--accept-lang=en", f"--user-data-dir={folder}",
             "about:blank"],
            preexec_fn=ends, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read), os.close(to_write)
        page = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        os.close(self.write_end), os.close(self.read_end)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if hasattr(self, "session"):
            message["sessionId"] = self.session
        os.write(self.write_end, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.buffer:
                more = os.read(self.read_end, 1 << 16)
                if not more:
                    raise RuntimeError("Chromium has ended")
                self.buffer += more
            text, self.buffer = self.buffer.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def run(self, script):
        """The value of an expression in the page; None while there is none."""
        try:
            return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")
        except RuntimeError as error:  # between two pages
            if "Chromium has ended" in str(error):
                raise
            return None

    def wait(self, script, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run(script)
            if value:
                return value
            time.sleep(0.1)
        raise TimeoutError(f"{script}: {self.run('document.title')} {self.run('document.body && document.body.innerText')}")

    def submit(self, fields, button):
        for name, value in fields.items():
            self.run(f"document.querySelector({json.dumps(name)}).value = {json.dumps(value)}")
        self.run(f"document.querySelector({json.dumps(button)}).click()")


def app(script, base):
    """The app's own server."""
    pages = {"/launch": (LAUNCH % json.dumps(base)).encode(), "/callback": CALLBACK.encode(), "/fhir-client.js": script}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = pages.get(self.path.split("?")[0])
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/javascript" if self.path.endswith(".js") else "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def run(log, dev, script):
    client = dev.client()
    client.request("PUT", "Patient/smart-1", PATIENT)
    client.request("PUT", "Patient/smart-2", {"resourceType": "Patient", "id": "smart-2"})
    password = (dev.data / "password").read_text().strip()
    server, folder = app(script, dev.base), tempfile.mkdtemp(prefix="kagari-smart-")
    checks = {}
    try:
        with Browser(shutil.which("chromium"), folder) as browser:
            browser.call("Page.navigate", url=f"http://127.0.0.1:{server.server_port}/launch")
            browser.wait("document.querySelector('[name=password]') !== null")
            checks["the app comes to the login page"] = True
            browser.submit({"[name=username]": "dev", "[name=password]": password}, "button")
            browser.wait("document.querySelector('[value=search]') !== null")
            checks["the person is asked for a patient"] = True
            browser.submit({"[name=name]": "山田"}, "[value=search]")
            browser.wait("document.querySelector('[value=smart-1]') !== null")
            checks["the patient is found by name"] = True
            browser.run("document.querySelector('[value=smart-1]').click()")
            browser.submit({}, "[value=choose]")
            browser.wait("document.querySelector('[value=allow]') !== null")
            browser.submit({}, "[value=allow]")
            browser.wait("/^(done|failed)/.test(document.title)")
            log.write(f"{browser.run('document.title')}\n")
            got = browser.run("window.result") or {}
            log.write(f"{got}\n")
            checks["the app reads the patient"] = got.get("patient") == "smart-1" and got.get("name") == "山田"
            checks["and nobody else"] = got.get("others") == 1
            checks["it knows who has logged in"] = str(got.get("user", "")).endswith("Practitioner/suzuki-makoto")
            checks["it refreshes its token"] = got.get("fresh") is True and got.get("again") == "smart-1"
    except (TimeoutError, RuntimeError) as error:
        log.write(f"{error}\n")
        checks["the way goes on"] = False
    finally:
        server.shutdown()
        server.server_close()
        shutil.rmtree(folder, ignore_errors=True)
    for name, ok in checks.items():
        log.write(f"{'ok' if ok else 'FAILED'}: {name}\n")
    return sum(checks.values()), len(checks) - sum(checks.values())
