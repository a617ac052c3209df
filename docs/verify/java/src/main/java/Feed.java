import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.JWTClaimsSet;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.*;
import java.nio.charset.StandardCharsets;
import java.text.ParseException;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;

/** A copy of Latchkey's revocation list that follows the feed. */
public final class Feed implements Revocations {
    private static final Duration BOUND = Duration.ofSeconds(30); // an older list decides nothing
    private static final Duration HOLD = Duration.ofSeconds(3); // the feed holds a request until there is news, not for longer
    private static final Duration LIMIT = Duration.ofSeconds(10);
    private static final Set<String> KINDS = Set.of("jti", "sid", "sub", "client", "key");

    /** The cut (milliseconds), and when the fact may go (seconds). */
    private record Fact(long at, long exp) {
        Fact and(Fact other) { return new Fact(Math.max(at, other.at), Math.max(exp, other.exp)); }
    }

    private final String url, token;
    private final Runnable onAnotherList;
    private final HttpClient client = HttpClient.newBuilder().connectTimeout(LIMIT).build(); // follows no redirects
    private final Map<String, Fact> facts = new ConcurrentHashMap<>();
    private String epoch, cursor;
    private volatile Long asOf;

    /** Calls {@code onAnotherList} when the list is that of another database, and for the first one. */
    public Feed(String url, String token, Runnable onAnotherList) {
        this.url = url;
        this.token = token;
        this.onAnotherList = onAnotherList;
        var follower = new Thread(this::follow, "revocation feed");
        follower.setDaemon(true);
        follower.start();
    }

    private void follow() {
        while (true) {
            boolean atOnce = false;
            try {
                atOnce = next();
                // Random, so that services that lost the feed together do not come back together.
                if (!atOnce) Thread.sleep(ThreadLocalRandom.current().nextLong(500, 1500));
            } catch (InterruptedException stop) {
                return;
            } catch (IOException | ParseException | RuntimeException failed) {
                try { Thread.sleep(ThreadLocalRandom.current().nextLong(500, 1500)); } catch (InterruptedException stop) { return; }
            }
        }
    }

    /** Requests one page. Returns whether to go on at once. */
    private boolean next() throws IOException, InterruptedException, ParseException {
        boolean mayBeHeld = cursor != null;
        String query = mayBeHeld
            ? "?after=" + URLEncoder.encode(cursor, StandardCharsets.UTF_8) + "&wait=" + HOLD.toSeconds() : "";
        var request = HttpRequest.newBuilder(URI.create(url + query)).timeout(LIMIT)
            .header("Authorization", "Bearer " + token).build();
        long sent = System.nanoTime();
        var answer = client.send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() == 410 && mayBeHeld) return startAgain();
        if (answer.statusCode() != 200) return false;
        Map<String, Object> page = JSONObjectUtils.parse(answer.body());
        // What is known stays known, whatever the list is.
        var entries = JSONObjectUtils.getJSONObjectArray(page, "entries");
        for (Map<String, Object> entry : entries) add(entry);
        String found = Objects.requireNonNull(JSONObjectUtils.getString(page, "epoch"));
        if (epoch != null && !epoch.equals(found)) return startAgain();
        if (epoch == null) onAnotherList.run();
        epoch = found;
        cursor = JSONObjectUtils.getString(page, "cursor");
        if (!JSONObjectUtils.getBoolean(page, "complete")) return true;
        asOf = sent; // the list is whole as of when the request was sent
        facts.values().removeIf(fact -> fact.exp() + 60 < System.currentTimeMillis() / 1000);
        return mayBeHeld && (entries.length > 0 || System.nanoTime() - sent > HOLD.toNanos() * 9 / 10);
    }

    private boolean startAgain() {
        epoch = cursor = null;
        return true;
    }

    private void add(Map<String, Object> entry) throws ParseException {
        String kind = JSONObjectUtils.getString(entry, "kind"), id = JSONObjectUtils.getString(entry, "id");
        boolean hasCut = kind != null && Set.of("sub", "client").contains(kind);
        if (kind == null || id == null || !KINDS.contains(kind) || hasCut != (entry.get("at") != null))
            throw new ParseException("malformed entry", 0);
        long at = hasCut ? JSONObjectUtils.getLong(entry, "at") : 0;
        facts.merge(kind + ":" + id, new Fact(at, JSONObjectUtils.getLong(entry, "exp")), Fact::and);
    }

    @Override public void check(JWTClaimsSet claims, String kid) throws TokenVerifier.Invalid, TokenVerifier.Unavailable {
        Long asOf = this.asOf; // before the facts are read
        String sid = Objects.toString(claims.getClaim("sid"), "");
        for (String name : List.of("jti:" + claims.getJWTID(), "sid:" + sid, "key:" + kid))
            if (facts.containsKey(name)) throw new TokenVerifier.Invalid("revoked");
        for (String name : List.of("sub:" + claims.getSubject(), "client:" + claims.getClaim("client_id"))) {
            Fact cut = facts.get(name);
            if (cut != null && Revocations.issuedAt(claims) <= cut.at()) throw new TokenVerifier.Invalid("revoked");
        }
        if (asOf == null || System.nanoTime() - asOf > BOUND.toNanos())
            throw new TokenVerifier.Unavailable("the list is not known to be whole");
    }
}
