// Exports invoices with the unmodified npm client `ksef-client-ts`: whole, and increment by increment.
//
//   node export.mjs NODE_MODULES BASE_URL NIP TOKEN FROM TO
//
// The last line of stdout is one JSON object.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [nodeModules, baseUrl, nip, token, from, to] = process.argv.slice(2);
const ksef = createRequire(join(nodeModules, 'export.cjs'))('ksef-client-ts');
const pollOptions = { intervalMs: 20, maxAttempts: 500 };

const client = new ksef.KSeFClient({ baseUrl, rateLimit: null });
await client.loginWithToken(token, nip);

const filters = { subjectType: 'Subject1', dateRange: { dateType: 'PermanentStorage', from } };
const whole = await ksef.exportAndDownload(client, filters, { pollOptions, extract: true });
const hashes = {};
for (const [name, octets] of whole.files) hashes[name] = createHash('sha256').update(octets).digest('hex');

const increments = await ksef.incrementalExportAndDownload(client, {
  subjectType: 'Subject1',
  windowFrom: from,
  windowTo: to,
  continuationPoints: {},
  maxIterations: 10,
  pollOptions,
});
console.log(
  JSON.stringify({
    count: whole.invoiceCount,
    truncated: whole.isTruncated,
    hashes,
    exports: increments.referenceNumbers.length,
    points: increments.continuationPoints,
  }),
);
