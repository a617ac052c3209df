import java.io.*;

/** Reads one token from each line of the standard input and writes one verdict for each to the standard output. */
public final class Main {
    public static void main(String[] arguments) throws IOException {
        String issuer = System.getenv("ISSUER");
        // Set it where the key set is not read from the issuer's public address.
        String jwksUrl = System.getenv().getOrDefault("JWKS_URL", issuer + "/.well-known/jwks.json");
        var keys = new Keys(jwksUrl);
        var list = new RevocationList(System.getenv("REDIS_URL"));
        var verifier = new TokenVerifier(issuer, System.getenv("AUDIENCE"), keys, list);
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
}
