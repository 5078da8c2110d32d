"""How the program is started and how its parts fail: no standard streams, a market that cannot go on, secrets in a wrong place."""
import gzip
import os
import signal
import subprocess

import harness

TRADES_2020 = "bitmex/trades/trade_XBTUSD_20200101_1200-1216.csv.gz"


class Edges(harness.Case):
    def test_a_secret_in_a_wrong_place_is_not_repeated(self):
        secret = "oFtHeBoT" * 4
        for columns in ("key 1.5 %s order", "key secret 1.5 %s"):
            accounts = self.write("accounts", columns % secret + "\n")
            code, out, err = self.run_once("exchange", "--port", 0, "--accounts", accounts)
            self.check(code == 2 and "%s:1: " % accounts in err, "a line that will not do is named", code, err)
            self.check_no_secret([secret], out, err)

    def test_without_standard_streams(self):
        """Descriptors 0 to 2 stay what they are: whoever prints must not write into a socket."""
        def close():
            for fd in range(3):
                os.close(fd)

        kept = self.path("kept")
        os.mkdir(kept)
        p = subprocess.Popen([harness.BINARY, "demo", "--dir", kept, "--speed", "20", "--decisions", "local"], cwd=self.dir, preexec_fn=close)
        try:
            def started():
                with open(os.path.join(kept, "marketmaker.log"), encoding="utf-8") as log:
                    return "Got all market data" in log.read()

            self.check(harness.until(lambda: "marketmaker.log" in os.listdir(kept) and started(), 15), "it runs without them")
            streams = [os.readlink("/proc/%d/fd/%d" % (p.pid, fd)) for fd in range(3)]
            self.check(streams == ["/dev/null"] * 3, "nothing else is opened in their place", streams)
            p.send_signal(signal.SIGINT)
            self.check(p.wait(15 * harness.SLOW) == 0, "Ctrl-C ends it", p.returncode)
        finally:
            if p.poll() is None:
                p.kill()
                p.wait()

    def test_a_market_that_cannot_go_on(self):
        """Whatever the clock, the end comes: an exchange that has given up answers no cancel."""
        whole = harness.recordings(self, TRADES_2020)
        with gzip.open(whole, "rt") as f:
            rows = f.read().splitlines()
        first = self.write("trade_XBTUSD_1.csv", "\n".join(rows[:len(rows) // 2]) + "\n")
        second = self.write("trade_XBTUSD_2.csv", rows[0] + "\n" + rows[-1].replace(",XBTUSD,", ",XBTUSD,,") + "\n")
        sides = ("OPEN_LONG", "OPEN_SHORT")
        script = self.write("alternating", "stake 10\npoll 1\n" + "\n".join("%d %s" % (t, sides[t // 5 % 2]) for t in range(0, 1200, 5)) + "\n")
        for speed in ("max", "100"):
            p = self.start("demo", "--market", first + "," + second, "--speed", speed, "--decisions", "script:" + script)
            self.check_ended(p, 1, 30)
            self.check(second + ":2" in p.text(), "the line that ended it is named", p)

    def test_a_log_that_cannot_be_written(self):
        p = self.start("demo", "--seconds", "20", "--speed", "20", "--decisions", "local", "--set", "LOG_FILE=/dev/full")
        self.check_ended(p, 0, 20)
        told = [line for _, which, line in p.lines if which == "err"]
        self.check(len(told) == 1 and "LOG_FILE /dev/full: No space left" in told[0], "it is told once", told)
        self.check("Got all market data" in p.text() and "Summary" in p.text(), "and trading goes on", p)


if __name__ == "__main__":
    harness.main()
