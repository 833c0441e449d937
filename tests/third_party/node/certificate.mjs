// Logs in with the unmodified npm client `ksef-client-ts` and a certificate, and prints what it saw.
//
//   node certificate.mjs NODE_MODULES BASE_URL NIP CERTIFICATE.pem KEY.pem
//
// The last line of stdout is one JSON object; the exit code is 0 even if the client raised, see `error`.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [nodeModules, baseUrl, nip, certificate, key] = process.argv.slice(2);
const ksef = createRequire(join(nodeModules, 'certificate.cjs'))('ksef-client-ts');

async function logIn() {
  const client = new ksef.KSeFClient({ baseUrl, rateLimit: null });
  await client.loginWithCertificate(readFileSync(certificate, 'utf8'), readFileSync(key, 'utf8'), nip);
  const before = client.authManager.getAccessToken();
  const answer = await fetch(`${baseUrl}/_mock/clock/advance`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ seconds: 16 * 60 }), // the access token lives 15 minutes
  });
  if (!answer.ok) throw new Error(`the mock's clock did not move: ${answer.status}`);
  const sessions = await client.activeSessions.getActiveSessions();
  return {
    claims: ksef.parseKSeFTokenContext(before),
    sessions,
    refreshed: client.authManager.getAccessToken() !== before,
  };
}

const result = await logIn().catch((error) => ({
  error: { class: error.constructor.name, message: error.message },
}));
console.log(JSON.stringify(result));
