// Sends invoices with the unmodified npm client `ksef-client-ts`, reads them back and prints what it saw.
//
//   node send.mjs NODE_MODULES BASE_URL NIP TOKEN LAST.xml INVOICE.xml...
//
// The invoices go into one session, LAST.xml into another one, by the client's call that does everything.
// The last line of stdout is one JSON object.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [nodeModules, baseUrl, nip, token, last, ...files] = process.argv.slice(2);
const ksef = createRequire(join(nodeModules, 'send.cjs'))('ksef-client-ts');
const quickly = { intervalMs: 20, maxAttempts: 100 };

const client = new ksef.KSeFClient({ baseUrl, rateLimit: null });
await client.loginWithToken(token, nip);
const invoices = files.map((file) => readFileSync(file));

const session = await ksef.openOnlineSession(client);
const references = [];
for (const invoice of invoices) references.push(await session.sendInvoice(invoice));

// A state that was written down opens the same session again.
const resumed = ksef.resumeOnlineSession(client, JSON.parse(JSON.stringify(session.getState())));
await resumed.close();
const confirmed = await resumed.waitForUpoParsed(quickly);
const late = await session.sendInvoice(invoices[0]).then(
  () => null,
  (error) => ({ isKSeFError: error instanceof ksef.KSeFError, statusCode: error.statusCode, message: error.message }),
);

const status = client.sessionStatus;
const found = await status.getSessionStatus(session.sessionRef);
const listed = await status.getSessionInvoices(session.sessionRef);
const failed = await status.getSessionFailedInvoices(session.sessionRef);
const first = await status.getSessionInvoice(session.sessionRef, references[0]);
const number = first.ksefNumber;
const upos = [
  await status.getInvoiceUpoByReference(session.sessionRef, references[0]),
  await status.getInvoiceUpoByKsefNumber(session.sessionRef, number),
  await status.getSessionUpo(session.sessionRef, found.upo.pages[0].referenceNumber),
];
const documents = (upo) => ksef.parseUpoXml(upo.upo).dokumenty;
const stored = await client.invoices.getInvoice(number);
const metadata = await client.invoices.queryInvoiceMetadata({
  subjectType: 'Subject1',
  dateRange: { dateType: 'PermanentStorage', from: new Date(Date.parse(first.invoicingDate) - 60_000).toISOString() },
});
const sessions = await status.getSessions('Online');

// In one call, with the client's own validation before the send.
const again = await ksef.openSendAndClose(client, [readFileSync(last)], { validate: true, pollOptions: quickly });

console.log(
  JSON.stringify({
    session: session.sessionRef,
    references,
    counts: [confirmed.invoiceCount, confirmed.successfulInvoiceCount, confirmed.failedInvoiceCount],
    parsedUpo: confirmed.parsed,
    late,
    sessionCode: found.status.code,
    listed: listed.invoices.map((invoice) => [invoice.ordinalNumber, invoice.status.code]),
    failed: failed.invoices.map((invoice) => [invoice.referenceNumber, invoice.status.code]),
    number,
    validNumber: ksef.isValidKsefNumber(number),
    upos: upos.map(documents),
    hashes: upos.map((upo) => upo.hash),
    sameOctets: Buffer.from(stored.xml).equals(invoices[0]),
    storedHash: stored.hash,
    metadata: metadata.invoices.map((invoice) => [invoice.ksefNumber, invoice.invoiceNumber, invoice.grossAmount]),
    sessions: sessions.sessions.map((each) => [each.referenceNumber, each.status.code]),
    again: again.successfulInvoiceCount,
  }),
);
