/* support.mjs -- what the client tests share: an exchange of their own, raw signed requests, rules that print their evidence.
 *
 * A client's answer is never its own proof. Every outcome is looked up a second time by request(), which signs by hand and
 * shares no code with the clients, so a mistake that a client forgives still shows.
 */
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

export const SYMBOL = 'XBTUSD';
export const DEPOSIT = 100000000;                       /* 1 XBT, as in the accounts file below */

const SHOWN = 1000;                                     /* characters of one piece of evidence */

export const trader = { key: 'clientsTraderKey00000001', secret: 'clients-trader-secret-0123456789-0123456789-01' };
export const reader = { key: 'clientsReaderKey00000002', secret: 'clients-reader-secret-0123456789-0123456789-02' };

export const sleep = (ms) => new Promise((wake) => setTimeout(wake, ms));

/* Starts `marketmaker exchange` on a free port in a folder of its own; the accounts file has mode 0600 as it demands. */
export async function exchangeStart(...options) {
    const folder = mkdtempSync(join(tmpdir(), 'mm-clients-'));
    const accounts = join(folder, 'accounts');
    writeFileSync(accounts, `${trader.key} ${trader.secret} 1.0 order\n${reader.key} ${reader.secret} 1.0 read\n`, { mode: 0o600 });
    const args = ['exchange', '--port', '0', '--accounts', accounts, ...options];
    const child = spawn(process.env.MM_BINARY, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const exchange = { child, folder, output: '', port: 0, ended: null };
    child.once('exit', (code, signal) => { exchange.ended = `exit status ${code}, signal ${signal}`; });
    child.once('error', (e) => { exchange.ended = e.message; });
    for (const stream of [child.stdout, child.stderr])
        stream.on('data', (text) => { exchange.output += text; });
    const listening = await until(() => /http:\/\/127\.0\.0\.1:(\d+)\/api\/v1\//.exec(exchange.output) ?? exchange.ended, 20);
    if (!Array.isArray(listening))
        throw new Error(`the exchange does not start: ${exchange.ended}\n${exchange.output}`);
    exchange.port = Number(listening[1]);
    exchange.origin = `http://127.0.0.1:${exchange.port}`;
    return exchange;
}

/* Ends it as an operator would. Its own end is a rule too: status 0, and no complaint of a sanitizer. */
export async function exchangeStop(exchange) {
    if (exchange.ended === null)
        exchange.child.kill('SIGINT');
    await until(() => exchange.ended, 15);
    if (exchange.ended === null)
        exchange.child.kill('SIGKILL');
    check(exchange.ended === 'exit status 0, signal null', 'the exchange ends with status 0 on SIGINT', exchange.ended, exchange.output);
    check(!/Sanitizer|runtime error/.test(exchange.output), 'no sanitizer complains', exchange.output);
    rmSync(exchange.folder, { recursive: true, force: true });
}

/* One request, signed as section 2.1 of the protocol says: verb, path with query as sent, expires, body. */
export function request(exchange, account, verb, table, parameters = {}) {
    const query = verb === 'GET' && Object.keys(parameters).length > 0
        ? '?' + Object.entries(parameters).map(([k, v]) => `${k}=${encodeURIComponent(typeof v === 'object' ? JSON.stringify(v) : v)}`).join('&')
        : '';
    const path = `/api/v1/${table}${query}`;
    const body = verb === 'GET' ? '' : JSON.stringify(parameters);
    const expires = String(Math.floor(Date.now() / 1000) + 10);
    const headers = { 'api-key': account.key, 'api-expires': expires, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body),
        'api-signature': createHmac('sha256', account.secret).update(verb + path + expires + body).digest('hex') };
    return new Promise((resolve, reject) => {
        const sent = http.request({ host: '127.0.0.1', port: exchange.port, method: verb, path, headers, agent: false }, (answer) => {
            let text = '';
            answer.on('data', (part) => { text += part; });
            answer.on('end', () => resolve({ status: answer.statusCode, remaining: answer.headers['x-ratelimit-remaining'], rows: JSON.parse(text), asked: `${verb} ${path} ${body}`, text }));
        });
        sent.on('error', reject);
        sent.end(body);
    });
}

let tokens = Infinity;                                  /* of the account's request budget, as the exchange last said */

/* Clients and raw requests spend one budget: 120, two a second come back. A story that begins with little waits for more, so that it
 * is never the limit that fails a rule about something else. */
async function budget() {
    const missing = 60 - tokens;
    if (missing > 0)
        await sleep(500 * missing);
}

/* The rows of a request that must succeed. */
export async function rows(exchange, verb, table, parameters) {
    const answer = await request(exchange, trader, verb, table, parameters);
    tokens = Number(answer.remaining ?? tokens);
    if (answer.status !== 200)
        throw new Broken('a raw request is answered 200', [answer.asked, `${answer.status} ${answer.text}`]);
    return answer.rows;
}

/* The first true answer of `what`, or its last one when the time is over. */
export async function until(what, seconds, pause = 10) {
    const end = performance.now() + seconds * 1000;
    for (;;) {
        const answer = await what();
        if (answer || performance.now() > end)
            return answer;
        await sleep(pause);
    }
}

export class Broken extends Error {
    constructor(rule, evidence) {
        super(rule);
        this.evidence = evidence;
    }
}

export function check(truth, rule, ...evidence) {
    if (!truth)
        throw new Broken(rule, evidence);
}

export function same(found, expected, rule, ...evidence) {
    if (!isDeepStrictEqual(found, expected))
        throw new Broken(rule, [`found    ${shown(found)}`, `expected ${shown(expected)}`, ...evidence]);
}

/* Members of `expected` that the row does not have so; [] when it has them all. null and absent are the same on this protocol. */
export function differences(row, expected) {
    return Object.entries(expected).filter(([name, value]) => !isDeepStrictEqual(row?.[name] ?? null, value ?? null))
        .map(([name, value]) => `${name}: found ${shown(row?.[name])}, expected ${shown(value)}`);
}

export function has(row, expected, rule, ...evidence) {
    const wrong = differences(row, expected);
    if (wrong.length > 0)
        throw new Broken(rule, [...wrong, ...evidence, row]);
}

/* The market moves between two requests. `ask` is what a client says, `state` what the exchange says before and after; only an
 * answer between two equal states can be compared, so it is asked again until there is one. */
export async function betweenEqualStates(state, ask) {
    for (let attempt = 0; attempt < 12; attempt++) {
        const before = await state();
        const answer = await ask();
        if (isDeepStrictEqual(before, await state()))
            return { answer, state: before };
        await sleep(30 * attempt);
    }
    throw new Broken('the market stands still for the time of three requests, at one of twelve attempts', []);
}

function shown(evidence) {
    const text = typeof evidence === 'string' ? evidence : JSON.stringify(evidence) ?? String(evidence);
    return text.length > SHOWN ? text.slice(0, SHOWN) + ` ... (${text.length} characters)` : text;
}

let failed = 0;
let passed = 0;

/* Runs one story. A broken rule is printed with the last request and answer of the client and does not end the others. */
export async function story(name, run, lastExchange = () => []) {
    await budget();
    const began = performance.now();
    try {
        await run();
        passed++;
        console.log(`ok      ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
    } catch (e) {
        failed++;
        console.log(`FAILED  ${name}`);
        console.log(`  rule     ${e instanceof Broken ? e.message : 'nothing throws'}`);
        if (!(e instanceof Broken))
            console.log(`  thrown   ${shown(e.stack?.split('\n').slice(0, 6).join('\n') ?? String(e))}`);
        for (const evidence of [...lastExchange(), ...(e.evidence ?? [])])
            console.log(`  ${shown(evidence)}`);
    }
}

/* Clients keep timers; the tests end by decision. */
export function finish() {
    console.log(`${passed} passed, ${failed} failed`);
    process.exit(failed === 0 && passed > 0 ? 0 : 1);
}
