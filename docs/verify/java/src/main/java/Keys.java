import com.nimbusds.jose.*;
import com.nimbusds.jose.jwk.*;
import com.nimbusds.jose.jwk.source.*;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.DefaultResourceRetriever;
import java.io.IOException;
import java.net.*;
import java.util.List;

/** The issuer's key set. */
public final class Keys {
    private final JWKSource<SecurityContext> set;

    public Keys(String url) throws MalformedURLException {
        // By default HttpURLConnection follows redirects.
        var retriever = new DefaultResourceRetriever(5_000, 5_000, 262_144) {
            @Override protected HttpURLConnection openHTTPConnection(URL url) throws IOException {
                HttpURLConnection connection = super.openHTTPConnection(url);
                connection.setInstanceFollowRedirects(false);
                return connection;
            }
        };
        // The set is read again every four minutes, and for an unknown kid, but then at most every ten seconds. The last good
        // set is used for up to a day while the issuer is unreachable.
        set = JWKSourceBuilder.create(URI.create(url).toURL(), retriever)
            .cache(300_000, 5_000).refreshAheadCache(60_000, true)
            .rateLimited(10_000).outageTolerant(86_400_000).build();
    }

    RSAKey get(String kid) throws TokenVerifier.Invalid, TokenVerifier.Unavailable {
        try {
            set.get(new JWKSelector(new JWKMatcher.Builder().build()), null);
        } catch (KeySourceException noneYet) {
            throw new TokenVerifier.Unavailable("no key set");
        }
        List<JWK> named = List.of();
        try {
            if (kid != null) named = set.get(new JWKSelector(new JWKMatcher.Builder().keyID(kid).build()), null);
        } catch (KeySourceException unknown) {
            // The key set was requested a moment ago, or the issuer is unreachable.
        }
        // Nimbus would try each key with this kid, of any size.
        if (named.size() == 1 && named.get(0) instanceof RSAKey key && key.size() >= 2048 && !key.isPrivate()
            && (key.getKeyUse() == null || key.getKeyUse().equals(KeyUse.SIGNATURE))
            && (key.getAlgorithm() == null || key.getAlgorithm().equals(JWSAlgorithm.RS256))) return key;
        throw new TokenVerifier.Invalid("kid");
    }
}
