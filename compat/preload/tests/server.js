// An ordinary server, which knows of no TOA. Call: node server.js IP PORT
const http = require('http');
http.createServer((request, response) => {
    const { remoteAddress, remotePort } = request.socket;
    response.end(`client=${remoteAddress} ${remotePort}\n`);
}).listen(Number(process.argv[3]), process.argv[2]);
