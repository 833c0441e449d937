// Signs DOCUMENT as .NET's SignedXml does by default: enveloped, no prefix, inclusive c14n; RSA with SHA-256.
// mono SignWithMono.exe DOCUMENT KEY.xml CERTIFICATE.der C14N-URI > signed.xml
using System;
using System.IO;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Security.Cryptography.Xml;
using System.Xml;

public class Rsa256 : SignatureDescription
{
    public Rsa256()
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

public static class SignWithMono
{
    public static void Main(string[] arguments)
    {
        const string method = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
        CryptoConfig.AddAlgorithm(typeof(Rsa256), method);
        var document = new XmlDocument { PreserveWhitespace = true };
        document.Load(arguments[0]);
        var key = new RSACryptoServiceProvider();
        key.FromXmlString(File.ReadAllText(arguments[1]));
        var signed = new SignedXml(document) { SigningKey = key };
        signed.SignedInfo.SignatureMethod = method;
        signed.SignedInfo.CanonicalizationMethod = arguments[3];
        var reference = new Reference("") { DigestMethod = "http://www.w3.org/2001/04/xmlenc#sha256" };
        reference.AddTransform(new XmlDsigEnvelopedSignatureTransform());
        signed.AddReference(reference);
        signed.KeyInfo.AddClause(new KeyInfoX509Data(new X509Certificate(File.ReadAllBytes(arguments[2]))));
        signed.ComputeSignature();
        document.DocumentElement.AppendChild(document.ImportNode(signed.GetXml(), true));
        using (var output = Console.OpenStandardOutput())
            document.Save(output);
    }
}
