// A server that says to each client who it is: toa serve runs beside it. Call: node server.js IP PORT
'use strict';
const http = require('http');
const { ask } = require('./toa_client');

const server = http.createServer(async (request, response) => {
    const { address, port } = await request.socket.toaClient;
    response.end(`client=${address} ${port}\n`);
});
// Once a connection: the real client; or, as somebody must decide, the load balancer when it is not known.
server.on('connection', (socket) => {
    const fake = { address: socket.remoteAddress, port: socket.remotePort };
    const own = { address: socket.localAddress, port: socket.localPort };
    socket.toaClient = ask(fake, { server: own, waitMs: 50 })
        .then((answer) => answer.client || fake, () => fake);
});
server.listen(Number(process.argv[3]), process.argv[2]);
