// Drives the unmodified npm client `ksef-client-ts` through the life of a session and prints what it saw.
//
//   node login.mjs NODE_MODULES BASE_URL NIP TOKEN
//
// The last line of stdout is one JSON object; the exit code is 0 even if the client raised, see `error`.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [nodeModules, baseUrl, nip, token] = process.argv.slice(2);
const ksef = createRequire(join(nodeModules, 'login.cjs'))('ksef-client-ts');

const newClient = () => new ksef.KSeFClient({ baseUrl, rateLimit: null });
const described = (error) => ({
  class: error.constructor.name,
  message: error.message,
  statusCode: error.statusCode,
  isKSeFError: error instanceof ksef.KSeFError,
});
const failure = (call) =>
  call().then(
    () => null,
    (error) => described(error),
  );

async function advanceClock(seconds) {
  const answer = await fetch(`${baseUrl}/_mock/clock/advance`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ seconds }),
  });
  if (!answer.ok) throw new Error(`the mock's clock did not move: ${answer.status}`);
}

async function lifeOfASession() {
  const client = newClient();
  const login = await client.loginWithToken(token, nip);
  const first = client.authManager.getAccessToken();
  const refreshToken = client.authManager.getRefreshToken();
  const seen = {
    clientIp: login.clientIp,
    claims: ksef.parseKSeFTokenContext(first),
    ownToken: await client.tokens.findSelfReferenceNumber(first),
    contextLimits: await client.limits.getContextLimits(),
    rateLimits: await client.limits.getRateLimits(),
  };

  await advanceClock(16 * 60); // the access token lives 15 minutes
  seen.sessions = await client.activeSessions.getActiveSessions();
  seen.tokenChanged = client.authManager.getAccessToken() !== first;
  seen.refreshTokenKept = client.authManager.getRefreshToken() === refreshToken;

  await client.activeSessions.revokeCurrentSession();
  seen.callAfterRevocation = (await client.limits.getContextLimits()) !== undefined;
  seen.refreshAfterRevocation = await failure(() => client.auth.refreshAccessToken(refreshToken));
  return seen;
}

const result = await lifeOfASession().catch((error) => ({ error: described(error) }));
if (result.error) {
  // The package's other way to log in has an error class of its own for a refused login.
  result.workflowError = await failure(() =>
    ksef.authenticateWithToken(newClient(), { token, nip }),
  );
}
console.log(JSON.stringify(result));
