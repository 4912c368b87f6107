// The server of server.js in a worker. Call: node cluster.js IP PORT
const cluster = require('cluster');
if (cluster.isPrimary) {
    cluster.fork();
} else {
    require('./server');
}
