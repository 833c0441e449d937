// Sends packages with the unmodified npm client `ksef-client-ts`, from memory and as a stream, in several parts.
//
//   node batch.mjs NODE_MODULES BASE_URL NIP TOKEN PACKAGE.zip STREAMED.zip PACKAGE.tar.gz
//
// The last line of stdout is one JSON object.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [nodeModules, baseUrl, nip, token, zip, streamed, tar] = process.argv.slice(2);
const ksef = createRequire(join(nodeModules, 'batch.cjs'))('ksef-client-ts');
const options = { pollOptions: { intervalMs: 20, maxAttempts: 500 }, maxPartSize: 1500 };

const client = new ksef.KSeFClient({ baseUrl, rateLimit: null });
await client.loginWithToken(token, nip);

const octets = readFileSync(streamed);
const results = [
  await ksef.uploadBatchParsed(client, readFileSync(zip), { ...options, validate: true }),
  await ksef.uploadBatchStreamParsed(client, () => new Blob([octets]).stream(), octets.length, options),
  await ksef.uploadBatchParsed(client, readFileSync(tar), { ...options, compressionType: 'TarGz' }),
];
const seen = [];
for (const { sessionRef, upo } of results) {
  const status = await client.sessionStatus.getSessionStatus(sessionRef);
  const listed = await client.sessionStatus.getSessionInvoices(sessionRef);
  seen.push({
    session: sessionRef,
    code: status.status.code,
    counts: [upo.invoiceCount, upo.successfulInvoiceCount, upo.failedInvoiceCount],
    names: listed.invoices.map((invoice) => invoice.invoiceFileName),
    numbers: listed.invoices.map((invoice) => invoice.ksefNumber),
    confirmed: upo.parsed.flatMap((page) => page.dokumenty.map((each) => each.numerKSeFDokumentu)),
  });
}
console.log(JSON.stringify(seen));
