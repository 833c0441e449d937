// Preloaded into unmodified programs (node --require): every TLS connection goes to 127.0.0.1, to the port in
// KSEF_MOCK_PORT, as if the resolver said so. The name that was asked for is still the one that the certificate
// must have. Nothing leaves this machine.
const tls = require('node:tls');
const connect = tls.connect;

tls.connect = (options) =>
  connect({ ...options, host: '127.0.0.1', port: Number(process.env.KSEF_MOCK_PORT) });
