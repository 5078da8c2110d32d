"""The predecessor's files become a settings file and a state that run and status show: the way of its users to here."""
import datetime
import os
import pickle
import re
import sqlite3

import harness

SETTINGS_PY = '''from os.path import join
import logging

########################################################################################################################
# Connection/Auth
########################################################################################################################

# API URL.
BASE_URL = "http://127.0.0.1:%d/api/v1/"
# BASE_URL = "https://www.bitmex.com/api/v1/" # Once you're ready, uncomment this.

BITMEX_API_KEY = "imported-key-of-the-user"
BITMEX_API_SECRET = "imported-secret-of-the-user-0123456789"
QUANT_API_KEY = 'imported-quant-key'
QUANT_ALGO = "BitcoinFuturesMarketMaker"
SYMBOL = "XBTUSD"
TRADING_BALANCE_SIZE = 0.5
POST_ONLY = True
ADJUST_POSITION_DATA = False
LOOP_INTERVAL = 3
API_REST_INTERVAL = 1
API_ERROR_INTERVAL = 10
TIMEOUT = 7
LOG_LEVEL = logging.INFO
USE_LOG_FILE = True
ORDERID_PREFIX = "mm_bitmex_"
WS_SEND_PING_TIMEOUT = 20
WS_NOT_SYNCED_TIMEOUT = 7 * LOOP_INTERVAL
HTTP_GET_ORDER_REFRESH_TIMEOUT = 5
WATCHED_FILES = [join("market_maker", "market_maker.py"), "settings.py"]
CONTRACTS = ["XBTUSD"]
'''


class Import(harness.Case):
    def pickles(self, longs=(), shorts=(), protocol=4):
        """The two state files as the predecessor writes them."""
        for name, entries in (("open_longs.py", longs), ("open_shorts.py", shorts)):
            with open(self.path(name), "wb") as f:
                pickle.dump([{"price": p, "contracts_size": n, "ts": t} for p, n, t in entries], f, protocol)

    def test_settings_state_and_the_first_run(self):
        x = harness.free_port()
        self.write("settings.py", SETTINGS_PY % x)
        opened = datetime.datetime(2020, 7, 10, 8, 44, 2, 713000)
        self.pickles(longs=[(9163.5, 882, opened), (9170, 880, opened + datetime.timedelta(hours=3))])
        code, out, err = self.run_once("import", "--utc")
        self.check(code == 0 and "2 long and 0 short stakes, 1762 contracts" in out, "import says what it brought", code, out, err)
        self.check("imported-secret" not in out + err and "imported-quant-key" not in out + err, "no secret is shown", out, err)
        path = self.path("marketmaker.yaml")
        self.check(os.stat(path).st_mode & 0o777 == 0o600, "the settings hold secrets: mode 0600", oct(os.stat(path).st_mode))
        code, out, err = self.run_once("run", "--print-settings")
        self.check(code == 0, "the settings are valid", code, out, err)
        # WS_NOT_SYNCED_TIMEOUT 0 means 7 x LOOP_INTERVAL, which is what settings.py says.
        for line in ("BASE_URL: http://127.0.0.1:%d/api/v1/" % x, "SYMBOL: XBTUSD", "QUANT_ALGO: BitcoinFuturesMarketMaker", "TRADING_BALANCE_SIZE: 0.5",
                     "ADJUST_POSITION_DATA: false", "LOOP_INTERVAL: 3", "WS_NOT_SYNCED_TIMEOUT: 0", "ORDERID_PREFIX: mm_bitmex_", "LOG_LEVEL: INFO"):
            self.check(re.search("^" + re.escape(line) + r"(   |$)", out, re.M), "imported: " + line, out)
        self.check(re.search(r"^BITMEX_API_SECRET: \*\*\*", out, re.M) and "imported-secret" not in out, "secrets are there, masked", out)
        stakes = harness.state_rows(self.path("marketmaker.db"), "stakes")
        self.check([(s["price"], s["contracts"]) for s in stakes] == [(916350000000, 882), (917000000000, 880)], "the stakes, oldest first", stakes)
        self.check(stakes[0]["opened_ns"] == 1594370642713000000, "opened 2020-07-10 08:44:02.713 UTC", stakes[0])
        code, out, err = self.run_once("status")
        self.check(code == 1 and re.search(r"^running +no$", out, re.M), "status reads the new state: no bot has run", code, out, err)
        self.runs_on(x)

    def runs_on(self, port):
        """With 1762 contracts at the venue the bot goes on from the imported stakes."""
        self.write("accounts", "imported-key-of-the-user imported-secret-of-the-user-0123456789 1.0 order\nhandhandhandhandhandhand secret-of-the-hand 100 order\n")
        e = self.start("exchange", "--port", port, "--market", "none", "--accounts", self.path("accounts"), "--no-limits")
        e.wait_line("BASE_URL", 10)
        base = "http://127.0.0.1:%d/api/v1/" % port
        hand = harness.Rest(base, "handhandhandhandhandhand", "secret-of-the-hand")
        mine = harness.Rest(base, "imported-key-of-the-user", "imported-secret-of-the-user-0123456789")
        for rest, side in ((hand, "Sell"), (mine, "Buy")):
            a = rest.post("/order", symbol="XBTUSD", side=side, orderQty=1762, price=9166)
            self.check(a.status == 200, "the old position", a)
        for side, price in (("Buy", 9160), ("Sell", 9170)):
            hand.post("/order", symbol="XBTUSD", side=side, orderQty=100, price=price)
        self.write("script", "stake 10\npoll 0.2\n0 NONE\n")
        p = self.start("run", "--set", "DECISIONS=script:script")
        p.wait_line("Current Internal Contract Position: 1762", 10)
        p.wait_line("Current Internal Position Percentage Size: 20.00", 5)
        self.check("Adjustment" not in p.text() and "internal one" not in p.text(), "position and stakes agree", p)
        code, out, err = self.run_once("status")
        self.check(code == 0 and re.search(r"^internalPosition +1762$", out, re.M) or harness.until(
            lambda: re.search(r"^internalPosition +1762$", self.run_once("status")[1], re.M), 5, 0.3), "status shows the stakes", out, err)
        self.check(p.stop() == 0, "an orderly end", p)

    def test_nothing_is_written_over(self):
        self.write("settings.py", SETTINGS_PY % 1)
        self.write("marketmaker.yaml", "SYMBOL: XBTUSD\n")
        code, out, err = self.run_once("import")
        self.check(code != 0 and "marketmaker.yaml" in err, "an existing settings file is left", code, out, err)
        with open(self.path("marketmaker.yaml"), encoding="utf-8") as f:
            self.check(f.read() == "SYMBOL: XBTUSD\n", "as it was")
        os.unlink(self.path("marketmaker.yaml"))
        self.pickles(shorts=[(9000.0, 500, datetime.datetime(2020, 1, 1))])
        code, out, err = self.run_once("import", "--utc")
        self.check(code == 0 and "0 long and 1 short stakes, -500 contracts" in out, "shorts", code, out, err)
        code, out, err = self.run_once("import", "--to", "other.yaml")
        self.check(code != 0 and "marketmaker.db" in err, "a state that holds stakes is left", code, out, err)

    def test_files_that_are_not_the_predecessors(self):
        code, out, err = self.run_once("import")
        self.check(code == 2 and "settings.py" in err, "nothing to import", code, out, err)
        marker = self.path("executed")
        class Evil:
            def __reduce__(self):
                return os.system, ("touch " + marker,)
        with open(self.path("open_longs.py"), "wb") as f:
            pickle.dump([Evil()], f)
        code, out, err = self.run_once("import")
        self.check(code != 0 and "open_longs.py" in err and not os.path.exists(marker), "a pickle that calls something is refused and not executed", code, out, err)
        self.pickles(longs=[(9000.0, 500, datetime.datetime(2020, 1, 1))], shorts=[(9000.0, 500, datetime.datetime(2020, 1, 1))])
        code, out, err = self.run_once("import")
        self.check(code != 0 and "open_longs.py" in err and "open_shorts.py" in err, "stakes on both sides", code, out, err)
        self.pickles(longs=[(9000.0, 500, datetime.datetime(2020, 1, 1))])
        with open(self.path("open_longs.py"), "rb") as f:
            whole = f.read()
        for cut in (1, 10, len(whole) // 2, len(whole) - 1):
            with open(self.path("open_longs.py"), "wb") as f:
                f.write(whole[:cut])
            code, out, err = self.run_once("import")
            self.check(code != 0 and "open_longs.py" in err, "cut after %d bytes" % cut, code, out, err)
        os.unlink(self.path("open_longs.py"))
        os.unlink(self.path("open_shorts.py"))
        self.write("settings.py", "import os\nBASE_URL = os.environ['HOME']\nSYMBOL = 'XBTUSD'\nos.system('touch %s')\n" % marker)
        code, out, err = self.run_once("import")
        self.check(not os.path.exists(marker), "settings.py is text, nothing of it is executed", code, out, err)
        self.check("BASE_URL" in out + err, "what is no literal is said", code, out, err)
        self.check(not os.path.exists(self.path("marketmaker.db")), "and no state was made")

    def test_every_pickle_protocol(self):
        for protocol in range(5):
            with self.subTest(protocol=protocol):
                self.pickles(longs=[(9163.5, 882, datetime.datetime(2020, 7, 10, 8, 44, 2, 713000))], protocol=protocol)
                code, out, err = self.run_once("import", "--utc")
                self.check(code == 0 and "1 long and 0 short stakes, 882 contracts" in out, "protocol %d" % protocol, code, out, err)
                with sqlite3.connect("file:%s?mode=ro" % self.path("marketmaker.db"), uri=True) as db:
                    self.check(db.execute("SELECT price, contracts, opened_ns FROM stakes").fetchall() == [(916350000000, 882, 1594370642713000000)], "the stake")
                os.unlink(self.path("marketmaker.db"))


if __name__ == "__main__":
    harness.main(together=4)
