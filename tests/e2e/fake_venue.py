"""A venue written from the public protocol alone, by somebody who has not seen the program: plain sockets, one thread a
connection, faults on demand. It knows one instrument and one account, and it keeps a list of everything that a client does
which the protocol or good manners forbid.
"""
import base64
import collections
import hashlib
import hmac
import json
import re
import socket
import struct
import threading
import time
import urllib.parse
import uuid

KEY = "LAqUlngMIQkIUjXMUreyu3qn"
SECRET = "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"          # the documentation's example, nobody's
ACCOUNT = 119731

ORDER_COLUMNS = ("orderID clOrdID clOrdLinkID account symbol side simpleOrderQty orderQty price displayQty stopPx pegOffsetValue "
                 "pegPriceType currency settlCurrency ordType timeInForce execInst contingencyType exDestination ordStatus triggered "
                 "workingIndicator ordRejReason simpleLeavesQty leavesQty simpleCumQty cumQty avgPx multiLegReportingType text "
                 "transactTime timestamp").split()
KEYS = {"order": ["orderID"], "execution": ["execID"], "position": ["account", "symbol", "currency"], "margin": ["account"],
        "instrument": ["symbol"], "quote": [], "trade": []}
LIVING = ("New", "PartiallyFilled")


def iso(t=None):
    t = time.time() if t is None else t
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + ".%03dZ" % int(t % 1 * 1000)


def worth(qty, price):
    """Satoshi of so many inverse contracts, rounded per contract as before 2021."""
    return qty * round(1e8 / price)


Request = collections.namedtuple("Request", "at verb path query body headers")

# What a fault does with a request: is it carried out, and what is said.
Fault = collections.namedtuple("Fault", "verb times execute answer then")


class Session:
    """One WebSocket session, the server's side."""

    def __init__(self, venue, conn):
        self.venue, self.conn = venue, conn
        self.lock = threading.Lock()
        self.tables = []
        self.open = True

    def raw(self, opcode, payload):
        head = bytes([0x80 | opcode])
        n = len(payload)
        head += bytes([n]) if n < 126 else bytes([126]) + struct.pack(">H", n) if n < 65536 else bytes([127]) + struct.pack(">Q", n)
        with self.lock:
            if not self.open:
                return
            try:
                self.conn.sendall(head + payload)
            except OSError:
                self.open = False

    def text(self, value):
        self.raw(1, (value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))).encode())

    def close(self, code=None, reason=""):
        """With a code: properly. Without: the connection just ends."""
        if code is not None:
            self.raw(8, struct.pack(">H", code) + reason.encode())
        with self.lock:
            self.open = False
            try:
                self.conn.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Venue:
    def __init__(self, shape="compact", lot=1, tick=0.5, bid=10000.0, ask=10000.5):
        self.shape, self.lot, self.tick = shape, lot, tick
        self.bid, self.ask = bid, ask
        self.state = "Open"
        self.balance = 10**8
        self.position, self.cost = 0, 0          # contracts; satoshi of the open part, signed as BitMEX: long negative
        self.orders = collections.OrderedDict()
        self.executions = []
        self.requests = []
        self.wrong = []                  # what must never happen
        self.faults = []
        self.sessions = []
        self.ws_log = []
        self.latencies = []
        self.touched_at = None
        self.exec_count = 0
        # variations
        self.welcome = {"info": "Welcome to the BitMEX Realtime API.", "version": "2021-07-14T01:26:29.000Z", "docs": "https://www.bitmex.com/app/wsAPI",
                        "limit": {"remaining": 39}}
        self.acks = "before"             # before every partial of its topic, "all first", "after", "none"
        self.twice = False               # every table frame of the account comes twice
        self.hush = set()                # tables that say nothing after their partial
        self.flow = ("execution", "order", "position", "margin")     # order of the tables after a fill
        self.early = []                  # frames before the first partial
        self.answer_delay = 0.0
        self.pong = True
        self.refuse_upgrade = []         # statuses with which the next upgrades are refused
        self.number = lambda v: v        # how prices are printed, see jvm()
        self.rate = None                 # (limit, remaining) to say, or None
        self.history = True              # tradeHistory tells executions
        self.lock = threading.RLock()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.conns = []
        self.running = True
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def base(self):
        return "http://127.0.0.1:%d/api/v1/" % self.port

    # ---- what a test asks and does ----------------------------------------------------------------------------------------------

    def living(self):
        with self.lock:
            return [o for o in self.orders.values() if o["ordStatus"] in LIVING]

    def fault(self, verb, execute, answer, times=1, then=None):
        """The next `times` requests of `verb` are carried out or not, and answered by `answer`: a status with a message, "nothing",
        "close", "garbage", "half", or a number of seconds to wait."""
        with self.lock:
            self.faults.append(Fault(verb, times, execute, answer, then))

    def count(self, verb, path="/order", since=0):
        with self.lock:
            return sum(1 for r in self.requests[since:] if r.verb == verb and r.path == "/api/v1" + path)

    def touch(self, bid, ask, stamp=None, bid_size=1000, ask_size=1000):
        with self.lock:
            if bid != self.bid:
                self.touched_at = time.monotonic()
            self.bid, self.ask = bid, ask
            row = {"timestamp": iso(stamp), "symbol": "XBTUSD", "bidSize": bid_size, "bidPrice": self.number(bid), "askPrice": self.number(ask),
                   "askSize": ask_size}
            self.tell("quote", "insert", [row])

    def instrument(self, **columns):
        with self.lock:
            self.tell("instrument", "update", [dict({"symbol": "XBTUSD", "timestamp": iso()}, **columns)])

    def fill(self, order, qty, price=None):
        """The market takes `qty` of a resting order."""
        with self.lock:
            price = order["price"] if price is None else price
            qty = min(qty, order["leavesQty"])
            sign = 1 if order["side"] == "Buy" else -1
            order["cumQty"] += qty
            order["leavesQty"] -= qty
            done = order["leavesQty"] == 0
            order["ordStatus"] = "Filled" if done else "PartiallyFilled"
            order["workingIndicator"] = not done
            order["avgPx"] = price
            order["timestamp"] = order["transactTime"] = iso()
            cost = -sign * worth(qty, price)
            fee = round(worth(qty, price) * -0.00025)
            self.position += sign * qty
            self.cost += cost
            self.balance -= fee
            self.exec_count += 1
            execution = dict(order, execID=str(uuid.UUID(int=0x6d << 96 | self.exec_count)), execType="Trade", lastQty=qty, lastPx=price,
                             lastLiquidityInd="AddedLiquidity", commission=-0.00025, execCost=cost, execComm=fee, tradePublishIndicator="PublishTrade",
                             trdMatchID=str(uuid.uuid4()), homeNotional=sign * qty / price, foreignNotional=-sign * qty,
                             transactTime=order["timestamp"])
            self.executions.append(execution)
            rows = {
                "execution": ("insert", [self.shaped(execution)]),
                "order": ("update", [{k: order[k] for k in ("orderID", "ordStatus", "leavesQty", "cumQty", "avgPx", "workingIndicator", "timestamp",
                                                           "clOrdID", "account", "symbol")}]),
                "position": ("update" if self.position_told else "insert", [self.position_row()]),
                "margin": ("update", [self.margin_row()]),
            }
            for table in self.flow:
                self.tell(table, *rows[table])
            self.position_told = True
            return execution

    position_told = False

    def frames(self, value):
        """Any frame to every session."""
        for s in list(self.sessions):
            s.text(value)

    def drop(self, code=None):
        """End every session."""
        with self.lock:
            sessions, self.sessions = self.sessions, []
        for s in sessions:
            s.close(code)

    def stop(self):
        self.running = False
        self.listener.close()
        self.drop()
        for c in list(self.conns):
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def jvm(self):
        """Numbers as the venue printed them from 2024 on."""
        self.number = lambda v: float(v)

    # ---- rows --------------------------------------------------------------------------------------------------------------------

    def shaped(self, row):
        return dict(row) if self.shape == "legacy" else {k: v for k, v in row.items() if v not in (None, "")}

    def position_row(self):
        p = self.position
        avg = abs(p) / abs(self.cost) * 1e8 if p else None
        return self.shaped({
            "account": ACCOUNT, "symbol": "XBTUSD", "currency": "XBt", "underlying": "XBT", "quoteCurrency": "USD", "commission": 0.00075,
            "leverage": 100, "crossMargin": True, "currentQty": p, "currentCost": self.cost, "isOpen": p != 0, "markPrice": self.bid,
            "avgCostPrice": avg and round(avg, 4), "avgEntryPrice": avg and round(avg, 4), "liquidationPrice": None, "timestamp": iso()})

    def margin_row(self):
        return self.shaped({"account": ACCOUNT, "currency": "XBt", "riskLimit": 1000000000000, "state": "", "amount": 10**8,
                            "walletBalance": self.balance, "marginBalance": self.balance, "availableMargin": self.balance,
                            "excessMargin": self.balance, "marginLeverage": 0.0, "timestamp": iso()})

    def instrument_row(self):
        return self.shaped({
            "symbol": "XBTUSD", "rootSymbol": "XBT", "state": self.state, "typ": "FFWCSX", "listing": "2016-05-13T12:00:00.000Z", "expiry": None,
            "positionCurrency": "USD", "underlying": "XBT", "quoteCurrency": "USD", "settlCurrency": "XBt", "maxOrderQty": 10000000,
            "maxPrice": self.number(1000000), "lotSize": self.lot, "tickSize": self.tick, "multiplier": -100000000,
            "underlyingToPositionMultiplier": None, "underlyingToSettleMultiplier": -100000000, "quoteToSettleMultiplier": None, "isQuanto": False,
            "isInverse": True, "initMargin": 0.01, "maintMargin": 0.005, "riskLimit": 20000000000, "riskStep": 10000000000, "makerFee": -0.00025,
            "takerFee": 0.00075, "fundingInterval": "2000-01-01T08:00:00.000Z", "fundingRate": 0.0001, "indicativeFundingRate": 0.0001,
            "bidPrice": self.number(self.bid), "askPrice": self.number(self.ask), "midPrice": (self.bid + self.ask) / 2,
            "lastPrice": self.number(self.bid), "markPrice": self.number(self.bid), "indicativeSettlePrice": self.number(self.bid),
            "openInterest": 500000000, "timestamp": iso()})

    def partial(self, table):
        rows = {
            "quote": lambda: [{"timestamp": iso(), "symbol": "XBTUSD", "bidSize": 1000, "bidPrice": self.number(self.bid),
                               "askPrice": self.number(self.ask), "askSize": 1000}],
            "trade": lambda: [], "execution": lambda: [],
            "instrument": lambda: [self.instrument_row()],
            "order": lambda: [self.shaped(o) for o in self.living()],
            "position": lambda: [self.position_row()] if self.executions else [],
            "margin": lambda: [self.margin_row()],
        }[table]()
        if table == "position" and rows:
            self.position_told = True
        f = {"table": table, "action": "partial", "keys": KEYS[table], "types": {}, "filter": {"symbol": "XBTUSD"}, "data": rows}
        if self.shape == "legacy":
            f["foreignKeys"] = {}
            f["attributes"] = {}
        if table in ("order", "execution", "position"):
            f["filter"] = {"account": ACCOUNT, "symbol": "XBTUSD"}
        if table == "margin":
            f["filter"] = {"account": ACCOUNT}
        return f

    def tell(self, table, action, rows):
        if table in self.hush:
            return
        for s in list(self.sessions):
            if table in s.tables:
                for _ in range(2 if self.twice and table in ("order", "execution", "position", "margin") else 1):
                    s.text({"table": table, "action": action, "data": rows})

    # ---- orders ------------------------------------------------------------------------------------------------------------------

    def tell_order(self, order, action, kind):
        row = self.shaped(order)
        if action == "update":
            row = {k: order[k] for k in ("orderID", "ordStatus", "workingIndicator", "leavesQty", "cumQty", "price", "orderQty", "text", "timestamp",
                                         "clOrdID", "account", "symbol")}
        self.exec_count += 1
        execution = self.shaped(dict(order, execID=str(uuid.uuid4()), execType=kind, lastQty=None, lastPx=None,
                                     trdMatchID="00000000-0000-0000-0000-000000000000" if self.shape == "legacy" else None))
        self.tell("execution", "insert", [execution])
        self.tell("order", action, [row])

    def crosses(self, side, price):
        return price >= self.ask if side == "Buy" else price <= self.bid

    def place(self, b):
        if "clOrdID" not in b or b["clOrdID"] in self.orders:
            return 400, self.error("Duplicate clOrdID")
        for rule, good in (("orderQty a multiple of the lot", isinstance(b.get("orderQty"), int) and b["orderQty"] > 0 and b["orderQty"] % self.lot == 0),
                           ("price on the tick", isinstance(b.get("price"), (int, float)) and (b["price"] / self.tick) % 1 == 0),
                           ("symbol", b.get("symbol") == "XBTUSD"), ("side", b.get("side") in ("Buy", "Sell")),
                           ("post-only", "ParticipateDoNotInitiate" in b.get("execInst", "")),
                           ("clOrdID web-safe, 36 at most", re.fullmatch(r"[A-Za-z0-9_.~-]{1,36}", b["clOrdID"])),
                           ("own prefix", b["clOrdID"].startswith("mm_bitmex_"))):
            if not good:
                self.wrong.append("order without %s: %s" % (rule, b))
        if self.living():
            self.wrong.append("a second order while one lives: %s beside %s" % (b, self.living()))
        o = dict.fromkeys(ORDER_COLUMNS)
        o.update(orderID=str(uuid.uuid4()), clOrdID=b["clOrdID"], clOrdLinkID="", account=ACCOUNT, symbol="XBTUSD", side=b["side"],
                 orderQty=b["orderQty"], price=b["price"], pegPriceType="", currency="USD", settlCurrency="XBt", ordType="Limit",
                 timeInForce="GoodTillCancel", execInst=b.get("execInst", ""), contingencyType="", exDestination="XBME", ordStatus="New", triggered="",
                 workingIndicator=True, ordRejReason="", leavesQty=b["orderQty"], cumQty=0, multiLegReportingType="SingleSecurity",
                 text="Submitted via API.", transactTime=iso(), timestamp=iso())
        self.orders[o["clOrdID"]] = o
        if self.crosses(o["side"], o["price"]):
            o.update(ordStatus="Canceled", workingIndicator=False, leavesQty=0,
                     text="Canceled: Order had execInst of ParticipateDoNotInitiate\nSubmitted via API.")
            self.tell_order(o, "insert", "Canceled")
        else:
            self.tell_order(o, "insert", "New")
        return 200, self.shaped(o)

    def find(self, b, cl):
        if b.get(cl):
            return self.orders.get(b[cl])
        return next((o for o in self.orders.values() if o["orderID"] == b.get("orderID")), None)

    def amend(self, b):
        o = self.find(b, "origClOrdID")
        if o is None:
            return 400, self.error("Invalid origClOrdID" if "origClOrdID" in b else "Invalid orderID")
        if o["ordStatus"] not in LIVING:
            return 400, self.error("Invalid ordStatus: " + o["ordStatus"])
        if "price" in b and (b["price"] / self.tick) % 1 != 0:
            self.wrong.append("an amend off the tick: %s" % b)
        if b.get("price", o["price"]) == o["price"] and b.get("orderQty", o["orderQty"]) == o["orderQty"]:
            self.wrong.append("an amend that changes nothing: %s of %s at %s" % (b, o["orderQty"], o["price"]))
        o["price"] = b.get("price", o["price"])
        if "orderQty" in b:
            o["orderQty"] = max(b["orderQty"], o["cumQty"])
            o["leavesQty"] = o["orderQty"] - o["cumQty"]
        o["timestamp"] = o["transactTime"] = iso()
        o["text"] = "Amended price: Amended via API.\nSubmitted via API."
        if o["leavesQty"] == 0:
            o.update(ordStatus="Filled", workingIndicator=False)
        elif self.crosses(o["side"], o["price"]):
            o.update(ordStatus="Canceled", workingIndicator=False, leavesQty=0,
                     text="Canceled: Order had execInst of ParticipateDoNotInitiate\nSubmitted via API.")
        elif o["price"] == self.bid and self.touched_at is not None:
            self.latencies.append(time.monotonic() - self.touched_at)
            self.touched_at = None
        self.tell_order(o, "update", "Canceled" if o["ordStatus"] == "Canceled" else "Replaced")
        return 200, self.shaped(o)

    def cancel(self, b):
        o = self.find(b, "clOrdID")
        if o is None:
            return 404, self.error("Not Found")
        if o["ordStatus"] not in LIVING:
            return 200, [dict(self.shaped(o), error="Unable to cancel order due to existing state: " + o["ordStatus"])]
        o.update(ordStatus="Canceled", workingIndicator=False, leavesQty=0, text="Canceled: Canceled via API.\nSubmitted via API.", timestamp=iso())
        self.tell_order(o, "update", "Canceled")
        return 200, [self.shaped(o)]

    def cancel_all(self, text="Canceled: Cancel from www"):
        with self.lock:
            for o in self.living():
                o.update(ordStatus="Canceled", workingIndicator=False, leavesQty=0, text=text, timestamp=iso())
                self.tell_order(o, "update", "Canceled")

    @staticmethod
    def error(message, name="HTTPError"):
        return {"error": {"message": message, "name": name}}

    # ---- HTTP ----------------------------------------------------------------------------------------------------------------------

    def _accept(self):
        while self.running:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.conns.append(conn)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        data = b""
        try:
            while self.running:
                while b"\r\n\r\n" not in data:
                    more = conn.recv(65536)
                    if not more:
                        return
                    data += more
                head, _, data = data.partition(b"\r\n\r\n")
                lines = head.decode().split("\r\n")
                verb, target, _ = lines[0].split(" ")
                headers = {k.lower(): v for k, v in (l.split(": ", 1) for l in lines[1:])}
                need = int(headers.get("content-length", "0"))
                while len(data) < need:
                    more = conn.recv(65536)
                    if not more:
                        return
                    data += more
                body, data = data[:need].decode(), data[need:]
                if headers.get("upgrade", "").lower() == "websocket":
                    self._socket(conn, target, headers, data)
                    return
                if not self._answer(conn, verb, target, headers, body):
                    return
        except (OSError, ValueError) as e:
            if self.running and not isinstance(e, OSError):
                self.wrong.append("a request that is none: %s" % e)
        finally:
            conn.close()

    def verify(self, headers, text):
        """None, or (status, message) for a request that is not allowed."""
        if headers.get("api-key") != KEY:
            return 401, "Invalid API Key."
        expires = headers.get("api-expires", "0")
        if int(expires) < time.time():
            return 400, "This request has expired - `expires` is in the past. Current time: %d" % time.time()
        if int(expires) > time.time() + 3700:
            self.wrong.append("a deadline more than an hour away: " + expires)
        good = hmac.new(SECRET.encode(), text(expires).encode(), hashlib.sha256).hexdigest()
        if headers.get("api-signature") != good:
            return 401, "Signature not valid."
        return None

    def _respond(self, conn, status, value, extra=()):
        body = (value if isinstance(value, str) else json.dumps(value)).encode()
        words = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests",
                 503: "Service Unavailable"}
        lines = ["HTTP/1.1 %d %s" % (status, words.get(status, "Status")), "Content-Type: application/json; charset=utf-8",
                 "Content-Length: %d" % len(body)] + ["%s: %s" % f for f in extra]
        if self.rate:
            lines += ["X-RateLimit-Limit: %d" % self.rate[0], "X-RateLimit-Remaining: %d" % self.rate[1], "X-RateLimit-Reset: %d" % (time.time() + 1)]
        conn.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    def _answer(self, conn, verb, target, headers, body):
        u = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(u.query))
        refused = self.verify(headers, lambda expires: verb + target + expires + body)
        with self.lock:
            try:
                parsed = json.loads(body) if body else {}
            except ValueError:
                parsed = {}
                self.wrong.append("a body that is no JSON: " + body[:200])
            self.requests.append(Request(time.monotonic(), verb, u.path, query, parsed, headers))
            if refused:
                self.wrong.append("%s %s: %s" % (verb, target, refused[1]))
                self._respond(conn, refused[0], self.error(refused[1]))
                return True
            if int(headers["api-expires"]) > time.time() + 61:
                self.wrong.append("a request that stays valid for more than a minute: %s" % headers["api-expires"])
            fault = self._fault(verb, u.path)
        delay = self.answer_delay
        status, value, extra = 200, None, ()
        if fault is None or fault.execute:
            with self.lock:
                status, value = self._route(verb, u.path, query, parsed)
        if fault is not None:
            if fault.then is not None:
                fault.then(self)
            answer = fault.answer
            if answer == "nothing":
                time.sleep(30)
                return False
            if answer == "close":
                return False
            if answer == "garbage":
                self._respond(conn, 200, '{"orderID": "half')
                return True
            if answer == "half":
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{\"orderID\":")
                return False
            if isinstance(answer, (int, float)) and not isinstance(answer, bool):
                delay = answer
            elif answer is not None:
                status, value, extra = answer[0], self.error(answer[1]), answer[2] if len(answer) > 2 else ()
        if delay:
            time.sleep(delay)
        self._respond(conn, status, value, extra)
        return True

    def _fault(self, verb, path):
        for i, f in enumerate(self.faults):
            if path == "/api/v1/order" and f.verb == verb or f.verb == verb + " " + path:
                if f.times == 1:
                    del self.faults[i]
                else:
                    self.faults[i] = f._replace(times=f.times - 1)
                return f
        return None

    def _route(self, verb, path, query, body):
        if path == "/api/v1/order":
            if verb == "GET":
                return 200, self._orders(query)
            return {"POST": self.place, "PUT": self.amend, "DELETE": self.cancel}[verb](body)
        if path == "/api/v1/execution/tradeHistory":
            rows = [self.shaped(e) for e in self.executions if e["timestamp"] >= query.get("startTime", "")] if self.history else []
            rows = rows[::-1] if query.get("reverse") == "true" else rows
            start = int(query.get("start", "0"))
            return 200, rows[start:start + int(query.get("count", "100"))]
        if path == "/api/v1/position":
            return 200, [self.position_row()] if self.executions else []
        if path == "/api/v1/user/margin":
            return 200, self.margin_row()
        if path == "/api/v1/instrument":
            return 200, [self.instrument_row()]
        return 404, self.error("Not Found")

    def _orders(self, query):
        wanted = json.loads(query.get("filter", "{}"))
        rows = []
        for o in self.orders.values():
            good = True
            for k, v in wanted.items():
                if k in ("open", "ordStatus.isTerminated"):
                    good = good and (o["ordStatus"] in LIVING) == (v if k == "open" else not v)
                else:
                    good = good and (o.get(k) in v if isinstance(v, list) else o.get(k) == v)
            if good:
                rows.append(self.shaped(o))
        return rows

    # ---- WebSocket -------------------------------------------------------------------------------------------------------------------

    def _socket(self, conn, target, headers, data):
        if self.refuse_upgrade:
            status = self.refuse_upgrade.pop(0)
            self.ws_log.append("refused %d" % status)
            self._respond(conn, status, self.error({401: "Invalid API Key.", 429: "Rate limit exceeded, retry in 1 seconds."}.get(status, "Service unavailable")))
            return
        u = urllib.parse.urlsplit(target)
        if "api-key" in headers:
            refused = self.verify(headers, lambda expires: "GET/realtime" + expires)
            if refused:
                self.wrong.append("login: " + refused[1])
                self._respond(conn, refused[0], self.error(refused[1]))
                return
        accept = base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        conn.sendall(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n" % accept).encode())
        s = Session(self, conn)
        self.ws_log.append("open")
        if self.welcome is not None:
            s.text(dict(self.welcome, timestamp=iso()))
        topics = [t for t in dict(urllib.parse.parse_qsl(u.query)).get("subscribe", "").split(",") if t]
        for f in self.early:
            s.text(f)
        with self.lock:
            self.subscribe(s, topics)
            self.sessions.append(s)
        try:
            while self._frame(s, conn):
                pass
        finally:
            with self.lock:
                if s in self.sessions:
                    self.sessions.remove(s)
            self.ws_log.append("closed")

    def subscribe(self, s, topics):
        def ack(topic):
            s.text({"success": True, "subscribe": topic, "request": {"op": "subscribe", "args": ",".join(topics)}})
        if self.acks == "all first":
            for t in topics:
                ack(t)
        for t in topics:
            table = t.partition(":")[0]
            if self.acks == "before":
                ack(t)
            s.text(self.partial(table))
            s.tables.append(table)
            if self.acks == "after":
                ack(t)

    def _frame(self, s, conn):
        def take(n):
            out = b""
            while len(out) < n:
                more = conn.recv(n - len(out))
                if not more:
                    raise OSError
                out += more
            return out
        try:
            b0, b1 = take(2)
            n = b1 & 127
            n = struct.unpack(">H", take(2))[0] if n == 126 else struct.unpack(">Q", take(8))[0] if n == 127 else n
            if not b1 & 128:
                self.wrong.append("a client's frame without a mask")
            mask = take(4)
            payload = bytes(c ^ mask[i % 4] for i, c in enumerate(take(n)))
        except OSError:
            return False
        opcode = b0 & 15
        if opcode == 8:
            s.raw(8, payload[:2])
            return False
        if opcode == 9:
            if self.pong:
                s.raw(10, payload)
            return True
        if opcode != 1:
            return True
        text = payload.decode()
        self.ws_log.append(text)
        if text == "ping":
            if self.pong:
                s.text("pong")
            return True
        m = json.loads(text)
        if m.get("op") == "cancelAllAfter":
            now = time.time()
            s.text({"now": iso(now), "cancelTime": iso(now + m["args"] / 1000), "request": m})
        elif m.get("op") == "subscribe":
            with self.lock:
                args = m["args"] if isinstance(m["args"], list) else [m["args"]]
                self.subscribe(s, args)
        else:
            self.wrong.append("a command that the protocol does not know: " + text)
        return True
