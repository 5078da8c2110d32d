"""marketmaker run against marketmaker exchange and marketmaker decisions, each a process of its own: settings, crashes, restarts,
lost connections. A second account plays the market, so that every touch and every fill is the test's."""
import json
import os
import re
import signal
import sqlite3
import time

import harness

KEY, SECRET = "bot" + "K" * 21, "sEcReT-of-the-bot-" + "q" * 30
HAND, HAND_SECRET = "hand" + "K" * 20, "secret-of-the-hand-" + "w" * 29


class Run(harness.Case):
    # ---- the cast ------------------------------------------------------------------------------------------------------------------

    def exchange(self, port=None, *options, market="none"):
        self.write("accounts", "%s %s 1.0 order\n%s %s 100.0 order\n" % (KEY, SECRET, HAND, HAND_SECRET))
        port = port or harness.free_port()
        p = self.start("exchange", "--port", port, "--market", market, "--accounts", self.path("accounts"), "--no-limits", *options)
        p.wait_line("BASE_URL", 15)
        p.base = "http://127.0.0.1:%d/api/v1/" % port
        p.port = port
        p.hand = harness.Rest(p.base, HAND, HAND_SECRET)
        p.bot = harness.Rest(p.base, KEY, SECRET)
        return p

    def market(self, x, bid, ask):
        """One bid and one ask of the other account."""
        for side, price, old in (("Buy", bid, "bid"), ("Sell", ask, "ask")):
            x.hand.delete("/order", clOrdID=[getattr(x, old, "none")])
            setattr(x, old, "%s-%d" % (old, time.monotonic_ns()))
            a = x.hand.post("/order", symbol="XBTUSD", side=side, orderQty=5000, price=price, clOrdID=getattr(x, old))
            self.check(a.status == 200, "the market can be made", a)

    def take(self, x, side, qty, price):
        a = x.hand.post("/order", symbol="XBTUSD", side=side, orderQty=qty, price=price, timeInForce="ImmediateOrCancel")
        self.check(a.status == 200, "the market can trade", a)
        return a.json

    def settings(self, x, **more):
        values = {"BASE_URL": x if isinstance(x, str) else x.base, "BITMEX_API_KEY": KEY, "BITMEX_API_SECRET_FILE": "secret", "DECISIONS": "script:script",
                  "TIMEOUT": 2, "API_EXPIRES": 2, "STATUS_INTERVAL": 5}
        values.update(more)
        if not os.path.exists(self.path("secret")):
            self.write("secret", SECRET + "\n")
        if not os.path.exists(self.path("script")):
            self.write("script", "stake 10\npoll 0.2\n0 OPEN_LONG\n")
        return self.write("marketmaker.yaml", "".join("%s: %s\n" % kv for kv in values.items()))

    def bot(self, *args, env=None):
        return self.start("run", *args, env=env, name="bot")

    def own(self, x):
        return [o for o in x.bot.open_orders() if o["clOrdID"].startswith("mm_bitmex_")]

    def wait_own(self, x, p, price, seconds=10, **columns):
        def there():
            own = self.own(x)
            return own if len(own) == 1 and own[0]["price"] == price and all(own[0][k] == v for k, v in columns.items()) else None
        own = harness.until(there, seconds, 0.05)
        self.check(own, "one own order at %s %s within %g s" % (price, columns or "", seconds), self.own(x), p)
        return own[0]

    def position(self, x):
        rows = x.bot.get("/position").json
        return rows[0].get("currentQty", 0) if rows else 0

    def status(self):
        code, out, err = self.run_once("status", "--json")
        return json.loads(out) if out else {}

    def quit(self, p, x=None, seconds=15):
        p.signal(signal.SIGINT)
        self.check_ended(p, 0, seconds)
        if x is not None:
            self.check(not self.own(x), "Ctrl-C leaves none of the own orders", self.own(x), p)
        m = re.search(r"position +(-?\d+) contracts, internal (-?\d+), (-?[\d.]+) %", p.text())
        self.check(m and m.group(1) == m.group(2), "position and internal position agree", p)
        with open(self.path("marketmaker.log"), encoding="utf-8") as f:
            self.check_no_secret([SECRET], p.text(), f.read())
        return int(m.group(1)), float(m.group(3))

    # ---- settings ------------------------------------------------------------------------------------------------------------------

    def test_setup_writes_once(self):
        code, out, err = self.run_once("setup")
        self.check(code == 0 and "marketmaker.yaml" in out, "setup writes a file", code, out, err)
        path = self.path("marketmaker.yaml")
        self.check(os.stat(path).st_mode & 0o777 == 0o600, "it will hold secrets: mode 0600", oct(os.stat(path).st_mode))
        with open(path, encoding="utf-8") as f:
            first = f.read()
        with open(path, "a", encoding="utf-8") as f:
            f.write("# mine\n")
        code, out, err = self.run_once("setup")
        self.check(code == 1 and "marketmaker.yaml" in err and "there already" in err, "an existing file is named and refused", code, out, err)
        with open(path, encoding="utf-8") as f:
            self.check(f.read() == first + "# mine\n", "and left as it is")
        code, out, err = self.run_once("run", "--print-settings")
        self.check(code == 0 and "BASE_URL: https://testnet.bitmex.com/api/v1/" in out, "the sample is valid and holds the defaults", code, out, err)
        _, defaults, _ = self.run_once("run", "--print-settings", cwd="/")
        strip = lambda text: re.sub(r"   \(.*\)", "", text)
        self.check(strip(out) == strip(defaults), "the sample's values are the defaults", out, defaults)
        code, out, err = self.run_once("setup", self.path("no", "such", "folder"))
        self.check(code == 1 and "No such file" in err, "a folder that is not there is said", code, out, err)

    def test_where_a_setting_comes_from(self):
        self.write("marketmaker.yaml", "SYMBOL: XBTUSD\nLOOP_INTERVAL: 1500 ms\nBITMEX_API_SECRET: %s\nTIMEOUT: 3\n" % SECRET)
        code, out, err = self.run_once("run", "--print-settings", "--set", "TIMEOUT=5", env={"MM_TIMEOUT": "4", "MM_API_EXPIRES": "9"})
        self.check(code == 0, "settings are shown", code, out, err)
        for line in (r"LOOP_INTERVAL: 1\.5   \(marketmaker\.yaml:2\)", r"TIMEOUT: 5   \(--set\b.*\)", r"API_EXPIRES: 9   \(.*MM_API_EXPIRES.*\)",
                     r"BITMEX_API_SECRET: \*\*\*.*\(marketmaker\.yaml:3\)", r"POST_ONLY: true   \(default\)"):
            self.check(re.search("^" + line, out, re.M), "shown with its source: " + line, out)
        self.check_no_secret([SECRET], out, err)

    def test_settings_that_will_not_do(self):
        self.write("loose", SECRET + "\n", 0o644)
        self.write("secret", SECRET + "\n")
        self.write("script", "0 OPEN_LONG\n")
        good = "BASE_URL: http://127.0.0.1:1/api/v1/\nBITMEX_API_KEY: k\nBITMEX_API_SECRET_FILE: secret\nDECISIONS: script:script\n"
        table = (
            # text after four good lines; arguments; environment; what the message must hold
            ("TRADNG_BALANCE_SIZE: 0.5\n", (), {}, ["marketmaker.yaml:5", "TRADNG_BALANCE_SIZE", "TRADING_BALANCE_SIZE"]),
            ("COLOUR: red\n", (), {}, ["marketmaker.yaml:5", "COLOUR"]),
            ("TRADING_BALANCE_SIZE: 1.5\n", (), {}, ["marketmaker.yaml:5", "TRADING_BALANCE_SIZE", "1.5", "0.1 to 1"]),
            ("TRADING_BALANCE_SIZE: 50 %\n", (), {}, ["marketmaker.yaml:5", "TRADING_BALANCE_SIZE", "50 %"]),
            ("TIMEOUT: soon\n", (), {}, ["marketmaker.yaml:5", "TIMEOUT", "soon"]),
            ("TIMEOUT: 7 parsecs\n", (), {}, ["marketmaker.yaml:5", "TIMEOUT", "7 parsecs"]),
            ("POST_ONLY: perhaps\n", (), {}, ["marketmaker.yaml:5", "POST_ONLY", "perhaps"]),
            ("QUANT_ALGO: Mine\n", (), {}, ["marketmaker.yaml:5", "QUANT_ALGO", "Mine", "BitcoinFuturesMarketMaker"]),
            ("ORDERID_PREFIX: mm/+\n", (), {}, ["marketmaker.yaml:5", "ORDERID_PREFIX", "mm/+"]),
            ("SYMBOL: xbtusd\n", (), {}, ["marketmaker.yaml:5", "SYMBOL", "xbtusd"]),
            ("BITMEX_API_KEY: again\n", (), {}, ["marketmaker.yaml:5", "BITMEX_API_KEY", "line 2"]),
            ("- a list\n", (), {}, ["marketmaker.yaml:5"]),
            ("TIMEOUT: [1\n", (), {}, ["marketmaker.yaml:"]),
            ("TIMEOUT: \"7\n", (), {}, ["marketmaker.yaml:"]),
            ("\x00\x01\x02\n", (), {}, ["marketmaker.yaml:"]),
            ("", ("--set", "BASE_URL=http://www.bitmex.com/api/v1/"), {}, ["BASE_URL", "http://www.bitmex.com/api/v1/", "https://"]),
            ("", ("--set", "BASE_URL=http://127.0.0.1.example.com/api/v1/"), {}, ["BASE_URL", "https://"]),
            ("", ("--set", "BASE_URL=ftp://127.0.0.1/"), {}, ["BASE_URL", "ftp://127.0.0.1/"]),
            ("", ("--set", "TIMEOUT"), {}, ["--set", "TIMEOUT", "KEY=VALUE"]),
            ("", ("--set", "NOPE=1"), {}, ["--set", "NOPE"]),
            ("", (), {"MM_TIMEOUT": "-1"}, ["MM_TIMEOUT", "-1"]),
            ("", (), {"MM_TIMEOUTS": "1"}, ["MM_TIMEOUTS"]),
            ("", ("--settings", "nowhere.yaml"), {}, ["nowhere.yaml"]),
            ("", ("XBTUSD", "ETHUSD"), {}, ["ETHUSD", "at most one SYMBOL"]),
            ("", ("--set", "DECISIONS=script:nowhere"), {}, ["nowhere"]),
        )
        state = self.path("marketmaker.db")
        with open(state, "wb") as f:
            f.write(b"as it was")
        for more, args, env, expected in table:
            with self.subTest(more=more, args=args, env=env):
                self.write("marketmaker.yaml", good + more)
                code, out, err = self.run_once("run", *args, env=env)
                self.check(code == (1 if "nowhere" in expected else 2) or code == 2, "exit status 2", code, out, err)
                self.check(all(e in err for e in expected), "the message holds %s" % expected, err, out)
                self.check(err.count("\n") == 0 and err.startswith("marketmaker: "), "one line", err)
                self.check("expected" in err or "No such file" in err, "and says what was expected", err)
                with open(state, "rb") as f:
                    self.check(f.read() == b"as it was", "the state is untouched")
        os.unlink(state)
        for key, value, expected in (("BITMEX_API_SECRET_FILE", "loose", ["loose", "0644", "0600"]), ("BITMEX_API_SECRET_FILE", "absent", ["absent"])):
            self.write("marketmaker.yaml", "BASE_URL: http://127.0.0.1:1/api/v1/\nBITMEX_API_KEY: k\n%s: %s\n" % (key, value))
            code, out, err = self.run_once("run")
            self.check(code == 2 and all(e in err for e in expected + ["marketmaker.yaml:3", key]), "a secret's file: %s" % value, code, err)
        self.write("marketmaker.yaml", good)
        code, out, err = self.run_once("run", "--set", "BITMEX_API_SECRET=" + SECRET)
        self.check(code == 2 and "BITMEX_API_SECRET" in err and SECRET not in err, "no secrets on the command line, nor in the message", code, err)
        self.write("marketmaker.yaml", "BASE_URL: http://127.0.0.1:1/api/v1/\n")
        code, out, err = self.run_once("run")
        self.check(code == 2 and "BITMEX_API_KEY" in err, "without a key nothing is started", code, err)
        code, out, err = self.run_once("run", cwd="/")
        self.check(code == 2 and "marketmaker setup" in err, "without a file the way to one is said", code, err)
        self.check(not os.path.exists(state), "no state was made by any of them")

    def test_a_cut_settings_file(self):
        """Every prefix of a settings file is either valid or refused with its name; never a crash, never a state file."""
        self.run_once("setup")
        with open(self.path("marketmaker.yaml"), encoding="utf-8") as f:
            whole = f.read()
        for cut in sorted({len(whole) * i // 40 for i in range(40)} | {len(whole) - 1, len(whole) - 2, len(whole) - 9}):
            self.write("marketmaker.yaml", whole[:cut])
            code, out, err = self.run_once("run", "--print-settings")
            self.check(code == 0 or (code == 2 and "marketmaker.yaml:" in err), "cut after %d bytes" % cut, code, err)
        self.check(not os.path.exists(self.path("marketmaker.db")), "no state")

    def test_every_limit_can_be_set(self):
        """Lowest and highest value of each setting: the bot starts, trades or says why not, and never breaks."""
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        code, out, err = self.run_once("run", "--print-settings", cwd="/")
        self.settings(x)
        with open(os.path.join(harness.SOURCE, "src/runner/settings_keys.c"), encoding="utf-8") as f:
            rows = f.read().split("{.name = ")
        limits = [m for m in (re.search(r'^"(\w+)".*\.lo = "([^"]+)", \.hi = "([^"]+)"', row, re.S) for row in rows) if m]
        self.check(len(limits) >= 20, "limits were found", limits)
        for which in (1, 2):
            for key, value in [(m.group(1), m.group(which + 1)) for m in limits]:
                p = self.start("run", "--set", "%s=%s" % (key, value), name="%s=%s" % (key, value))
                _, m = p.wait_line("Got all market data|found .*expected", 10)
                if m.group(0).startswith("found"):
                    self.check_ended(p, 2)               # alone possible, not beside the other settings
                    continue
                time.sleep(0.1)
                p.signal(signal.SIGINT)
                self.check_ended(p, 0)
                for suffix in ("", "-wal", "-shm", ".lock"):
                    if os.path.exists(self.path("marketmaker.db" + suffix)):
                        os.unlink(self.path("marketmaker.db" + suffix))

    # ---- a day in its life -----------------------------------------------------------------------------------------------------------

    def test_trades_and_tells_its_status(self):
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        self.settings(x)
        code, out, err = self.run_once("status")
        self.check(code == 1, "no bot has ever run here", code, out, err)
        p = self.bot()
        self.wait_own(x, p, 10000.0)
        self.market(x, 10002.0, 10010.0)
        o = self.wait_own(x, p, 10002.0)
        self.take(x, "Sell", 5000 + o["orderQty"], 10002.0)
        p.wait_line("We have a completed trade", 5)
        self.market(x, 10001.0, 10010.0)
        self.wait_own(x, p, 10001.0)
        s = harness.until(lambda: (lambda s: s if s.get("ordersOpen") == 1 and s["position"] == o["orderQty"] else None)(self.status()), 6, 0.2)
        self.check(s, "status shows position and order", self.status(), p)
        self.check(s["pid"] == p.pid and s["symbol"] == "XBTUSD" and s["ready"] is True and s["internalPosition"] == s["ownFills"] == s["position"]
                   and abs(s["positionPct"] - 10) < 0.01 and s["opening"] == "LONG" and s["lastDecision"] == "OPEN_LONG" and s["fills"] >= 1, "status is right", s)
        code, out, err = self.run_once("status")
        self.check(code == 0 and re.search(r"^running +yes$", out, re.M) and re.search(r"^position +%d$" % o["orderQty"], out, re.M), "status for people", out, err)
        position, pct = self.quit(p, x)
        self.check(position == self.position(x) == o["orderQty"] and pct == 10.0, "one stake of 10 %", position, pct)
        code, out, err = self.run_once("status")
        self.check(code == 1 and re.search(r"^running +no$", out, re.M), "after the end it does not run", out, err)
        with open("/proc/self/cmdline", "rb"):
            pass
        for name in os.listdir(self.dir):
            if name.startswith("marketmaker.db"):
                with open(self.path(name), "rb") as f:
                    self.check_no_secret([SECRET], f.read().decode("latin-1"))

    def test_a_crash_while_an_order_rests(self):
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        self.settings(x)
        p = self.bot()
        first = self.wait_own(x, p, 10000.0)
        self.take(x, "Sell", 5000 + first["orderQty"], 10000.0)          # one stake is complete
        p.wait_line("We have a completed trade", 5)
        self.market(x, 9999.0, 10010.0)
        o = self.wait_own(x, p, 9999.0)
        time.sleep(0.3)
        p.crash()
        self.take(x, "Sell", 5000 + 300, 9999.0)                         # nobody hears it
        self.market(x, 9999.0, 10010.0)
        q = self.bot()
        q.wait_line("Existing own orders: 1", 10)
        q.wait_line("Execution: Buy 300 Contracts", 10)
        time.sleep(1.5)
        again = self.own(x)
        self.check(len(again) == 1 and again[0]["orderID"] == o["orderID"] and again[0]["clOrdID"] == o["clOrdID"], "the living order is adopted, not replaced", o, again, q)
        self.check(again[0]["leavesQty"] == o["orderQty"] - 300, "with what is left of it", again)
        self.check(q.count("Canceling") == 0 and q.count("Amending") == 0, "and keeps its place in the queue", q)
        self.check(q.count("Execution: Buy 300 Contracts") == 1 and q.count("Adjustment") == 0, "the missed fill is counted once", q)
        self.take(x, "Sell", 5000 + 10000, 9999.0)
        q.wait_line("We have a completed trade", 5)
        position, pct = self.quit(q, x)
        self.check(position == self.position(x) == first["orderQty"] + o["orderQty"], "both stakes: %d" % position, q)
        self.check(abs(pct - 20.0) < 0.01, "twenty per cent", pct)
        self.check([round(s["contracts"]) for s in harness.state_rows(self.path("marketmaker.db"), "stakes")] == [first["orderQty"], o["orderQty"]], "the stakes in the state file",
                   harness.state_rows(self.path("marketmaker.db"), "stakes"))

    def test_crashes_at_any_moment(self):
        """kill -9 after ever different times; in the end the books agree and one order lives."""
        x = self.exchange(None, "--seed", "5", market="generated")
        self.settings(x)
        self.write("script", "stake 10\npoll 0.2\n0 OPEN_LONG\n4 OPEN_SHORT\n8 OPEN_LONG\n")
        for wait in (0.05, 0.4, 0.11, 0.9, 0.23, 1.7, 0.3):
            p = self.bot()
            try:
                p.wait_line("Creating|Existing own orders: 1", 5 if wait > 0.3 else 0.5)
            except AssertionError:
                pass
            time.sleep(wait)
            p.crash()
            self.check(len(self.own(x)) <= 1, "never two living orders", self.own(x), p)
        p = self.bot()
        p.wait_line("Got all market data", 10)
        def agreed():
            s = self.status()
            return s if s.get("ready") and s["ordersUnknown"] == 0 and s["position"] == s["internalPosition"] == s["ownFills"] and s["ordersOpen"] == len(self.own(x)) else None
        self.check(harness.until(agreed, 25, 0.5), "the books agree", self.status(), self.own(x), p)
        position, _ = self.quit(p, x)
        self.check(position == self.position(x), "with the venue, too", position, self.position(x), p)
        self.check("Adjustment" not in p.text(), "without an adjustment", p)

    def test_a_second_instance_is_refused(self):
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        self.settings(x)
        p = self.bot()
        o = self.wait_own(x, p, 10000.0)
        code, out, err = self.run_once("run")
        self.check(code == 2 and "another marketmaker is running" in err and "marketmaker.db" in err, "one state, one bot", code, err, out)
        time.sleep(0.3)
        self.check([q["orderID"] for q in self.own(x)] == [o["orderID"]] and p.process.poll() is None, "the first is not disturbed", self.own(x), p)
        self.quit(p, x)

    def test_a_state_of_other_settings(self):
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        self.settings(x)
        p = self.bot()
        o = self.wait_own(x, p, 10000.0)
        self.take(x, "Sell", 5000 + o["orderQty"], 10000.0)
        p.wait_line("We have a completed trade", 5)
        self.market(x, 10000.0, 10010.0)
        self.quit(p, x)
        with open(self.path("marketmaker.db"), "rb") as f:
            before = f.read()
        code, out, err = self.run_once("run", "--set", "TRADING_BALANCE_SIZE=0.5")
        self.check(code == 2 and "TRADING_BALANCE_SIZE" in err and "0.5" in err and "ON_STATE_MISMATCH" in err, "it says what differs and what to do", code, err, out)
        with open(self.path("marketmaker.db"), "rb") as f:
            self.check(f.read() == before, "the state is as it was")
        p = self.bot("--set", "TRADING_BALANCE_SIZE=0.5", "--set", "ON_STATE_MISMATCH=adopt")
        p.wait_line("differ from those of the saved state", 5)
        new = self.wait_own(x, p, 10000.0)
        self.check(abs(new["orderQty"] - o["orderQty"] / 2) <= 10, "the next stake is half as large", o["orderQty"], new["orderQty"])
        p.wait_line("Current Internal Contract Position: %d" % o["orderQty"], 5)
        self.quit(p, x)
        p = self.bot("--set", "TRADING_BALANCE_SIZE=0.5")
        self.wait_own(x, p, 10000.0)
        self.quit(p, x)
        p = self.bot("--set", "SYMBOL=XBTUSD", "--set", "TRADING_BALANCE_SIZE=1.0", "--set", "ON_STATE_MISMATCH=clear")
        p.wait_line("was cleared", 5)
        p.wait_line("Adjustment trade: the contract position is %d, the internal one was 0" % o["orderQty"], 10)
        position, _ = self.quit(p, x)
        self.check(position == o["orderQty"], "after clearing, the real position is booked as an adjustment", p)

    def test_a_damaged_state_is_refused(self):
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        self.settings(x)
        p = self.bot()
        self.wait_own(x, p, 10000.0)
        self.quit(p, x)
        state = self.path("marketmaker.db")
        with open(state, "rb") as f:
            good = f.read()
        other = self.path("other.db")
        with sqlite3.connect(other) as db:
            db.execute("CREATE TABLE t(a)")
        with open(other, "rb") as f:
            foreign = f.read()
        hole = bytearray(good)
        hole[4096:4096 + 2000] = os.urandom(2000)
        for name, data in (("no database", b"rubbish " * 1000), ("another program's", foreign), ("cut", good[:len(good) // 3]), ("overwritten inside", bytes(hole)),
                           ("a header only", good[:100])):
            with self.subTest(name):
                for suffix in ("-wal", "-shm"):
                    if os.path.exists(state + suffix):
                        os.unlink(state + suffix)
                with open(state, "wb") as f:
                    f.write(data)
                p = self.bot()
                try:
                    code = p.wait(6)
                except AssertionError:
                    code = None
                    p.end()
                self.check(code in (1, 2) and p.count(r"marketmaker: .*STATE_FILE .*marketmaker\.db"), "a damaged state (%s) is refused by name" % name, code, p)
                with open(state, "rb") as f:
                    self.check(f.read() == data, "and left for the user to look at")
        self.check(not self.own(x), "no order was placed by any of them", self.own(x))

    def test_ctrl_c_cancels_only_the_own_orders(self):
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        for cl in ("byhand-1", "mm_bitmex"):             # not even one that nearly looks like ours
            a = x.bot.post("/order", symbol="XBTUSD", side="Buy", orderQty=10, price=9000.0, clOrdID=cl)
            self.check(a.status == 200, "an order by hand", a)
        self.settings(x)
        p = self.bot()
        self.wait_own(x, p, 10000.0)
        self.quit(p, x)
        left = sorted(o["clOrdID"] for o in x.bot.open_orders())
        self.check(left == ["byhand-1", "mm_bitmex"], "orders of others stay", left, p)

    def test_sigterm_and_a_second_ctrl_c(self):
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        self.settings(x)
        p = self.bot()
        self.wait_own(x, p, 10000.0)
        p.signal(signal.SIGTERM)
        self.check_ended(p, 0)
        self.check(not self.own(x), "SIGTERM is an orderly end", self.own(x), p)
        p = self.bot("--set", "CANCEL_ON_EXIT=false")
        o = self.wait_own(x, p, 10000.0)
        p.signal(signal.SIGINT)
        self.check_ended(p, 0)
        self.check([q["orderID"] for q in self.own(x)] == [o["orderID"]], "CANCEL_ON_EXIT false leaves the order", self.own(x), p)
        p = self.bot("--set", "CANCEL_ON_START=true")
        p.wait_line("Canceling all existing orders: 1", 10)
        self.check(harness.until(lambda: [q["orderID"] for q in self.own(x)] not in ([], [o["orderID"]]), 5), "CANCEL_ON_START starts anew", self.own(x), p)
        self.wait_own(x, p, 10000.0)
        x.signal(signal.SIGSTOP)                         # the venue is stuck: cancels get no answer
        p.signal(signal.SIGINT)
        time.sleep(0.5)
        p.signal(signal.SIGINT)
        started = time.monotonic()
        code = p.wait(5)
        x.signal(signal.SIGCONT)
        self.check(time.monotonic() - started < 3 * harness.SLOW and "may still live" in p.text(), "the second Ctrl-C ends at once and says what is left", code, p)

    # ---- the world around it -----------------------------------------------------------------------------------------------------------

    def test_the_exchange_is_not_there_yet(self):
        port = harness.free_port()
        self.settings("http://127.0.0.1:%d/api/v1/" % port)
        p = self.bot()
        p.wait_line("WARNING - stream - Down: .*(refused|Connection)", 5)
        time.sleep(1)
        self.check(p.process.poll() is None, "it keeps trying", p)
        x = self.exchange(port)
        self.market(x, 10000.0, 10010.0)
        self.wait_own(x, p, 10000.0, 15)
        self.quit(p, x)

    def test_the_exchange_goes_and_comes_back(self):
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        self.settings(x)
        p = self.bot()
        self.wait_own(x, p, 10000.0)
        x.stop()
        p.wait_line("WARNING - stream - Down", 5)
        time.sleep(1.5)
        self.check(p.process.poll() is None, "it waits", p)
        x = self.exchange(x.port)
        self.market(x, 10003.0, 10010.0)
        self.wait_own(x, p, 10003.0, 30)                 # the old order is proven gone first
        self.check(p.count("Fate of .* is known: (CANCELED|REJECTED)") == 1, "the old order's end is proven", p)
        self.quit(p, x)

    def decisions(self, port, script="stake 10\npoll 1\n0 OPEN_LONG\n"):
        self.write("service-script", script)
        p = self.start("decisions", "--port", port, "--script", self.path("service-script"), env={"MM_QUANT_API_KEY": "quant-key"})
        p.wait_line("DECISION_URL http://127.0.0.1:%d/api" % port, 5)
        return p

    def test_the_decision_service_dies_and_returns(self):
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        port = harness.free_port()
        d = self.decisions(port)
        for policy in ("withdraw", "keep"):
            with self.subTest(policy):
                self.market(x, 10000.0, 10010.0)
                self.settings(x, DECISIONS="service", DECISION_URL="http://127.0.0.1:%d/api" % port, QUANT_API_KEY="quant-key", DECISION_TIMEOUT=1,
                              DECISION_SILENCE_LIMIT=5, DECISION_ON_SILENCE=policy)
                p = self.bot()
                self.wait_own(x, p, 10000.0)
                d.stop()
                p.wait_line(r"decisions - No decision: ", 5)
                p.wait_line(r"No valid decision for [56] s: opening orders are %s" % {"withdraw": "withdrawn", "keep": "kept"}[policy], 10)
                time.sleep(0.5)
                self.check(len(self.own(x)) == (1 if policy == "keep" else 0), "%s: the order" % policy, self.own(x), p)
                d = self.decisions(port)
                self.market(x, 10001.0, 10010.0)
                self.wait_own(x, p, 10001.0)
                self.quit(p, x)

    def test_a_key_that_the_service_does_not_know(self):
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        port = harness.free_port()
        self.decisions(port)
        self.settings(x, DECISIONS="service", DECISION_URL="http://127.0.0.1:%d/api" % port, QUANT_API_KEY="wrong-key-of-mine")
        p = self.bot()
        p.wait_line(r"No decision: .*(API key|401)", 10)
        self.check("wrong-key-of-mine" not in p.text(), "the key is not shown", p)
        self.check(not self.own(x), "without decisions nothing is opened", self.own(x))
        self.quit(p, x)

    def test_settings_change_while_it_runs(self):
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        path = self.settings(x, STATUS_INTERVAL=60)
        p = self.bot()
        o = self.wait_own(x, p, 10000.0)
        at = p.mark()
        self.settings(x, STATUS_INTERVAL=1, MAX_ORDER_QTY=100)
        p.wait_line("settings", 5, at)
        harness.until(lambda: p.count("Current Contract Position", at) >= 3, 6)
        self.check(p.count("Current Contract Position", at) >= 3, "the new interval is in force", p.text(at))
        at = p.mark()
        self.settings(x, STATUS_INTERVAL="never")
        p.wait_line(r"(WARNING|ERROR) - .*marketmaker\.yaml:\d+.*STATUS_INTERVAL.*never", 5, at)
        self.check(p.process.poll() is None and [q["orderID"] for q in self.own(x)] == [o["orderID"]], "a wrong file changes nothing", p)
        at = p.mark()
        self.settings(x, SYMBOL="ETHUSD")
        p.wait_line(r"SYMBOL.*(restart|start)", 5, at)
        self.check(p.process.poll() is None, "what needs a restart is said", p)
        os.unlink(path)
        time.sleep(1.5)
        self.check(p.process.poll() is None and len(self.own(x)) == 1, "a file that is gone changes nothing", p)
        self.quit(p, x)

    def test_a_contract_that_is_not_there(self):
        x = self.exchange()
        self.settings(x)
        p = self.bot("NOSUCH")
        p.wait_line(r"WARNING - stream - The venue says: Unknown or expired symbol", 15)
        time.sleep(1)
        self.check(p.count("The venue says") == 1, "it is said once, not for each topic", p)
        self.check(not x.bot.open_orders("NOSUCH"), "nothing is ordered")

    def test_wrong_keys(self):
        x = self.exchange()
        self.settings(x)
        self.write("secret", "another-secret\n")
        p = self.bot()
        code = p.wait(10)
        self.check(code == 1 and p.count("marketmaker: .*Check key, secret, permissions and clock"), "a wrong secret ends the bot and says what to check", code, p)

    def test_log_file_only_when_quiet(self):
        x = self.exchange()
        self.market(x, 10000.0, 10010.0)
        self.settings(x)
        p = self.bot("--quiet")
        self.wait_own(x, p, 10000.0)
        p.signal(signal.SIGINT)
        self.check_ended(p, 0)
        self.check(p.count(" - INFO - ") == 0 and p.count("^Summary$") == 1, "--quiet shows the summary only", p)
        with open(self.path("marketmaker.log"), encoding="utf-8") as f:
            self.check("Creating 1 orders" in f.read(), "the log file has the rest")


if __name__ == "__main__":
    harness.main(together=8)
