import com.nimbusds.jwt.JWTClaimsSet;

/** The revocation list: in Redis, or a copy that follows the feed. */
public interface Revocations {
    void check(JWTClaimsSet claims, String kid) throws TokenVerifier.Invalid, TokenVerifier.Unavailable;

    /** A UUIDv7 begins with its time in milliseconds. */
    static long issuedAt(JWTClaimsSet claims) {
        return Long.parseLong(claims.getJWTID().replace("-", "").substring(0, 12), 16);
    }
}
