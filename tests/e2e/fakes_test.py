"""The bot against a venue written from the protocol alone (fake_venue.py): it follows the touch with exactly one order and
loses none, whatever the venue answers, and however late, often or wrongly it speaks.

The rules, asked after every fault: never two living orders; what the bot says is open is what the venue has open; in the end
the order is at the touch again; Ctrl-C leaves none and the exit status is 0.
"""
import json
import random
import re
import signal
import time

import harness
from fake_venue import ACCOUNT, KEY, SECRET, Venue, iso

FOLLOW = 3.0                             # bound for being at the touch again after a quiet market, without faults
PROVEN = 25.0                            # bound for an order whose fate is unknown: two queries after deadline and margin


class Fakes(harness.Case):
    def venue(self, **options):
        v = Venue(**options)
        self.addCleanup(v.stop)
        return v

    def bot(self, v, script="0 OPEN_LONG\n", settings=(), name="bot"):
        self.write("script", "stake 10\npoll 0.2\n" + script)
        sets = {"BASE_URL": v.base, "DECISIONS": "script:" + self.path("script"), "STATE_FILE": self.path(name + ".db"),
                "LOG_FILE": self.path(name + ".log"), "LOG_LEVEL": "DEBUG", "TIMEOUT": "1", "API_EXPIRES": "2", "REQUESTS_PER_MINUTE": "6000",
                "REQUESTS_PER_SECOND": "60", "API_REST_INTERVAL": "0", "API_ERROR_INTERVAL": "0.2"}
        sets.update(settings)
        words = [w for k, s in sets.items() for w in ("--set", "%s=%s" % (k, s))]
        p = self.start("run", *words, env={"MM_BITMEX_API_KEY": KEY, "MM_BITMEX_API_SECRET": SECRET}, name=name)
        p.state = sets["STATE_FILE"]
        return p

    def status(self, p):
        code, out, err = self.run_once("status", "--json", "--set", "STATE_FILE=" + p.state)
        self.check(code == 0, "status says that the bot runs", out, err, p)
        return json.loads(out)

    def one_order_at_the_touch(self, v, p, seconds=FOLLOW, side="Buy"):
        def there():
            living = v.living()
            return len(living) == 1 and living[0]["side"] == side and living[0]["price"] == (v.bid if side == "Buy" else v.ask)
        self.check(harness.until(there, seconds), "one %s at the touch within %g s" % (side, seconds),
                   "bid %s ask %s living %s" % (v.bid, v.ask, v.living()), self.talk(v), p)
        return v.living()[0]

    def talk(self, v):
        start = v.requests[0].at if v.requests else 0
        return "requests:\n    " + "\n    ".join("%7.3f %s %s %s %s" % (r.at - start, r.verb, r.path, r.query or "", r.body or "")
                                                 for r in v.requests[-25:])

    def manners(self, v, p):
        self.check(not v.wrong, "the client keeps to the protocol", *v.wrong[:5], self.talk(v), p)

    def finish(self, v, p, code=0, seconds=15):
        """Agreement, then Ctrl-C: no order is left and none was ever one too many."""
        self.manners(v, p)
        def agreed():
            s = self.status(p)
            return s if (s["ordersOpen"], s["position"], s["ownFills"]) == (len(v.living()), v.position, v.position) and s["ordersUnknown"] == 0 else None
        self.check(harness.until(agreed, 8, 0.3), "orders and position of the bot are those of the venue",
                   "venue: %d living, position %d" % (len(v.living()), v.position), self.status(p), self.talk(v), p)
        p.signal(signal.SIGINT)
        self.check_ended(p, code, seconds)
        self.check(not v.living(), "Ctrl-C leaves no order", v.living(), self.talk(v), p)
        self.manners(v, p)
        self.check("may still live" not in p.text(), "the bot knows that nothing is left", p)
        m = re.search(r"position +(-?\d+) contracts, internal (-?\d+),", p.text())
        self.check(m and int(m.group(1)) == v.position == int(m.group(2)), "position of the venue, of the bot and of its stakes: %d" % v.position, p)
        self.check_no_secret([SECRET], p.text())

    # ---- the market moves --------------------------------------------------------------------------------------------------------

    def test_follows_every_touch_with_one_order(self):
        v = self.venue(shape="legacy")
        p = self.bot(v)
        self.one_order_at_the_touch(v, p, 10)
        rng = random.Random(1)
        for _ in range(150):
            bid = v.bid + rng.choice((-1.5, -1, -0.5, 0.5, 1, 1.5))
            v.touch(bid, bid + rng.choice((0.5, 0.5, 1.0)))
            self.one_order_at_the_touch(v, p)
            if rng.random() < 0.2:
                time.sleep(rng.random() * 0.02)
        waits = sorted(v.latencies)
        pick = lambda share: 1e3 * waits[min(len(waits) - 1, int(len(waits) * share))]
        print("touch change to amend in force, from outside, %d changes: p50 %.3f ms, p90 %.3f ms, p99 %.3f ms, max %.3f ms"
              % (len(waits), pick(0.5), pick(0.9), pick(0.99), 1e3 * waits[-1]), flush=True)
        self.check(v.count("POST") == 1, "the order is amended, not replaced", self.talk(v))
        self.finish(v, p)

    def test_a_storm_of_touches_stays_within_the_budget(self):
        """Ten order requests a second, 120 a minute; afterwards the order is where it belongs."""
        v = self.venue()
        p = self.bot(v, settings={"REQUESTS_PER_MINUTE": "120", "REQUESTS_PER_SECOND": "10"}.items())
        self.one_order_at_the_touch(v, p, 10)
        rng = random.Random(2)
        for _ in range(600):
            bid = v.bid + rng.choice((-2, -1, -0.5, 0.5, 1, 2))
            v.touch(bid, bid + 0.5)
            time.sleep(0.01)
        self.one_order_at_the_touch(v, p, 5)
        at = [r.at for r in v.requests if r.verb in ("POST", "PUT", "DELETE") and r.path == "/api/v1/order"]
        busiest = max(sum(1 for b in at if a <= b < a + 0.98) for a in at)
        self.check(busiest <= 10, "at most 10 order requests in a second, found %d" % busiest)
        minute = [r.at for r in v.requests]
        most = max(sum(1 for b in minute if a <= b < a + 60) for a in minute)
        self.check(most <= 122, "at most 120 requests in a minute (and what refills meanwhile), found %d" % most)
        self.finish(v, p)

    def test_fills_in_pieces_while_the_touch_moves(self):
        v = self.venue(shape="legacy")
        p = self.bot(v, "0 OPEN_LONG\n8 OPEN_SHORT\n")
        rng = random.Random(3)
        end = harness.deadline(14)
        while time.monotonic() < end:
            with v.lock:
                living = v.living()
                if living and rng.random() < 0.4:
                    v.fill(living[0], rng.choice((1, 7, 100, 333, 5000)))
                else:
                    bid = v.bid + rng.choice((-0.5, 0.5))
                    v.touch(bid, bid + 0.5)
            time.sleep(0.05)
        self.check(v.position != 0 or v.executions, "something was filled", p)
        self.finish(v, p)

    def test_withdraws_from_a_market_that_cannot_be_trusted(self):
        v = self.venue()
        p = self.bot(v)
        for why, spoil, repair in (
                ("the quotes are crossed", lambda: v.touch(10001.0, 10000.5), lambda: v.touch(10000.0, 10000.5)),
                ("the instrument is closed", lambda: v.instrument(state="Closed"), lambda: v.instrument(state="Open")),
                ("the book is empty", lambda: v.touch(None, None), lambda: v.touch(10000.0, 10000.5))):
            self.one_order_at_the_touch(v, p, 10)
            spoil()
            self.check(harness.until(lambda: not v.living(), 3), "the order is withdrawn when " + why, self.talk(v), p)
            repair()
        self.one_order_at_the_touch(v, p, 10)
        self.finish(v, p)

    def test_a_late_feed(self):
        """Quotes that are ever older when they come: the order is withdrawn, then the connection is changed, then all is well again."""
        v = self.venue()
        p = self.bot(v, settings={"FEED_LAG_LIMIT": "500"}.items())
        self.one_order_at_the_touch(v, p, 10)
        start = time.time()
        v.touch(10001.0, 10001.5, stamp=start)
        time.sleep(0.2)
        for i in range(15):
            v.touch(10002.0 + i / 2, 10002.5 + i / 2, stamp=start + (time.time() - start) / 10)
            time.sleep(0.1)
        self.check(harness.until(lambda: v.ws_log.count("open") > 1, 3), "the connection is replaced", v.ws_log, p)
        self.check(p.count("lags") >= 1, "and the log says why", p)
        self.one_order_at_the_touch(v, p, 10)
        self.finish(v, p)

    # ---- requests and their answers ----------------------------------------------------------------------------------------------

    OVERLOAD = (503, "The system is currently overloaded. Please try again later.")

    def place_fault(self, execute, answer, times=1, seconds=PROVEN):
        v = self.venue()
        v.fault("POST", execute, answer, times)
        p = self.bot(v)
        self.one_order_at_the_touch(v, p, seconds)
        v.touch(10003.0, 10003.5)
        self.one_order_at_the_touch(v, p)
        if execute:
            self.check(v.count("POST") == 1, "an order that may live is not placed again", self.talk(v), p)
        self.finish(v, p)

    def test_place_503_but_executed(self):
        self.place_fault(True, self.OVERLOAD)

    def test_place_503_not_executed(self):
        self.place_fault(False, self.OVERLOAD)

    def test_place_executed_without_an_answer(self):
        self.place_fault(True, "nothing")

    def test_place_not_executed_without_an_answer(self):
        self.place_fault(False, "nothing")

    def test_place_executed_and_connection_closed(self):
        self.place_fault(True, "close")

    def test_place_not_executed_and_connection_closed(self):
        self.place_fault(False, "close")

    def test_place_answer_is_garbage(self):
        self.place_fault(True, "garbage")

    def test_place_answer_is_cut(self):
        self.place_fault(True, "half")

    def test_place_answered_late(self):
        self.place_fault(True, 2.5)

    def test_place_three_times_503(self):
        self.place_fault(False, self.OVERLOAD, 3, 3 * PROVEN)

    def test_place_executed_and_stream_silent(self):
        """No answer and nothing on the private stream: only the query can tell."""
        v = self.venue()
        v.hush = {"order", "execution"}
        v.fault("POST", True, "nothing")
        p = self.bot(v)
        self.one_order_at_the_touch(v, p, 10)
        p.wait_line(r"Fate of \S+ is known: LIVE", PROVEN)
        v.hush = set()
        v.touch(10002.0, 10002.5)
        self.one_order_at_the_touch(v, p)
        self.check(v.count("POST") == 1, "placed once", self.talk(v), p)
        self.finish(v, p)

    def amend_fault(self, execute, answer, times=1, seconds=PROVEN):
        v = self.venue()
        p = self.bot(v)
        self.one_order_at_the_touch(v, p, 10)
        v.fault("PUT", execute, answer, times)
        v.touch(10001.0, 10001.5)
        time.sleep(0.2)
        v.touch(10002.0, 10002.5)
        self.one_order_at_the_touch(v, p, seconds)
        self.check(v.count("POST") == 1, "the order is kept", self.talk(v), p)
        self.finish(v, p)

    def test_amend_503_but_executed(self):
        self.amend_fault(True, self.OVERLOAD)

    def test_amend_503_not_executed(self):
        self.amend_fault(False, self.OVERLOAD)

    def test_amend_executed_without_an_answer(self):
        self.amend_fault(True, "nothing")

    def test_amend_not_executed_without_an_answer(self):
        self.amend_fault(False, "nothing")

    def test_amend_executed_and_connection_closed(self):
        self.amend_fault(True, "close")

    def test_amend_answer_is_garbage(self):
        self.amend_fault(True, "garbage")

    def test_amend_of_an_order_that_has_just_filled(self):
        v = self.venue()
        p = self.bot(v)
        o = self.one_order_at_the_touch(v, p, 10)
        v.fault("PUT", False, (400, "Invalid ordStatus: Filled"), then=lambda venue: venue.fill(o, 10**6))
        v.touch(10001.0, 10001.5)
        p.wait_line("We have a completed trade", 5)
        self.one_order_at_the_touch(v, p, 10)            # the next stake
        self.check(v.position == o["orderQty"], "filled once", v.position)
        self.finish(v, p)

    def cancel_fault(self, execute, answer, times=1):
        """At Ctrl-C, where nothing may be left behind."""
        v = self.venue()
        p = self.bot(v)
        self.one_order_at_the_touch(v, p, 10)
        v.fault("DELETE", execute, answer, times)
        self.finish(v, p, seconds=25)

    def test_cancel_503_but_executed(self):
        self.cancel_fault(True, self.OVERLOAD)

    def test_cancel_503_not_executed(self):
        self.cancel_fault(False, self.OVERLOAD)

    def test_cancel_without_an_answer(self):
        self.cancel_fault(False, "nothing")

    def test_cancel_executed_and_connection_closed(self):
        self.cancel_fault(True, "close")

    def test_cancel_answer_is_garbage(self):
        self.cancel_fault(True, "garbage")

    def test_cancel_of_an_order_that_fills_meanwhile(self):
        v = self.venue()
        p = self.bot(v)
        o = self.one_order_at_the_touch(v, p, 10)
        v.fault("DELETE", True, None, then=None)
        before = v.cancel
        def late(b):
            v.fill(o, 10**6)
            return before(b)
        v.cancel = late
        self.finish_filled(v, p, o)

    def finish_filled(self, v, p, o):
        p.signal(signal.SIGINT)
        self.check_ended(p, 0, 20)
        self.check(not v.living() and v.position == o["orderQty"], "filled, nothing left", v.living(), v.position)
        m = re.search(r"position +(-?\d+) contracts, internal (-?\d+),", p.text())
        self.check(m and int(m.group(1)) == int(m.group(2)) == v.position, "the fill that raced the cancel is counted", p)
        self.manners(v, p)

    def test_throttled(self):
        v = self.venue()
        p = self.bot(v)
        self.one_order_at_the_touch(v, p, 10)
        v.fault("PUT", False, (429, "Rate limit exceeded, retry in 3 seconds.", (("Retry-After", "3"), ("X-RateLimit-Reset", str(int(time.time()) + 3)))))
        at = len(v.requests)
        v.touch(10001.0, 10001.5)
        harness.until(lambda: v.count("PUT", since=at), 3)
        refused = time.monotonic()
        for i in range(20):
            v.touch(10002.0 + i / 2, 10002.5 + i / 2)
            time.sleep(0.1)
        early = [r for r in v.requests[at + 1:] if r.at - refused < 2.8 and r.path == "/api/v1/order"]
        self.check(not early, "after 429 nothing is asked before Retry-After is over", self.talk(v), p)
        self.one_order_at_the_touch(v, p, 18)            # amends wait until a fifth of the budget is there again
        self.check(v.count("POST") == 1, "the order is kept", self.talk(v))
        self.finish(v, p)

    def test_remaining_of_the_venue_is_believed(self):
        """The venue says that hardly anything is left of the account's budget: other programs use it, too."""
        v = self.venue()
        v.rate = (120, 4)
        p = self.bot(v, settings={"REQUESTS_PER_MINUTE": "120"}.items())
        self.one_order_at_the_touch(v, p, 10)
        at = len(v.requests)
        for i in range(30):
            v.touch(10001.0 + i / 2, 10001.5 + i / 2)
            time.sleep(0.1)
        used = len(v.requests) - at
        self.check(used <= 4, "with 4 requests left a market that moves 30 times is not followed 30 times: %d requests" % used, self.talk(v))
        self.finish(v, p)

    def test_refusals_open_a_breaker(self):
        v = self.venue()
        v.fault("POST", False, (400, "Account has insufficient Available Balance, 5929700 XBt required"), times=1000)
        p = self.bot(v)
        harness.until(lambda: v.count("POST") >= 3, 10)
        at = len(v.requests)
        for i in range(60):
            v.touch(10000.0 + i % 3, 10000.5 + i % 3)
            time.sleep(0.1)
        tried = v.count("POST", since=at)
        self.check(tried <= 4, "after three identical refusals orders come ever more rarely: %d in six moving seconds" % tried, self.talk(v), p)
        self.check(p.count("insufficient Available Balance") >= 1, "the user is told why", p)
        v.faults.clear()
        self.one_order_at_the_touch(v, p, 20)
        self.finish(v, p)

    def test_duplicate_cl_ord_id_means_that_it_lives(self):
        v = self.venue()
        v.hush = {"order", "execution"}
        v.fault("POST", True, (400, "Duplicate clOrdID"))
        p = self.bot(v)
        self.one_order_at_the_touch(v, p, 10)
        p.wait_line(r"Fate of \S+ is known: LIVE", PROVEN)
        v.hush = set()
        v.touch(10001.0, 10001.5)
        self.one_order_at_the_touch(v, p)
        self.check(v.count("POST") == 1, "it is asked for, not placed again", self.talk(v), p)
        self.finish(v, p)

    def test_post_only_that_would_cross(self):
        """200 with a canceled row: priced again from the present book, at once the first time, then ever more slowly."""
        v = self.venue()
        v.crosses = lambda side, price: True
        p = self.bot(v)
        harness.until(lambda: v.count("POST") >= 2, 10)
        time.sleep(5)
        tried = v.count("POST")
        self.check(2 <= tried <= 15, "tries again with growing pauses: %d orders in 5 s" % tried, self.talk(v), p)
        del v.crosses
        self.one_order_at_the_touch(v, p, 10)
        self.check(p.count("ParticipateDoNotInitiate") >= 1, "the log says why", p)
        self.finish(v, p)

    def test_a_key_that_may_not_trade(self):
        v = self.venue()
        v.fault("POST", False, (403, "Access Denied"), times=1000)
        p = self.bot(v)
        p.wait_line(r"Access Denied", 10)
        time.sleep(1.5)
        self.check(v.count("POST") <= 4, "it is not tried again and again", self.talk(v), p)
        self.manners(v, p)

    def test_expired_on_arrival(self):
        v = self.venue()
        v.fault("POST", False, (400, "This request has expired - `expires` is in the past. Current time: 1518064237"), times=2)
        p = self.bot(v)
        self.one_order_at_the_touch(v, p, 15)
        self.finish(v, p)

    # ---- the stream ----------------------------------------------------------------------------------------------------------------

    def fills_with(self, prepare, shape="compact", wait=5, completed=True):
        v = self.venue(shape=shape)
        prepare(v)
        p = self.bot(v, "0 OPEN_LONG\n1 NONE\n")
        o = self.one_order_at_the_touch(v, p, 10)
        v.fill(o, 300)
        time.sleep(0.2)
        v.touch(10001.0, 10001.5)
        if "order" not in v.hush:
            self.one_order_at_the_touch(v, p)
        v.fill(o, 10**6)
        p.wait_line("We have a completed trade", wait)
        self.check(v.position == o["orderQty"], "the order was filled whole", v.position)
        time.sleep(0.5)
        self.check(p.count("We have a completed trade") == 1, "counted once", p)
        self.finish(v, p)
        return v, p

    def test_every_private_frame_twice(self):
        def prepare(v):
            v.twice = True
        v, p = self.fills_with(prepare)
        self.check(p.count("Execution: Buy") == 2, "two executions, each told once", p)

    def test_order_rows_before_executions(self):
        def prepare(v):
            v.flow = ("margin", "position", "order", "execution")
        self.fills_with(prepare, "legacy")

    def test_executions_before_orders(self):
        def prepare(v):
            v.flow = ("position", "execution", "margin", "order")
        self.fills_with(prepare)

    def test_no_executions_on_the_stream(self):
        def prepare(v):
            v.hush = {"execution"}
        v, p = self.fills_with(prepare, wait=20)
        self.check(v.count("GET", "/execution/tradeHistory") >= 1, "they are asked for", self.talk(v))

    def test_no_executions_anywhere(self):
        """Then what the order's row says is booked, and said."""
        def prepare(v):
            v.hush = {"execution"}
            v.history = False
        v, p = self.fills_with(prepare, wait=40)
        p.wait_line(r"executions \d+\. Booking what the row says", 1)

    def test_no_order_rows_on_the_stream(self):
        def prepare(v):
            v.hush = {"order"}
        self.fills_with(prepare, wait=10)

    def test_slow_answers(self):
        def prepare(v):
            v.answer_delay = 0.4
        self.fills_with(prepare)

    def test_acknowledgements_in_any_order(self):
        for acks in ("all first", "after", "none"):
            with self.subTest(acks=acks):
                def prepare(v):
                    v.acks = acks
                self.fills_with(prepare, "legacy")
                self.setUp()

    def test_the_stream_of_2025(self):
        """Other welcome, other numbers, no welcome at all."""
        def prepare(v):
            v.welcome = {"info": "Welcome to the BitMEX Realtime API.", "version": "2.0.0", "docs": "https://www.bitmex.com/app/wsAPI",
                         "heartbeatEnabled": False, "limit": {"remaining": 719}, "appName": "ws-feedhandler-6d5f"}
            v.jvm()
        self.fills_with(prepare)

    def test_no_welcome_and_early_frames(self):
        def prepare(v):
            v.welcome = None
            v.early = [{"table": "quote", "action": "insert", "data": [{"timestamp": iso(), "symbol": "XBTUSD", "bidSize": 1, "bidPrice": 1.0, "askPrice": 2.0, "askSize": 1}]},
                       {"table": "position", "action": "update", "data": [{"account": ACCOUNT, "symbol": "XBTUSD", "currency": "XBt", "currentQty": 77}]},
                       {"table": "order", "action": "update", "data": [{"orderID": "00000000-0000-0000-0000-000000000001", "ordStatus": "Filled", "account": ACCOUNT, "symbol": "XBTUSD"}]}]
        self.fills_with(prepare)

    def test_frames_that_nobody_ordered(self):
        """Rubbish is counted and ignored; the order goes on following."""
        v = self.venue()
        p = self.bot(v)
        self.one_order_at_the_touch(v, p, 10)
        row = {"timestamp": iso(), "symbol": "XBTUSD", "bidSize": 1, "bidPrice": 10000.0, "askPrice": 10000.5, "askSize": 1}
        rubbish = ["", "{", "[]", "null", "true", "42", '"text"', "{}", '{"table":"quote"}', '{"table":"quote","action":"insert"}',
                   '{"table":"quote","action":"insert","data":null}', '{"table":"quote","action":"insert","data":{}}',
                   '{"table":"quote","action":"insert","data":[null]}', '{"table":"quote","action":"explode","data":[]}',
                   '{"table":"weather","action":"insert","data":[{"rain":true}]}', "[" * 5000, '{"a":' * 3000, "\u0000", "x" * 100000,
                   '{"table":"order","action":"insert","data":[{"orderID":17}]}', '{"table":"execution","action":"insert","data":[{"execID":{}}]}',
                   '{"status":400,"error":"Unknown table: foo","meta":{},"request":{}}', '{"error":"Rate limit exceeded, retry in 29 seconds."}',
                   '{"info":"hello"}', "pong", "pong"]
        for key, value in (("bidPrice", -1), ("bidPrice", 1e300), ("bidPrice", "text"), ("bidPrice", {}), ("askPrice", 10000.123456789123),
                           ("bidSize", -5), ("bidSize", 1.5), ("symbol", "ETHUSD"), ("symbol", None), ("timestamp", "yesterday"), ("timestamp", 7)):
            rubbish.append(json.dumps({"table": "quote", "action": "insert", "data": [dict(row, **{key: value})]}))
        for text in rubbish:
            v.frames(text)
        for s in v.sessions:
            s.raw(2, b"\x00\xff binary")
        time.sleep(0.5)
        v.touch(10004.0, 10004.5)
        self.one_order_at_the_touch(v, p, 8)
        self.check(p.process.poll() is None, "the bot lives", p)
        self.finish(v, p)

    def reconnects(self, cut, seconds=10):
        v = self.venue()
        p = self.bot(v, "0 OPEN_LONG\n1 NONE\n")
        o = self.one_order_at_the_touch(v, p, 10)
        at = p.mark()
        with v.lock:
            cut(v)
            v.fill(o, 400)                               # nobody hears it
            v.bid, v.ask = 10002.0, 10002.5
        p.wait_line("Connected to WS", seconds, at)
        o = self.one_order_at_the_touch(v, p, 10)
        self.check(v.count("POST") == 1 and o["leavesQty"] == o["orderQty"] - 400, "the order is adopted with what is left of it", o, self.talk(v), p)
        p.wait_line("Execution: Buy 400 Contracts", 5)
        with v.lock:
            v.fill(o, 10**6)
        p.wait_line("We have a completed trade", 5)
        time.sleep(0.3)
        self.check(p.count("Execution: Buy") == 2, "each fill is counted once", p)
        self.finish(v, p)

    def test_the_stream_is_cut(self):
        self.reconnects(lambda v: v.drop())

    def test_the_stream_is_closed_with_1000(self):
        self.reconnects(lambda v: v.drop(1000))

    def test_the_stream_is_closed_with_1001(self):
        self.reconnects(lambda v: v.drop(1001))

    def test_the_stream_is_closed_with_1011(self):
        self.reconnects(lambda v: v.drop(1011))

    def test_the_stream_is_refused_for_a_while(self):
        def cut(v):
            v.refuse_upgrade = [503, 502, 429]
            v.drop(1012)
        self.reconnects(cut, 15)

    def test_a_venue_that_hangs_up_at_once(self):
        """Connections are counted by the venue, a few dozens an hour: after each that did not last the pause is longer."""
        v = self.venue()
        p = self.bot(v)
        self.one_order_at_the_touch(v, p, 10)
        subscribe = v.subscribe
        def hang_up(s, topics):
            subscribe(s, topics)
            s.close(1012)
        v.subscribe = hang_up
        v.drop(1012)
        time.sleep(6)
        opened = v.ws_log.count("open") - 1
        self.check(3 <= opened <= 9, "connections in 6 s: found %d" % opened, v.ws_log, p)
        v.subscribe = subscribe
        v.touch(10001.0, 10001.5)
        self.one_order_at_the_touch(v, p, 12)
        self.check(v.count("POST") == 1, "the order is kept", self.talk(v), p)
        self.finish(v, p)

    def test_a_stream_that_has_died_quietly(self):
        """Nothing comes and no ping is answered: replaced within silence and patience."""
        v = self.venue()
        p = self.bot(v, settings={"WS_SEND_PING_TIMEOUT": "2", "FEED_SILENCE_LIMIT": "60"}.items())
        self.one_order_at_the_touch(v, p, 10)
        at = p.mark()
        v.pong = False
        for s in v.sessions:
            s.tables = []
        v.hush = {"order", "execution", "position", "margin", "quote", "trade", "instrument"}
        p.wait_line("Connected to WS", 12, at)
        v.pong, v.hush = True, set()
        v.touch(10001.0, 10001.5)
        self.one_order_at_the_touch(v, p, 10)
        self.check(v.count("POST") == 1, "the order is kept", self.talk(v))
        self.finish(v, p)

    def test_a_quiet_stream_that_answers_pings(self):
        v = self.venue()
        p = self.bot(v, settings={"WS_SEND_PING_TIMEOUT": "1", "FEED_SILENCE_LIMIT": "60"}.items())
        self.one_order_at_the_touch(v, p, 10)
        at = p.mark()
        time.sleep(8)
        self.check(v.ws_log.count("open") == 1, "a stream that answers is kept", v.ws_log, p.text(at))
        self.check("ping" in v.ws_log, "a ping is sent after silence", v.ws_log)
        self.finish(v, p)

    def test_a_login_that_is_refused(self):
        v = self.venue()
        v.refuse_upgrade = [401] * 100
        p = self.bot(v)
        code = p.wait(10)
        self.check(code == 1 and p.count(r"marketmaker: .*401.*Check key, secret, permissions and clock"), "a refused login ends the bot and says what to check", code, p)
        self.check(v.ws_log.count("refused 401") <= 2, "and is not repeated: many of them ban the address", v.ws_log)

    def test_the_dead_mans_switch(self):
        v = self.venue()
        p = self.bot(v, settings={"DEAD_MAN_TIMEOUT": "5"}.items())
        self.one_order_at_the_touch(v, p, 10)
        time.sleep(5)
        armed = [json.loads(t) for t in v.ws_log if "cancelAllAfter" in t]
        self.check(len(armed) >= 3 and all(a["args"] == 5000 for a in armed), "armed with 5000 ms and refreshed in time", v.ws_log)
        self.finish(v, p)
        time.sleep(0.2)
        last = [json.loads(t) for t in v.ws_log if "cancelAllAfter" in t][-1]
        self.check(last["args"] == 0, "disarmed at an orderly end", v.ws_log)

    def test_the_venue_cancels_the_order(self):
        v = self.venue()
        p = self.bot(v)
        self.one_order_at_the_touch(v, p, 10)
        v.cancel_all()
        self.one_order_at_the_touch(v, p, 10)
        self.check(v.count("POST") == 2, "a new one is placed", self.talk(v))
        self.check(p.count("canceled by the venue") == 1, "and the log says that the venue did it", p)
        self.finish(v, p)

    def test_orders_of_others_are_let_alone(self):
        v = self.venue()
        with v.lock:
            other = dict.fromkeys(("orderID", "clOrdID"), "")
            v.place({"symbol": "XBTUSD", "side": "Buy", "orderQty": 50, "price": 9000.0, "clOrdID": "mm_bitmex_x", "execInst": "ParticipateDoNotInitiate"})
            other = v.orders.pop("mm_bitmex_x")
            other["clOrdID"] = "byhand"
            v.orders["byhand"] = other
        living = Venue.living
        v.living = lambda: [o for o in living(v) if o["clOrdID"] != "byhand"]
        v.partial_orders = None
        partial = v.partial
        def with_other(table):
            f = partial(table)
            if table == "order":
                f["data"].append(v.shaped(other))
            return f
        v.partial = with_other
        p = self.bot(v, settings={"DEAD_MAN_TIMEOUT": "5"}.items())
        self.one_order_at_the_touch(v, p, 10)
        p.wait_line("Other orders rest on this account: the dead-man's switch stays off", 5)
        self.check(not any("cancelAllAfter" in t for t in v.ws_log), "the switch would cancel them", v.ws_log)
        self.finish(v, p)
        self.check(other["ordStatus"] == "New", "the other order is still there", other)

    def test_random_faults(self):
        """Everything at once, by seed."""
        seed = 20260101
        rng = random.Random(seed)
        v = self.venue(shape="legacy")
        p = self.bot(v, "0 OPEN_LONG\n12 OPEN_SHORT\n", settings={"TIMEOUT": "0.5"}.items())
        end = harness.deadline(25)
        while time.monotonic() < end:
            dice = rng.random()
            with v.lock:
                living = v.living()
                if dice < 0.12:
                    if len(v.faults) < 2:
                        v.fault(rng.choice(("POST", "PUT", "PUT", "DELETE", "GET")), rng.random() < 0.5,
                                rng.choice((self.OVERLOAD, "close", "garbage", "half", 0.7, (400, "Invalid ordStatus"), (429, "Rate limit exceeded", (("Retry-After", "1"),)))))
                elif dice < 0.13:
                    v.drop(rng.choice((None, 1000, 1001, 1012)))
                elif dice < 0.25 and living:
                    v.fill(living[0], rng.choice((50, 300, 10000)))
                elif dice < 0.27:
                    v.cancel_all()
                else:
                    bid = v.bid + rng.choice((-0.5, 0.5))
                    v.touch(bid, bid + 0.5)
            time.sleep(0.05)
        v.faults.clear()
        print("random faults, seed %d: %d requests, %d executions, %d connections" % (seed, len(v.requests), len(v.executions), v.ws_log.count("open")), flush=True)
        harness.until(lambda: self.status(p)["ordersUnknown"] == 0, PROVEN, 0.5)
        self.finish(v, p, seconds=30)


if __name__ == "__main__":
    harness.main(together=16)
