package org.example;

import java.util.Collection;
import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.core.annotation.Order;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.Authentication;
import org.springframework.security.oauth2.core.OAuth2TokenIntrospectionClaimNames;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.JwtClaimValidator;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.security.oauth2.jwt.SupplierJwtDecoder;
import org.springframework.security.oauth2.server.resource.introspection.BadOpaqueTokenException;
import org.springframework.security.oauth2.server.resource.introspection.OpaqueTokenIntrospector;
import org.springframework.security.oauth2.server.resource.introspection.SpringOpaqueTokenIntrospector;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** A resource server by Spring Security: tokens checked offline (RFC 9068), or by asking the issuer (RFC 7662). */
@SpringBootApplication
@RestController
public class ResourceServer {
    @Value("${issuer}")
    String issuer;

    @Value("${audience}")
    String audience;

    public static void main(String[] arguments) {
        SpringApplication.run(ResourceServer.class, arguments);
    }

    @GetMapping({"/offline", "/introspecting"})
    Map<String, String> read(Authentication user) {
        return Map.of("sub", user.getName());
    }

    @Bean
    @Order(1)
    SecurityFilterChain offline(HttpSecurity http, JwtDecoder decoder) throws Exception {
        return http.securityMatcher("/offline")
                .authorizeHttpRequests(requests -> requests.anyRequest().hasAuthority("SCOPE_todos:read"))
                .oauth2ResourceServer(server -> server.jwt(jwt -> jwt.decoder(decoder)))
                .build();
    }

    @Bean
    @Order(2)
    SecurityFilterChain introspecting(HttpSecurity http, OpaqueTokenIntrospector introspector) throws Exception {
        return http.securityMatcher("/introspecting")
                .authorizeHttpRequests(requests -> requests.anyRequest().hasAuthority("SCOPE_todos:read"))
                .oauth2ResourceServer(server -> server.opaqueToken(opaque -> opaque.introspector(introspector)))
                .build();
    }

    /** The property `issuer-uri` alone would take a `typ` of `JWT` only, and any audience. */
    @Bean
    JwtDecoder decoder() {
        var anyClient = new JwtClaimValidator<String>("client_id", id -> id != null && !id.isEmpty());
        return new SupplierJwtDecoder(() -> {
            var decoder = NimbusJwtDecoder.withIssuerLocation(issuer)
                    .jwsAlgorithm(SignatureAlgorithm.RS256)
                    .validateType(false) // the validators below do
                    .build();
            decoder.setJwtValidator(JwtValidators.createAtJwtValidator()
                    .issuer(issuer)
                    .audience(audience)
                    .validators(claims -> claims.put("client_id", anyClient)) // or .clientId("…"), to take one alone
                    .build());
            return decoder;
        });
    }

    @Bean
    OpaqueTokenIntrospector introspector(
            @Value("${introspection-endpoint}") String endpoint,
            @Value("${client-id}") String id,
            @Value("${client-secret}") String secret) {
        var issuer = SpringOpaqueTokenIntrospector.withIntrospectionUri(endpoint).clientId(id).clientSecret(secret).build();
        // Spring asks whether the token is active, and not whether it is a bearer token for this service.
        return token -> {
            var found = issuer.introspect(token);
            var type = found.getAttributes().get(OAuth2TokenIntrospectionClaimNames.TOKEN_TYPE);
            var audiences = found.getAttributes().get(OAuth2TokenIntrospectionClaimNames.AUD);
            var isOurs = audiences instanceof Collection<?> several ? several.contains(audience) : audience.equals(audiences);
            if (!(type instanceof String text && text.equalsIgnoreCase("Bearer")) || !isOurs) {
                throw new BadOpaqueTokenException("no bearer token for " + audience);
            }
            return found;
        };
    }
}
