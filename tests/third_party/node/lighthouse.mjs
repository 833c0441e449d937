// Reads the lighthouse with the unmodified npm client `ksef-client-ts`.
//
//   node lighthouse.mjs NODE_MODULES BASE_URL LIGHTHOUSE_URL
//
// Prints one JSON object: what the client made of both documents, or the error that it raised.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [nodeModules, baseUrl, lighthouseUrl] = process.argv.slice(2);
const ksef = createRequire(join(nodeModules, 'lighthouse.cjs'))('ksef-client-ts');
const client = new ksef.KSeFClient({ baseUrl, lighthouseUrl, rateLimit: null });
try {
  const status = await client.lighthouse.getStatus();
  console.log(JSON.stringify({ status, messages: await client.lighthouse.getMessages() }));
} catch (error) {
  console.log(JSON.stringify({ error: error.message, statusCode: error.statusCode ?? null }));
}
