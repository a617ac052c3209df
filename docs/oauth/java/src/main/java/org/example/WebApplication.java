package org.example;

import static org.springframework.security.config.Customizer.withDefaults;

import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.client.registration.ClientRegistrations;
import org.springframework.security.oauth2.client.registration.InMemoryClientRegistrationRepository;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/**
 * A web application that logs people in by Spring Security. Who signs out here is signed out at the issuer, too, and the
 * other way round: the issuer posts its logout tokens to /logout/connect/back-channel/latchkey.
 */
@Configuration
@RestController
public class WebApplication {
    @GetMapping("/")
    Map<String, String> show(@AuthenticationPrincipal OidcUser person) {
        return Map.of("sub", person.getSubject(), "name", person.getPreferredUsername());
    }

    @GetMapping("/signed-out")
    String signedOut() {
        return "signed out";
    }

    @Bean
    ClientRegistrationRepository clients(
            @Value("${issuer}") String issuer, @Value("${login-id}") String id, @Value("${login-secret}") String secret) {
        return new InMemoryClientRegistrationRepository(ClientRegistrations.fromIssuerLocation(issuer)
                .registrationId("latchkey")
                .clientId(id)
                .clientSecret(secret)
                .scope("openid", "profile")
                .build());
    }

    @Bean
    SecurityFilterChain login(HttpSecurity http, ClientRegistrationRepository clients) throws Exception {
        var signOut = new OidcClientInitiatedLogoutSuccessHandler(clients);
        signOut.setPostLogoutRedirectUri("{baseUrl}/signed-out");
        return http.authorizeHttpRequests(requests ->
                        requests.requestMatchers("/signed-out").permitAll().anyRequest().authenticated())
                .oauth2Login(withDefaults())
                .logout(logout -> logout.logoutSuccessHandler(signOut))
                .oidcLogout(logout -> logout.backChannel(withDefaults()))
                .build();
    }
}
