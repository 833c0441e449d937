// Signs with DSS, the library of the European Commission that the official Java client signs with.
// Usage: java -cp LIBRARIES Sign.java JOBS; a job a line, see tests/judges/programs.py.
import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.enumerations.EncryptionAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureLevel;
import eu.europa.esig.dss.enumerations.SignaturePackaging;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.SignatureValue;
import eu.europa.esig.dss.model.ToBeSigned;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.xades.XAdESSignatureParameters;
import eu.europa.esig.dss.xades.signature.XAdESService;
import eu.europa.esig.dss.xml.common.definition.DSSNamespace;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.Date;
import javax.xml.crypto.dsig.XMLSignature;

public class Sign {
    public static void main(String[] arguments) throws Exception {
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            sign(line.split("\t", -1));
        }
    }

    static void sign(String[] job) throws Exception {
        boolean rsa = job[3].contains("#rsa");
        DigestAlgorithm digest = job[3].endsWith("384") ? DigestAlgorithm.SHA384 : DigestAlgorithm.SHA256;
        CertificateToken certificate = DSSUtils.loadCertificate(new File(job[2]));
        PrivateKey key = KeyFactory.getInstance(rsa ? "RSA" : "EC")
            .generatePrivate(new PKCS8EncodedKeySpec(Files.readAllBytes(Path.of(job[1] + ".der"))));

        XAdESSignatureParameters parameters = new XAdESSignatureParameters();
        parameters.bLevel().setSigningDate(Date.from(Instant.parse(job[7])));
        parameters.setSignatureLevel(SignatureLevel.XAdES_BASELINE_B);
        parameters.setSignaturePackaging(SignaturePackaging.ENVELOPED);
        parameters.setDigestAlgorithm(digest);
        parameters.setSigningCertificate(certificate);
        parameters.setCertificateChain(certificate);
        parameters.setSignedInfoCanonicalizationMethod(job[4]);
        parameters.setSignedPropertiesCanonicalizationMethod(job[4]);
        // With inclusive c14n DSS 6.2 hashes what it indents outside its namespaces: refused by xmlsec1 too.
        parameters.setPrettyPrint(job[8].equals("indented") && job[4].contains("xml-exc-c14n"));
        parameters.setXmldsigNamespace(new DSSNamespace(XMLSignature.XMLNS, job[5]));

        XAdESService service = new XAdESService(new CommonCertificateVerifier());
        FileDocument request = new FileDocument(job[6]);
        ToBeSigned octets = service.getDataToSign(request, parameters);
        SignatureAlgorithm algorithm =
            SignatureAlgorithm.getAlgorithm(rsa ? EncryptionAlgorithm.RSA : EncryptionAlgorithm.ECDSA, digest);
        Signature signature = Signature.getInstance(algorithm.getJCEId());
        signature.initSign(key);
        signature.update(octets.getBytes());
        SignatureValue value = new SignatureValue(algorithm, signature.sign());
        service.signDocument(request, parameters, value).save(job[0]);
    }
}
