// Signs with the JDK's javax.xml.crypto.dsig, the XAdES properties as text.
// Usage: java Sign.java JOBS; a job a line, see tests/judges/programs.py.
import java.io.ByteArrayInputStream;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.List;
import javax.xml.crypto.dom.DOMStructure;
import javax.xml.crypto.dsig.CanonicalizationMethod;
import javax.xml.crypto.dsig.DigestMethod;
import javax.xml.crypto.dsig.Reference;
import javax.xml.crypto.dsig.SignedInfo;
import javax.xml.crypto.dsig.Transform;
import javax.xml.crypto.dsig.XMLObject;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.keyinfo.KeyInfo;
import javax.xml.crypto.dsig.keyinfo.KeyInfoFactory;
import javax.xml.crypto.dsig.spec.C14NMethodParameterSpec;
import javax.xml.crypto.dsig.spec.TransformParameterSpec;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

public class Sign {
    static final String XADES = "http://uri.etsi.org/01903/v1.3.2#";
    static final DocumentBuilderFactory DOCUMENTS = DocumentBuilderFactory.newInstance();

    public static void main(String[] arguments) throws Exception {
        DOCUMENTS.setNamespaceAware(true);
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            sign(line.split("\t", -1));
        }
    }

    static void sign(String[] job) throws Exception {
        String method = job[3], c14n = job[4], prefix = job[5];
        byte[] der = Files.readAllBytes(Path.of(job[2]));
        X509Certificate certificate = (X509Certificate)
            CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der));
        PrivateKey key = KeyFactory.getInstance(method.contains("#rsa") ? "RSA" : "EC")
            .generatePrivate(new PKCS8EncodedKeySpec(Files.readAllBytes(Path.of(job[1] + ".der"))));
        Document document = DOCUMENTS.newDocumentBuilder().parse(Path.of(job[6]).toFile());
        Element properties = DOCUMENTS.newDocumentBuilder()
            .parse(new InputSource(new StringReader(properties(der, job[7], prefix, job[8])))).getDocumentElement();
        properties = (Element) document.importNode(properties, true);

        XMLSignatureFactory factory = XMLSignatureFactory.getInstance("DOM");
        DigestMethod digest = factory.newDigestMethod(DigestMethod.SHA256, null);
        Transform canonical = factory.newTransform(c14n, (TransformParameterSpec) null);
        Reference whole = factory.newReference("", digest,
            List.of(factory.newTransform(Transform.ENVELOPED, (TransformParameterSpec) null), canonical), null, null);
        Reference own = factory.newReference("#SignedProperties", digest, List.of(canonical),
            "http://uri.etsi.org/01903#SignedProperties", null);
        SignedInfo info = factory.newSignedInfo(
            factory.newCanonicalizationMethod(c14n, (C14NMethodParameterSpec) null),
            factory.newSignatureMethod(method, null), List.of(whole, own));
        KeyInfoFactory keys = factory.getKeyInfoFactory();
        KeyInfo keyInfo = keys.newKeyInfo(List.of(keys.newX509Data(List.of(certificate))));
        XMLObject object = factory.newXMLObject(List.of(new DOMStructure(properties)), null, null, null);
        XMLSignature signature = factory.newXMLSignature(info, keyInfo, List.of(object), "Signature", null);
        DOMSignContext context = new DOMSignContext(key, document.getDocumentElement());
        if (!prefix.isEmpty()) {
            context.setDefaultNamespacePrefix(prefix);
        }
        context.setIdAttributeNS((Element) properties.getElementsByTagNameNS(XADES, "SignedProperties").item(0), null, "Id");
        signature.sign(context);
        TransformerFactory.newInstance().newTransformer()
            .transform(new DOMSource(document), new StreamResult(Path.of(job[0]).toFile()));
    }

    static String properties(byte[] certificate, String time, String prefix, String layout) throws Exception {
        String digest = Base64.getEncoder().encodeToString(MessageDigest.getInstance("SHA-256").digest(certificate));
        String ds = prefix.isEmpty() ? "" : prefix + ":";
        String namespace = prefix.isEmpty() ? "xmlns" : "xmlns:" + prefix;
        return String.join(layout.equals("indented") ? "\n  " : "", List.of(
            "<xades:QualifyingProperties xmlns:xades='" + XADES + "' " + namespace + "='" + XMLSignature.XMLNS + "' Target='#Signature'>",
            "<xades:SignedProperties Id='SignedProperties'>",
            "<xades:SignedSignatureProperties>",
            "<xades:SigningTime>" + time + "</xades:SigningTime>",
            "<xades:SigningCertificateV2>",
            "<xades:Cert>",
            "<xades:CertDigest>",
            "<" + ds + "DigestMethod Algorithm='" + DigestMethod.SHA256 + "'/>",
            "<" + ds + "DigestValue>" + digest + "</" + ds + "DigestValue>",
            "</xades:CertDigest>",
            "</xades:Cert>",
            "</xades:SigningCertificateV2>",
            "</xades:SignedSignatureProperties>",
            "</xades:SignedProperties>",
            "</xades:QualifyingProperties>"));
    }
}
