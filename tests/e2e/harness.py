"""What the end-to-end tests share: processes with deadlines, folders, a signing REST client, WebSocket sessions.

Everything here speaks to the program from outside: by its command line, its files and the public protocol. Nothing is taken
from its sources. A failure prints the request, the answer and the rule; a process that is still alive at the end of a test is
ended by its id.
"""
import concurrent.futures
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

import websocket                         # Debian: python3-websocket

BINARY = os.environ.get("MM_BINARY", "")
SHARED = os.environ.get("MM_SHARED", "")
SOURCE = os.environ.get("MM_SOURCE", "")
SLOW = float(os.environ.get("MM_E2E_SLOW", "1"))        # sanitizer builds: how much longer a deadline is

HEX64 = re.compile(r"[0-9a-f]{64}")


def deadline(seconds):
    return time.monotonic() + seconds * SLOW


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, seconds, step=0.02):
    """The first true answer of `what`, or its last answer when the time is over."""
    end = deadline(seconds)
    while True:
        answer = what()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(step)


class Program:
    """A running marketmaker. Lines of both outputs are kept with the time at which they came."""

    def __init__(self, args, cwd, env=None, name=None, program=None):
        clean = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": cwd, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
        clean.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        clean.update(env or {})
        self.args = [program or BINARY] + [str(a) for a in args]
        self.name = name or (args[0] if args else "marketmaker")
        self.lines = []
        self.started = time.monotonic()
        self.heard = threading.Condition()
        self.process = subprocess.Popen(self.args, cwd=cwd, env=clean, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, errors="replace", bufsize=1)
        self.readers = [threading.Thread(target=self._read, args=(s, w), daemon=True)
                        for s, w in ((self.process.stdout, "out"), (self.process.stderr, "err"))]
        for reader in self.readers:
            reader.start()

    def _read(self, stream, which):
        for line in stream:
            with self.heard:
                self.lines.append((time.monotonic() - self.started, which, line.rstrip("\n")))
                self.heard.notify_all()

    @property
    def pid(self):
        return self.process.pid

    def mark(self):
        """Where the output stands: lines before it are not looked at by wait_line(..., after=mark). The log is written by a thread
        of its own and comes a moment after what it tells."""
        time.sleep(0.15 * SLOW)
        return len(self.lines)

    def text(self, after=0):
        return "\n".join(line for _, _, line in self.lines[after:])

    def find(self, pattern, after=0):
        return [(t, re.search(pattern, line)) for t, _, line in self.lines[after:] if re.search(pattern, line)]

    def count(self, pattern, after=0):
        return len(self.find(pattern, after))

    def wait_line(self, pattern, seconds, after=0):
        """(seconds since start, match) of the first line that fits; AssertionError with the output when none comes."""
        end = deadline(seconds)
        at = after
        with self.heard:
            while True:
                while at < len(self.lines):
                    t, _, line = self.lines[at]
                    at += 1
                    m = re.search(pattern, line)
                    if m:
                        return t, m
                left = end - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not any(r.is_alive() for r in self.readers)):
                    break
                self.heard.wait(min(left, 0.2))
        raise AssertionError("%s: no line like /%s/ within %g s%s\n%s" % (
            self.name, pattern, seconds, "" if self.process.poll() is None else "; it ended with %d" % self.process.returncode,
            self.tail()))

    def tail(self, lines=40):
        return "--- %s\n%s\n---" % (" ".join(self.args), "\n".join("%8.3f %s %s" % l for l in self.lines[-lines:]))

    def signal(self, number):
        os.kill(self.process.pid, number)

    def wait(self, seconds):
        """The exit status; AssertionError when it does not end."""
        end = deadline(seconds)
        try:
            code = self.process.wait(max(0.01, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise AssertionError("%s: still running after %g s\n%s" % (self.name, seconds, self.tail())) from None
        for reader in self.readers:
            reader.join(5)
        return code

    def stop(self, seconds=15):
        """Ctrl-C, then the exit status."""
        self.signal(signal.SIGINT)
        return self.wait(seconds)

    def crash(self):
        """kill -9."""
        self.signal(signal.SIGKILL)
        self.process.wait(10)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for reader in self.readers:
            reader.join(5)
        self.process.stdout.close()
        self.process.stderr.close()


class Case(unittest.TestCase):
    """A folder of its own for each test, processes ended with it."""
    maxDiff = None
    longMessage = True

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="mm-e2e-")
        self.addCleanup(shutil.rmtree, self.dir, True)

    def start(self, *args, env=None, cwd=None, name=None):
        p = Program(args, cwd or self.dir, env, name)
        self.addCleanup(p.end)
        return p

    def run_once(self, *args, env=None, cwd=None, seconds=20):
        """(exit status, standard output, standard error) of a command that ends by itself."""
        p = self.start(*args, env=env, cwd=cwd)
        code = p.wait(seconds)
        p.end()
        return code, "\n".join(l for _, w, l in p.lines if w == "out"), "\n".join(l for _, w, l in p.lines if w == "err")

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text, mode=0o600):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def check(self, truth, rule, *evidence):
        """A rule that must hold; on failure the evidence is printed whole."""
        if not truth:
            self.fail(rule + "".join("\n  %s" % (e.tail() if isinstance(e, Program) else e) for e in evidence))

    def check_ended(self, p, code, seconds=15):
        found = p.wait(seconds)
        self.check(found == code, "expected exit status %d, found %d" % (code, found), p)
        self.check("Sanitizer" not in p.text() and "runtime error" not in p.text(), "a sanitizer complains", p)

    def check_no_secret(self, secrets, *texts):
        for text in texts:
            found = HEX64.search(text)
            self.check(found is None, "no signature (64 hex digits) may be shown", "found in: ..." + text[max(0, (found.start() if found else 0) - 80):][:240])
            for secret in secrets:
                at = text.find(secret)
                self.check(at < 0, "no secret may be shown", "found in: ..." + text[max(0, at - 80):at] + "<secret>")


def recordings(case, *names):
    """Paths of recorded files below data/, between commas. Says SKIPPED when they are not there."""
    paths = [os.path.join(SHARED, "data", n) for n in names]
    missing = [p for p in paths if not os.path.exists(p)]
    if missing:
        print("SKIPPED %s: no recording %s (MM_SHARED is '%s')" % (case.id(), missing[0], SHARED), flush=True)
        case.skipTest("no recordings")
    return ",".join(paths)


# ---- the protocol as a client ---------------------------------------------------------------------------------------------------

def sign(secret, verb, path, expires, body=""):
    return hmac.new(secret.encode(), (verb + path + str(expires) + body).encode(), hashlib.sha256).hexdigest()


class Answer:
    def __init__(self, request, status, headers, text):
        self.request, self.status, self.headers, self.text = request, status, headers, text
        try:
            self.json = json.loads(text)
        except ValueError:
            self.json = None

    @property
    def message(self):
        return self.json["error"]["message"] if isinstance(self.json, dict) and "error" in self.json else None

    def __str__(self):
        return "%s\n  -> %d %s" % (self.request, self.status, self.text[:600])


class Rest:
    """A client of the REST interface: base like http://127.0.0.1:8000/api/v1."""

    def __init__(self, base, key=None, secret=None, context=None):
        u = urllib.parse.urlsplit(base)
        self.host, self.port, self.root = u.hostname, u.port, u.path.rstrip("/")
        self.tls, self.context = u.scheme == "https", context
        self.key, self.secret = key, secret

    def ask(self, verb, path, body=None, query=None, expires=None, headers=None, signature=None, form=False):
        target = self.root + path
        if query:
            target += "?" + urllib.parse.urlencode({k: v if isinstance(v, str) else json.dumps(v, separators=(",", ":"))
                                                    for k, v in query.items()})
        text = "" if body is None else body if isinstance(body, str) else \
            urllib.parse.urlencode(body) if form else json.dumps(body, separators=(",", ":"))
        sent = {"Content-Type": "application/x-www-form-urlencoded" if form else "application/json", "Accept": "application/json"}
        if self.key is not None:
            deadline_s = int(time.time()) + 5 if expires is None else expires
            sent.update({"api-key": self.key, "api-expires": str(deadline_s),
                         "api-signature": signature or sign(self.secret, verb, target, deadline_s, text)})
        sent.update(headers or {})
        cls = http.client.HTTPSConnection if self.tls else http.client.HTTPConnection
        c = cls(self.host, self.port, timeout=10 * SLOW, **({"context": self.context} if self.tls else {}))
        try:
            c.request(verb, target, body=text.encode() if text else None, headers=sent)
            r = c.getresponse()
            return Answer("%s %s %s" % (verb, target, text), r.status, dict((k.lower(), v) for k, v in r.getheaders()),
                          r.read().decode())
        finally:
            c.close()

    def get(self, path, **query):
        return self.ask("GET", path, query=query or None)

    def post(self, path, **body):
        return self.ask("POST", path, body)

    def put(self, path, **body):
        return self.ask("PUT", path, body)

    def delete(self, path, **body):
        return self.ask("DELETE", path, body)

    def open_orders(self, symbol="XBTUSD"):
        a = self.get("/order", filter={"open": True, "symbol": symbol}, count="500")
        assert a.status == 200, str(a)
        return a.json


class Stream:
    """One WebSocket session: every frame that came, decoded, and tables kept as the protocol says."""

    def __init__(self, url, headers=None, **options):
        self.frames = []                 # decoded; texts that are no JSON stay texts
        self.tables = {}                 # table -> {"keys": [...], "rows": [...]}
        self.problems = []
        self.closed = None
        self.heard = threading.Condition()
        self.ws = websocket.create_connection(url, timeout=10 * SLOW, header=headers or [], **options)
        self.ws.settimeout(None)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            try:
                opcode, data = self.ws.recv_data()
            except (OSError, websocket.WebSocketException, ValueError) as e:
                opcode, data = websocket.ABNF.OPCODE_CLOSE, str(e).encode()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                with self.heard:
                    self.closed = data
                    self.heard.notify_all()
                return
            text = data.decode()
            try:
                frame = json.loads(text)
            except ValueError:
                frame = text
            with self.heard:
                self.frames.append(frame)
                if isinstance(frame, dict) and "table" in frame:
                    self._apply(frame)
                self.heard.notify_all()

    def _apply(self, f):
        name, action = f["table"], f["action"]
        if action == "partial":
            kept = self.tables.setdefault(name, {"keys": f["keys"], "rows": []})
            kept["keys"] = f["keys"]
            kept["rows"].extend(dict(r) for r in f["data"])
            return
        if name not in self.tables:
            self.problems.append("%s of %s before its partial" % (action, name))
            return
        t = self.tables[name]
        for row in f["data"]:
            at = [r for r in t["rows"] if t["keys"] and all(r.get(k) == row.get(k) for k in t["keys"])]
            if action == "insert":
                if at:
                    self.problems.append("insert of a row that is there: %s %s" % (name, row))
                t["rows"].append(dict(row))
            elif not at:
                self.problems.append("%s of an unknown row: %s %s" % (action, name, row))
            elif action == "update":
                at[0].update(row)
            else:
                t["rows"].remove(at[0])

    def send(self, value):
        self.ws.send(value if isinstance(value, str) else json.dumps(value))

    def wait(self, what, seconds=10, after=0):
        """The first frame for which `what` is true."""
        end = deadline(seconds)
        at = after
        with self.heard:
            while True:
                while at < len(self.frames):
                    frame = self.frames[at]
                    at += 1
                    if what(frame):
                        return frame
                left = end - time.monotonic()
                if left <= 0 or self.closed is not None:
                    raise AssertionError("no such frame within %g s%s; heard:\n  %s" % (
                        seconds, "" if self.closed is None else " (closed: %r)" % self.closed,
                        "\n  ".join(json.dumps(f)[:300] for f in self.frames[-30:])))
                self.heard.wait(left)

    def rows(self, table, action=None, **columns):
        """Rows of every frame of a table, in order."""
        with self.heard:
            return [r for f in self.frames if isinstance(f, dict) and f.get("table") == table and action in (None, f["action"])
                    for r in f["data"] if all(r.get(k) == v for k, v in columns.items())]

    def close(self):
        try:
            self.ws.close(timeout=1)
        except (OSError, websocket.WebSocketException):
            pass


def login_headers(key, secret, expires=None):
    expires = expires or int(time.time()) + 60
    return ["api-key: " + key, "api-expires: %d" % expires, "api-signature: " + sign(secret, "GET", "/realtime", expires)]


# ---- what the program leaves behind ------------------------------------------------------------------------------------------------

def state_rows(path, table):
    """Rows of the state file as dicts; read-only, also while a bot holds it."""
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=5)
    try:
        db.row_factory = sqlite3.Row
        return [dict(r) for r in db.execute("SELECT * FROM " + table)]
    finally:
        db.close()


class _Recorder(unittest.TestResult):
    """Keeps what a test reports, to be told again in order."""

    def __init__(self):
        super().__init__()
        self.said = []

    def _keep(name):
        def add(self, *args):
            self.said.append((name, args))
        return add

    addSuccess, addFailure, addError, addSkip, addSubTest, addExpectedFailure, addUnexpectedSuccess = map(
        _keep, ("addSuccess", "addFailure", "addError", "addSkip", "addSubTest", "addExpectedFailure", "addUnexpectedSuccess"))


class _Replayed(unittest.TestCase):
    """A test that runs on a thread of its own and reports when its turn has come."""

    def __init__(self, case, pool):
        super().__init__("runTest")
        self.case, self.recorder = case, _Recorder()
        self.future = pool.submit(case.run, self.recorder)

    def runTest(self):
        pass

    def run(self, result=None):
        result.startTest(self.case)
        self.future.result()
        for name, args in self.recorder.said:
            getattr(result, name)(*args)
        result.stopTest(self.case)


def _cases(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _cases(item)
        else:
            yield item


def main(together=1):
    """`together` tests at once: most of a test's time is waiting."""
    if not BINARY or not os.access(BINARY, os.X_OK):
        sys.exit("MM_BINARY names no program: '%s'" % BINARY)
    if together == 1:
        unittest.main(verbosity=2)
    module = sys.modules["__main__"]
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    with concurrent.futures.ThreadPoolExecutor(together) as pool:
        replayed = unittest.TestSuite(_Replayed(case, pool) for case in _cases(suite))
        result = unittest.TextTestRunner(verbosity=2).run(replayed)
    sys.exit(not result.wasSuccessful())
