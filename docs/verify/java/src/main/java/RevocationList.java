import com.nimbusds.jwt.JWTClaimsSet;
import io.lettuce.core.*;
import io.lettuce.core.ClientOptions.DisconnectedBehavior;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.resource.*;
import java.net.URI;
import java.time.Duration;
import java.util.*;

/** A lookup in Latchkey's revocation list in Redis, with one MGET. */
public final class RevocationList implements Revocations {
    private static final Duration LIMIT = Duration.ofSeconds(1);
    private final RedisCommands<String, String> redis;
    private final String prefix = "{revoked}";

    /**
     * Redis must be reachable at the start, because Lettuce requires it. Calls {@code onAnotherList} within a second of a change
     * of the list's epoch, and for the first one.
     */
    public RevocationList(String url, String password, Runnable onAnotherList) {
        // By default Lettuce waits a minute for a reply, queues commands while there is no connection, and connects again at
        // growing intervals. Here an error is better than a late reply.
        var resources = ClientResources.builder().reconnectDelay(Delay.constant(Duration.ofMillis(250))).build();
        var uri = RedisURI.create(url);
        uri.setTimeout(LIMIT);
        if (password != null) {
            // Lettuce takes a user without a password in the URL for a password.
            String user = URI.create(url).getUserInfo();
            uri.setCredentialsProvider(RedisCredentialsProvider.from(() -> RedisCredentials.just(user, password)));
        }
        var client = RedisClient.create(resources, uri);
        client.setOptions(ClientOptions.builder()
            .disconnectedBehavior(DisconnectedBehavior.REJECT_COMMANDS)
            .timeoutOptions(TimeoutOptions.enabled(LIMIT))
            .socketOptions(SocketOptions.builder().connectTimeout(LIMIT).build()).build());
        redis = client.connect().sync();
        var follower = new Thread(() -> follow(onAnotherList), "revocation list");
        follower.setDaemon(true);
        follower.start();
    }

    private void follow(Runnable onAnotherList) {
        for (String last = null; ; ) {
            try {
                Thread.sleep(1_000);
                String epoch = redis.get(prefix + ":epoch");
                if (epoch != null && !epoch.equals(last)) {
                    last = epoch;
                    onAnotherList.run();
                }
            } catch (RedisException unknown) {
                // The next second asks again.
            } catch (InterruptedException stop) {
                return;
            }
        }
    }

    @Override public void check(JWTClaimsSet claims, String kid) throws TokenVerifier.Invalid, TokenVerifier.Unavailable {
        String jti = claims.getJWTID(), sid = Objects.toString(claims.getClaim("sid"), "");
        String[] names = { "epoch", "as_of", "jti:" + jti, "sid:" + sid, "sub:" + claims.getSubject(),
            "client:" + claims.getClaim("client_id"), "key:" + kid };
        for (int i = 0; i < names.length; i++) names[i] = prefix + ":" + names[i];
        long asked = System.nanoTime();
        List<KeyValue<String, String>> found;
        try {
            found = redis.mget(names);
        } catch (RedisException error) {
            throw new TokenVerifier.Unavailable(error.toString());
        }
        long issued = Revocations.issuedAt(claims);
        boolean revoked = found.get(2).hasValue() || found.get(3).hasValue() || found.get(6).hasValue();
        for (KeyValue<String, String> cut : found.subList(4, 6)) // sub, client
            revoked |= cut.hasValue() && issued <= Long.parseLong(cut.getValue());
        // A fact that was found always counts. If none was found, the token is live only if the list is known to be whole
        // and the reply came in time: this process may have been paused between the request and the reply.
        if (revoked) throw new TokenVerifier.Invalid("revoked");
        if (!found.get(0).hasValue() || System.nanoTime() - asked > LIMIT.toNanos())
            throw new TokenVerifier.Unavailable("the list is not known to be whole");
    }
}
