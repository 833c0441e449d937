// Preloaded into the unmodified `ksef` command (node --import), which knows only KSeF's public hosts:
// what goes to the TEST environment goes to KSEF_MOCK_URL instead. Nothing may leave this machine.
const publicHost = 'https://api-test.ksef.mf.gov.pl';
const fetchFromNetwork = globalThis.fetch;

globalThis.fetch = (resource, options) => {
  const url = String(resource);
  if (!url.startsWith(`${publicHost}/`)) throw new Error(`unexpected request to ${url}`);
  return fetchFromNetwork(process.env.KSEF_MOCK_URL + url.slice(publicHost.length), options);
};
