/* ccxt_test.mjs -- ccxt 4.5.82, the last one that knows this venue, against the embedded exchange.
 *
 * The client is as npm delivers it; only the addresses in `urls.api` are others, as its users set them for any proxy. REST first,
 * one order's life at a time, then its WebSocket half. Two clients speak REST: `client` keeps ccxt's own pauses of half a second
 * between requests, `quick` does not (an option of ccxt), because a moving market can only be compared within milliseconds.
 */
import ccxt from 'ccxt';

import { Broken, DEPOSIT, SYMBOL, betweenEqualStates, check, differences, exchangeStart, exchangeStop, finish, has, reader, rows, same, sleep,
    story, trader, until } from './support.mjs';

const MARKET = 'BTC/USD:BTC';                           /* what ccxt calls XBTUSD */
const QTY = 100;

const exchange = await exchangeStart('--market', 'generated', '--seed', '7');

function options(account, more = {}) {
    return { apiKey: account.key, secret: account.secret, ...more };
}

function connected(made) {
    made.urls.api.public = exchange.origin;
    made.urls.api.private = exchange.origin;
    made.urls.api.ws = `ws://127.0.0.1:${exchange.port}/realtime`;
    return made;
}

const client = connected(new ccxt.bitmex(options(trader)));
const quick = connected(new ccxt.bitmex(options(trader, { enableRateLimit: false })));
const lastOf = (made) => () => [`asked    ${made.last_request_url ?? ''} ${made.last_request_body ?? ''}`, `answered ${made.last_http_response ?? ''}`];
const rest = (name, run) => story(`ccxt ${name}`, run, lastOf(client));
const moving = (name, run) => story(`ccxt ${name}`, run, lastOf(quick));

const instrument = async () => (await rows(exchange, 'GET', 'instrument', { symbol: SYMBOL }))[0];
const book = () => rows(exchange, 'GET', 'orderBook/L2', { symbol: SYMBOL, depth: 0 });
const order = async (orderID) => (await rows(exchange, 'GET', 'order', { filter: { orderID } }))[0];
const openOrders = () => rows(exchange, 'GET', 'order', { filter: { open: true } });
/* These rows bear the moment of asking. */
const untimed = ({ timestamp, currentTimestamp, ...row }) => row;
const position = async () => untimed((await rows(exchange, 'GET', 'position', { filter: { symbol: SYMBOL } }))[0] ?? {});
const margin = async () => untimed(await rows(exchange, 'GET', 'user/margin', { currency: 'XBt' }));
const executions = (orderID) => rows(exchange, 'GET', 'execution', { filter: { orderID }, count: 500 });

/* Contracts at a price, by the public book. */
const sizeAt = async (price) => (await book()).find((row) => row.price === price)?.size ?? 0;

/* Far below the market: never filled by it, and beyond the levels where the generated crowd quotes. */
async function farPrice(share = 0.5) {
    return Math.round((await instrument()).bidPrice * share * 2) / 2;
}

/* What contracts of this inverse future are worth: a lot's value is rounded to a satoshi, then multiplied. */
const worth = (qty, price, lot) => qty / lot * Math.round(1e8 * lot / price);

const sum = (list, name) => list.reduce((total, row) => total + row[name], 0);
const satoshis = (xbt) => Math.round(xbt * 1e8);

/* The sides of an L2 book as pairs of price and size, best first: what every client makes of it. */
function sides(list) {
    const side = (name, sign) => list.filter((row) => row.side === name).map((row) => [row.price, row.size]).sort((a, b) => sign * (a[0] - b[0]));
    return { bids: side('Buy', -1), asks: side('Sell', 1) };
}

/* ccxt's sides are arrays of its own kind and change in place: plain ones, copied. */
const levels = (side) => Array.from(side, ([price, size]) => [price, size]);
const plain = (told) => ({ bids: levels(told.bids), asks: levels(told.asks) });

/* An order as ccxt tells it, against its row. ccxt 4.5.82 derives the amount of inverse contracts in coins; quantities are
 * therefore compared where it passes them on in contracts. */
function sameOrder(told, row, rule) {
    const states = { New: 'open', PartiallyFilled: 'open', Filled: 'closed', Canceled: 'canceled' };
    has({ id: told.id, clientOrderId: told.clientOrderId, symbol: told.symbol, status: told.status, side: told.side, type: told.type,
        price: told.price, average: told.average, remaining: told.remaining, cost: told.info.orderQty, postOnly: told.postOnly ?? false },
    { id: row.orderID, clientOrderId: row.clOrdID || undefined, symbol: MARKET, status: states[row.ordStatus], side: row.side.toLowerCase(), type: row.ordType.toLowerCase(),
        price: row.price ?? row.avgPx, average: row.avgPx, remaining: row.leavesQty, cost: row.orderQty,
        postOnly: (row.execInst ?? '').includes('ParticipateDoNotInitiate') }, rule, row, told);
}

/* A refusal must reach the user as the class ccxt has for it. */
async function refused(kind, call, rule) {
    try {
        await call();
    } catch (e) {
        check(e instanceof kind, `${rule}: expected ${kind.name}`, `${e.constructor.name}: ${e.message}`);
        return;
    }
    throw new Broken(`${rule}: expected ${kind.name}, nothing was thrown`, []);
}

await rest('loadMarkets reads assets and the active instrument', async () => {
    await client.loadMarkets();
    const market = client.market(MARKET);
    const row = await instrument();
    has(market, { id: SYMBOL, type: 'swap', swap: true, inverse: true, quanto: false, linear: false, base: 'BTC', quote: 'USD', settle: 'BTC', active: true,
        maker: row.makerFee, taker: row.takerFee, contractSize: Math.abs(row.multiplier) }, 'the market is the instrument row');
    same(market.precision, { ...market.precision, amount: row.lotSize, price: row.tickSize }, 'precision is lot and tick');
    same(market.limits.price.max, row.maxPrice, 'the highest price is maxPrice');
    same(market.limits.leverage.max, 1 / row.initMargin, 'the highest leverage is 1 / initMargin');
    same(client.currency('BTC').precision, 1e-8, 'BTC has eight digits (wallet/assets)');
    await quick.loadMarkets();
});

/* What ccxt copies from an instrument row. */
const tickerOf = (row) => ({ symbol: MARKET, timestamp: Date.parse(row.timestamp), bid: row.bidPrice, ask: row.askPrice, last: row.lastPrice, close: row.lastPrice,
    high: row.highPrice, low: row.lowPrice, open: row.prevPrice24h, vwap: row.vwap, baseVolume: row.homeNotional24h, quoteVolume: row.foreignNotional24h,
    markPrice: row.markPrice });

await moving('fetchTicker is the instrument row', async () => {
    const seen = await betweenEqualStates(instrument, () => quick.fetchTicker(MARKET));
    has(seen.answer, tickerOf(seen.state), 'a ticker is the row of /instrument');
});

await moving('fetchTickers reads activeAndIndices', async () => {
    const seen = await betweenEqualStates(instrument, () => quick.fetchTickers([MARKET]));
    same(Object.keys(seen.answer), [MARKET], 'one contract, one ticker');
    has(seen.answer[MARKET], tickerOf(seen.state), 'a ticker is the row of /instrument');
});

await moving('fetchOrderBook, all levels and ten', async () => {
    const whole = await betweenEqualStates(book, () => quick.fetchOrderBook(MARKET));
    const ours = sides(whole.state);
    same(plain(whole.answer), { bids: ours.bids.slice(0, 25), asks: ours.asks.slice(0, 25) }, 'without a depth a side has 25 levels');
    check(ours.bids[0][0] < ours.asks[0][0], 'the book is not crossed', ours.bids[0], ours.asks[0]);
    const ten = await betweenEqualStates(book, () => quick.fetchOrderBook(MARKET, 10));
    const top = sides(ten.state);
    same(plain(ten.answer), { bids: top.bids.slice(0, 10), asks: top.asks.slice(0, 10) }, 'depth counts levels of each side');
});

await moving('fetchTrades, newest and since', async () => {
    const traded = await until(async () => (await rows(exchange, 'GET', 'trade', { symbol: SYMBOL, count: 500 })).length >= 20, 30, 500);
    check(traded, 'the generated market trades twenty times within half a minute');
    const told = await quick.fetchTrades(MARKET, undefined, 50);
    check(told.length > 0 && told.length <= 50, 'between 1 and count trades come back', `${told.length} trades`);
    const ours = new Map((await rows(exchange, 'GET', 'trade', { symbol: SYMBOL, reverse: true, count: 500 })).map((row) => [row.trdMatchID, row]));
    const compare = (trade) => {
        const row = ours.get(trade.id);
        check(row !== undefined, 'every trade stands in /trade under its trdMatchID', trade);
        has(trade, { symbol: MARKET, timestamp: Date.parse(row.timestamp), side: row.side.toLowerCase(), price: row.price, amount: row.size }, 'a trade is its row', row);
    };
    told.forEach(compare);
    const since = told[Math.floor(told.length / 2)].timestamp;
    const later = await quick.fetchTrades(MARKET, since, 20);
    check(later.length > 0 && later.every((trade) => trade.timestamp >= since), 'startTime is the first moment that counts', { since }, later.map((t) => t.timestamp));
    const first = [...ours.values()].filter((row) => Date.parse(row.timestamp) >= since).at(-1);
    same(later[0].timestamp, Date.parse(first.timestamp), 'with startTime the oldest come first');
});

await moving('fetchBalance before any order', async () => {
    const told = await quick.fetchBalance();
    has(told.BTC, { free: DEPOSIT / 1e8, used: 0, total: DEPOSIT / 1e8 }, 'the deposit is free');
    has((await margin()), { walletBalance: DEPOSIT, marginBalance: DEPOSIT, availableMargin: DEPOSIT, initMargin: 0 }, 'and the exchange says so');
});

await moving('fetchPositions before any order', async () => {
    const told = await quick.fetchPositions([MARKET]);
    check(told.every((p) => !p.contracts), 'nobody starts with a position', told);
});

await rest('a refused key, signature or permission reaches the user as what it is', async () => {
    const as = (account) => connected(new ccxt.bitmex(options(account)));
    const call = (account) => async () => { const made = as(account); made.setMarkets(client.markets, client.currencies); await made.fetchBalance(); };
    await refused(ccxt.AuthenticationError, call({ key: 'nobodysKey00000000000009', secret: trader.secret }), 'an unknown key');
    await refused(ccxt.AuthenticationError, call({ key: trader.key, secret: reader.secret }), 'a signature of another secret');
    const onlyReads = as(reader);
    onlyReads.setMarkets(client.markets, client.currencies);
    same((await onlyReads.fetchBalance()).BTC.total, DEPOSIT / 1e8, 'a key without permission reads');
    await refused(ccxt.PermissionDenied, async () => onlyReads.createOrder(MARKET, 'limit', 'buy', QTY, await farPrice()), 'a key without permission orders');
    same(await openOrders(), [], 'and nothing was ordered');
});

let resting;
let edited;

await rest('createOrder: a post-only limit far below the market rests', async () => {
    const price = await farPrice();
    const told = await client.createOrder(MARKET, 'limit', 'buy', QTY, price, { postOnly: true, clientOrderId: 'ccxt/first+1' });
    const row = await order(told.id);
    has(row, { symbol: SYMBOL, side: 'Buy', orderQty: QTY, price, leavesQty: QTY, cumQty: 0, ordType: 'Limit', ordStatus: 'New', timeInForce: 'GoodTillCancel',
        execInst: 'ParticipateDoNotInitiate', clOrdID: 'ccxt/first+1', workingIndicator: true, text: 'CCXT\nSubmitted via API.' }, 'the order is as it was sent');
    sameOrder(told, row, 'the reply is the order');
    same(await sizeAt(price), QTY, 'the public book shows it');
    has(await position(), { openOrderBuyQty: QTY, currentQty: 0 }, 'the position counts it as open');
    check((await margin()).availableMargin < DEPOSIT, 'it holds margin', await margin());
    resting = told;
});

await rest('createOrder: the same clOrdID a second time, and more than the account can bear', async () => {
    const before = await openOrders();
    await refused(ccxt.InvalidOrder, () => client.createOrder(MARKET, 'limit', 'buy', QTY, resting.price, { clientOrderId: 'ccxt/first+1' }), 'a duplicate clOrdID');
    const tooMuch = Math.round(1.5 * resting.price) * 100;        /* 150 XBT at 1 % of margin, with 1 XBT */
    await refused(ccxt.InsufficientFunds, () => client.createOrder(MARKET, 'limit', 'buy', tooMuch, resting.price), 'an order of 150 times the account');
    same(await openOrders(), before, 'refused orders leave nothing behind');
});

await rest('fetchOrder, fetchOpenOrders, fetchOrders find it', async () => {
    const row = await order(resting.id);
    sameOrder(await client.fetchOrder(resting.id, MARKET), row, 'by orderID');
    const open = await client.fetchOpenOrders(MARKET);
    same(open.map((o) => o.id), (await openOrders()).map((o) => o.orderID), 'the open orders are those of the exchange');
    sameOrder(open[0], row, 'in the list of open ones');
    sameOrder((await client.fetchOrders(MARKET)).find((o) => o.id === resting.id), row, 'in the list of all');
    await refused(ccxt.OrderNotFound, () => client.fetchOrder('00000000-0000-0000-0000-000000000000', MARKET), 'an id nobody has');
});

await rest('editOrder moves price and quantity of the same order', async () => {
    const price = resting.price - 10;
    edited = await client.editOrder(resting.id, MARKET, 'limit', 'buy', 2 * QTY, price);
    const row = await order(resting.id);
    has(row, { orderID: resting.id, clOrdID: 'ccxt/first+1', price, orderQty: 2 * QTY, leavesQty: 2 * QTY, ordStatus: 'New' }, 'the order changed and kept its ids');
    sameOrder(edited, row, 'the reply is the order');
    same([await sizeAt(resting.price), await sizeAt(price)], [0, 2 * QTY], 'the public book moved it');
    has((await executions(resting.id)).at(-1), { execType: 'Replaced', orderQty: 2 * QTY, price }, 'the executions end with Replaced');
});

await rest('cancelOrder ends it, once', async () => {
    const told = await client.cancelOrder(resting.id, MARKET);
    const row = await order(resting.id);
    has(row, { ordStatus: 'Canceled', leavesQty: 0, cumQty: 0, workingIndicator: false }, 'it is canceled');
    sameOrder(told, row, 'the reply is the order');
    same(await sizeAt(edited.price), 0, 'the public book has lost it');
    same((await margin()).availableMargin, DEPOSIT, 'the margin is free again');
    await refused(ccxt.OrderNotFound, () => client.cancelOrder(resting.id, MARKET), 'a canceled order is canceled again');
    await refused(ccxt.InvalidOrder, () => client.cancelOrders([resting.id]).then((list) => {
        check(list.length === 1 && /Unable to cancel order/.test(list[0].info.error), 'a list of orders is answered item by item', list);
        throw new ccxt.InvalidOrder('answered as it should be');
    }), 'a canceled order in a list');
});

await rest('createOrder: a post-only that would trade is canceled at once', async () => {
    const price = (await instrument()).askPrice + 50;
    const told = await client.createOrder(MARKET, 'limit', 'buy', QTY, price, { postOnly: true });
    const row = await order(told.id);
    has(row, { ordStatus: 'Canceled', cumQty: 0, leavesQty: 0 }, 'it took nothing');
    check(/Canceled: Order had execInst of ParticipateDoNotInitiate/.test(row.text), 'the text says why', row);
    sameOrder(told, row, 'the reply is the order');
});

let bought;

await rest('createOrder: a small market order fills, fetchMyTrades tells how', async () => {
    bought = await client.createOrder(MARKET, 'market', 'buy', QTY);
    const row = await order(bought.id);
    has(row, { side: 'Buy', ordType: 'Market', ordStatus: 'Filled', orderQty: QTY, cumQty: QTY, leavesQty: 0, workingIndicator: false }, 'it is filled');
    sameOrder(bought, row, 'the reply is the order');
    const { takerFee, lotSize } = await instrument();
    const fills = (await executions(bought.id)).filter((e) => e.execType === 'Trade');
    same(sum(fills, 'lastQty'), QTY, 'its fills are its quantity', fills);
    for (const fill of fills) {
        const cost = worth(fill.lastQty, fill.lastPx, lotSize);
        has(fill, { commission: takerFee, lastLiquidityInd: 'RemovedLiquidity', execCost: -cost, execComm: Math.trunc(cost * takerFee) }, 'cost and fee of a fill');
    }
    const told = await client.fetchMyTrades(MARKET);
    same(told.map((t) => [t.id, t.order, t.side, t.price, t.amount, t.takerOrMaker]).sort(),
        fills.map((f) => [f.trdMatchID, bought.id, 'buy', f.avgPx, f.lastQty, 'taker']).sort(), 'every fill is one trade of mine', fills);
    const tape = await rows(exchange, 'GET', 'trade', { symbol: SYMBOL, reverse: true, count: 500 });
    for (const fill of fills)
        has(tape.find((t) => t.trdMatchID === fill.trdMatchID), { side: 'Buy', size: fill.lastQty, price: fill.lastPx }, 'the public tape shows the fill', fill);
});

await moving('fetchPositions and fetchBalance with a position', async () => {
    const held = await betweenEqualStates(position, () => quick.fetchPositions([MARKET]));
    same(held.answer.length, 1, 'one contract, one position');
    const fills = (await executions(bought.id)).filter((e) => e.execType === 'Trade');
    has(held.state, { currentQty: QTY, isOpen: true, currentCost: sum(fills, 'execCost'),
        markValue: -worth(QTY, held.state.markPrice, (await instrument()).lotSize) }, 'the position is the sum of its fills');
    has(held.answer[0], { symbol: MARKET, side: 'long', contracts: QTY, entryPrice: held.state.avgEntryPrice, markPrice: held.state.markPrice,
        liquidationPrice: held.state.liquidationPrice, marginMode: held.state.crossMargin ? 'cross' : 'isolated', notional: Math.abs(held.state.foreignNotional) },
    'ccxt tells the row', held.state);
    same(satoshis(held.answer[0].unrealizedPnl), held.state.unrealisedPnl, 'unrealised profit in coins');
    const money = await betweenEqualStates(margin, () => quick.fetchBalance());
    same([satoshis(money.answer.BTC.total), satoshis(money.answer.BTC.free)], [money.state.marginBalance, money.state.availableMargin], 'total and free are margin and available');
    same(money.state.walletBalance, DEPOSIT - sum(fills, 'execComm'), 'the wallet has paid the fees', money.state);
    same(money.state.marginBalance, money.state.walletBalance + money.state.unrealisedPnl, 'margin is wallet and unrealised profit', money.state);
});

await rest('createOrder: reduce-only closes it, the wallet is what the fills leave', async () => {
    const sold = await client.createOrder(MARKET, 'market', 'sell', QTY, undefined, { reduceOnly: true });
    has(await order(sold.id), { ordStatus: 'Filled', cumQty: QTY, execInst: 'ReduceOnly' }, 'it is filled');
    has(await position(), { currentQty: 0, isOpen: false }, 'nothing is held');
    const fills = [...await executions(bought.id), ...await executions(sold.id)].filter((e) => e.execType === 'Trade');
    const left = DEPOSIT - sum(fills, 'execCost') - sum(fills, 'execComm');
    has(await margin(), { marginBalance: left, availableMargin: left, unrealisedPnl: 0 }, 'deposit, less cost and fees of the fills', fills.map((f) => [f.execCost, f.execComm]));
    await refused(ccxt.ExchangeError, async () => {
        const told = await client.createOrder(MARKET, 'market', 'sell', QTY, undefined, { reduceOnly: true });
        check(told.status === 'canceled', 'a reduce-only without a position does not open one', told);
        throw new ccxt.ExchangeError('canceled at once');
    }, 'a reduce-only without a position');
    same((await position()).currentQty, 0, 'still nothing is held');
});

await rest('fetchClosedOrders lists what ended', async () => {
    const told = await client.fetchClosedOrders(MARKET);
    const ours = (await rows(exchange, 'GET', 'order', { symbol: SYMBOL })).filter((o) => ['Filled', 'Canceled'].includes(o.ordStatus));
    same(told.map((o) => o.id).sort(), ours.map((o) => o.orderID).sort(), 'the ended orders are those of the exchange');
    told.forEach((o) => sameOrder(o, ours.find((row) => row.orderID === o.id), 'each is its row'));
});

await rest('cancelAllOrders leaves none', async () => {
    const price = await farPrice();
    const placed = [];
    for (let i = 0; i < 3; i++)
        placed.push((await client.createOrder(MARKET, 'limit', 'buy', QTY, price - i)).id);
    same((await openOrders()).map((o) => o.orderID).sort(), [...placed].sort(), 'three are open');
    const told = await client.cancelAllOrders(MARKET);
    same(told.map((o) => [o.id, o.status]).sort(), placed.map((id) => [id, 'canceled']).sort(), 'the reply names the three');
    same(await openOrders(), [], 'none is open at the exchange');
    same(await client.fetchOpenOrders(MARKET), [], 'none is open for ccxt');
    same(await client.cancelAllOrders(MARKET), [], 'and nothing is left to cancel');
});

/* The WebSocket half. Each watch call answers with the next news; a loop of its own keeps what it told. */
async function streaming() {
    const made = connected(new ccxt.pro.bitmex(options(trader)));
    await made.loadHttpProxyAgent();                    /* ccxt asks for this before any ws:// address */
    return made;
}

const pro = await streaming();
const live = (name, run) => story(`ccxt pro ${name}`, run, lastOf(pro));

/* Hears until stop() or the first error; closing a client makes its last watch throw, which is no news. */
function watching(watch, heard) {
    const loop = { error: null, over: false, stop: () => { loop.over = true; } };
    (async () => {
        while (!loop.over) {
            const told = await watch();
            if (!loop.over)
                heard(told);
        }
    })().catch((e) => { loop.error = loop.over ? null : e; });
    return loop;
}

/* Waits for news; an error of the client is the better story. */
async function watched(what, loop, seconds, rule, ...evidence) {
    const answer = await until(() => loop.error ?? what(), seconds);
    if (answer instanceof Error)
        throw answer;
    check(answer, rule, ...evidence.map((e) => (typeof e === 'function' ? e() : e)));
}

/* One client a depth: ccxt keeps one book a contract, whatever its depth. The exchange's answer is one moment between two frames,
 * so it must equal one of the books that the client went through around it. */
for (const [depth, count] of [[undefined, 0], [25, 25]]) {
    await live(`watchOrderBook, ${depth ?? 'all'} levels, agrees with the exchange again and again`, async () => {
        const own = await streaming();
        let told = [];
        const loop = watching(() => own.watchOrderBook(MARKET, depth), (news) => { told.push(plain(news)); });
        await watched(() => told.length >= 5, loop, 10, 'five pieces of news within ten seconds');
        let agreed = 0;
        let missed;
        for (let attempt = 0; attempt < 12; attempt++) {
            told = told.slice(-50);
            const asked = sides(await rows(exchange, 'GET', 'orderBook/L2', { symbol: SYMBOL, depth: count }));
            if (await until(() => told.some((one) => differences(one, asked).length === 0), 0.5))
                agreed++;
            else
                missed = asked;
            await sleep(250);
        }
        loop.stop();
        await own.close();
        check(loop.error === null, 'the book goes on', String(loop.error));
        /* A busy machine may hand the client two frames at once, and it shows one book for both. */
        check(agreed >= 10, 'the book of the client is the book of the exchange, ten times of twelve', `agreed ${agreed} times`, { missed }, { told: told.at(-1) });
    });
}

const loops = [];
const listening = (loop) => { loops.push(loop); return loop; };

await live('watchTrades tells trades that stand in /trade', async () => {
    const told = new Map();
    const loop = listening(watching(() => pro.watchTrades(MARKET), (trades) => trades.forEach((t) => told.set(t.id, t))));
    await watched(() => told.size >= 10, loop, 20, 'ten trades within twenty seconds', () => `${told.size} trades`);
    const ours = new Map((await rows(exchange, 'GET', 'trade', { symbol: SYMBOL, reverse: true, count: 500 })).map((row) => [row.trdMatchID, row]));
    for (const trade of told.values()) {
        const row = ours.get(trade.id);
        check(row !== undefined, 'every trade stands in /trade', trade);
        has(trade, { price: row.price, amount: row.size, side: row.side.toLowerCase(), timestamp: Date.parse(row.timestamp) }, 'a trade is its row', row);
    }
});

const orders = new Map();
const mine = new Map();
let balance;
let orderLoop;
let balanceLoop;

await live('watchBalance starts with the margin row', async () => {
    balanceLoop = listening(watching(() => pro.watchBalance(), (told) => { balance = { ...told }; }));
    await watched(() => balance !== undefined, balanceLoop, 10, 'a balance within ten seconds');
    const row = await margin();
    same([satoshis(balance.BTC.total), satoshis(balance.BTC.free)], [row.marginBalance, row.availableMargin], 'total and free are margin and available');
});

await live('watchOrders follows an order of another connection through its life', async () => {
    orderLoop = listening(watching(() => pro.watchOrders(MARKET), (list) => list.forEach((o) => orders.set(o.id, o))));
    await until(() => pro.client(pro.urls.api.ws).subscriptions.order, 5);
    await sleep(500);
    const price = await farPrice();
    const placed = await rows(exchange, 'POST', 'order', { symbol: SYMBOL, side: 'Buy', orderQty: QTY, price, clOrdID: 'raw-1' });
    await watched(() => orders.get(placed.orderID)?.status === 'open', orderLoop, 5, 'a new order arrives', () => [...orders.values()]);
    sameOrder(orders.get(placed.orderID), await order(placed.orderID), 'new, it is its row');
    await rows(exchange, 'PUT', 'order', { orderID: placed.orderID, orderQty: 3 * QTY, price: price - 1 });
    await watched(() => orders.get(placed.orderID).price === price - 1, orderLoop, 5, 'the amend arrives', () => orders.get(placed.orderID));
    /* ccxt looks for the order it holds under the wrong key and reads an update as a whole row: it knows what the update named. */
    const amended = await order(placed.orderID);
    has(orders.get(placed.orderID), { price: amended.price, remaining: amended.leavesQty, cost: amended.orderQty, clientOrderId: 'raw-1' }, 'amended, it is its row', amended);
    await rows(exchange, 'DELETE', 'order', { orderID: placed.orderID });
    await watched(() => orders.get(placed.orderID).status === 'canceled', orderLoop, 5, 'the cancel arrives', () => orders.get(placed.orderID));
    has(await order(placed.orderID), { ordStatus: 'Canceled', leavesQty: 0 }, 'and it is canceled');
});

await live('watchOrders, watchMyTrades and watchBalance tell one fill alike', async () => {
    const tradeLoop = listening(watching(() => pro.watchMyTrades(MARKET), (list) => list.forEach((t) => mine.set(t.id, t))));
    await sleep(500);
    const fillOf = async (side) => {
        const placed = await rows(exchange, 'POST', 'order', { symbol: SYMBOL, side, orderQty: QTY, ordType: 'Market' });
        await watched(() => orders.get(placed.orderID)?.status === 'closed', orderLoop, 5, 'the filled order arrives', () => [...orders.values()]);
        sameOrder(orders.get(placed.orderID), await order(placed.orderID), 'filled, it is its row');
        const fills = (await executions(placed.orderID)).filter((e) => e.execType === 'Trade');
        await watched(() => fills.every((f) => mine.has(f.trdMatchID)), tradeLoop, 5, 'every fill arrives', fills, () => [...mine.values()]);
        same(sum(fills.map((f) => mine.get(f.trdMatchID)), 'amount'), QTY, 'the fills are the quantity', fills);
    };
    await fillOf('Buy');
    await fillOf('Sell');
    const row = await margin();
    await watched(() => balance.BTC?.total !== undefined && satoshis(balance.BTC.total) === row.marginBalance, balanceLoop, 5,
        'flat again, the total is the margin balance', row, () => balance);
});

loops.forEach((loop) => loop.stop());
await pro.close();
await story('the exchange ends well', () => exchangeStop(exchange));
finish();
