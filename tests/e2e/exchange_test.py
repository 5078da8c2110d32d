"""marketmaker exchange: real HTTP and WebSocket sessions of two accounts, as the protocol reference describes them."""
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import requests                          # Debian: python3-requests
import websocket

import harness

# The first key is the documentation's example: its published signatures must come out.
ANN, ANN_SECRET = "LAqUlngMIQkIUjXMUreyu3qn", "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"
BOB, BOB_SECRET = "bob" + "B" * 21, "secret-of-bob-" + "b" * 34
EVE, EVE_SECRET = "readonly" + "E" * 16, "secret-of-eve-" + "e" * 34
CAN, CAN_SECRET = "cancels" + "C" * 17, "secret-of-can-" + "c" * 34

INSTRUMENT_COLUMNS = ("symbol tickSize state bidPrice askPrice lastPrice midPrice markPrice indicativeSettlePrice isInverse isQuanto multiplier "
                      "quoteToSettleMultiplier underlyingToSettleMultiplier initMargin lotSize makerFee takerFee maxOrderQty").split()
ORDER_LEGACY = ("orderID clOrdID clOrdLinkID account symbol side simpleOrderQty orderQty price displayQty stopPx pegOffsetValue pegPriceType currency "
                "settlCurrency ordType timeInForce execInst contingencyType exDestination ordStatus triggered workingIndicator ordRejReason simpleLeavesQty "
                "leavesQty simpleCumQty cumQty avgPx multiLegReportingType text transactTime timestamp").split()


class Exchange(harness.Case):
    def exchange(self, *options, era="2020", port=0, limits=False, market="none"):
        self.write("accounts", "# key secret balance permission\n%s %s 10 order\n%s %s 10.5\n%s %s 1 read\n%s %s 1 orderCancel\n"
                   % (ANN, ANN_SECRET, BOB, BOB_SECRET, EVE, EVE_SECRET, CAN, CAN_SECRET))
        more = [] if limits else ["--no-limits"]
        p = self.start("exchange", "--port", port, "--era", era, "--market", market, "--accounts", self.path("accounts"), *more, *options)
        _, m = p.wait_line(r"BASE_URL (https?://127\.0\.0\.1:(\d+)/api/v1/) with 4 accounts", 15)
        p.base, p.port = m.group(1), int(m.group(2))
        p.ws = p.base.replace("http", "ws", 1).replace("/api/v1/", "/realtime")
        p.public = harness.Rest(p.base)
        p.ann, p.bob, p.eve, p.can = (harness.Rest(p.base, k, s) for k, s in ((ANN, ANN_SECRET), (BOB, BOB_SECRET), (EVE, EVE_SECRET), (CAN, CAN_SECRET)))
        return p

    def stream(self, p, topics="", key=None, secret=None, query="", headers=None, **options):
        url = p.ws + ("?subscribe=" + topics if topics else "") + query
        s = harness.Stream(url, headers if headers is not None else harness.login_headers(key, secret) if key else [], **options)
        self.addCleanup(s.close)
        return s

    def ok(self, a, **expected):
        self.check(a.status == 200, "status 200", a)
        for k, v in expected.items():
            self.check(a.json.get(k) == v, "%s is %r, found %r" % (k, v, a.json.get(k)), a)
        return a.json

    def refused(self, a, status, message, name=None):
        """`message` whole, or a compiled expression."""
        good = message.search(a.message or "") if hasattr(message, "search") else a.message == message
        self.check(a.status == status and good, "refused with %d %s" % (status, getattr(message, "pattern", message)), a)
        self.check(set(a.json["error"]) >= {"message", "name"}, "an error has message and name", a)
        if name is not None:
            self.check(a.json["error"]["name"] == name, "the error's name is " + name, a)

    # ---- who asks ----------------------------------------------------------------------------------------------------------------

    def test_signatures(self):
        for verb, path, expires, body, signature in (
                ("GET", "/api/v1/instrument", 1518064236, "", "c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00"),
                ("GET", "/api/v1/instrument?filter=%7B%22symbol%22%3A+%22XBTM15%22%7D", 1518064237, "",
                 "e2f422547eecb5b3cb29ade2127e21b858b235b386bfa45e1c1756eb3383919f"),
                ("POST", "/api/v1/order", 1518064238, '{"symbol":"XBTM15","price":219.0,"clOrdID":"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA","orderQty":98}',
                 "1749cd2ccae4aa49048ae09f0b95110cee706e0944e6a14ad0b3a8cb45bd336b")):
            self.check(harness.sign(ANN_SECRET, verb, path, expires, body) == signature, "this client signs as documented: %s %s" % (verb, path))
        x = self.exchange()
        self.ok(x.ann.get("/user/margin"), currency="XBt", walletBalance=10 * 10**8)
        self.ok(x.ann.ask("GET", "/user/margin", expires=4102444800))           # no upper bound on the deadline
        # The received bytes are signed: spaces, order and 219.0 as they came.
        body = '{ "symbol":"XBTUSD",  "price":219.0,"clOrdID":"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA", "orderQty":98}'
        a = x.ann.ask("POST", "/order", body)
        self.ok(a, price=219, orderQty=98, clOrdID="mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA", side="Buy", ordStatus="New")
        self.ok(x.bob.ask("POST", "/order", {"symbol": "XBTUSD", "price": "220.5", "orderQty": "-7"}, form=True), side="Sell", orderQty=7, price=220.5)
        path = '/order?filter=%7B%22open%22%3A+true%7D'
        a = x.ann.ask("GET", path)
        self.check(a.status == 200 and len(a.json) == 1, "the query is signed as sent, not as it could be written", a)
        now = int(time.time())
        self.refused(x.ann.ask("GET", "/user/margin", signature="0" * 64), 401, "Signature not valid.")
        self.refused(x.ann.ask("GET", "/user/margin", expires=now - 2), 400, re.compile(r"^This request has expired - `expires` is in the past\. Current time: (%s)$" %
                                                                                      "|".join(str(now + i) for i in range(-1, 15))))
        stranger = harness.Rest(x.base, "nobody" * 4, "secret")
        self.refused(stranger.get("/user/margin"), 401, "Invalid API Key.")
        self.refused(stranger.get("/instrument"), 401, "Invalid API Key.")          # a public route with credentials is checked, too
        self.refused(x.public.get("/user/margin"), 401, "Authorization Required")
        self.check(x.public.get("/instrument").status == 200, "public routes need no key")

    def test_permissions(self):
        x = self.exchange()
        self.refused(x.eve.post("/order", symbol="XBTUSD", orderQty=1, price=100), 403, "Access Denied")
        self.refused(x.eve.delete("/order/all"), 403, "Access Denied")
        self.ok(x.eve.get("/user/margin"))
        self.refused(x.can.post("/order", symbol="XBTUSD", orderQty=1, price=100), 403, "Access Denied")
        self.refused(x.can.put("/order", orderID="x", price=100), 403, "Access Denied")
        self.check(x.can.delete("/order/all").json == [], "orderCancel may cancel")

    # ---- orders --------------------------------------------------------------------------------------------------------------------

    def test_two_accounts_trade(self):
        x = self.exchange()
        bob = self.stream(x, "order,execution,position,margin", BOB, BOB_SECRET)
        market = self.stream(x, "quote:XBTUSD,trade:XBTUSD,orderBookL2:XBTUSD")
        for s, tables in ((bob, ("order", "execution", "position", "margin")), (market, ("quote", "trade", "orderBookL2"))):
            for t in tables:
                s.wait(lambda f: isinstance(f, dict) and f.get("table") == t and f["action"] == "partial")
        o = self.ok(x.ann.post("/order", symbol="XBTUSD", side="Buy", orderQty=1000, price=10000, clOrdID="a1", execInst="ParticipateDoNotInitiate"),
                    ordStatus="New", leavesQty=1000, cumQty=0, workingIndicator=True, text="Submitted via API.", ordType="Limit", timeInForce="GoodTillCancel")
        self.check(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", o["orderID"]), "orderID is a GUID", o)
        self.ok(x.ann.post("/order", symbol="XBTUSD", side="Sell", orderQty=500, price=10010, clOrdID="a2"), ordStatus="New")
        t = self.ok(x.bob.post("/order", symbol="XBTUSD", side="Sell", orderQty=300, ordType="Market", clOrdID="b1"), ordStatus="Filled", cumQty=300, leavesQty=0,
                    workingIndicator=False)
        self.check(abs(t["avgPx"] - 10000) <= 0.5, "filled at the bid", t)
        frame = bob.wait(lambda f: isinstance(f, dict) and f.get("table") == "position" and f["data"] and f["data"][0].get("currentQty") == -300)
        self.check(frame["action"] in ("insert", "update"), "the position's row", frame)
        fills = bob.rows("execution", execType="Trade")
        self.check(len(fills) == 1 and fills[0]["lastQty"] == 300 and fills[0]["lastPx"] == 10000 and fills[0]["lastLiquidityInd"] == "RemovedLiquidity"
                   and fills[0]["execCost"] == 300 * 10000 and fills[0]["commission"] == 0.00075 and fills[0]["execComm"] == 2250,
                   "one execution: 300 contracts at 10000 cost 3000000 XBt (sold: positive) and the taker pays 2250", fills)
        mine = x.ann.get("/execution/tradeHistory", symbol="XBTUSD").json
        self.check(len(mine) == 1 and mine[0]["lastLiquidityInd"] == "AddedLiquidity" and mine[0]["execCost"] == -3000000 and mine[0]["execComm"] == -750
                   and mine[0]["trdMatchID"] == fills[0]["trdMatchID"], "the maker's side: bought, rebate 750, same match", mine)
        quote = market.wait(lambda f: isinstance(f, dict) and f.get("table") == "quote" and f["data"] and f["data"][-1].get("bidSize") == 700)
        self.check(quote["data"][-1]["bidPrice"] == 10000 and quote["data"][-1]["askPrice"] == 10010 and quote["data"][-1]["askSize"] == 500, "quote after the trade", quote)
        trade = market.rows("trade", "insert")
        self.check(len(trade) == 1 and trade[0]["side"] == "Sell" and trade[0]["size"] == 300 and trade[0]["price"] == 10000 and trade[0]["grossValue"] == 3000000,
                   "one trade, the taker's side", trade)
        # Amend: total quantity; more than filled.
        self.ok(x.ann.put("/order", origClOrdID="a1", orderQty=400), leavesQty=100, cumQty=300, ordStatus="PartiallyFilled", text="Amended orderQty\nSubmitted via API.")
        self.ok(x.ann.put("/order", orderID=o["orderID"], price=10001.5), price=10001.5, text="Amended price\nSubmitted via API.")
        self.ok(x.ann.put("/order", origClOrdID="a1", leavesQty=50), leavesQty=50, orderQty=350)
        self.refused(x.ann.put("/order", origClOrdID="a1", price=10001.5), 400, re.compile("^Invalid amend"))
        # Post-only through the market: 200, canceled at once.
        c = self.ok(x.bob.post("/order", symbol="XBTUSD", side="Sell", orderQty=10, price=9000, execInst="ParticipateDoNotInitiate", clOrdID="b2"), ordStatus="Canceled", leavesQty=0,
                    workingIndicator=False, text="Canceled: Order had execInst of ParticipateDoNotInitiate\nSubmitted via API.")
        bob.wait(lambda f: isinstance(f, dict) and f.get("table") == "order" and any(r["orderID"] == c["orderID"] for r in f["data"]))
        rows = bob.rows("order", orderID=c["orderID"])
        self.check(len(rows) == 1 and rows[0]["ordStatus"] == "Canceled", "on the order feed one insert, canceled", rows)
        # Immediate or cancel, fill or kill.
        self.ok(x.bob.post("/order", symbol="XBTUSD", side="Sell", orderQty=80, price=10001.5, timeInForce="ImmediateOrCancel"), ordStatus="Canceled", cumQty=50, leavesQty=0)
        self.ok(x.bob.post("/order", symbol="XBTUSD", side="Buy", orderQty=501, price=10010, timeInForce="FillOrKill"), ordStatus="Canceled", cumQty=0)
        self.ok(x.bob.post("/order", symbol="XBTUSD", side="Buy", orderQty=350, price=10010, execInst="ReduceOnly"), ordStatus="Filled", cumQty=350)
        self.check(x.bob.get("/position").json[0]["currentQty"] == 0 and x.ann.get("/position").json[0]["currentQty"] == 0, "both are flat again")
        # Money: what one lost the other won, fees aside.
        ann, bob_m = x.ann.get("/user/margin").json, x.bob.get("/user/margin").json
        fees = sum(e["execComm"] for r in (x.ann, x.bob) for e in r.get("/execution/tradeHistory", symbol="XBTUSD").json)
        self.check(ann["walletBalance"] + bob_m["walletBalance"] + fees == int(20.5 * 10**8), "no satoshi is made or lost: %d + %d + fees %d" %
                   (ann["walletBalance"], bob_m["walletBalance"], fees))
        self.consistent(x, bob, x.bob)

    def consistent(self, x, s, rest):
        """The tables of a stream are what REST tells."""
        s.send("ping")
        s.wait(lambda f: f == "pong")
        time.sleep(0.2)
        self.check(not s.problems, "no update of an unknown row, no insert of a known one", *s.problems)
        for table, path, key in (("order", "/order", "orderID"), ("position", "/position", "symbol")):
            told = {r[key]: r for r in rest.get(path, count="500").json}
            for row in s.tables[table]["rows"]:
                here = {k: v for k, v in row.items() if k in told.get(row[key], {}) and k not in ("timestamp", "text", "execID", "execType")}
                there = {k: told[row[key]][k] for k in here} if row[key] in told else None
                self.check(here == there, "%s: the stream's row is REST's" % table, row, told.get(row[key]))
        margin, told = s.tables["margin"]["rows"][0], rest.get("/user/margin").json
        for k in ("walletBalance", "marginBalance", "availableMargin", "realisedPnl"):
            self.check(margin.get(k) == told.get(k), "margin %s: stream %s, REST %s" % (k, margin.get(k), told.get(k)))

    def test_every_error_text(self):
        x = self.exchange(era="2026")
        post = lambda **b: x.ann.post("/order", **dict(dict(symbol="XBTUSD", side="Buy", orderQty=100, price=10000), **b))
        self.ok(x.bob.post("/order", symbol="XBTUSD", side="Sell", orderQty=200, price=10100, clOrdID="wall"))
        self.ok(post(clOrdID="dup"))
        table = (
            (post(symbol="NOSUCH"), 400, "Invalid symbol"),
            (post(clOrdID="dup"), 400, "Duplicate clOrdID"),
            (post(clOrdID="x" * 37), 400, re.compile("clOrdID")),
            (post(price=10000.05), 400, "Invalid price tickSize"),
            (post(price=0), 400, "Invalid price"),
            (post(price=-1), 400, "Invalid price"),
            (post(price=2000000), 400, "Invalid price"),
            (post(price="dear"), 400, "Invalid price"),
            (post(orderQty=0), 400, re.compile("^(Invalid orderQty|orderQty is invalid)$")),
            (post(orderQty=150), 400, re.compile("^Order quantity must be a multiple of lot size")),
            (post(orderQty=20000000), 400, re.compile("^(Invalid orderQty|orderQty is invalid)$")),
            (post(orderQty=1.5), 400, re.compile("orderQty")),
            (post(side="Hold"), 400, "Invalid side"),
            (post(ordType="Bet"), 400, "Unsupported ordType"),
            (post(timeInForce="Never"), 400, "Unsupported timeInForce"),
            (post(execInst="Nicely"), 400, "Unsupported execInst"),
            (post(ordType="Stop"), 400, re.compile("^(Invalid stopPx for ordType|Unsupported ordType)$")),
            (post(orderQty=9000000), 400, re.compile(r"^Account has insufficient Available Balance, \d+ XBt required$|Risk Limit$")),
            (post(execInst="ReduceOnly"), 400, "Order had execInst of ReduceOnly and side of Buy but current position is 0"),
            (post(execInst="Close"), 400, "Order had execInst of Close and side of Buy but current position is 0"),
            (x.ann.put("/order", price=1), 400, "orderID or origClOrdID must be sent."),
            (x.ann.put("/order", orderID="00000000-0000-0000-0000-000000000000", price=10000), 400, "Invalid orderID"),
            (x.ann.put("/order", origClOrdID="never", price=10000), 400, "Invalid origClOrdID"),
            (x.ann.put("/order", origClOrdID="dup", price=10000.05), 400, "Invalid price tickSize"),
            (x.ann.get("/nothing/here"), 404, "Not Found"),
            (x.ann.ask("POST", "/instrument", {}), 404, "Not Found"),
            (x.ann.ask("POST", "/order", '{"symbol":'), 400, re.compile(".")),
            (x.ann.ask("POST", "/order", "[1,2]"), 400, re.compile(".")),
            (x.ann.get("/order", filter="{open"), 400, re.compile("filter")),
            (x.ann.get("/order", filter={"open": False}), 400, re.compile("filter|open")),
            (x.ann.get("/order", count="501"), 400, re.compile("count")),
            (x.ann.get("/order", count="-1"), 400, re.compile("count")),
            (x.public.get("/trade", count="1001"), 400, re.compile("count")),
            (x.ann.post("/position/leverage", symbol="XBTUSD", leverage=1000), 400, re.compile("leverage")),
            (x.ann.post("/order/bulk", orders=[{"symbol": "XBTUSD"}] * 101), 400, "Too many orders provided. The maximum count allowed is 100."),
        )
        for a, status, message in table:
            with self.subTest(a.request[:120]):
                self.refused(a, status, message)
        a = x.ann.delete("/order", clOrdID="dup")
        self.check(a.status == 200 and a.json[0]["ordStatus"] == "Canceled" and a.json[0]["text"] == "Canceled\nCanceled via API.", "canceled", a)
        self.refused(x.ann.put("/order", origClOrdID="dup", price=9999), 400, "Invalid ordStatus: Canceled")
        a = x.ann.delete("/order", clOrdID="dup")
        self.check(a.status == 200 and a.json[0].get("error", "").startswith("Unable to cancel order"), "a second cancel: 200 with an error inside", a)
        a = x.ann.delete("/order", orderID="00000000-0000-0000-0000-000000000000")
        self.check(a.status == 404 or "Unable to cancel order" in a.text, "a cancel of nothing", a)
        self.check(x.ann.get("/order", filter={"open": True}).json == [], "nothing was left by any of them")

    def test_many_at_once(self):
        """Bulk routes, multi-cancel, cancel all, 200 open orders, the dead-man's switch."""
        x = self.exchange("--shape", "legacy")
        orders = [{"symbol": "XBTUSD", "side": "Buy", "orderQty": 1, "price": 9000 + i, "clOrdID": "n%d" % i} for i in range(100)]
        a = x.ann.post("/order/bulk", orders=orders)
        self.check(a.status == 200 and len(a.json) == 100 and all(o["ordStatus"] == "New" for o in a.json), "a hundred orders", a)
        a = x.ann.ask("POST", "/order/bulk", {"orders": json.dumps([dict(o, clOrdID="m" + o["clOrdID"]) for o in orders])}, form=True)
        self.check(a.status == 200 and len(a.json) == 100, "as a form, too", a)
        a = x.ann.post("/order", symbol="XBTUSD", orderQty=1, price=8000)
        self.check(a.status == 400, "200 open orders are the most", a)
        a = x.ann.put("/order/bulk", orders=[{"orderID": o["orderID"], "price": o["price"] + 0.5} for o in x.ann.open_orders()[:50]])
        self.check(a.status == 200 and len(a.json) == 50, "bulk amend", a)
        a = x.ann.delete("/order", clOrdID=["n0", "n1", "never"])
        self.check(a.status == 200 and len(a.json) == 3 and a.json[0]["ordStatus"] == "Canceled" and "error" in a.json[2], "multi-cancel, one item per id", a)
        a = x.ann.delete("/order/all", symbol="XBTUSD", filter={"side": "Sell"})
        self.check(a.json == [], "no sells to cancel", a)
        a = x.ann.delete("/order/all")
        self.check(len(a.json) == 198 and x.ann.open_orders() == [], "cancel all", len(a.json))
        self.ok(x.ann.post("/order", symbol="XBTUSD", orderQty=1, price=8000, clOrdID="dm"))
        self.ok(x.bob.post("/order", symbol="XBTUSD", orderQty=1, price=8000, clOrdID="dm"))
        a = self.ok(x.ann.post("/order/cancelAllAfter", timeout=300))
        self.check(set(a) >= {"now", "cancelTime"} and a["cancelTime"] > a["now"], "armed", a)
        self.check(harness.until(lambda: x.ann.open_orders() == [], 3), "the switch fires", x.ann.open_orders())
        self.check(len(x.bob.open_orders()) == 1, "for its own account only")
        self.ok(x.bob.post("/order/cancelAllAfter", timeout=300))
        self.ok(x.bob.post("/order/cancelAllAfter", timeout=0))
        time.sleep(0.6)
        self.check(len(x.bob.open_orders()) == 1, "disarmed")

    def test_position_routes(self):
        x = self.exchange()
        self.ok(x.ann.post("/order", symbol="XBTUSD", side="Buy", orderQty=1000, price=10000))
        self.ok(x.bob.post("/order", symbol="XBTUSD", side="Sell", orderQty=1000, price=10000), ordStatus="Filled")
        self.ok(x.ann.post("/position/leverage", symbol="XBTUSD", leverage=10), leverage=10, crossMargin=False)
        self.ok(x.ann.post("/position/transferMargin", symbol="XBTUSD", amount=100000), currentQty=1000)
        self.ok(x.ann.post("/position/isolate", symbol="XBTUSD", enabled=False), crossMargin=True)
        self.refused(x.ann.post("/position/transferMargin", symbol="XBTUSD", amount=100000), 400, "Position has cross margin enabled")
        p = x.ann.get("/position", filter={"symbol": "XBTUSD"}).json
        self.check(len(p) == 1 and p[0]["currentQty"] == 1000 and abs(p[0]["avgEntryPrice"] - 10000) < 0.5 and p[0]["currentCost"] == -10000000, "the position", p)
        wallet = x.ann.get("/user/wallet").json
        self.check(wallet["amount"] == x.ann.get("/user/margin").json["amount"], "wallet and margin agree", wallet)
        for path in ("/user", "/user/walletHistory", "/user/commission", "/apiKey", "/execution", "/user/margin?currency=all"):
            a = x.ann.ask("GET", path)
            self.check(a.status == 200 and ANN_SECRET not in a.text, "GET %s" % path, a)

    # ---- limits --------------------------------------------------------------------------------------------------------------------

    def test_request_limits(self):
        x = self.exchange(limits=True)
        a = x.ann.get("/user/margin")
        h = a.headers
        self.check(h.get("x-ratelimit-limit") == "120" and int(h["x-ratelimit-remaining"]) < 120 and abs(int(h["x-ratelimit-reset"]) - time.time()) < 70,
                   "the limit's headers", h)
        b = x.ann.get("/user/margin")
        self.check(int(b.headers["x-ratelimit-remaining"]) == int(h["x-ratelimit-remaining"]) - 1, "a request costs one", h, b.headers)
        o = x.ann.post("/order", symbol="XBTUSD", orderQty=1, price=100)
        self.check("x-ratelimit-remaining-1s" in o.headers, "order routes say what is left of the second", o.headers)
        answers = [x.ann.delete("/order/all") for _ in range(14)]
        late = [a for a in answers if a.status == 429]
        self.check(late, "more than ten order requests in a second are refused", [a.status for a in answers])
        self.refused(late[0], 429, re.compile(r"^Rate limit exceeded, retry in \d+ seconds?\.$"), "RateLimitError")
        self.check(int(late[0].headers["retry-after"]) >= 1 and "x-ratelimit-reset" in late[0].headers, "and told when to come back", late[0].headers)
        time.sleep(1.2)
        answers = [x.ann.get("/user/margin") for _ in range(130)]
        late = [a for a in answers if a.status == 429]
        self.check(late and answers[0].status == 200, "120 a minute", [a.status for a in answers])
        self.check(x.bob.get("/user/margin").status == 200, "another account has its own budget")
        answers = [x.public.get("/instrument") for _ in range(40)]
        self.check([a.status for a in answers].count(200) <= 31 and answers[0].status == 200 and answers[-1].status == 429, "30 a minute without a key",
                   [a.status for a in answers])

    # ---- WebSocket -----------------------------------------------------------------------------------------------------------------

    def test_three_ways_to_log_in(self):
        x = self.exchange()
        private = lambda f: isinstance(f, dict) and f.get("table") == "margin" and f["action"] == "partial" and f["data"]
        expires = int(time.time()) + 60
        signature = harness.sign(ANN_SECRET, "GET", "/realtime", expires)
        self.stream(x, "margin", ANN, ANN_SECRET).wait(private)
        self.stream(x, "margin", query="&api-expires=%d&api-signature=%s&api-key=%s" % (expires, signature, ANN)).wait(private)
        s = self.stream(x)
        ms = int(time.time() * 1000) + 60000               # one known client sends milliseconds
        s.send({"op": "authKeyExpires", "args": [ANN, ms, harness.sign(ANN_SECRET, "GET", "/realtime", ms)]})
        s.wait(lambda f: isinstance(f, dict) and f.get("success") is True and f["request"]["op"] == "authKeyExpires")
        s.send({"op": "subscribe", "args": "margin:*"})
        s.wait(private)
        for headers in (harness.login_headers(ANN, "wrong"), harness.login_headers("nobody" * 4, "x"), harness.login_headers(ANN, ANN_SECRET, int(time.time()) - 9)):
            with self.assertRaises(websocket.WebSocketBadStatusException) as e:
                harness.Stream(x.ws, headers)
            self.check(e.exception.status_code in (400, 401), "a bad login at the upgrade is refused", e.exception)
        s = self.stream(x)
        s.send({"op": "authKeyExpires", "args": [ANN, expires, "0" * 64]})
        f = s.wait(lambda f: isinstance(f, dict) and "error" in f)
        self.check(f["status"] == 401 and f["error"] == "Signature not valid." and s.closed is None, "a bad login later is an error frame; the socket stays", f)
        s.send({"op": "subscribe", "args": ["margin"]})
        f = s.wait(lambda f: isinstance(f, dict) and "error" in f, after=s.frames.index(f) + 1)
        self.check(f["status"] in (401, 403), "private topics need a login", f)

    def test_a_stream_from_the_first_frame(self):
        x = self.exchange()
        self.ok(x.ann.post("/order", symbol="XBTUSD", side="Buy", orderQty=10, price=9990))
        s = self.stream(x)
        f = s.wait(lambda f: True)
        self.check(f["info"] == "Welcome to the BitMEX Realtime API." and "version" in f and "timestamp" in f and f["docs"] and f["limit"]["remaining"] > 0, "the welcome", f)
        s.send("ping")
        s.wait(lambda f: f == "pong")
        s.send("help")
        s.wait(lambda f: isinstance(f, dict) and "subscribe" in f and "table" not in f and "success" not in f)
        s.send({"op": "subscribe", "args": ["quote:XBTUSD", "instrument:XBTUSD", "orderBookL2:XBTUSD", "orderBook10:XBTUSD", "trade"]})
        s.wait(lambda f: isinstance(f, dict) and f.get("table") == "trade")
        for topic in ("quote:XBTUSD", "instrument:XBTUSD", "orderBookL2:XBTUSD", "orderBook10:XBTUSD", "trade"):
            ack = next(i for i, f in enumerate(s.frames) if isinstance(f, dict) and f.get("subscribe") == topic)
            image = next(i for i, f in enumerate(s.frames) if isinstance(f, dict) and f.get("table") == topic.split(":")[0])
            self.check(ack < image and s.frames[ack]["success"] is True and s.frames[ack]["request"]["op"] == "subscribe", "acknowledged, then the partial: " + topic,
                       s.frames[ack], s.frames[image])
            self.check(set(s.frames[image]) >= {"table", "action", "keys", "types", "filter", "data"} and s.frames[image]["action"] == "partial", "a partial's members",
                       s.frames[image])
        for message, status, error in (
                ({"op": "subscribe", "args": ["quote:XBTUSD"]}, 400, "You are already subscribed to this topic: quote:XBTUSD"),
                ({"op": "subscribe", "args": ["quote:NOSUCH"]}, 400, "Unknown or expired symbol."),
                ({"op": "subscribe", "args": ["foo"]}, 400, re.compile("foo")),
                ({"op": "dance", "args": []}, 400, re.compile(".")),
                ("{not json", 400, re.compile("."))):
            at = len(s.frames)
            s.send(message)
            f = s.wait(lambda f: isinstance(f, dict) and "error" in f, after=at)
            self.check(f["status"] == status and (f["error"] == error if isinstance(error, str) else error.search(f["error"])), "an error frame for %s" % (message,), f)
            self.check(isinstance(message, str) or f["request"] == message, "which echoes the request", f)
        # The book as deltas.
        self.ok(x.ann.post("/order", symbol="XBTUSD", side="Sell", orderQty=30, price=10010, clOrdID="d1"))
        self.ok(x.ann.post("/order", symbol="XBTUSD", side="Sell", orderQty=20, price=10010, clOrdID="d2"))
        self.ok(x.ann.put("/order", origClOrdID="d1", orderQty=25))
        self.ok(x.bob.post("/order", symbol="XBTUSD", side="Buy", orderQty=45, price=10010))
        x.ann.delete("/order/all")
        s.send("ping")
        time.sleep(0.3)
        self.check(not s.problems, "deltas fit the rows", *s.problems)
        l2 = sorted((r["side"], r["price"], r["size"]) for r in s.tables["orderBookL2"]["rows"])
        told = sorted((r["side"], r["price"], r["size"]) for r in x.public.get("/orderBook/L2", symbol="XBTUSD", depth="0").json)
        self.check(l2 == told == [], "the book by deltas is the book by REST: empty in the end", l2, told)
        actions = {f["action"] for f in s.frames if isinstance(f, dict) and f.get("table") == "orderBookL2"}
        self.check(actions == {"partial", "insert", "update", "delete"}, "inserts, updates, deletes", actions)
        s.send({"op": "unsubscribe", "args": ["quote:XBTUSD"]})
        s.wait(lambda f: isinstance(f, dict) and f.get("unsubscribe") == "quote:XBTUSD" and f["success"])
        at = len(s.frames)
        self.ok(x.ann.post("/order", symbol="XBTUSD", side="Buy", orderQty=11, price=9991))
        time.sleep(0.3)
        self.check(not [f for f in s.frames[at:] if isinstance(f, dict) and f.get("table") == "quote"], "unsubscribed", s.frames[at:])

    def test_cancel_all_after_on_the_socket(self):
        x = self.exchange()
        s = self.stream(x, "order", ANN, ANN_SECRET)
        self.ok(x.ann.post("/order", symbol="XBTUSD", orderQty=1, price=8000))
        s.send({"op": "cancelAllAfter", "args": 400})
        f = s.wait(lambda f: isinstance(f, dict) and "cancelTime" in f)
        self.check(f["request"] == {"op": "cancelAllAfter", "args": 400}, "the answer echoes the request", f)
        s.wait(lambda f: isinstance(f, dict) and f.get("table") == "order" and f["action"] == "update" and f["data"][0].get("ordStatus") == "Canceled", 3)
        t = self.stream(x)
        t.send({"op": "cancelAllAfter", "args": 400})
        f = t.wait(lambda f: isinstance(f, dict) and "error" in f)
        self.check(f["status"] in (401, 403), "the switch needs a login", f)

    def test_ill_mannered_clients(self):
        """None of them disturbs the others."""
        x = self.exchange()
        good = self.stream(x, "order", ANN, ANN_SECRET)
        raw = []
        for data in (b"", b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /api/v1/order HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
                     b"POST /api/v1/order HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"GET /api/v1/" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00" * 50,
                     b"POST /api/v1/order HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET /api/v1/instrument HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
                     b"GET /realtime HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
                     b"GET /realtime HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                     + b"\x81\x05hello", b"GET /api/v1/instrument HTTP/1.1\r\nHost: x\r\n\r\n" * 200):
            c = socket.create_connection(("127.0.0.1", x.port))
            c.settimeout(1)
            try:
                c.sendall(data)
            except OSError:
                pass
            raw.append(c)
        for text in ("x" * 60000, "[" * 10000, json.dumps({"op": "subscribe", "args": ["trade:" + "X" * 5000]}), json.dumps({"op": "subscribe", "args": [["trade"]]}),
                     json.dumps({"op": ["subscribe"]}), json.dumps({"op": "authKeyExpires", "args": [1, 2, 3]}), json.dumps([1])):
            s = self.stream(x)
            s.send(text)
        time.sleep(0.3)
        self.ok(x.ann.post("/order", symbol="XBTUSD", orderQty=1, price=8000))
        good.wait(lambda f: isinstance(f, dict) and f.get("table") == "order" and f["action"] == "insert", 5)
        self.check(x.process.poll() is None, "the exchange lives", x)
        for c in raw:
            c.close()
        p = harness.Rest(x.base)
        self.check(p.get("/instrument").status == 200, "and answers")
        x.signal(signal.SIGINT)
        self.check_ended(x, 0)

    # ---- three clients ---------------------------------------------------------------------------------------------------------------

    def test_the_predecessors_session(self):
        """What sample-market-maker asks, with every key that it reads by name."""
        x = self.exchange("--shape", "legacy")
        self.ok(x.bob.post("/order", symbol="XBTUSD", side="Buy", orderQty=100, price=9999.5))
        self.ok(x.bob.post("/order", symbol="XBTUSD", side="Sell", orderQty=100, price=10000.5))
        self.ok(x.ann.post("/order", symbol="XBTUSD", side="Buy", orderQty=50, price=10000.5), ordStatus="Filled")
        s = self.stream(x, "quote:XBTUSD,trade:XBTUSD,instrument,order:XBTUSD,execution:XBTUSD,margin,position",
                        headers=harness.login_headers(ANN, ANN_SECRET, int(time.time()) + 3600))
        for table in ("instrument", "trade", "quote", "margin", "position", "order", "execution"):
            f = s.wait(lambda f: isinstance(f, dict) and f.get("table") == table and f["action"] == "partial")
            self.check("keys" in f and "foreignKeys" in f and "attributes" in f, "a legacy partial has foreignKeys and attributes", {k: f[k] for k in f if k != "data"})
        row = next(r for r in s.tables["instrument"]["rows"] if r["symbol"] == "XBTUSD")
        missing = [k for k in INSTRUMENT_COLUMNS if k not in row]
        self.check(not missing and row["state"] == "Open" and row["tickSize"] == 0.5 and row["isInverse"] is True, "the instrument's keys are present", missing, row)
        self.check(s.tables["margin"]["rows"][0]["currency"] == "XBt" and "marginBalance" in s.tables["margin"]["rows"][0], "the first margin row is XBt")
        self.check(all(k in s.tables["position"]["rows"][0] for k in ("symbol", "currentQty", "avgCostPrice", "avgEntryPrice", "homeNotional")), "position",
                   s.tables["position"]["rows"])
        a = x.ann.post("/order/bulk", orders=[{"symbol": "XBTUSD", "side": "Buy", "orderQty": 10, "price": 9990.0, "clOrdID": "mm_bitmex_1a/oemUeQ4CAJZgP3+jHsA",
                                               "execInst": "ParticipateDoNotInitiate"}])
        self.check(a.status == 200, "POST /order/bulk", a)
        missing = [k for k in ORDER_LEGACY if k not in a.json[0]]
        self.check(not missing, "an order's row has every key", missing, a)
        s.wait(lambda f: isinstance(f, dict) and f.get("table") == "order" and f["action"] == "insert")
        a = x.ann.put("/order/bulk", orders=[{"orderID": a.json[0]["orderID"], "orderQty": 12, "price": 9991.0, "side": "Buy"}])
        self.check(a.status == 200 and a.json[0]["orderQty"] == 12 and a.json[0]["text"].startswith("Amended"), "PUT /order/bulk", a)
        f = s.wait(lambda f: isinstance(f, dict) and f.get("table") == "order" and f["action"] == "update")
        self.check(all(k in f["data"][0] for k in s.tables["order"]["keys"]), "every update has all key columns", f)
        a = x.ann.ask("GET", "/order", query={"filter": json.dumps({"ordStatus.isTerminated": False, "symbol": "XBTUSD"}), "count": "500"})
        self.check(a.status == 200 and len(a.json) == 1 and all(k in a.json[0] for k in ORDER_LEGACY), "GET /order with ordStatus.isTerminated", a)
        a = x.ann.ask("GET", "/order", query={"filter": json.dumps({"clOrdID": ["mm_bitmex_1a/oemUeQ4CAJZgP3+jHsA"]})})
        self.check(len(a.json) == 1, "GET /order by a list of clOrdIDs with / and +", a)
        self.refused(x.ann.post("/order/bulk", orders=[{"symbol": "XBTUSD", "side": "Buy", "orderQty": 10, "price": 9990.0, "clOrdID": "mm_bitmex_1a/oemUeQ4CAJZgP3+jHsA"}]),
                     400, re.compile("(?i)duplicate clordid"))
        self.refused(x.ann.post("/order/bulk", orders=[{"symbol": "XBTUSD", "side": "Buy", "orderQty": 9000000, "price": 9990.0}]), 400,
                     re.compile("(?i)insufficient available balance|risk limit"))
        a = x.ann.delete("/order", orderID=[a.json[0]["orderID"]])
        self.check(a.status == 200 and a.json[0]["ordStatus"] == "Canceled" and a.json[0]["text"] == "Canceled: Canceled via API.\nSubmitted via API.", "DELETE /order", a)
        s.wait(lambda f: isinstance(f, dict) and f.get("table") == "order" and f["action"] == "update" and f["data"][0].get("leavesQty") == 0)
        self.check(not s.problems, "no update of an unknown row", *s.problems)
        # requests, the library it uses, keeps one connection for all of this.
        session = requests.Session()
        for _ in range(5):
            expires = int(time.time()) + 3600
            r = session.get(x.base + "position", headers={"api-key": ANN, "api-expires": str(expires), "api-signature": harness.sign(ANN_SECRET, "GET", "/api/v1/position", expires)})
            self.check(r.status_code == 200 and r.json()[0]["symbol"] == "XBTUSD", "with requests", r.text)

    def test_what_the_other_clients_load(self):
        x = self.exchange("--shape", "2026", era="2026")
        for path, check in (("/instrument/active", lambda r: r[0]["symbol"] == "XBTUSD" and r[0]["lotSize"] == 100 and r[0]["tickSize"] == 0.1 and r[0]["makerFee"] == 0.0005),
                            ("/instrument/activeAndIndices", lambda r: any(i["symbol"] == "XBTUSD" for i in r)), ("/wallet/assets", lambda r: any(a["currency"] == "XBt" for a in r)),
                            ("/schema/websocketHelp", lambda r: "order" in r["subscriptionSubjects"]["authenticationRequired"] and "trade" in r["subscriptionSubjects"]["public"]),
                            ("/schema", lambda r: "Instrument" in r or "instrument" in r or len(r) > 5), ("/trade/bucketed?binSize=1m&symbol=XBTUSD", lambda r: isinstance(r, list)),
                            ("/funding?symbol=XBTUSD", lambda r: isinstance(r, list)), ("/announcement", lambda r: isinstance(r, list)),
                            ("/stats", lambda r: isinstance(r, list)), ("/orderBook/L2?symbol=XBTUSD&depth=25", lambda r: r == [])):
            a = x.public.ask("GET", path)
            self.check(a.status == 200 and check(a.json), "GET " + path, a)
        s = self.stream(x, "position", ANN, ANN_SECRET)
        f = s.wait(lambda f: isinstance(f, dict) and f.get("table") == "position")
        self.check(f["keys"] == ["account", "symbol", "strategy"], "keys of 2026", f)

    def test_over_tls(self):
        crt, key = self.path("crt.pem"), self.path("key.pem")
        done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                               "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", crt], capture_output=True, text=True)
        self.check(done.returncode == 0, "openssl makes a certificate", done.stderr)
        x = self.exchange("--tls-cert", crt, "--tls-key", key)
        self.check(x.base.startswith("https://"), "https", x.base)
        context = ssl.create_default_context(cafile=crt)
        ann = harness.Rest(x.base, ANN, ANN_SECRET, context)
        self.ok(ann.post("/order", symbol="XBTUSD", orderQty=5, price=8000, clOrdID="tls"), ordStatus="New")
        bob = harness.Rest(x.base, BOB, BOB_SECRET, context)
        s = harness.Stream(x.ws + "?subscribe=order", harness.login_headers(ANN, ANN_SECRET), sslopt={"ca_certs": crt})
        self.addCleanup(s.close)
        s.wait(lambda f: isinstance(f, dict) and f.get("table") == "order" and f["data"] and f["data"][0]["clOrdID"] == "tls")
        with self.assertRaises(ssl.SSLError):
            harness.Rest(x.base, context=ssl.create_default_context()).get("/instrument")
        plain = socket.create_connection(("127.0.0.1", x.port))
        plain.sendall(b"GET /api/v1/instrument HTTP/1.1\r\n\r\n")
        plain.settimeout(5)
        self.check(not plain.recv(100).startswith(b"HTTP/1.1 200"), "nothing is served in the clear")
        plain.close()
        # The bot over the same: it verifies the certificate.
        self.ok(bob.post("/order", symbol="XBTUSD", side="Buy", orderQty=500, price=10000))
        self.ok(bob.post("/order", symbol="XBTUSD", side="Sell", orderQty=500, price=10010))
        self.write("script", "0 OPEN_LONG\n")
        env = {"MM_BITMEX_API_KEY": ANN, "MM_BITMEX_API_SECRET": ANN_SECRET}
        sets = ["--set", "BASE_URL=" + x.base, "--set", "DECISIONS=script:" + self.path("script")]
        p = self.start("run", *sets, "--set", "CA_FILE=" + crt, env=env)
        self.check(harness.until(lambda: [o["price"] for o in ann.open_orders() if o["clOrdID"].startswith("mm_bitmex_")] == [10000], 10), "an order over TLS", ann.open_orders(), p)
        p.signal(signal.SIGINT)
        self.check_ended(p, 0)
        q = self.start("run", *sets, env=env)
        q.wait_line(r"WARNING - stream - Down: .*(certificate|TLS|self)", 10)
        self.check([o["clOrdID"] for o in ann.open_orders()] == ["tls"], "a certificate that nobody vouches for is not trusted", q)
        q.crash()

    def test_words_and_files_that_will_not_do(self):
        self.write("good", "%s %s 1.0 order\n" % (ANN, ANN_SECRET))
        self.write("loose", "%s %s 1.0 order\n" % (ANN, ANN_SECRET), 0o644)
        for name, text in (("short", "onlykey\n"), ("balance", "k s lots\n"), ("may", "k s 1 everything\n"), ("twice", "k s 1\nk t 1\n"), ("empty", "# nothing\n"),
                           ("long", "k" * 200 + " s 1\n")):
            self.write(name, text)
        for args, expected in ((("--port", "70000"), "--port: found '70000'"), (("--era", "1999"), "--era: found '1999'"), (("--shape", "round"), "--shape: found 'round'"),
                               (("--accounts", "absent"), "absent"), (("--accounts", "loose"), "0644"), (("--accounts", "short"), "short:1"), (("--accounts", "balance"), "balance:1"),
                               (("--accounts", "may"), "may:1"), (("--accounts", "twice"), "twice:2"), (("--accounts", "empty"), "no account"), (("--accounts", "long"), "long:1"),
                               (("--accounts", "good", "--tls-cert", "x"), "go together"), (("--accounts", "good", "--tls-cert", "x", "--tls-key", "y"), "x"),
                               (("--accounts", "good", "--market", "/nowhere"), "/nowhere"), (("--accounts", "good", "--host", "999.1.1.1"), "999.1.1.1"), (("nonsense",), "nonsense")):
            with self.subTest(args=args):
                code, out, err = self.run_once("exchange", "--port", "0", *args) if args[0] != "--port" else self.run_once("exchange", *args)
                self.check(code in (1, 2) and expected in err and ANN_SECRET not in err + out, "exchange %s: a message with %s" % (" ".join(args), expected), code, err, out)
        busy = socket.socket()
        busy.bind(("127.0.0.1", 0))
        busy.listen(1)
        code, out, err = self.run_once("exchange", "--port", busy.getsockname()[1], "--accounts", "good")
        self.check(code == 1 and str(busy.getsockname()[1]) in err, "a port in use is named", code, err)
        busy.close()
        p = self.start("exchange", "--port", "0", "--market", "none")
        p.wait_line("1 account of exchange.keys", 10)
        self.check(os.stat(self.path("exchange.keys")).st_mode & 0o777 == 0o600, "made with mode 0600")
        with open(self.path("exchange.keys"), encoding="utf-8") as f:
            key, secret = f.read().splitlines()[1].split()[:2]
        self.check(secret not in p.text(), "the secret stands in the file only", p)
        self.check(p.stop() == 0, "Ctrl-C ends it", p)


if __name__ == "__main__":
    harness.main(together=6)
