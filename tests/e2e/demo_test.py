"""marketmaker demo: what a newcomer sees in the first minutes, and that nothing secret is among it."""
import os
import re
import signal
import unittest

import harness

STAMP = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - (DEBUG|INFO|WARNING|ERROR) - [a-z_]+ - "

# Every kind of line that the predecessor's users know, in its own words where they are the same.
KINDS = {
    "version": r"INFO - \w+ - .*[Vv]ersion: v\d",
    "connecting": r"INFO - \w+ - Connecting to wss?://\S+/realtime\?subscribe=quote:XBTUSD,trade:XBTUSD,instrument",
    "authenticating": r"INFO - \w+ - Authenticating with API Key\.",
    "waiting for images": r"INFO - \w+ - Connected to WS\. Waiting for data images, this may take a moment\.\.\.",
    "images": r"INFO - \w+ - Got all market data\. Starting\.",
    "symbol": r"INFO - \w+ - Using symbol XBTUSD\.",
    "own orders": r"INFO - orders - Existing own orders: 0",
    "balance": r"INFO - status - Current XBT Balance: \d+\.\d{6}$",
    "contract position": r"INFO - status - Current Contract Position: -?\d+$",
    "internal percentage": r"INFO - status - Current Internal Position Percentage Size: -?\d+\.\d\d$",
    "internal contracts": r"INFO - status - Current Internal Contract Position: -?\d+$",
    "decision": r"INFO - decisions - new decision (NONE|OPEN_LONG|OPEN_SHORT|CANCEL_LONG|CANCEL_SHORT)\.",
    "creating": r"INFO - orders - Creating 1 orders:$",
    "price": r"INFO - orders -  (Buy|Sell) \d+ @ \d+\.\d$",
    "execution": r"INFO - stream - Execution: (Buy|Sell) \d+ Contracts of XBTUSD at \d+\.\d+$",
    "completed trade": r"INFO - trades - We have a completed trade\. Order details: \{'orderID': '[0-9a-f-]{36}', 'clOrdID': 'mm_bitmex_\S+', "
                       r".*'symbol': 'XBTUSD', 'side': '(Buy|Sell)', .*'orderQty': \d+, 'price': [\d.]+, .*'ordType': 'Limit', "
                       r".*'execInst': 'ParticipateDoNotInitiate', .*'ordStatus': '(Filled|Canceled)', .*'leavesQty': 0, 'cumQty': \d+, 'avgPx': [\d.]+",
    "average cost": r"INFO - status - Avg Cost Price: \d+\.\d+$",
    "average entry": r"INFO - status - Avg Entry Price: \d+\.\d+$",
}

SUMMARY = re.compile(
    r"^Summary\n"
    r"  fills +(?P<fills>\d+) \((?P<buys>\d+) buys, (?P<sells>\d+) sells\), (?P<volume>\d+) contracts\n"
    r"  position +(?P<position>-?\d+) contracts, internal (?P<internal>-?\d+), (?P<pct>-?[\d.]+) %\n"
    r"  balance +(?P<balance>[\d.]+) XBT\n"
    r"  PnL +(?P<pnl>-?[\d.]+) XBT = trading (?P<trading>-?[\d.]+), fees (?P<fees>-?[\d.]+), funding (?P<funding>-?[\d.]+)$", re.M)


def satoshi(text):
    whole, _, part = text.lstrip("-").partition(".")
    return (-1 if text.startswith("-") else 1) * (int(whole) * 10**8 + int(part.ljust(8, "0")))


class Demo(harness.Case):
    def summary(self, p):
        m = SUMMARY.search(p.text())
        self.check(m, "the end is a Summary with fills, position, balance, PnL by source", p)
        s = m.groupdict()
        self.check(int(s["fills"]) == int(s["buys"]) + int(s["sells"]), "fills are buys and sells", s)
        self.check(satoshi(s["pnl"]) == sum(satoshi(s[k]) for k in ("trading", "fees", "funding")), "PnL is the sum of its sources", s)
        self.check(s["position"] == s["internal"], "position and internal position agree", s, p)
        return s

    def test_a_newcomer_sees_a_filled_stake_within_two_minutes(self):
        d = self.path("kept")
        os.mkdir(d)
        p = self.start("demo", "--seed", "7", "--dir", d)
        at, _ = p.wait_line(KINDS["decision"], 10)
        self.check(at < 10 * harness.SLOW, "the first decision comes within 10 s", p)
        at, _ = p.wait_line(KINDS["creating"], 10 - min(at, 9))
        self.check(at < 10 * harness.SLOW, "an order is created within 10 s", p)
        p.wait_line(KINDS["price"], 2)
        self.check(p.count(r"was (rejected|canceled) by the venue") == 0, "the order stays in the book", p)
        p.wait_line(KINDS["completed trade"], 120)
        p.wait_line(KINDS["average entry"], 60)           # the next status block with a position
        for name, pattern in KINDS.items():
            self.check(p.count(pattern) > 0, "the output has a line of the kind '%s': /%s/" % (name, pattern), p)
        with open("/proc/%d/cmdline" % p.pid, "rb") as f:
            command = f.read().decode()
        with open("/proc/%d/environ" % p.pid, "rb") as f:
            command += f.read().decode()
        p.signal(signal.SIGINT)
        self.check_ended(p, 0)
        p.wait_line(r"INFO - bot - Shutting down", 1)
        self.check("may still live" not in p.text(), "Ctrl-C withdraws the orders", p)
        s = self.summary(p)
        self.check(int(s["fills"]) >= 1, "fills are counted", s, p)
        executed = sum(int(m.group(1)) for _, m in p.find(r"Execution: (?:Buy|Sell) (\d+) Contracts"))
        self.check(executed == int(s["volume"]), "the log's executions are the summary's contracts: %d" % executed, s, p)
        lines = [line for _, which, line in p.lines if which == "out"]
        log = lines[:lines.index("Summary")]
        odd = [line for line in log if not re.match(STAMP, line)]
        self.check(not odd, "every line before the summary has time, level and module", *odd[:5])
        self.check([l for l in log if " - bot - Shutting down" in l], "the summary comes after the log", p)
        with open(os.path.join(d, "marketmaker.log"), encoding="utf-8") as f:
            text = f.read()
        self.check("completed trade" in text, "--dir keeps the log", text[-500:])
        self.check_no_secret([], p.text(), text, command)
        with open(os.path.join(d, "marketmaker.db"), "rb") as f:
            self.check_no_secret([], f.read().decode("latin-1"))

    def test_in_2026_no_edge_is_left_and_the_reason_has_numbers(self):
        p = self.start("demo", "--seed", "7", "--era", "2026")
        p.wait_line(r"new decision NONE\.", 10)
        p.wait_line(r"NONE.*(no edge|fee) .*\d", 20)
        p.wait_line(r"no edge.*fee 5\.0", 30)
        self.check_ended_by_ctrl_c(p)
        self.check(p.count(r"Creating") == 0, "no order without an edge", p)
        s = self.summary(p)
        self.check(s["fills"] == "0" and s["position"] == "0" and s["balance"] == "1.00000000", "nothing has happened to the account", s)

    def check_ended_by_ctrl_c(self, p):
        p.signal(signal.SIGINT)
        self.check_ended(p, 0)

    def test_twenty_times_faster_for_ten_minutes(self):
        p = self.start("demo", "--seed", "7", "--speed", "20", "--seconds", "600")
        self.check_ended(p, 0, 55)
        s = self.summary(p)
        self.check(int(s["fills"]) >= 10, "ten minutes of market bring fills", s, p)
        self.check(p.count(KINDS["completed trade"]) >= 5, "stakes are completed", p)
        self.check(p.count(r" - ERROR - ") == 0, "no error", *[l for _, _, l in p.lines if " - ERROR - " in l][:5])
        took = p.lines[-1][0]
        self.check(25 < took < 60 * harness.SLOW, "600 s at speed 20 take about 30 s, found %.1f" % took)

    def test_temporary_folder_is_removed(self):
        tmp = self.path("tmp")
        os.mkdir(tmp)
        before = {n for n in os.listdir("/tmp") if n.startswith("marketmaker-demo-")}
        p = self.start("demo", "--seconds", "2", "--seed", "3")
        p.wait_line("Got all market data", 10)
        ours = {n for n in os.listdir("/tmp") if n.startswith("marketmaker-demo-")} - before
        self.check_ended(p, 0)
        left = [n for n in ours if os.path.exists(os.path.join("/tmp", n))]
        self.check(len(left) < len(ours) or not ours, "the demo leaves no folder behind", left)

    def test_same_seed_same_market(self):
        """At full speed the market's volume depends on the seed alone while the bot does nothing (2026: no edge)."""
        volumes = []
        for _ in range(2):
            p = self.start("demo", "--seed", "11", "--era", "2026", "--speed", "max", "--seconds", "60")
            self.check_ended(p, 0, 30)
            volumes.append(p.find(r"^  volume +(\d+) contracts")[-1][1].group(1))
        self.check(int(volumes[0]) > 0, "the generated market trades", volumes)

    def test_words_that_will_not_do(self):
        for args, expected in (
                (("--era", "2019"), r"--era: found '2019', expected 2020 or 2026"),
                (("--speed", "fast"), r"--speed.*found 'fast'"),
                (("--speed", "0"), r"--speed.*found '0'"),
                (("--seconds", "-1"), r"--seconds.*found '-1'"),
                (("--market", "/nonexistent/file"), r"/nonexistent/file"),
                (("--decisions", "script:/nonexistent/script"), r"/nonexistent/script"),
                (("--decisions", "dice"), r"DECISIONS.*dice"),
                (("--set", "NO_SUCH_KEY=1"), r"NO_SUCH_KEY"),
                (("extra",), r"found 'extra'"),
        ):
            with self.subTest(args=args):
                code, out, err = self.run_once("demo", *args)
                self.check(code in (1, 2) and re.search(expected, err), "demo %s: exit status 2 and a message like /%s/" % (" ".join(args), expected),
                           "status %d" % code, "stderr: " + err, "stdout: " + out[-500:])
                self.check(code == (1 if "nonexistent" in expected else 2), "exit status 2 for words, 1 for a missing file", code, err)


if __name__ == "__main__":
    harness.main(together=3)
