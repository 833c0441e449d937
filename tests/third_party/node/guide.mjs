// Takes the library steps of the authentication guide with the library that it speaks of, npm `ksef-client-ts`.
//
//   node guide.mjs NODE_MODULES BASE_URL NIP TOKEN CERTIFICATE.pem KEY.pem
//
// The last line of stdout is one JSON object: what each step came to.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [nodeModules, baseUrl, nip, token, certificate, key] = process.argv.slice(2);
const ksef = createRequire(join(nodeModules, 'guide.cjs'))('ksef-client-ts');

const newClient = (options = {}) => new ksef.KSeFClient({ baseUrl, rateLimit: null, ...options });
const ask = (path, options) => fetch(`${baseUrl}/_mock${path}`, { method: 'POST', ...options });
async function order(path, body) {
  const done = await ask(path, { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!done.ok) throw new Error(`${path}: ${done.status} ${await done.text()}`);
}
const refreshes = async () => {
  const journal = await (await fetch(`${baseUrl}/_mock/journal?path=/auth/token/refresh`)).json();
  return journal.entries.length;
};
const expireAccessToken = () => order('/clock/advance', { seconds: 16 * 60 });
async function filters() {
  const clock = await (await fetch(`${baseUrl}/_mock/clock`)).json();
  const from = new Date(Date.parse(clock.time) - 86_400_000).toISOString();
  return { subjectType: 'Subject2', dateRange: { dateType: 'Issue', from } };
}
const invoicesOf = async (client) => (await client.invoices.queryInvoiceMetadata(await filters())).invoices.length;

const steps = {
  async token() {
    const client = newClient();
    await client.loginWithToken(token, nip);
    const invoices = await invoicesOf(client);
    await client.logout();
    return { invoices };
  },

  async certificate() {
    const client = newClient();
    await client.loginWithCertificate(readFileSync(certificate, 'utf-8'), readFileSync(key, 'utf-8'), nip);
    return { invoices: await invoicesOf(client) };
  },

  async external() {
    const client = newClient();
    // The service that signs: the stand-in of the mock.
    const signXml = async (unsignedXml) => {
      const headers = { 'content-type': 'application/xml' };
      const answer = await ask(`/sign?as=nip:${nip}`, { headers, body: unsignedXml });
      if (!answer.ok) throw new Error(await answer.text());
      return answer.text();
    };
    await ksef.authenticateWithExternalSignature(client, { contextIdentifier: { type: 'Nip', value: nip }, signXml });
    return { invoices: await invoicesOf(client) };
  },

  async manual() {
    const client = newClient();
    const challenge = await client.auth.getChallenge();
    await client.crypto.init();
    const encrypted = await client.crypto.encryptKsefToken(token, challenge.timestamp);
    const submitted = await client.auth.submitKsefTokenAuthRequest({
      challenge: challenge.challenge,
      contextIdentifier: { type: 'Nip', value: nip },
      encryptedToken: Buffer.from(encrypted).toString('base64'),
    });
    const tokens = await client.auth.getAccessToken(submitted.authenticationToken.token);
    client.authManager.setAccessToken(tokens.accessToken.token);
    client.authManager.setRefreshToken(tokens.refreshToken.token);
    return { invoices: await invoicesOf(client) };
  },

  async refresh() {
    const client = newClient();
    await client.loginWithToken(token, nip);
    const [before, refreshToken] = [client.authManager.getAccessToken(), client.authManager.getRefreshToken()];
    await expireAccessToken();
    const earlier = await refreshes();
    // Five at once, all of which are answered with 401 before the refresh is.
    await order('/faults', { path: '/auth/token/refresh', delaySeconds: 0.5, times: 1 });
    const found = await Promise.all(Array.from({ length: 5 }, () => invoicesOf(client)));
    return {
      calls: found.length,
      refreshes: (await refreshes()) - earlier,
      another: client.authManager.getAccessToken() !== before,
      kept: client.authManager.getRefreshToken() === refreshToken,
    };
  },

  async failedRefresh() {
    const client = newClient();
    await client.loginWithToken(token, nip);
    client.authManager.setAccessToken('expired');
    client.authManager.setRefreshToken('expired too');
    const earlier = await refreshes();
    const error = await invoicesOf(client).catch((raised) => raised);
    return { unauthorized: error instanceof ksef.KSeFUnauthorizedError, refreshes: (await refreshes()) - earlier };
  },

  async manager() {
    const vault = { access: undefined, refresh: undefined, asked: 0 };
    const authManager = {
      getAccessToken: () => vault.access,
      setAccessToken: (value) => (vault.access = value),
      getRefreshToken: () => vault.refresh,
      setRefreshToken: (value) => (vault.refresh = value),
      async onUnauthorized() {
        vault.asked += 1;
        const refreshed = await newClient().auth.refreshAccessToken(vault.refresh);
        return (vault.access = refreshed.accessToken.token);
      },
    };
    const client = newClient({ authManager });
    await client.loginWithToken(token, nip);
    await expireAccessToken();
    return { invoices: await invoicesOf(client), asked: vault.asked };
  },

  async hydration() {
    const before = newClient();
    await before.loginWithToken(token, nip);
    const session = JSON.parse(
      JSON.stringify({
        accessToken: before.authManager.getAccessToken(),
        refreshToken: before.authManager.getRefreshToken(),
      }),
    );
    await expireAccessToken();
    const client = newClient();
    client.authManager.setAccessToken(session.accessToken);
    client.authManager.setRefreshToken(session.refreshToken);
    return { invoices: await invoicesOf(client), another: client.authManager.getAccessToken() !== session.accessToken };
  },
};

const seen = {};
for (const [name, step] of Object.entries(steps)) {
  seen[name] = await step().catch((error) => ({ error: `${error.constructor.name}: ${error.message}` }));
}
console.log(JSON.stringify(seen));
