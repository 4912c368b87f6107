// Ask toa serve who is behind a connection: version 2 of its protocol (docs/PROTOCOL.md).
//
//     node toa_client.js IP PORT     the peer address that the socket gave
//
// Status 0: found; 1: not found, and why; 2: usage; 4: nobody answers.
// No dependencies; Node 18 and later.
'use strict';
const dgram = require('dgram');
const net = require('net');
const { randomBytes } = require('crypto');

const MAGIC = Buffer.from('TOA\x02', 'latin1');
const WORDS = {
    0: 'found', 1: 'never_seen', 2: 'pending', 3: 'no_option', 4: 'expired', 5: 'replaced',
    6: 'untrusted', 7: 'malformed', 8: 'truncated', 10: 'ambiguous', 11: 'duplicate',
    12: 'conflict', 13: 'midstream', 22: 'capture_drops',
};
const CARRIERS = { 0: null, 1: 'syn', 2: 'ack', 3: 'data' };

class Malformed extends Error {} // version 2, with a field that breaks a rule
class Foreign extends Error {} // not version 2

// The bytes of an address. An IPv6 one may end in an IPv4 one.
function packed(address) {
    if (net.isIPv4(address)) {
        return Buffer.from(address.split('.').map(Number));
    }
    const tail = address.slice(address.lastIndexOf(':') + 1);
    if (net.isIPv4(tail)) {
        const [a, b, c, d] = tail.split('.').map(Number);
        address = address.slice(0, -tail.length) +
            `${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`;
    }
    const [head, rest] = address.split('::').map((part) => (part ? part.split(':') : []));
    const zeros = rest === undefined ? [] : Array(8 - head.length - rest.length).fill('0');
    const out = Buffer.alloc(16);
    [...head, ...zeros, ...(rest || [])].forEach((word, i) => out.writeUInt16BE(parseInt(word, 16), 2 * i));
    return out;
}

// The shortest way to write it (RFC 5952).
function text(bytes) {
    if (bytes.length === 4) {
        return bytes.join('.');
    }
    const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
    return new net.SocketAddress({ address: words.join(':'), family: 'ipv6' }).address;
}

function address(version, bytes) {
    const size = { 0: 0, 4: 4, 6: 16 }[version];
    if (size === undefined || bytes.subarray(size).some((byte) => byte !== 0)) {
        throw new Malformed('address');
    }
    return size === 0 ? null : text(bytes.subarray(0, size));
}

function check(endpoint) {
    if (!net.isIP(endpoint.address)) {
        throw new TypeError(`not an IP address: ${endpoint.address}`);
    }
    if (!Number.isInteger(endpoint.port) || endpoint.port < 0 || endpoint.port > 65535) {
        throw new RangeError(`not a port: ${endpoint.port}`);
    }
}

// A question. fake and server are { address, port }; throws when they are none.
function encode(id, fake, server = null, waitMs = 0) {
    [fake, server].filter(Boolean).forEach(check);
    const out = Buffer.alloc(80);
    MAGIC.copy(out);
    out.writeUInt32BE(id, 4);
    out[8] = 1;
    out[9] = net.isIP(fake.address);
    out.writeUInt16BE(waitMs, 12);
    out.writeUInt16BE(fake.port, 14);
    packed(fake.address).copy(out, 16);
    if (server) {
        out[10] = net.isIP(server.address);
        out.writeUInt16BE(server.port, 32);
        packed(server.address).copy(out, 34);
    }
    return out;
}

// An answer; throws Foreign or Malformed.
function decode(data) {
    if (data.length !== 80 || !data.subarray(0, 4).equals(MAGIC)) {
        throw new Foreign('not an answer of version 2');
    }
    const [type, word, flags, free, kind, carrier, versions, serverVersion] = data.subarray(8, 16);
    const client = address(versions >> 4, data.subarray(18, 34));
    const vip = address(versions & 15, data.subarray(36, 52));
    const server = address(serverVersion, data.subarray(54, 70));
    const clientPort = data.readUInt16BE(16);
    const vipPort = data.readUInt16BE(34);
    const serverPort = data.readUInt16BE(52);
    const age = data.readBigUInt64BE(70);
    if (type !== 2 || !(word in WORDS) || flags & ~7 || free > 40 || !(carrier in CARRIERS) ||
        (word === 0) !== (client !== null) || (flags & 2 && !client) || (flags & 4 && !vip) ||
        (clientPort && !(flags & 2)) || (vipPort && !(flags & 4)) || (serverPort && !server) ||
        age >= 1n << 63n || data.readUInt16BE(78)) {
        throw new Malformed('an answer that breaks a rule');
    }
    return {
        id: data.readUInt32BE(4),
        word: WORDS[word],
        ambiguous: (flags & 1) !== 0,
        free,
        kind,
        carrier: CARRIERS[carrier],
        client: client && { address: client, port: flags & 2 ? clientPort : null },
        vip: vip && { address: vip, port: flags & 4 ? vipPort : null },
        server: server && { address: server, port: serverPort },
        age,
    };
}

// Who is fake? A promise of an answer as decode() gives it. It fails when nobody answers, and when fake is no
// address, as of a socket whose client has gone.
async function ask(fake, { server = null, waitMs = 0, service = '127.0.0.1', port = 9999, timeout = 250, tries = 3 } = {}) {
    const id = randomBytes(4).readUInt32BE();
    const question = encode(id, fake, server, waitMs);
    return new Promise((resolve, reject) => {
        const socket = dgram.createSocket(net.isIPv6(service) ? 'udp6' : 'udp4');
        let timer = null;
        const end = (settle, value) => {
            clearTimeout(timer);
            socket.close();
            settle(value);
        };
        const send = () => {
            if (tries-- === 0) {
                end(reject, new Error('no answer from the service'));
                return;
            }
            socket.send(question);
            timer = setTimeout(send, timeout + waitMs);
        };
        socket.on('error', (error) => end(reject, error));
        socket.on('message', (data) => {
            try {
                const answer = decode(data);
                if (answer.id === id) {
                    end(resolve, answer);
                }
            } catch (error) {
                // not ours: go on waiting
            }
        });
        // Answers from elsewhere never arrive.
        socket.connect(port, service, (error) => (error ? end(reject, error) : send()));
    });
}

module.exports = { encode, decode, ask, Malformed, Foreign };

if (require.main === module) {
    const [, , address, port] = process.argv;
    ask({ address, port: port ? Number(port) : NaN }, { waitMs: 100 }).then((answer) => {
        console.log(answer.client ? `${answer.client.address} ${answer.client.port}` : answer.word);
        process.exitCode = answer.word === 'found' ? 0 : 1;
    }, (error) => {
        const usage = error instanceof TypeError || error instanceof RangeError;
        console.error(usage ? `usage: toa_client.js IP PORT: ${error.message}` : `nobody answers: ${error.message}`);
        process.exitCode = usage ? 2 : 4;
    });
}
