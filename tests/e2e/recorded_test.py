"""marketmaker demo --market: recordings of several formats run to their end, as fast as everybody keeps up, and the books agree."""
import os
import re
import sqlite3

import harness
from demo_test import SUMMARY, satoshi

XBTUSD_2021 = "bitmex/ws/L2_quote_trade_XBTUSD+9_20210722_2236.rawlog.gz"
TRADES_2020 = "bitmex/trades/trade_XBTUSD_20200101_1200-1216.csv.gz"
TRADES_2018 = "bitmex/trades/trade_XBTUSD_20180131_0730-0736.csv.gz"
QUOTES_2018 = "bitmex/quotes/quote_XBTUSD_20180131_0732-0736.csv.gz"
COINM = ("binance/coinm_BTCUSD_PERP_20240808_2354-2400.log.gz", "binance/coinm_BTCUSD_PERP_20240809_0000-0005.log.gz")

RECORDING = re.compile(r"^  recording +(\d+) messages, (\d+) trades; of (\d+) contracts traded (\d+) met resting orders, (\d+) were printed$", re.M)


class Recorded(harness.Case):
    def script(self, every=5, seconds=1200):
        sides = ("OPEN_LONG", "OPEN_SHORT")
        lines = ["%d %s" % (t, sides[t // every % 2]) for t in range(0, seconds, every)]
        return "script:" + self.write("alternating", "stake 10\npoll 1\n" + "\n".join(lines) + "\n")

    def replay(self, names, *options, seconds=50):
        market = harness.recordings(self, *names)
        kept = self.path("kept")
        os.mkdir(kept)
        p = self.start("demo", "--market", market, "--speed", "max", "--dir", kept, *options)
        self.check_ended(p, 0, seconds)
        self.check(p.count(r" - ERROR - ") == 0, "no error", *[l for _, _, l in p.lines if " - ERROR - " in l][:5])
        self.check("may still live" not in p.text(), "the end of a recording withdraws the orders", p)
        m = RECORDING.search(p.text())
        self.check(m, "the summary tells how the recording went", p)
        messages, trades, traded, met, printed = map(int, m.groups())
        self.check(traded == met + printed, "every traded contract met an order or was printed", m.group(0))
        self.check(p.count("Creating 1 orders") > 0, "the bot places orders", p)
        return p, self.books(p, os.path.join(kept, "marketmaker.db")), (messages, trades)

    def books(self, p, state):
        """The summary, the log and the state file tell one story."""
        m = SUMMARY.search(p.text())
        self.check(m, "there is a summary", p)
        s = m.groupdict()
        bought = sold = 0
        for _, e in p.find(r"Execution: (Buy|Sell) (\d+) Contracts"):
            bought += int(e.group(2)) if e.group(1) == "Buy" else 0
            sold += int(e.group(2)) if e.group(1) == "Sell" else 0
        self.check(bought + sold == int(s["volume"]), "executions in the log: %d + %d contracts" % (bought, sold), s)
        self.check(bought - sold == int(s["position"]), "own fills make the venue's position: %d - %d" % (bought, sold), s)
        self.check(s["position"] == s["internal"], "the stakes make the position", s)
        self.check(satoshi(s["pnl"]) == sum(satoshi(s[k]) for k in ("trading", "fees", "funding")), "PnL by source adds up", s)
        done = 0
        for _, e in p.find(r"completed trade\. .*'side': '(Buy|Sell)'.*'cumQty': (\d+)"):
            done += int(e.group(2)) * (1 if e.group(1) == "Buy" else -1)
        self.check(done == int(s["position"]), "completed trades make the position: %d" % done, s)
        self.check(p.count("Adjustment trade") == 0, "nothing had to be adjusted", p)
        with sqlite3.connect("file:%s?mode=ro" % state, uri=True) as db:
            tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
            self.check(db.execute("PRAGMA integrity_check").fetchone()[0] == "ok", "the state file is whole", tables)
        return s

    def test_a_raw_log_of_2021(self):
        p, s, (messages, trades) = self.replay([XBTUSD_2021], "--decisions", self.script())
        self.check(trades > 0 and messages > 1000, "30 s of messages are replayed", p)

    def test_a_trade_file_of_2020_with_a_script(self):
        p, s, (messages, trades) = self.replay([TRADES_2020], "--decisions", self.script())
        self.check(trades == 4903, "all rows of the file: found %d" % trades, p)
        self.check(int(s["buys"]) > 0 and int(s["sells"]) > 0, "16 minutes fill both sides", s)

    def test_trades_and_quotes_of_2018(self):
        p, s, (messages, trades) = self.replay([TRADES_2018, QUOTES_2018], "--decisions", self.script())
        self.check(messages == 1457 + 1232 and trades == 1457, "all rows of both files: found %d, %d trades" % (messages, trades), p)
        self.check(int(s["fills"]) > 0, "five minutes fill", s)

    def test_eleven_minutes_of_coin_m_with_a_script(self):
        p, s, _ = self.replay(COINM, "--decisions", self.script())
        self.check(int(s["buys"]) > 10 and int(s["sells"]) > 10, "a busy market fills both sides", s)

    def test_eleven_minutes_of_coin_m_with_the_engine(self):
        p, s, _ = self.replay(COINM)
        self.check(int(s["buys"]) > 0 and int(s["sells"]) > 0, "the engine trades both sides", s)

    def test_a_trade_file_with_the_engine_inside_the_bot(self):
        p, s, _ = self.replay([TRADES_2020], "--decisions", "local")
        self.check(int(s["fills"]) > 0, "the local engine fills", s)

    def test_a_recording_that_starts_over(self):
        market = harness.recordings(self, XBTUSD_2021)
        p = self.start("demo", "--market", market, "--loop", "--speed", "max", "--seconds", "100", "--decisions", self.script())
        self.check_ended(p, 0, 40)
        m = RECORDING.search(p.text())
        self.check(m and int(m.group(1)) > 2 * 1334, "30 s of recording fill 100 s by starting over", p)
        self.check(p.count(r" - ERROR - ") == 0, "no error", *[l for _, _, l in p.lines if " - ERROR - " in l][:5])

    def test_a_cut_recording(self):
        """What is not a recording is named; a cut one runs as far as it goes or says where it is cut, and never hangs."""
        whole = harness.recordings(self, TRADES_2020)
        with open(whole, "rb") as f:
            data = f.read()
        cut = self.path("trade_XBTUSD_cut.csv.gz")
        with open(cut, "wb") as f:
            f.write(data[:len(data) // 2])
        p = self.start("demo", "--market", cut, "--speed", "max", "--decisions", self.script())
        code = p.wait(30)
        self.check(code == 0 or (code == 1 and cut in p.text()), "a cut recording: the part before it, or a message that names the file", code, p)
        rubbish = self.write("trade_rubbish.csv", "this,is,no\nrecording,at,all\n")
        code, out, err = self.run_once("demo", "--market", rubbish, "--speed", "max")
        self.check(code != 0 and "trade_rubbish.csv" in err, "a file that is no recording is refused by name", code, err, out[-400:])


if __name__ == "__main__":
    harness.main()
