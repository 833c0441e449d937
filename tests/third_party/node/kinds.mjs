// Sends invoices of other kinds than FA(3) with the unmodified npm client `ksef-client-ts`, and prints what it saw.
//
//   node kinds.mjs NODE_MODULES BASE_URL (FORM ACCESS_TOKEN FILE.xml)...
//
// FORM is a name of the client's FORM_CODES. Each file goes into a session of its own; what a batch session may
// hold is sent once more so, and meant to be a duplicate. The last line of stdout is one JSON object.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [nodeModules, baseUrl, ...orders] = process.argv.slice(2);
const ksef = createRequire(join(nodeModules, 'kinds.cjs'))('ksef-client-ts');
const quickly = { intervalMs: 20, maxAttempts: 500 };
const seen = {};

while (orders.length) {
  const [form, token, file] = orders.splice(0, 3);
  const formCode = ksef.FORM_CODES[form];
  const document = readFileSync(file);
  const client = new ksef.KSeFClient({ baseUrl, rateLimit: null });
  client.authManager.setAccessToken(token);
  const session = await ksef.openOnlineSession(client, { formCode });
  const reference = await session.sendInvoice(document);
  await session.close();
  const upo = await session.waitForUpoParsed(quickly);
  const invoice = await client.sessionStatus.getSessionInvoice(session.sessionRef, reference);
  const metadata = await client.invoices
    .queryInvoiceMetadata({
      subjectType: 'Subject1',
      dateRange: { dateType: 'Invoicing', from: new Date(Date.parse(invoice.invoicingDate) - 60_000).toISOString() },
      ksefNumber: invoice.ksefNumber,
    })
    .then(
      (found) => found.invoices,
      (error) => error.statusCode,
    );
  let duplicate = null;
  if (ksef.validateFormCodeForSession(formCode, 'batch')) {
    const zip = await ksef.createZip([{ fileName: '1.xml', content: document }]);
    const batch = await ksef.uploadBatch(client, zip, { formCode, pollOptions: quickly }).catch((error) => error.message);
    duplicate = typeof batch === 'string' ? batch : 'taken';
  }
  const [parsed] = upo.parsed;
  seen[form] = {
    code: invoice.status.code,
    upo: [parsed.kodFormularza, parsed.dokumenty.map((each) => [each.numerKSeFDokumentu, each.numerFaktury])],
    number: [invoice.ksefNumber, invoice.invoiceNumber],
    metadata,
    duplicate,
  };
}
console.log(JSON.stringify(seen));
