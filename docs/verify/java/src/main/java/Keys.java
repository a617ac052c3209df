import com.nimbusds.jose.*;
import com.nimbusds.jose.jwk.*;
import com.nimbusds.jose.jwk.source.*;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.*;
import java.io.IOException;
import java.net.*;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** The issuer's key set. */
public final class Keys {
    private final JWKSource<SecurityContext> set;
    private final AtomicInteger due = new AtomicInteger(), reads = new AtomicInteger();

    public Keys(String url) throws MalformedURLException {
        // By default HttpURLConnection follows redirects.
        var retriever = new DefaultResourceRetriever(5_000, 5_000, 262_144) {
            @Override protected HttpURLConnection openHTTPConnection(URL url) throws IOException {
                HttpURLConnection connection = super.openHTTPConnection(url);
                connection.setInstanceFollowRedirects(false);
                return connection;
            }

            @Override public Resource retrieveResource(URL url) throws IOException {
                Resource resource = super.retrieveResource(url);
                reads.incrementAndGet();
                return resource;
            }
        };
        // The set is read again every four minutes, and for an unknown kid, but then at most every ten seconds. The last good
        // set is used for up to a day while the issuer is unreachable.
        set = JWKSourceBuilder.create(URI.create(url).toURL(), retriever)
            .cache(300_000, 5_000).refreshAheadCache(60_000, true)
            .rateLimited(10_000).outageTolerant(86_400_000).build();
        var reader = new Thread(this::read, "key set");
        reader.setDaemon(true);
        reader.start();
    }

    /**
     * The revocation list is another one: the issuer's database may have been restored, and then a key that it does not know any
     * more has to go. The set is read three times, because a replica of the issuer may be a second behind.
     */
    void readAnew() { due.set(3); }

    private void read() {
        var source = ((JWKSetBasedJWKSource<SecurityContext>) set).getJWKSetSource();
        while (true) {
            try {
                Thread.sleep(1_000);
                int before = reads.get();
                if (due.get() == 0) continue;
                source.getJWKSet(JWKSetCacheRefreshEvaluator.forceRefresh(), System.currentTimeMillis(), null);
                // While the issuer is unreachable, the answer is the last good set.
                if (reads.get() != before) due.decrementAndGet();
            } catch (KeySourceException failed) {
                // The next second tries again: the issuer is unreachable, or was asked too often.
            } catch (InterruptedException stop) {
                return;
            }
        }
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
