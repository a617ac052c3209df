import java.io.*;
import java.nio.file.*;

/** Reads one token from each line of the standard input and writes one verdict for each to the standard output. */
public final class Main {
    public static void main(String[] arguments) throws Exception {
        String issuer = required("ISSUER"), audience = required("AUDIENCE");
        // Set it where the key set is not read from the issuer's public address.
        var keys = new Keys(optional("JWKS_URL", issuer + "/.well-known/jwks.json"));
        var verifier = new TokenVerifier(issuer, audience, keys, revocations(keys));
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String token; (token = lines.readLine()) != null; ) {
            try {
                System.out.println("200 " + verifier.verify(token).getSubject());
            } catch (TokenVerifier.Invalid invalid) {
                System.out.println("401");
            } catch (TokenVerifier.Unavailable unavailable) {
                System.out.println("503");
            }
        }
        System.exit(0); // Netty's threads would go on
    }

    private static Revocations revocations(Keys keys) {
        String redisUrl = optional("REDIS_URL", ""), feedUrl = optional("FEED_URL", "");
        if (!redisUrl.isEmpty()) {
            String password = optional("REDIS_PASSWORD_FILE", "").isEmpty() ? null : secret("REDIS_PASSWORD_FILE");
            return new RevocationList(redisUrl, password, keys::readAnew);
        }
        if (feedUrl.isEmpty()) throw fail("neither REDIS_URL nor FEED_URL is set");
        return new Feed(feedUrl, secret("FEED_TOKEN_FILE"), keys::readAnew);
    }

    private static String optional(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    private static String required(String name) {
        String value = optional(name, "");
        if (value.isEmpty()) throw fail(name + " is not set");
        return value;
    }

    private static String secret(String name) {
        try {
            return Files.readString(Path.of(required(name))).strip();
        } catch (IOException error) {
            throw fail(name + ": " + error);
        }
    }

    private static Error fail(String message) {
        System.err.println("error: " + message);
        System.exit(1);
        return new AssertionError();
    }
}
