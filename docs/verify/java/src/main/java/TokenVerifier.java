import com.nimbusds.jose.*;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import com.nimbusds.jwt.*;
import com.nimbusds.jwt.proc.*;
import java.text.ParseException;
import java.util.*;

/** Verifies access tokens and checks that they are not revoked. Safe to share between threads. */
public final class TokenVerifier {
    /** 401, WWW-Authenticate: Bearer error="invalid_token". */
    public static final class Invalid extends Exception { Invalid(String why) { super(why); } }
    /** 503, Retry-After. */
    public static final class Unavailable extends Exception { Unavailable(String why) { super(why); } }

    private static final int LEEWAY_S = 10; // Nimbus' own is a minute
    private static final String UUID = "[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}";
    private static final String UUID_V7 = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";

    private final Keys keys;
    private final Revocations list;
    private final DefaultJWTClaimsVerifier<?> expected;

    public TokenVerifier(String issuer, String audience, Keys keys, Revocations list) {
        var exactly = new JWTClaimsSet.Builder().issuer(issuer).build();
        var required = Set.of("exp", "iat", "jti", "sub", "client_id");
        this.expected = new DefaultJWTClaimsVerifier<>(audience, exactly, required);
        this.expected.setMaxClockSkew(LEEWAY_S);
        this.keys = keys;
        this.list = list;
    }

    public JWTClaimsSet verify(String token) throws Invalid, Unavailable {
        try {
            require(token.matches("[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+){2}")); // Nimbus skips what is no base64url
            SignedJWT jwt = SignedJWT.parse(token);
            JWSHeader header = jwt.getHeader();
            // Nimbus' RSA verifier also accepts RS512 and PS256, so the algorithm is checked here. It also accepts crit: ["b64"].
            require(JWSAlgorithm.RS256.equals(header.getAlgorithm()) && header.getCriticalParams() == null);
            require(header.getType() != null && header.getType().getType().matches("(?i)(application/)?at\\+jwt"));
            require(jwt.verify(new RSASSAVerifier(keys.get(header.getKeyID()))));
            JWTClaimsSet claims = jwt.getJWTClaimsSet();
            expected.verify(claims, null);
            // Nimbus cuts off fractions of times, does not check iat, and turns a number in sub into a string.
            Map<String, Object> raw = jwt.getPayload().toJSONObject();
            for (String time : List.of("exp", "iat", "nbf"))
                require(raw.getOrDefault(time, 0L) instanceof Long seconds && seconds >= 0);
            require((Long) raw.get("iat") <= System.currentTimeMillis() / 1000 + LEEWAY_S);
            for (String id : List.of("sub", "client_id")) require(raw.get(id) instanceof String s && !s.isEmpty());
            require(claims.getJWTID().matches(UUID_V7));
            require(!raw.containsKey("sid") || claims.getStringClaim("sid").matches(UUID));
            list.check(claims, header.getKeyID());
            return claims;
        } catch (ParseException | JOSEException | BadJWTException | RuntimeException error) {
            throw new Invalid(error.toString());
        }
    }

    private static void require(boolean good) throws Invalid { if (!good) throw new Invalid("not as it must be"); }
}
