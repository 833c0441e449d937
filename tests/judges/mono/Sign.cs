// Signs as the C# client does: .NET's SignedXml with the XAdES properties as text, here in Mono's form of it.
// Usage: Sign.exe JOBS OPENSSL; a job a line, see tests/judges/programs.py.
using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Security.Cryptography.Xml;
using System.Xml;

class Sign
{
    const string Xades = "http://uri.etsi.org/01903/v1.3.2#";
    const string Sha256 = "http://www.w3.org/2001/04/xmlenc#sha256";
    const string MoreSignatures = "http://www.w3.org/2001/04/xmldsig-more#";

    static void Main(string[] arguments)
    {
        EcKey.OpenSsl = arguments[1];
        CryptoConfig.AddAlgorithm(typeof(SHA256Managed), Sha256);
        CryptoConfig.AddAlgorithm(typeof(RsaSha256), MoreSignatures + "rsa-sha256");
        CryptoConfig.AddAlgorithm(typeof(EcdsaSha256), MoreSignatures + "ecdsa-sha256");
        CryptoConfig.AddAlgorithm(typeof(EcdsaSha384), MoreSignatures + "ecdsa-sha384");
        foreach (var line in File.ReadAllLines(arguments[0]))
        {
            var job = line.Split('\t');
            File.WriteAllText(job[0], Signed(job));
        }
    }

    static string Signed(string[] job)
    {
        string key = job[1], method = job[3], c14n = job[4], prefix = job[5], time = job[7];
        var certificate = new X509Certificate2(File.ReadAllBytes(job[2]));
        var document = new XmlDocument { PreserveWhitespace = true };
        document.Load(job[6]);
        var signed = new WithProperties(document);
        if (method.Contains("#rsa"))
        {
            var rsa = new RSACryptoServiceProvider();
            rsa.FromXmlString(File.ReadAllText(key + ".xml"));
            signed.SigningKey = rsa;
        }
        else
            signed.SigningKey = new EcKey { File = key + ".pem" };
        signed.SignedInfo.CanonicalizationMethod = c14n;
        signed.SignedInfo.SignatureMethod = method;
        signed.Signature.Id = "Signature";

        var whole = new Reference("") { DigestMethod = Sha256 };
        whole.AddTransform(new XmlDsigEnvelopedSignatureTransform());
        whole.AddTransform(Canonical(c14n));
        signed.AddReference(whole);
        var properties = new Reference("#SignedProperties") { DigestMethod = Sha256 };
        properties.Type = "http://uri.etsi.org/01903#SignedProperties";
        properties.AddTransform(Canonical(c14n));
        signed.AddReference(properties);

        signed.KeyInfo = new KeyInfo();
        signed.KeyInfo.AddClause(new KeyInfoX509Data(certificate));
        var text = new XmlDocument { PreserveWhitespace = true };
        text.LoadXml(Properties(certificate, time, job[8]));
        signed.AddObject(new DataObject { Data = text.ChildNodes });
        if (prefix != "")
            throw new NotSupportedException("SignedXml writes no prefix");
        signed.ComputeSignature();
        document.DocumentElement.AppendChild(document.ImportNode(signed.GetXml(), true));
        return document.OuterXml;
    }

    static Transform Canonical(string uri)
    {
        if (uri == new XmlDsigExcC14NTransform().Algorithm)
            return new XmlDsigExcC14NTransform();
        return new XmlDsigC14NTransform();
    }

    static string Properties(X509Certificate2 certificate, string time, string line)
    {
        var digest = Convert.ToBase64String(new SHA256Managed().ComputeHash(certificate.RawData));
        return string.Join(line == "indented" ? "\n    " : "", new[] {
            "<xades:QualifyingProperties Target=\"#Signature\" xmlns:xades=\"" + Xades + "\" xmlns=\"" + SignedXml.XmlDsigNamespaceUrl + "\">",
            "<xades:SignedProperties Id=\"SignedProperties\">",
            "<xades:SignedSignatureProperties>",
            "<xades:SigningTime>" + time + "</xades:SigningTime>",
            "<xades:SigningCertificate>",
            "<xades:Cert>",
            "<xades:CertDigest>",
            "<DigestMethod Algorithm=\"" + Sha256 + "\"/>",
            "<DigestValue>" + digest + "</DigestValue>",
            "</xades:CertDigest>",
            "<xades:IssuerSerial>",
            "<X509IssuerName>" + System.Security.SecurityElement.Escape(certificate.Issuer) + "</X509IssuerName>",
            "<X509SerialNumber>1</X509SerialNumber>",
            "</xades:IssuerSerial>",
            "</xades:Cert>",
            "</xades:SigningCertificate>",
            "</xades:SignedSignatureProperties>",
            "</xades:SignedProperties>",
            "</xades:QualifyingProperties>",
        });
    }
}

// SignedXml looks for elements by Id in the document only, not in its own Object.
class WithProperties : SignedXml
{
    public WithProperties(XmlDocument document) : base(document) { }

    public override XmlElement GetIdElement(XmlDocument document, string id)
    {
        foreach (DataObject own in Signature.ObjectList)
            foreach (XmlNode node in own.Data)
                if (node is XmlElement && node.SelectSingleNode("//*[@Id='" + id + "']") != null)
                    return (XmlElement)node.SelectSingleNode("//*[@Id='" + id + "']");
        return base.GetIdElement(document, id);
    }
}

public class RsaSha256 : SignatureDescription
{
    public RsaSha256()
    {
        KeyAlgorithm = typeof(RSACryptoServiceProvider).FullName;
        DigestAlgorithm = typeof(SHA256Managed).FullName;
        FormatterAlgorithm = typeof(RSAPKCS1SignatureFormatter).FullName;
        DeformatterAlgorithm = typeof(RSAPKCS1SignatureDeformatter).FullName;
    }

    public override AsymmetricSignatureFormatter CreateFormatter(AsymmetricAlgorithm key)
    {
        var formatter = new RSAPKCS1SignatureFormatter(key);
        formatter.SetHashAlgorithm("SHA256");
        return formatter;
    }
}

public class EcdsaSha256 : SignatureDescription
{
    public EcdsaSha256() { DigestAlgorithm = typeof(SHA256Managed).FullName; }
    public override HashAlgorithm CreateDigest() { return new SHA256Managed(); }
    public override AsymmetricSignatureFormatter CreateFormatter(AsymmetricAlgorithm key) { return new EcFormatter((EcKey)key, 32); }
}

public class EcdsaSha384 : SignatureDescription
{
    public EcdsaSha384() { DigestAlgorithm = typeof(SHA384Managed).FullName; }
    public override HashAlgorithm CreateDigest() { return new SHA384Managed(); }
    public override AsymmetricSignatureFormatter CreateFormatter(AsymmetricAlgorithm key) { return new EcFormatter((EcKey)key, 48); }
}

// Mono has no ECDSA: the program openssl signs the digest, and the value is written as R||S.
public class EcKey : AsymmetricAlgorithm
{
    public static string OpenSsl;
    public string File;
    public override string SignatureAlgorithm { get { return "ECDSA"; } }
    public override string KeyExchangeAlgorithm { get { return null; } }
}

public class EcFormatter : AsymmetricSignatureFormatter
{
    readonly EcKey key;
    readonly int size;
    public EcFormatter(EcKey key, int size) { this.key = key; this.size = size; }
    public override void SetKey(AsymmetricAlgorithm key) { }
    public override void SetHashAlgorithm(string name) { }

    public override byte[] CreateSignature(byte[] digest)
    {
        var start = new ProcessStartInfo(EcKey.OpenSsl, "pkeyutl -sign -inkey \"" + key.File + "\"")
        {
            UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        using (var process = Process.Start(start))
        {
            process.StandardInput.BaseStream.Write(digest, 0, digest.Length);
            process.StandardInput.Close();
            var der = new MemoryStream();
            process.StandardOutput.BaseStream.CopyTo(der);
            process.WaitForExit();
            return Concatenated(der.ToArray());
        }
    }

    byte[] Concatenated(byte[] der)
    {
        var value = new byte[2 * size];
        int at = 2;
        for (int half = 0; half < 2; half++)
        {
            int length = der[at + 1], begin = at + 2;
            at = begin + length;
            if (length > size) { begin += length - size; length = size; }
            Array.Copy(der, begin, value, half * size + size - length, length);
        }
        return value;
    }
}
