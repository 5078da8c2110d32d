/* realtime_test.mjs -- bitmex-realtime-api 1.5.5, the venue's own client of its WebSocket, against the embedded exchange.
 *
 * Logged in by query, it holds ten tables while orders are placed, amended, filled and canceled by REST. It is strict where others
 * forgive: an update of a row it does not hold, an error frame or a close is an error event, and one such event fails the test. In the
 * end every table must be what REST says.
 */
import BitMEXClient from 'bitmex-realtime-api';

import { DEPOSIT, SYMBOL, Broken, check, differences, exchangeStart, exchangeStop, finish, has, request, rows, same, sleep, story, trader, until } from './support.mjs';

const TABLES = ['instrument', 'orderBookL2', 'orderBookL2_25', 'quote', 'trade', 'order', 'execution', 'position', 'margin', 'wallet'];
const QTY = 100;
const TRADING_MS = 15000;
const KEPT = 300;                                       /* states of a table that are remembered */

const GROWING = ['totalVolume', 'volume', 'volume24h', 'totalTurnover', 'turnover', 'turnover24h', 'homeNotional24h', 'foreignNotional24h'];
const SUMS = [...GROWING, 'vwap', 'prevPrice24h', 'highPrice', 'lowPrice', 'openInterest', 'openValue'];

const exchange = await exchangeStart('--market', 'generated', '--seed', '11');
const errors = [];
const told = Object.fromEntries(TABLES.map((table) => [table, []]));        /* every state the client went through, the last ones */

console.log = ((log) => (...words) => { if (words[1] !== 'WebSocket [INFO]:') log(...words); })(console.log);     /* the client greets */

const client = new BitMEXClient({ endpoint: `ws://127.0.0.1:${exchange.port}/realtime`, httpEndpoint: `http://127.0.0.1:${exchange.port}/api/v1`,
    apiKeyID: trader.key, apiKeySecret: trader.secret, maxTableLen: 10000 });
client.on('error', (e) => errors.push(e instanceof Error ? e.message : e));
client.on('end', (code) => errors.push(`the socket ended with ${code}`));
client.on('close', () => errors.push('the socket was closed'));

const latest = (table) => told[table].at(-1) ?? [];
const raw = (verb, table, parameters) => request(exchange, trader, verb, table, parameters);

/* The exchange is asked for one moment; the client must have been through that very state, just before or soon after. */
async function agrees(table, ask, make, rule) {
    let asked;
    for (let attempt = 0; attempt < 12; attempt++) {
        asked = make(await ask());
        if (await until(() => told[table].some((state) => sameRows(make(state), asked)), 0.4))
            return;
        await sleep(50);
    }
    throw new Broken(rule, [...pairs(make(latest(table)), asked), `after ${told[table].length} states`]);
}

const sameRows = (some, others) => some.length === others.length && some.every((row, i) => bothWays(row, others[i]).length === 0);
const bothWays = (row, other) => [...differences(row, other), ...differences(other, row)];
const pairs = (some, others) => [`${some.length} rows of the client, ${others.length} of the exchange`,
    ...some.flatMap((row, i) => (others[i] ? bothWays(row, others[i]).map((d) => `row ${i}: ${d}`) : [])).slice(0, 8)];

const without = (...names) => (list) => list.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name))));
const byPrice = (list) => list.map(({ id, side, price, size }) => ({ id, side, price, size })).sort((a, b) => b.price - a.price);

await story('realtime connects with keys and gets a partial of ten tables', async () => {
    for (const table of TABLES)
        client.addStream(SYMBOL, table, (data) => {
            told[table].push(data);
            if (told[table].length > KEPT)
                told[table].shift();
        });
    const missing = () => TABLES.filter((table) => client._keys[table] === undefined);
    check(await until(() => errors.length > 0 || missing().length === 0, 10), 'a partial of each within ten seconds', missing());
    same(errors, [], 'without an error');
    check(client.authenticated && client.streams.all.length > client.streams.public.length, 'websocketHelp names private tables', client.streams);
    has(latest('wallet')[0], { currency: 'XBt', amount: DEPOSIT }, 'the wallet holds the deposit');
    has(latest('margin')[0], { currency: 'XBt', walletBalance: DEPOSIT, availableMargin: DEPOSIT }, 'and so does the margin');
    same([latest('order'), latest('execution')], [[], []], 'no order and no execution before the first');
});

/* Orders of every fate: resting and amended, taken at once, waiting at the touch for the crowd, canceled singly and together. */
await story(`realtime holds its tables through ${TRADING_MS / 1000} seconds of trading`, async () => {
    const must = async (verb, table, parameters) => {
        const answer = await raw(verb, table, parameters);
        check(answer.status === 200, 'an order of the test is accepted', answer.asked, `${answer.status} ${answer.text}`);
        return answer.rows;
    };
    const end = performance.now() + TRADING_MS;
    for (let turn = 0; performance.now() < end; turn++) {
        const { bidPrice, askPrice } = latest('instrument')[0];
        const far = Math.round(bidPrice) - 3000 - turn;
        const resting = await must('POST', 'order', { symbol: SYMBOL, side: 'Buy', orderQty: QTY, price: far, clOrdID: `far-${turn}`, execInst: 'ParticipateDoNotInitiate' });
        await must('POST', 'order', { symbol: SYMBOL, side: turn % 2 ? 'Sell' : 'Buy', orderQty: 3 * QTY, ordType: 'Market', clOrdID: `market-${turn}` });
        await sleep(400);
        await must('PUT', 'order', { orderID: resting.orderID, orderQty: 2 * QTY, price: far - 1 });
        await must('POST', 'order', { symbol: SYMBOL, side: 'Buy', orderQty: 15 * QTY, price: bidPrice, clOrdID: `bid-${turn}` });
        await must('POST', 'order', { symbol: SYMBOL, side: 'Sell', orderQty: 15 * QTY, price: askPrice, clOrdID: `ask-${turn}` });
        await sleep(900);
        await must('DELETE', 'order', { orderID: resting.orderID });
        if (turn % 2 === 1)                             /* neither side may pile up beyond the account */
            await must('DELETE', 'order/all', { symbol: SYMBOL });
        same(errors, [], 'the client has nothing to complain about');
        await sleep(700);
    }
    await must('DELETE', 'order/all', { symbol: SYMBOL });
    await must('POST', 'order', { symbol: SYMBOL, side: 'Buy', orderQty: QTY, price: Math.round(latest('instrument')[0].bidPrice) - 4000, clOrdID: 'left-open' });
    const { currentQty } = (await rows(exchange, 'GET', 'position', {}))[0];
    await must('POST', 'order', { symbol: SYMBOL, side: currentQty > 0 ? 'Buy' : 'Sell', orderQty: QTY, ordType: 'Market', clOrdID: 'last' });
    await until(() => latest('order').some((o) => o.clOrdID === 'last' && o.ordStatus === 'Filled'), 5);
    await sleep(300);
});

await story('realtime order: every order of the account, in its last state', async () => {
    const list = (all) => without('execID', 'execType')(all).sort((a, b) => (a.orderID < b.orderID ? -1 : 1));
    const ours = await rows(exchange, 'GET', 'order', { symbol: SYMBOL, count: 500 });
    check(new Set(ours.map((o) => o.ordStatus)).size >= 3, 'orders of three fates, or the test has lost its sense', ours.map((o) => o.ordStatus));
    check(sameRows(list(latest('order')), list(ours)), 'the table is GET /order', ...pairs(list(latest('order')), list(ours)));
});

await story('realtime execution: every execution once', async () => {
    const list = (all) => [...all].sort((a, b) => (a.execID < b.execID ? -1 : 1));
    const ours = await rows(exchange, 'GET', 'execution', { symbol: SYMBOL, count: 500, reverse: true });
    check(ours.length < 500, 'the page holds all', `${ours.length} rows`);
    same(new Set(ours.map((e) => e.execID)).size, ours.length, 'an execID is used once');
    check(ours.some((e) => e.execType === 'Trade' && e.lastLiquidityInd === 'AddedLiquidity'), 'a resting order was filled, or the test has lost its sense');
    check(sameRows(list(latest('execution')), list(ours)), 'the table is GET /execution', ...pairs(list(latest('execution')), list(ours)));
});

await story('realtime position, margin and wallet: money as REST tells it', async () => {
    /* REST stamps these rows with the moment of asking. */
    const untimed = without('timestamp', 'currentTimestamp', 'prevTimestamp');
    await agrees('position', () => rows(exchange, 'GET', 'position', {}), untimed, 'the table is GET /position');
    await agrees('margin', async () => [await rows(exchange, 'GET', 'user/margin', { currency: 'XBt' })], untimed, 'the table is GET /user/margin');
    await agrees('wallet', async () => [await rows(exchange, 'GET', 'user/wallet', { currency: 'XBt' })], untimed, 'the table is GET /user/wallet');
    const fills = (await rows(exchange, 'GET', 'execution', { symbol: SYMBOL, count: 500 })).filter((e) => e.execType === 'Trade');
    const signed = fills.reduce((total, e) => total + (e.side === 'Buy' ? e.lastQty : -e.lastQty), 0);
    same(latest('position')[0].currentQty, signed, 'the position is the sum of the fills');
});

await story('realtime orderBookL2 and orderBookL2_25: the book', async () => {
    for (const [table, depth] of [['orderBookL2', 0], ['orderBookL2_25', 25]])
        await agrees(table, () => rows(exchange, 'GET', 'orderBook/L2', { symbol: SYMBOL, depth }), byPrice, `the table is GET /orderBook/L2 with depth ${depth}`);
    /* REST and stream print a level alike, so a third witness: the quotes, which are made elsewhere. */
    const { bidPrice, bidSize, askPrice, askSize } = latest('quote').at(-1);
    const touch = (book) => {
        const [bid] = book.filter((level) => level.side === 'Buy').sort((a, b) => b.price - a.price);
        const [ask] = book.filter((level) => level.side === 'Sell').sort((a, b) => a.price - b.price);
        return { bidPrice: bid?.price, bidSize: bid?.size, askPrice: ask?.price, askSize: ask?.size };
    };
    for (const table of ['orderBookL2', 'orderBookL2_25']) {
        const met = await until(() => told[table].map(touch).some((best) => differences(best, { bidPrice, bidSize, askPrice, askSize }).length === 0), 2);
        check(met, `the last quote was the touch of ${table}`, { bidPrice, bidSize, askPrice, askSize }, touch(latest(table)));
    }
    check(bidPrice < askPrice, 'the touch is not crossed', { bidPrice, askPrice });
});

await story('realtime trade and quote: every one, in order', async () => {
    for (const table of ['trade', 'quote']) {
        await sleep(2000);                              /* the query budget */
        const ours = (await rows(exchange, 'GET', table, { symbol: SYMBOL, count: 500, reverse: true })).reverse();
        await until(() => latest(table).some((row) => bothWays(row, ours.at(-1)).length === 0), 2);
        const held = latest(table);
        const end = held.findLastIndex((row) => bothWays(row, ours.at(-1)).length === 0) + 1;
        check(end > 0, `the newest row of GET /${table} arrives`, ours.at(-1), held.at(-1));
        const count = Math.min(end, ours.length);
        check(count >= 20, 'twenty rows to compare, or the test has lost its sense', `${count} rows`);
        check(sameRows(held.slice(end - count, end), ours.slice(-count)), `the table goes on like GET /${table}`, ...pairs(held.slice(end - count, end), ours.slice(-count)));
    }
});

await story('realtime instrument: the contract', async () => {
    const instrument = () => rows(exchange, 'GET', 'instrument', { symbol: SYMBOL });
    /* The stream tells sums of volume every 5 and every 30 seconds, REST at once: they may only lag. */
    await agrees('instrument', instrument, without('timestamp', ...SUMS), 'the table is GET /instrument');
    const [row] = latest('instrument');
    const [now] = await instrument();
    const ahead = GROWING.filter((name) => !((row[name] ?? 0) <= now[name]));
    check(row.totalVolume > 0 && row.totalTurnover > 0, 'fifteen seconds of trading have reached the sums', row);
    check(ahead.length === 0, 'sums of volume are those of some seconds ago', ahead.map((name) => `${name}: found ${row[name]}, at most ${now[name]}`));
});

await story('realtime never complained', async () => {
    same(errors, [], 'no error event, no close');
});

client.removeAllListeners('end');
client.removeAllListeners('close');
client.on('end', () => {});
client.socket.instance.close(1000);
await sleep(200);
await story('the exchange ends well', () => exchangeStop(exchange));
finish();
