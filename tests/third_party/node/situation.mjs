// Logs in with the unmodified npm client `ksef-client-ts` as `ksef-conformance client` asks for, and makes two
// requests, or sends an invoice and fetches the UPO of its session.
//
//   node situation.mjs NODE_MODULES
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [nodeModules] = process.argv.slice(2);
const ksef = createRequire(join(nodeModules, 'situation.cjs'))('ksef-client-ts');
const { KSEF_URL, KSEF_NIP, KSEF_TOKEN, KSEF_METHOD, KSEF_CERTIFICATE, KSEF_KEY, KSEF_TASK, KSEF_INVOICE } =
  process.env;

const client = new ksef.KSeFClient({ baseUrl: KSEF_URL });
if (KSEF_METHOD === 'certificate') {
  const [certificate, key] = [KSEF_CERTIFICATE, KSEF_KEY].map((path) => readFileSync(path, 'utf8'));
  await client.loginWithCertificate(certificate, key, KSEF_NIP);
} else {
  await client.loginWithToken(KSEF_TOKEN, KSEF_NIP);
}
if (KSEF_TASK === 'send') {
  const session = await ksef.openOnlineSession(client);
  await session.sendInvoice(readFileSync(KSEF_INVOICE));
  await session.close();
  const { successfulInvoiceCount } = await session.waitForUpoParsed({ intervalMs: 100, maxAttempts: 100 });
  if (successfulInvoiceCount !== 1) throw new Error('the invoice was not accepted');
} else {
  await client.activeSessions.getActiveSessions();
  await client.limits.getContextLimits();
}
