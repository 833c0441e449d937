// Lives a session with the unmodified npm client `ksef-client`, and prints what it made of the answers.
//
//   node life.mjs NODE_MODULES URL NIP token TOKEN rsa|ec
//   node life.mjs NODE_MODULES URL NIP certificate CERTIFICATE.pem KEY.pem
//
// The last line of stdout is one JSON object. Enveloping signatures are not tried: the client writes an Id into the
// request, for which the schema has no place (21401). It asks for xml-crypto ^6.1.2 and patches what 6.1.2 has inside;
// with later ones it signs nothing, hence the override in package.json.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [nodeModules, url, nip, how, ...secrets] = process.argv.slice(2);
// Its CommonJS build cannot sign: it asks xml-crypto for a default export.
const { KsefClient, XadesKeyPair } = await import(
  pathToFileURL(join(nodeModules, 'ksef-client', 'dist', 'index.js')).href
);

const context = { type: 'Nip', value: nip };
const quickly = { pollIntervalMs: 50 };
const ksef = new KsefClient({ baseUrl: url, environment: 'TEST' });

function logIn() {
  const ways = ksef.workflows.auth;
  if (how === 'token') {
    const [token, encryptionMethod] = secrets;
    return ways.authenticateWithKsefToken({ token, context, encryptionMethod, ...quickly });
  }
  const [certificatePath, privateKeyPath] = secrets;
  const keyPair = XadesKeyPair.fromPemFiles({ certificatePath, privateKeyPath });
  return ways.authenticateWithCertificate({ keyPair, context, ...quickly });
}

const refused = (call) => call.then(() => null, (error) => error.statusCode ?? error.status ?? String(error));

const tokens = await logIn();
ksef.authManager.setTokens(tokens);
const seen = {
  maxInvoices: (await ksef.limits.getContextLimits()).onlineSession.maxInvoices,
  perSecond: (await ksef.limits.getRateLimits()).onlineSession.perSecond,
};
const made = await ksef.tokens.generateToken({ description: 'for the reports', permissions: ['InvoiceRead'] });
seen.made = made.referenceNumber;
seen.tokens = (await ksef.tokens.listTokens()).tokens.map((token) => token.referenceNumber);
const moved = await fetch(`${url}/_mock/clock/advance`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ seconds: 16 * 60 }), // the access token lives 15 minutes
});
if (!moved.ok) throw new Error(`the mock's clock did not move: ${moved.status}`);
seen.expired = await refused(ksef.activeSessions.listActiveSessions());
const refreshed = await ksef.auth.refreshAccessToken(tokens.refreshToken.token);
ksef.authManager.setAccessToken(refreshed.accessToken.token);
seen.sessions = (await ksef.activeSessions.listActiveSessions()).items.map((session) => session.isCurrent);
await ksef.activeSessions.revokeCurrentSession();
seen.ended = await refused(ksef.auth.refreshAccessToken(tokens.refreshToken.token));
console.log(JSON.stringify(seen));
