// Signs with xml-crypto, the XAdES properties as text.
// Usage: node sign.mjs JOBS NODE_MODULES; a job a line, see tests/judges/programs.py.
import { createHash, createSign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [jobs, modules] = process.argv.slice(2);
const { SignedXml } = createRequire(join(modules, "_"))("xml-crypto");

const SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256";
const ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

// xml-crypto signs with RSA alone; its documentation says how to add an algorithm.
function ecdsa(name, hash) {
  return class {
    getSignature(octets, dsaKey) {
      const key = { key: dsaKey, dsaEncoding: "ieee-p1363" };
      return createSign(hash).update(octets).sign(key, "base64");
    }
    getAlgorithmName() {
      return name;
    }
  };
}

function properties(certificate, time, prefix, layout) {
  const digest = createHash("sha256").update(certificate).digest("base64");
  const ds = prefix ? `${prefix}:` : "";
  const namespaces =
    'xmlns:xades="http://uri.etsi.org/01903/v1.3.2#"' +
    (prefix ? ` xmlns:${prefix}="http://www.w3.org/2000/09/xmldsig#"` : "");
  return [
    `<xades:QualifyingProperties ${namespaces} Target="#Signature">`,
    '<xades:SignedProperties Id="SignedProperties">',
    "<xades:SignedSignatureProperties>",
    `<xades:SigningTime>${time}</xades:SigningTime>`,
    "<xades:SigningCertificateV2>",
    "<xades:Cert>",
    "<xades:CertDigest>",
    `<${ds}DigestMethod Algorithm="${SHA256}"/>`,
    `<${ds}DigestValue>${digest}</${ds}DigestValue>`,
    "</xades:CertDigest>",
    "</xades:Cert>",
    "</xades:SigningCertificateV2>",
    "</xades:SignedSignatureProperties>",
    "</xades:SignedProperties>",
    "</xades:QualifyingProperties>",
  ].join(layout === "indented" ? "\n  " : "");
}

for (const line of readFileSync(jobs, "utf8").trimEnd().split("\n")) {
  const [output, key, certificate, method, c14n, prefix, request, time, layout] = line.split("\t");
  const signed = new SignedXml({
    privateKey: readFileSync(`${key}.pem`),
    publicCert: readFileSync(`${certificate}.pem`, "utf8"),
    signatureAlgorithm: method,
    canonicalizationAlgorithm: c14n,
    objects: [{ content: properties(readFileSync(certificate), time, prefix, layout) }],
  });
  const ecdsaMethods = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha";
  for (const size of ["256", "384"]) {
    signed.SignatureAlgorithms[ecdsaMethods + size] = ecdsa(ecdsaMethods + size, `sha${size}`);
  }
  signed.addReference({ xpath: "/*", isEmptyUri: true, transforms: [ENVELOPED, c14n], digestAlgorithm: SHA256 });
  signed.addReference({
    xpath: "//*[@Id='SignedProperties']",
    uri: "#SignedProperties",
    type: "http://uri.etsi.org/01903#SignedProperties",
    transforms: [c14n],
    digestAlgorithm: SHA256,
  });
  signed.computeSignature(readFileSync(request, "utf8"), { prefix, attrs: { Id: "Signature" } });
  writeFileSync(output, signed.getSignedXml());
}
